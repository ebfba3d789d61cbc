//! One site, brought into the short form ([`super::sites`]).

use super::admission::{self, admission};
use super::cors::cors;
use super::identity::{self, mapping};
use super::keys::jwt_keys;
use super::looks::branding;
use super::parties::{Described, domains, service_provider};
use super::rules::{Known, rules};
use super::sign_on::SignsOn;
use super::sites::View;
use super::upstream::{upstream, upstreams};
use super::{Desk, admitted};
use crate::access::{Access, RequestPath, Rules};
use crate::admission::Admission;
use crate::config::file::{File, IdentityProvider, Session};
use crate::config::reader::Field;
use crate::config::values::{OneOrMany, Word, show};
use crate::cookies::CookiePolicy;
use crate::identity::{Domain, Mapping};
use crate::saml::demand::Comparison;
use crate::saml::parties::{Policy, ServiceProvider};
use crate::session::{Limits, OnLimit, PerUser, SiteKey};
use crate::site::{Face, PublicUrl, Site, Status};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

const DEFAULT_PREFIX: &str = "/vestibule";
const DEFAULT_COOKIE: &str = "__Host-vestibule";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// A clock that is wrong by more is to be set, not tolerated.
const LARGEST_SKEW: Duration = Duration::from_secs(300);
/// A person is counted session by session.
const MOST_PER_USER: u32 = 1000;
/// Stands for a public URL that is missing or broken while the rest is checked.
const NOWHERE: &str = "https://invalid.invalid";

/// The site of a view, and the identity providers that it admits. `place` is its place among all; `host` is the host
/// where it signs on.
pub(super) fn site<'d, 'f>(
    view: &View,
    place: usize,
    described: &'d [Described<'f>],
    host: Option<&Site>,
    desk: &mut Desk,
) -> (Option<Site>, Vec<&'d Described<'f>>) {
    let file = &view.file;
    let (public_url, path_prefix, service_provider) = ourselves_in_parts(view, desk);
    let service_provider = host.map(|host| host.service_provider.clone()).or(service_provider);
    let is_host = matches!(view.signs_on, SignsOn::Host);
    let face = if is_host { Some(Face::SignOn) } else { face(file, desk) };
    let admitted = admitted::admitted(view, described, desk);
    admitted::same_entity_id(&admitted, desk);
    if let Some(ours) = &service_provider {
        admitted.iter().for_each(|one| admitted::against_ourselves(view, one, ours, desk));
    }
    let mut mapping = mapping(&identity::Written::of(file, &admitted), desk);
    if is_host {
        mapping.give_no_roles();
    }
    let headers = super::headers::plan(&file.headers, &mut mapping, desk);
    if !is_host {
        super::headers::all_leave(file, desk);
    }
    let admission = match is_host {
        // Each of its sites judges for itself.
        true => Admission::default(),
        false => admission(&admission::Written::of(file, &admitted, described), desk),
    };
    let rules = match is_host {
        // There is nothing behind it.
        true => Rules::new(Vec::new(), Access::Deny),
        false => rules(file, &known(&admitted, described, &mapping, &admission), desk),
    };
    let session_limits = session_limits(&file.session, desk);
    let sessions_per_user = sessions_per_user(&file.session, desk);
    let skew = desk.duration(&file.clock_skew, MINUTE, Duration::ZERO, LARGEST_SKEW);
    let close_after = &file.session.close_connections_after;
    let close_connections_after = desk.duration(close_after, Duration::ZERO, Duration::ZERO, HOUR);
    let cookies = cookies(&file.session, public_url.as_ref(), desk);
    let branding = branding(&file.branding, &path_prefix, desk);
    let inherited = !file.cors.origins.place.path().starts_with(&view.place.path());
    let cors = cors(&file.cors, public_url.as_ref(), inherited, desk);
    let acs_aliases = acs_aliases(file, &path_prefix, desk);
    let email_domains = domains(&view.email_domains, desk);
    admitted::somebody_speaks_for(view, &admitted, desk);
    let own_keys = view.own_jwt_keys.then(|| jwt_keys(&file.jwt, desk));
    let build = || {
        let jwt_keys = match own_keys {
            None => None,
            Some(keys) => Some(Arc::new(keys?)),
        };
        let name = view.name.clone()?;
        let admission = Admission { site: name.clone(), ..admission };
        Some(Site {
            id: u16::try_from(place).ok()?,
            key: SiteKey::of(&name),
            name,
            audience: view.audience.clone()?,
            organization: view.organization.clone(),
            canonical_url: public_url.clone()?,
            public_url: public_url?,
            face: face?,
            path_prefix,
            service_provider: service_provider?,
            sign_on: host.map(|host| host.key),
            acs_aliases,
            identity_providers: admitted.iter().map(|one| one.idp.clone()).collect::<Option<_>>()?,
            email_domains: email_domains?,
            policy: Policy { clock_skew: skew },
            mapping,
            admission,
            rules,
            headers: headers?,
            jwt_keys,
            session_limits,
            sessions_per_user,
            close_connections_after,
            cookies: cookies?,
            allow_encoded_slash: file.allow_encoded_slash.or(false),
            branding,
            cors,
            keep_fragment: file.keep_fragment.or(true),
        })
    };
    (build(), admitted)
}

/// Who we are at one site, when all of it is right.
pub(super) fn ourselves(view: &View, desk: &mut Desk) -> Option<(PublicUrl, String, ServiceProvider)> {
    let (public_url, path_prefix, service_provider) = ourselves_in_parts(view, desk);
    Some((public_url?, path_prefix, service_provider?))
}

/// Where sign-ins at one site begin, when its address is right.
pub(super) fn sign_in(view: &View, desk: &mut Desk) -> Option<String> {
    let (public_url, path_prefix, _) = ourselves_in_parts(view, desk);
    Some(format!("{}{path_prefix}/sign-in", public_url?.origin()))
}

fn ourselves_in_parts(view: &View, desk: &mut Desk) -> (Option<PublicUrl>, String, Option<ServiceProvider>) {
    let file = &view.file;
    let public_url = public_url(view, desk);
    let path_prefix = path_prefix(&file.path_prefix, desk);
    let origin = public_url.as_ref().map_or(NOWHERE, PublicUrl::origin);
    let base = format!("{origin}{path_prefix}");
    let mut urls = acs_urls(origin, &path_prefix, &acs_aliases(file, &path_prefix, desk));
    for further in further_urls(file, desk) {
        if public_url.as_ref().is_some_and(|url| url.is_secure() != further.is_secure()) {
            let message = "the addresses of one site begin all with https:// or all with http://";
            desk.error(file.public_urls.problem(message));
        }
        urls.extend(acs_urls(further.origin(), &path_prefix, &acs_aliases(file, &path_prefix, desk)));
    }
    if view.signs_on.host().is_some() {
        return (public_url, path_prefix, None);
    }
    let service_provider = service_provider(&file.service_provider, &base, urls, desk);
    (public_url, path_prefix, service_provider)
}

/// Where answers are taken at one address, the one that is asked with first: what stood here before is what the identity
/// provider knows, as long as it is listed.
fn acs_urls(origin: &str, path_prefix: &str, aliases: &[String]) -> Vec<String> {
    let own = format!("{origin}{path_prefix}/saml/acs");
    aliases.iter().map(|path| format!("{origin}{path}")).chain([own]).collect()
}

fn further_urls(file: &File, desk: &mut Desk) -> Vec<PublicUrl> {
    let listed = file.public_urls.get().map_or(&[][..], Vec::as_slice);
    let read = |field: &Field<String>| {
        PublicUrl::parse(field.get()?).map_err(|message| desk.error(field.problem(message))).ok()
    };
    listed.iter().filter_map(read).collect()
}

/// The site at each of its addresses: the same in everything but where it is, where it begins sign-ins and takes answers.
pub(super) fn at_every_address(site: Site, view: &View, desk: &mut Desk) -> Vec<Site> {
    let further: Vec<Site> = further_urls(&view.file, desk)
        .into_iter()
        .map(|public_url| {
            if site.sign_on.is_some() {
                return Site { public_url, ..site.clone() };
            }
            let mut sp = site.service_provider.clone();
            let all: Vec<String> = sp.acs_urls().map(str::to_owned).collect();
            let base = format!("{}{}", public_url.origin(), site.path_prefix);
            let here = acs_urls(public_url.origin(), &site.path_prefix, &site.acs_aliases);
            sp.acs_url = here.first().cloned().unwrap_or_default();
            sp.further_acs_urls = all.into_iter().filter(|url| *url != sp.acs_url).collect();
            sp.slo_url = format!("{base}/saml/slo");
            Site { public_url, service_provider: sp, ..site.clone() }
        })
        .collect();
    std::iter::once(site).chain(further).collect()
}

fn public_url(view: &View, desk: &mut Desk) -> Option<PublicUrl> {
    let hint = "the address that people type, such as https://app.example.com";
    let field = &view.file.public_url;
    let text = field.required_as(hint, &mut desk.report)?;
    PublicUrl::parse(text).map_err(|message| desk.error(field.problem(message))).ok()
}

/// Paths of an assertion consumer service that stood here before, each plain and none of ours.
fn acs_aliases(file: &File, path_prefix: &str, desk: &mut Desk) -> Vec<String> {
    let mut aliases: Vec<String> = Vec::new();
    for field in file.acs_aliases.get().map_or(&[][..], Vec::as_slice) {
        let Some(text) = field.get() else { continue };
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"%*?#\\\"<>^`{|}".contains(&b));
        let read = RequestPath::parse(text, false);
        let wrong = if !plain || text.len() > 256 || !read.is_ok_and(|read| read.as_str() == *text) {
            "must be a plain path such as /mellon/postResponse: no `*`, no `%`, no dots between slashes"
        } else if text == "/" || is_below(text, path_prefix) || is_below(text, "/.well-known") {
            "is not free: what stands there is served already"
        } else if aliases.contains(text) {
            "stands here twice"
        } else {
            aliases.push(text.clone());
            continue;
        };
        desk.error(field.problem(wrong));
    }
    aliases
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
    if file.upstream.is_written() && file.upstreams.is_written() {
        let message = format!("stands beside {}: one of the two must go", file.upstream.place.in_words());
        desk.error(file.upstreams.problem(message));
        return None;
    }
    match (file.upstream.is_written() || file.upstreams.is_written(), forward_auth) {
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
        (true, false) if file.upstreams.is_written() => upstreams(file, desk).map(Face::Proxy),
        (true, false) => upstream(file, desk).map(Face::from),
    }
}

/// What rules may name; from the file rather than from what was built, so that a broken provider is still known.
fn known<'a>(
    admitted: &[&Described<'a>],
    all: &[Described<'a>],
    mapping: &'a Mapping,
    admission: &Admission,
) -> Known<'a> {
    let roles = mapping.roles.iter().chain(&mapping.default_role_of).map(|(_, role)| role);
    let mut roles: Vec<String> = roles.chain(&mapping.default_role).cloned().collect();
    for list in admission.lists() {
        roles.extend(list.current().iter().filter_map(|one| one.roles.clone()).flatten());
    }
    let id = |one: &Described<'a>| one.written.id.get().map(String::as_str);
    let domains = admitted.iter().map(|one| one.idp.as_ref()?.email_domains.clone());
    let domains: Option<Vec<Vec<Domain>>> = domains.collect();
    Known {
        mapping,
        roles,
        domains: domains.filter(|listed| !listed.is_empty()).map(|listed| listed.concat()),
        idps: admitted.iter().filter_map(|one| id(one)).collect(),
        all_idps: all.iter().filter_map(id).collect(),
        not_live: admitted.iter().filter_map(|one| Some((id(one)?, not_live(one.written)?))).collect(),
        unlisted: admitted.iter().filter(|one| is_unlisted(one.written)).filter_map(|one| id(one)).collect(),
        classes: admitted.iter().filter_map(|one| held_to(one.written)).collect(),
    }
}

/// What an identity provider is that signs nobody in.
fn not_live(idp: &IdentityProvider) -> Option<&'static str> {
    match idp.status.get()?.0 {
        Status::Live => None,
        Status::Staged => Some("staged"),
        Status::Retired => Some("retired"),
    }
}

/// Whether it is asked for a class and compares it as it likes: any class that a rule names could be a weaker one.
fn is_unlisted(idp: &IdentityProvider) -> bool {
    let exact = idp.authn_context_comparison.get().is_none_or(|Word(how)| *how == Comparison::Exact);
    !exact && idp.authn_context.is_written() && idp.authn_context_accepted.is_absent()
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

/// How many sessions of one person there may be; none: it does not say.
fn sessions_per_user(session: &Session, desk: &mut Desk) -> Option<PerUser> {
    let on_limit = session.on_limit.or(Word(OnLimit::EndOldest)).0;
    if session.limit_per_user.is_absent() {
        if session.on_limit.is_written() {
            let message = "says nothing without limit_per_user: there is no limit to be reached";
            desk.warn(session.on_limit.problem(message).hint("write session.limit_per_user beside it"));
        }
        return None;
    }
    let most = NonZeroU32::new(*session.limit_per_user.get()?).filter(|most| most.get() <= MOST_PER_USER);
    if most.is_none() {
        let message = format!("must be at least 1 and at most {MOST_PER_USER}");
        desk.error(session.limit_per_user.problem(message).hint("leave it out for no limit"));
    }
    Some(PerUser { most: most?, on_limit })
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
