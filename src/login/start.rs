//! The beginning: `sign-in?rd=URL&idp=ID` makes an attempt and sends the browser to the identity provider.
//!
//! The only maker of attempt cookies. A live session does not matter here: somebody may want to be somebody else.
//! Neither a script that was redirected here nor a picture in a stranger's page makes one.

use super::answers::{Stopped, redirect};
use super::attempt::{Attempt, Held, is_suffix};
use super::begun::start_here;
use super::endpoints::{Costs, is_acs_alias};
use super::hand_over::{self, Errand, Way, Wished};
use super::return_to::ReturnTo;
use super::{ask, choose, rounds, step_up};
use crate::access::RequestPath;
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::{Gate, presented_key};
use crate::observe::traces;
use crate::pages;
use crate::reason::{Reason, Refusal};
use crate::saml::authn_request::{Outgoing, Question, RequestId, authn_request};
use crate::saml::parties::IdentityProvider;
use crate::site::{Idp, Site};
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, Method, Request, Response, StatusCode};

/// Answers `GET sign-in`.
///
/// # Errors
/// `return-address-foreign`, `idp-unknown`, `sign-in-loop`, `step-up-failed`, `store-unavailable`,
/// `metadata-unavailable`, `metadata-expired`, `idp-staged`, `idp-retired`, `no-idp-live`; at a sign-on host `handoff-invalid`, `handoff-foreign`.
pub(super) async fn start(
    gate: &Gate,
    site: &Site,
    request: &Request<Bytes>,
    now: Moment,
) -> Result<Response<Bytes>, Stopped> {
    let headers = request.headers();
    let wish = Wish {
        looks_only: request.method() == Method::HEAD,
        ..Wish::read(request.uri().query().unwrap_or_default().as_bytes())
    };
    let asked_for = (wish.rd.as_str(), wish.errand.as_deref(), wish.idp.as_deref());
    let errand = match hand_over::wished(gate, site, asked_for, now)? {
        Wished::Here => None,
        Wished::Errand(errand) => Some(errand),
        Wished::Elsewhere(url) => return Ok(redirect(StatusCode::FOUND, &url)),
    };
    let (site, return_to) = match &errand {
        Some(errand) => (errand.host.as_ref(), errand.return_to.clone()),
        None => (site, wanted(site, &wish.rd)?),
    };
    let stopped = |refusal: Refusal| Stopped::from(refusal).leading_to(&return_to);

    if ask::is_surely_background(headers) {
        return Ok(ask::unauthenticated(&ask::sign_in_url(site, &return_to), Reason::SessionMissing));
    }
    if let Some(errand) = errand.as_ref().filter(|_| !wish.again && !wish.anew) {
        let handed_over = errand.handed_over(gate, headers, wish.idp.as_deref(), now).await;
        if let Some(response) = handed_over.map_err(|problem| problem.leading_to(&return_to))? {
            return Ok(response);
        }
    }
    let mut held = Held::read(&gate.keys, site, headers);
    if wish.again {
        held.forget(&return_to);
    }
    let step_up =
        step_up::wanted(gate, site, wish.step_up, headers, &return_to, now).await.map_err(stopped)?;
    // A session that came back, and has grown too old for a rule, is no round of a loop.
    let completed = if wish.again || step_up.idp.is_some() {
        0
    } else {
        rounds::completed(gate, site, headers, &held, &return_to, now).await.map_err(stopped)?
    };
    let round = completed.saturating_add(1);
    if round >= rounds::STOPPED_AT {
        let refusal = Refusal::new(
            Reason::SignInLoop,
            format!("{completed} sign-ins for one page were just completed"),
        );
        return Err(Stopped { again: true, ..stopped(refusal) });
    }

    let named = wish.idp.as_deref().or(step_up.idp.as_deref());
    if site.sign_on.is_some() {
        let host = gate.sign_on_of(site).ok_or_else(|| stopped(Reason::Internal.into()))?;
        let way = Way {
            return_to: &return_to,
            rounds: round,
            again: wish.again,
            step_up: step_up.rule,
            looks_only: wish.looks_only,
        };
        return hand_over::depart(gate, (site, host), (held, headers), named, &way, now).map_err(stopped);
    }
    let Some(idp) = choose::chosen(site, named).map_err(stopped)? else {
        return Ok(choose::page(gate, site, headers, &return_to, &wish));
    };
    let begun = Begun { return_to: &return_to, round, step_up: step_up.rule, errand: errand.as_ref() };
    let sent = sent_away(gate, (site, idp), &wish, &begun, (held, headers), now);
    sent.map_err(|refusal| Stopped { idp: Some(idp.id.as_str().into()), ..stopped(refusal) })
}

/// What is known of a sign-in that is about to begin.
struct Begun<'a> {
    return_to: &'a ReturnTo,
    round: u8,
    /// The rule that asks for it.
    step_up: Option<u16>,
    /// The site that it is for, at a sign-on host.
    errand: Option<&'a Errand<'a>>,
}

/// Makes the attempt, and the way to the identity provider.
///
/// # Errors
/// `metadata-unavailable`, `metadata-expired`.
fn sent_away(
    gate: &Gate,
    (site, idp): (&Site, &Idp),
    wish: &Wish,
    begun: &Begun<'_>,
    (mut held, headers): (Held, &HeaderMap),
    now: Moment,
) -> Result<Response<Bytes>, Refusal> {
    // Before anything is made: who cannot be asked cannot be waited for.
    gate.limiter.count_for_idp(Costs::SignIn, &idp.id, now)?;
    let saml = idp.saml(now)?;
    let attempt = Attempt {
        site: site.name.clone(),
        idp: idp.id.clone(),
        acs_url: site.service_provider.acs_url.clone(),
        request_id: RequestId::random()?,
        created: now,
        return_to: begun.return_to.clone(),
        rounds: begun.round,
        replaces: presented_key(site, headers),
        is_trial: false,
        // Only where somebody can have been too old; elsewhere the word means nothing.
        anew: wish.anew && idp.demand.max_authn_age.is_some(),
        kept: wish.kept.clone().filter(|key| is_suffix(key)),
        step_up: begun.step_up,
        raised: begun.errand.and_then(Errand::raised),
        trace: traces::current().map(Box::new),
    };
    if let Some(given_up) = &attempt.kept {
        held.forget_one(given_up);
    }
    let kept_there = may_keep(site, headers, &attempt).then(|| {
        let here = format!("{}&kept={}", start_here(site, idp, begun.return_to), attempt.suffix());
        wish.carried().iter().fold(here, |address, (name, value)| format!("{address}&{name}={value}"))
    });
    let mut response = to_identity_provider(site, idp, &saml, &attempt, kept_there.as_deref(), now)?;
    let forgotten = wish.again.then(|| site.cookies.clear(&Kind::Answered));
    let chosen = choose::remembered(gate, site, idp);
    for cookie in held.admit(&attempt, &gate.keys, site, now).into_iter().chain(forgotten).chain(chosen) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    if attempt.kept.is_none() && !wish.looks_only {
        // Else it began with the attempt before, or not at all.
        gate.metrics.sign_in_started(site.id);
    }
    Ok(response)
}

/// The query, read once. Of a doubled parameter the first counts.
#[derive(Debug, Default)]
pub(super) struct Wish {
    pub(super) rd: String,
    idp: Option<String>,
    /// What a site asks for that signs on here.
    errand: Option<String>,
    /// What somebody looks for in a long list of identity providers.
    pub(super) search: Option<String>,
    /// The person asked to begin anew after a loop was stopped.
    again: bool,
    /// The browser has kept a `#fragment` under this name, and comes from the attempt of this name.
    kept: Option<String>,
    /// What the identity provider answered before was too old ([`super::finish`]).
    anew: bool,
    /// The rule that sent the browser here.
    step_up: Option<u16>,
    /// HEAD: nobody goes anywhere.
    looks_only: bool,
}

impl Wish {
    /// From a query, or from a form of ours.
    pub(super) fn read(pairs: &[u8]) -> Self {
        let first = |wanted: &str| {
            let mut pairs = url::form_urlencoded::parse(pairs);
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        Self {
            rd: first("rd").unwrap_or_default(),
            idp: first("idp").filter(|idp| !idp.is_empty()),
            errand: first(hand_over::ERRAND).filter(|errand| !errand.is_empty()),
            search: first("q"),
            kept: first("kept"),
            again: first("again").is_some_and(|again| again == "1"),
            anew: first("anew").is_some_and(|anew| anew == "1"),
            step_up: first("step_up").and_then(|rule| rule.parse().ok()),
            looks_only: false,
        }
    }

    /// What the next address for the same sign-in says too, beside `rd` and `idp`.
    pub(super) fn carried(&self) -> Vec<(&'static str, String)> {
        let said = [("again", self.again), ("anew", self.anew)];
        let said = said.into_iter().filter(|(_, said)| *said).map(|(name, _)| (name, "1".to_owned()));
        said.chain(self.step_up.map(|rule| ("step_up", rule.to_string()))).collect()
    }
}

/// Where to go afterwards. Our own stations of the way are no destination: they would begin it again, or end it.
pub(super) fn wanted(site: &Site, rd: &str) -> Result<ReturnTo, Refusal> {
    let return_to = ReturnTo::parse(rd, &site.public_url)?;
    let is_station = match RequestPath::parse(return_to.path(), site.allow_encoded_slash) {
        Ok(path) => {
            let below = path.as_str().strip_prefix(site.path_prefix.as_str());
            is_acs_alias(site, &path)
                || below.is_some_and(|own| {
                    STATIONS.iter().any(|station| {
                        own.strip_prefix(station).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    })
                })
        }
        // Would be refused on arrival.
        Err(_) => true,
    };
    Ok(if is_station { ReturnTo::root() } else { return_to })
}

const STATIONS: &[&str] = &["/sign-in", "/sign-out", "/handoff", "/refused", "/saml", "/test-sign-in"];

/// The browser's way to the identity provider, with the request.
pub(super) fn to_identity_provider(
    site: &Site,
    idp: &Idp,
    saml: &IdentityProvider,
    attempt: &Attempt,
    kept_there: Option<&str>,
    now: Moment,
) -> Result<Response<Bytes>, Refusal> {
    let relay_state = attempt.suffix();
    let question = Question {
        service_provider: &site.service_provider,
        identity_provider: saml,
        demand: &attempt.demand(site, idp),
        anew: attempt.anew,
        id: &attempt.request_id,
        relay_state: &relay_state,
        acs_url: &attempt.acs_url,
        prefer: None,
    };
    let outgoing =
        authn_request(&question, now).map_err(|problem| Refusal::new(Reason::Internal, problem))?;
    let passing = kept_there.map(|kept| pages::Passing { key: &relay_state, kept });
    Ok(match (outgoing, passing) {
        (Outgoing::Redirect { url }, None) => redirect(StatusCode::FOUND, &url),
        (Outgoing::Redirect { url }, Some(passing)) => pages::leave(&site.branding, &url, passing),
        (Outgoing::Post { action, saml_request, relay_state }, passing) => {
            let fields = [("SAMLRequest", saml_request.as_str()), ("RelayState", relay_state.as_str())];
            match passing {
                None => pages::auto_post(&site.branding, &action, &fields, true),
                Some(passing) => pages::leave_by_post(&site.branding, &action, &fields, passing),
            }
        }
    })
}

/// Whether the way to the identity provider leads over a page that keeps a fragment: unless one is kept already, or the
/// address brings its own. A page is for browsers that say that they navigate, in a window and not in a frame, and that
/// they show pages; programs that follow redirects do not say all of it.
fn may_keep(site: &Site, headers: &HeaderMap, attempt: &Attempt) -> bool {
    let says = |name: &str, word: &str| headers.get(name).is_some_and(|value| value == word);
    site.keep_fragment
        && attempt.kept.is_none()
        && !attempt.return_to.as_str().contains('#')
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
        && says("upgrade-insecure-requests", "1")
}
