//! The one site that the short form describes.

use super::Desk;
use super::admission::{self, admission};
use super::cryptography;
use super::demand::against_ourselves;
use super::identity::{self, mapping};
use super::logout;
use super::parties::{identity_providers, service_provider};
use super::rules::{Known, rules};
use super::upstream::upstream;
use crate::admission::Admission;
use crate::config::file::{File, IdentityProvider, Session};
use crate::config::reader::Field;
use crate::config::values::{OneOrMany, Word, show};
use crate::cookies::CookiePolicy;
use crate::federation::{Other, Terms};
use crate::identity::Mapping;
use crate::saml::demand::{Comparison, SignRequests};
use crate::saml::parties::{Policy, ServiceProvider};
use crate::session::Limits;
use crate::site::{Face, Idp, PublicUrl, Site};
use std::sync::Arc;
use std::time::Duration;

const DEFAULT_PREFIX: &str = "/vestibule";
const DEFAULT_COOKIE: &str = "__Host-vestibule";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// A clock that is wrong by more is to be set, not tolerated.
const LARGEST_SKEW: Duration = Duration::from_secs(300);
/// Stands for a public URL that is missing or broken while the rest is checked.
const NOWHERE: &str = "https://invalid.invalid";

/// The site of the top level.
pub(super) fn site(file: &File, desk: &mut Desk) -> Option<Site> {
    let (public_url, path_prefix, service_provider) = ourselves_in_parts(file, desk);
    let face = face(file, desk);
    let identity_providers = identity_providers(file, desk);
    for (idp, written) in
        identity_providers.iter().flatten().zip(file.identity_providers.get().into_iter().flatten())
    {
        if let Some(ours) = &service_provider {
            cryptography::fits(written, ours, desk);
            against_ourselves(idp, written, ours, desk);
            logout::can_be_done(idp, written, ours, desk);
        }
        // Who is described by an address is known later, and then the same is asked: federation/terms.rs.
        let Some(saml) = idp.known() else { continue };
        if service_provider.as_ref().is_some_and(|sp| sp.entity_id == saml.entity_id) {
            let message =
                format!("its entity ID is our own, {}: is this our own metadata?", saml.entity_id.0);
            desk.error(written.place.problem(message));
        }
    }
    for watch in &mut desk.watches {
        watch.site = public_url.as_ref().map(|url| url.authority().to_owned()).unwrap_or_default();
        if let Some(sp) = &service_provider {
            let not = vec![sp.entity_id.0.clone()];
            let never = watch.idp.demand.sign_requests == SignRequests::Never;
            let we_sign = !never && !sp.signing_keys.is_empty();
            let others = others(&watch.idp, identity_providers.iter().flatten(), file);
            watch.complete(Terms { not, we_sign, others, ..watch.terms.clone() });
        }
    }
    let mut mapping = mapping(&identity::Written::from(file), desk);
    let headers = super::headers::plan(&file.headers, &mut mapping, desk);
    let admission = admission(&admission::Written::from(file), &mapping, desk);
    let rules = rules(file, &known(file, &mapping, &admission), desk);
    let session_limits = session_limits(&file.session, desk);
    let skew = desk.duration(&file.clock_skew, MINUTE, Duration::ZERO, LARGEST_SKEW);
    let cookies = cookies(&file.session, public_url.as_ref(), desk);
    let public_url = public_url?;
    let name = public_url.authority().to_owned();
    Some(Site {
        id: 0,
        name: name.clone(),
        public_url,
        face: face?,
        path_prefix,
        service_provider: service_provider?,
        identity_providers: identity_providers?,
        policy: Policy { clock_skew: skew },
        mapping,
        admission: Admission { site: name, ..admission },
        rules,
        headers: headers?,
        session_limits,
        cookies: cookies?,
        allow_encoded_slash: file.allow_encoded_slash.or(false),
    })
}

/// Whose names this one must not have.
fn others<'a>(this: &Arc<Idp>, all: impl Iterator<Item = &'a Arc<Idp>>, file: &File) -> Vec<Other> {
    all.zip(file.identity_providers.get().into_iter().flatten())
        .filter(|(idp, _)| !Arc::ptr_eq(idp, this))
        .map(|(idp, written)| Other { idp: Arc::clone(idp), written: written.entity_id.get().cloned() })
        .collect()
}

/// Who we are, when all of it is right.
pub(super) fn ourselves(file: &File, desk: &mut Desk) -> Option<(PublicUrl, String, ServiceProvider)> {
    let (public_url, path_prefix, service_provider) = ourselves_in_parts(file, desk);
    Some((public_url?, path_prefix, service_provider?))
}

fn ourselves_in_parts(file: &File, desk: &mut Desk) -> (Option<PublicUrl>, String, Option<ServiceProvider>) {
    let public_url = public_url(file, desk);
    let path_prefix = path_prefix(&file.path_prefix, desk);
    let origin = public_url.as_ref().map_or(NOWHERE, PublicUrl::origin);
    let service_provider = service_provider(&file.service_provider, &format!("{origin}{path_prefix}"), desk);
    (public_url, path_prefix, service_provider)
}

fn public_url(file: &File, desk: &mut Desk) -> Option<PublicUrl> {
    let hint = "the address that people type, such as https://app.example.com";
    let text = file.public_url.required_as(hint, &mut desk.report)?;
    PublicUrl::parse(text).map_err(|message| desk.error(file.public_url.problem(message))).ok()
}

fn path_prefix(field: &Field<String>, desk: &mut Desk) -> String {
    let Some(written) = field.get() else { return DEFAULT_PREFIX.into() };
    let segment = |segment: &str| {
        !segment.is_empty()
            && !segment.starts_with('.')
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    if written.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment)) {
        return written.clone();
    }
    let message =
        "must be a path such as /vestibule: letters, digits, `-` and `_` after each slash, none at the end";
    desk.error(field.problem(message));
    DEFAULT_PREFIX.into()
}

fn face(file: &File, desk: &mut Desk) -> Option<Face> {
    let forward_auth = file.forward_auth.or(false);
    match (file.upstream.is_written(), forward_auth) {
        (true, true) => {
            let message = "upstream and forward_auth: true are both given: one of the two must go";
            desk.error(file.forward_auth.problem(message));
            None
        }
        (false, true) => Some(Face::ForwardAuth),
        (false, false) => {
            if file.forward_auth.is_absent() || file.forward_auth.get().is_some() {
                let message = "is missing: where is the application?";
                let hint = "write upstream: http://HOST:PORT, or forward_auth: true if a gateway forwards";
                desk.error(file.upstream.problem(message).hint(hint));
            }
            None
        }
        (true, false) => upstream(file, desk).map(Face::Proxy),
    }
}

/// What rules may name; from the file rather than from what was built, so that a broken provider is still known.
fn known<'a>(file: &'a File, mapping: &'a Mapping, admission: &Admission) -> Known<'a> {
    let roles = mapping.roles.iter().chain(&mapping.default_role_of).map(|(_, role)| role);
    let mut roles: Vec<String> = roles.chain(&mapping.default_role).cloned().collect();
    for list in admission.lists() {
        roles.extend(list.current().iter().filter_map(|one| one.roles.clone()).flatten());
    }
    Known {
        mapping,
        roles,
        idps: file
            .identity_providers
            .get()
            .into_iter()
            .flatten()
            .filter_map(|idp| Some(idp.id.get()?.as_str()))
            .collect(),
        classes: file.identity_providers.get().into_iter().flatten().filter_map(held_to).collect(),
    }
}

/// The classes of authentication that an identity provider is held to, if it is to any (saml/demand.rs).
fn held_to(idp: &IdentityProvider) -> Option<(&str, Vec<&str>)> {
    let accepted = idp.authn_context_accepted.get();
    let exact = idp.authn_context_comparison.get().is_none_or(|Word(how)| *how == Comparison::Exact);
    let OneOrMany(listed) = accepted.or_else(|| idp.authn_context.get().filter(|_| exact))?;
    Some((idp.id.get()?, listed.iter().filter_map(|class| Some(class.get()?.as_str())).collect()))
}

fn session_limits(session: &Session, desk: &mut Desk) -> Limits {
    let longest = 366 * 24 * HOUR;
    let max_age = desk.duration(&session.max_age, 12 * HOUR, MINUTE, longest);
    // A short max_age alone must not contradict a default that nobody wrote.
    let idle_timeout = desk.duration(&session.idle_timeout, HOUR.min(max_age), MINUTE / 60, longest);
    if session.idle_timeout.is_written() && idle_timeout > max_age {
        let message = format!("{} is longer than max_age, {}", show(idle_timeout), show(max_age));
        desk.error(session.idle_timeout.problem(message));
    }
    Limits { idle_timeout, max_age }
}

fn cookies(session: &Session, public_url: Option<&PublicUrl>, desk: &mut Desk) -> Option<CookiePolicy> {
    let name = session.cookie_name.or(DEFAULT_COOKIE.into());
    let bare = name.strip_prefix("__Host-").unwrap_or(&name);
    if !CookiePolicy::accepts_name(&name) || bare.starts_with("__") || bare.len() > 64 {
        let message = "must be a cookie's name of at most 64 characters, with __Host- or without: the prefix follows the \
                       scheme of public_url";
        desk.error(session.cookie_name.problem(message));
        return None;
    }
    public_url.map(|url| CookiePolicy::new(url.is_secure(), &name))
}
