//! Signing out at an identity provider: single logout, or an address to go to instead.

use super::Desk;
use crate::config::file::IdentityProvider as IdpFile;
use crate::config::reader::Field;
use crate::config::values::Word;
use crate::saml::parties::{Binding, ServiceProvider, SloEndpoint};
use crate::site::{Idp, Logout, RequireSignedLogout};
use url::{Host, Url};

const WITH_A_KEY: &str =
    "set service_provider.private_key_file and certificate_file, or say single_logout: false";

/// What the owner decided for this identity provider.
pub(super) fn logout(written: &IdpFile, desk: &mut Desk) -> Option<Logout> {
    let single_logout = written.single_logout.or(true);
    let location = address(&written.slo_url, desk);
    let response_location = address(&written.slo_response_url, desk);
    let sign_out_url = sign_out_url(&written.sign_out_url, desk);
    if written.slo_url.is_absent() {
        for (name, field_is_written, place) in [
            ("slo_response_url", written.slo_response_url.is_written(), &written.slo_response_url.place),
            ("slo_binding", written.slo_binding.is_written(), &written.slo_binding.place),
        ] {
            if field_is_written {
                desk.error(place.problem(format!("{name} goes with slo_url, which is missing")));
            }
        }
    }
    let require_signed = written.require_signed_logout.or(Word(RequireSignedLogout::default())).0;
    if require_signed == RequireSignedLogout::Nothing {
        let message = "anybody who knows how the identity provider names a person can sign that person out";
        let hint = "let the identity provider sign its logout messages; if only its answers are not signed, say requests";
        desk.warn(written.require_signed_logout.problem(message).hint(hint));
    }
    let (binding, response_location) =
        (written.slo_binding.or(Word(Binding::Redirect)).0, response_location?);
    let endpoint = |location| vec![SloEndpoint { binding, location, response_location }];
    Some(Logout {
        single_logout,
        require_signed,
        endpoints: location?.map(endpoint),
        issuers: issuers(written, desk),
        sign_out_url: sign_out_url?,
    })
}

/// Names beside its entity ID, each once.
fn issuers(written: &IdpFile, desk: &mut Desk) -> Vec<String> {
    let mut issuers: Vec<String> = Vec::new();
    if written.logout_issuers.get().is_some_and(Vec::is_empty) {
        desk.error(written.logout_issuers.problem("is empty: name at least one issuer, or remove the line"));
    }
    for item in written.logout_issuers.get().into_iter().flatten() {
        let Some(name) = item.get() else { continue };
        let wrong = if name.trim() != name || name.is_empty() {
            "is no entity ID: write it as the answer has it, without spaces around it"
        } else if issuers.contains(name) {
            "stands here twice"
        } else {
            issuers.push(name.clone());
            continue;
        };
        desk.error(item.problem(wrong));
    }
    issuers
}

/// Whether what was asked for can be done with this identity provider and with our keys.
pub(super) fn can_be_done(idp: &Idp, written: &IdpFile, sp: &ServiceProvider, desk: &mut Desk) {
    let demanded = written.single_logout.get() == Some(&true);
    let has_address = !idp.logout_endpoints().is_empty();
    let has_key = !sp.signing_keys.is_empty();
    // Who is described by an address is known later, and then the same is asked: federation/terms.rs.
    let is_known = idp.known().is_some();
    if demanded && !has_address && is_known {
        let message = "is true, and the identity provider has no address for it: its metadata names none";
        desk.error(written.single_logout.problem(message).hint("set slo_url"));
    }
    if idp.logout.single_logout && (has_address || demanded && !is_known) && !has_key {
        let message =
            "single logout needs a key of ours to sign with: signing out will end the session here only";
        match demanded {
            true => desk.error(written.single_logout.problem(message).hint(WITH_A_KEY)),
            false => desk.warn(written.place.problem(message).hint(WITH_A_KEY)),
        }
    }
    if idp.ends_there_too(sp) && idp.logout.sign_out_url.is_some() {
        let message = "is not used as long as single logout can be done";
        desk.warn(
            written.sign_out_url.problem(message).hint("keep one: single_logout: false turns that off"),
        );
    }
}

/// None: it is wrong. None inside: it is not written, or what is written could not be read and that has been said.
fn address(field: &Field<String>, desk: &mut Desk) -> Option<Option<String>> {
    let Some(text) = field.get() else { return Some(None) };
    let url = Url::parse(text).ok().filter(|url| url.has_host() && matches!(url.scheme(), "https" | "http"));
    match &url {
        None => desk.error(field.problem("is not an absolute https:// address")),
        Some(url) if url.fragment().is_some() => {
            desk.error(field.problem("a fragment (`#`) does not belong here"));
        }
        Some(url) if url.scheme() == "http" && !is_loopback(url) => {
            desk.warn(field.problem("is http: whoever listens on the way learns who signs out"));
        }
        Some(_) => {}
    }
    url.filter(|url| url.fragment().is_none()).map(|_| Some(text.clone()))
}

/// A browser is sent there from our own site: plain http only on this machine.
fn sign_out_url(field: &Field<String>, desk: &mut Desk) -> Option<Option<String>> {
    let Some(text) = field.get() else { return Some(None) };
    let good = Url::parse(text).is_ok_and(|url| {
        url.has_host() && (url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url))
    });
    let plain = text.bytes().all(|b| b.is_ascii_graphic());
    if !good || !plain {
        let message = "must be an absolute https:// address (http:// only for a loopback address)";
        desk.error(field.problem(message));
        return None;
    }
    Some(Some(text.clone()))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
