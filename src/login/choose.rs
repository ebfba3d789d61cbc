//! With whom to sign in: named by the address, the only one there is, or chosen on a page by its button, by an e-mail
//! address or by name.
//!
//! An e-mail address comes by POST, so that it stands in no log, and is answered by a redirect that names the identity
//! provider in its place. Nothing is told of domains but the identity provider of the one that was asked for.

use super::answers::{Stopped, redirect};
use super::ask;
use super::begun::start_here;
use super::form::is_form;
use super::hand_over::{self, Wished};
use super::return_to::ReturnTo;
use super::start::{Wish, wanted};
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::Gate;
use crate::identity::Domain;
use crate::pages::{self, Choice, Chooser, Notice, Search};
use crate::reason::{Reason, Refusal};
use crate::seal::Purpose;
use crate::site::{Idp, Site, Status};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// The one that was named, or the only one there is; none: somebody has to choose.
///
/// # Errors
/// `idp-unknown`, `idp-staged`, `idp-retired`, `no-idp-live`.
pub(super) fn chosen<'a>(site: &'a Site, named: Option<&str>) -> Result<Option<&'a Idp>, Refusal> {
    if let Some(named) = named {
        let Some(idp) = site.identity_providers.iter().find(|idp| idp.id == named) else {
            let detail = "the sign-in link names an identity provider that is not configured";
            return Err(Refusal::new(Reason::IdpUnknown, detail));
        };
        idp.admits_sign_ins()?;
        return Ok(Some(idp));
    }
    let mut choices = site.choices();
    match (choices.next(), choices.next()) {
        (Some(only), None) => Ok(Some(only)),
        (None, _) => Err(none_live(site)),
        (Some(_), Some(_)) => Ok(None),
    }
}

/// Nobody can sign in: who there is and why it is not they.
fn none_live(site: &Site) -> Refusal {
    let one = |idp: &Arc<Idp>| {
        let status = match idp.status {
            Status::Staged => "staged",
            Status::Live => "live",
            Status::Retired => "retired",
        };
        format!("{} is {status}", idp.id)
    };
    let all: Vec<String> = site.identity_providers.iter().map(one).collect();
    Refusal::new(Reason::NoIdpLive, all.join(", "))
}

/// The page for somebody who has not chosen yet.
pub(super) fn page(
    gate: &Gate,
    site: &Site,
    headers: &HeaderMap,
    return_to: &ReturnTo,
    wish: &Wish,
) -> Response<Bytes> {
    let wanted = wish.search.as_deref().unwrap_or_default().trim();
    let last = last_choice(gate, site, headers).filter(|_| wanted.is_empty());
    let shown = site
        .choices()
        .filter(|idp| last.is_none_or(|last| last.id != idp.id) && is_found(idp, &wanted.to_lowercase()));
    Hall { site, return_to, carried: wish.carried() }.page(shown, last, wanted, None)
}

/// Answers `POST sign-in`: the way of whoever speaks for the domain of an e-mail address.
///
/// # Errors
/// `form-malformed`, `return-address-foreign`, `no-idp-live`; at a sign-on host `handoff-invalid`, `handoff-foreign`.
pub(super) fn by_address(
    gate: &Gate,
    site: &Site,
    request: &Request<Bytes>,
    now: Moment,
) -> Result<Response<Bytes>, Stopped> {
    if !is_form(request.headers()) {
        return Err(Refusal::new(Reason::FormMalformed, "the content type is not that of a form").into());
    }
    let wish = Wish::read(request.body());
    // At a sign-on host the choice was for a site, which may admit fewer than the host does.
    let errand = match hand_over::wished(gate, site, (wish.rd.as_str(), None, None), now)? {
        Wished::Here => None,
        Wished::Errand(errand) => Some(errand),
        Wished::Elsewhere(url) => return Ok(redirect(StatusCode::SEE_OTHER, &url)),
    };
    let (site, return_to) = match &errand {
        Some(errand) => (errand.host.as_ref(), errand.return_to.clone()),
        None => (site, wanted(site, &wish.rd)?),
    };
    if site.choices().next().is_none() {
        return Err(Stopped::from(none_live(site)).leading_to(&return_to));
    }
    let hall = Hall { site, return_to: &return_to, carried: wish.carried() };
    let email = url::form_urlencoded::parse(request.body()).find(|(name, _)| name == "email");
    let Some(domain) = email.and_then(|(_, address)| domain_of(&address)) else {
        return Ok(hall.page(site.choices(), None, "", Some(Notice::NotAnAddress)));
    };
    let serving: Vec<&Arc<Idp>> = site.choices().filter(|idp| idp.serves(&domain)).collect();
    Ok(match serving.as_slice() {
        [] => hall.page(site.choices(), None, "", Some(Notice::UnknownDomain)),
        [one] => redirect(StatusCode::SEE_OTHER, &hall.address(one)),
        _ => hall.page(serving.into_iter(), None, "", Some(Notice::SeveralDomains)),
    })
}

/// Answers `GET logo` and `GET logo/{idp}`.
pub(super) fn logo(site: &Site, idp: Option<&str>) -> Response<Bytes> {
    let picture = match idp {
        None => site.branding.logo.as_ref().map(|logo| &logo.picture),
        Some(id) => site.choices().find(|idp| idp.id == id).and_then(|idp| idp.logo.as_ref()),
    };
    picture.map_or_else(|| pages::not_found(&site.branding), pages::Picture::answer)
}

/// The cookie that remembers a choice, where there was one.
pub(super) fn remembered(gate: &Gate, site: &Site, idp: &Idp) -> Option<HeaderValue> {
    site.choices().nth(1)?;
    let sealed = gate.keys.seal(Purpose::Choice, site.name.as_bytes(), idp.id.as_bytes());
    Some(site.cookies.set(&Kind::Choice, &sealed, Some(REMEMBERED_FOR)))
}

fn last_choice<'a>(gate: &Gate, site: &'a Site, headers: &HeaderMap) -> Option<&'a Idp> {
    let id = gate.keys.open(Purpose::Choice, site.name.as_bytes(), site.cookies.choice(headers)?)?;
    site.choices().find(|idp| idp.id.as_bytes() == &id[..]).map(Arc::as_ref)
}

fn is_found(idp: &Idp, wanted: &str) -> bool {
    wanted.is_empty() || idp.label.to_lowercase().contains(wanted)
}

/// The domain of an e-mail address, as [`Idp::serves`] takes it. A name alone could be anything.
fn domain_of(address: &str) -> Option<String> {
    let (local, domain) = address.trim().rsplit_once('@')?;
    let whole = !local.is_empty() && !domain.is_empty() && address.len() <= LONGEST_ADDRESS;
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let domain = Domain::parse(domain).ok().filter(|domain| whole && !domain.is_below())?;
    // Nobody's domain is a number.
    domain.name().parse::<std::net::Ipv4Addr>().is_err().then_some(())?;
    Some(domain.name().to_owned())
}

/// Where somebody stands while choosing.
struct Hall<'a> {
    site: &'a Site,
    return_to: &'a ReturnTo,
    /// What else goes along with a choice.
    carried: Vec<(&'static str, String)>,
}

impl Hall<'_> {
    fn address(&self, idp: &Idp) -> String {
        self.with_carried(start_here(self.site, idp, self.return_to))
    }

    fn with_carried(&self, address: String) -> String {
        let said = |address, (name, value): &(_, String)| format!("{address}&{name}={value}");
        self.carried.iter().fold(address, said)
    }

    fn page<'a>(
        &self,
        shown: impl Iterator<Item = &'a Arc<Idp>>,
        last: Option<&Idp>,
        wanted: &str,
        notice: Option<Notice>,
    ) -> Response<Bytes> {
        let shown: Vec<Door> = shown.map(|idp| self.door(idp)).collect();
        let last = last.map(|idp| self.door(idp));
        let choices: Vec<Choice<'_>> = shown.iter().map(Door::choice).collect();
        let all = self.site.choices().count();
        let everything = self.with_carried(ask::sign_in_url(self.site, self.return_to));
        let searchable = all > MANY && notice != Some(Notice::SeveralDomains);
        let mut fields = vec![("rd", self.return_to.as_str())];
        fields.extend(self.carried.iter().map(|(name, value)| (*name, value.as_str())));
        let page = Chooser {
            site_name: &self.site.name,
            action: &format!("{}/sign-in", self.site.path_prefix),
            fields: &fields,
            by_email: self.site.choices().any(|idp| idp.email_domains.is_some()),
            last: last.as_ref().map(Door::choice),
            choices: &choices,
            search: searchable.then_some(Search { wanted, all, everything: &everything }),
            notice,
        };
        pages::chooser(&self.site.branding, &page)
    }

    fn door<'a>(&self, idp: &'a Idp) -> Door<'a> {
        let prefix = &self.site.path_prefix;
        // An id is made of what may stand in a path as it is.
        let logo = idp.logo.as_ref().map(|logo| format!("{prefix}/logo/{}?v={}", idp.id, logo.tag()));
        Door { label: &idp.label, href: self.address(idp), logo }
    }
}

/// One choice, with the addresses that belong to it.
struct Door<'a> {
    label: &'a str,
    href: String,
    logo: Option<String>,
}

impl Door<'_> {
    fn choice(&self) -> Choice<'_> {
        Choice { label: self.label, href: &self.href, logo: self.logo.as_deref() }
    }
}

/// More than anybody looks through.
const MANY: usize = 8;

/// RFC 5321 section 4.5.3.1.3, without the brackets.
const LONGEST_ADDRESS: usize = 254;

const REMEMBERED_FOR: Duration = Duration::from_secs(180 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_of_an_address_is_told_as_it_stands_in_dns() {
        for (address, domain) in [
            ("ada@example.com", "example.com"),
            (" Ada.Lovelace@Example.COM ", "example.com"),
            ("a@b@example.com", "example.com"),
            ("ada@example.com.", "example.com"),
            ("ada@Köln.example", "xn--kln-sna.example"),
        ] {
            assert_eq!(domain_of(address).as_deref(), Some(domain), "{address}");
        }
        for none in [
            "",
            "ada",
            "example.com",
            "@example.com",
            "ada@",
            "ada@exa mple.com",
            "ada@[::1]",
            "ada@127.0.0.1",
        ] {
            assert_eq!(domain_of(none), None, "{none}");
        }
        assert_eq!(domain_of(&format!("{}@example.com", "a".repeat(300))), None);
    }
}
