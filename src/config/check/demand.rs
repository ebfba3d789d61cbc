//! What is demanded of an identity provider, and whether it may begin sign-ins itself.

use super::Desk;
use crate::config::file::{File, IdentityProvider as IdpFile};
use crate::config::reader::Field;
use crate::config::values::{OneOrMany, Word};
use crate::saml::demand::{Comparison, Demand, SignRequests};
use crate::saml::parties::ServiceProvider;
use crate::site::Idp;
use std::time::Duration;

/// Shorter ones would send people round while they type.
const SHORTEST_AGE: Duration = Duration::from_secs(60);
const LONGEST_AGE: Duration = Duration::from_secs(366 * 86_400);

/// Short words for what everybody means; any other format is written as its URI (Core 8.3).
const FORMATS: &[(&str, &str)] = &[
    ("persistent", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"),
    ("transient", TRANSIENT),
    ("email", "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"),
    ("unspecified", "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"),
];
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";

/// The demand, and whether answers that nobody asked for are taken.
pub(super) fn demand(written: &IdpFile, desk: &mut Desk) -> (Demand, bool) {
    let demand = Demand {
        name_id_format: name_id_format(written, desk),
        force_authn: written.force_authn.or(false),
        is_passive: written.is_passive.or(false),
        authn_context: classes(&written.authn_context, desk),
        authn_context_comparison: written.authn_context_comparison.or(Word(Comparison::default())).0,
        authn_context_accepted: classes(&written.authn_context_accepted, desk),
        max_authn_age: written
            .max_authn_age
            .get()
            .map(|age| desk.duration(&written.max_authn_age, *age, SHORTEST_AGE, LONGEST_AGE)),
        provider_name: written.provider_name.get().cloned(),
        sign_requests: written.sign_requests.or(Word(SignRequests::default())).0,
    };
    let unsolicited = written.allow_unsolicited.or(false);
    contradictions(written, &demand, unsolicited, desk);
    doubts(written, &demand, unsolicited, desk);
    (demand, unsolicited)
}

/// What can be told only when our own side is known.
pub(super) fn against_ourselves(idp: &Idp, written: &IdpFile, ourselves: &ServiceProvider, desk: &mut Desk) {
    let wanted = idp.known().is_some_and(|saml| saml.want_authn_requests_signed);
    let sign = idp.demand.sign_requests;
    let keyless = ourselves.signing_keys.is_empty();
    let hint = "set service_provider.private_key_file and certificate_file";
    match sign {
        SignRequests::Always if keyless => {
            let message = "requests are always to be signed, and we have no key";
            desk.error(written.sign_requests.problem(message).hint(hint));
        }
        SignRequests::Auto if keyless && wanted => {
            let message =
                "its metadata wants signed requests, and we have no key: it may refuse every sign-in";
            desk.warn(written.place.problem(message).hint(hint));
        }
        SignRequests::Never if wanted => {
            let message = "its metadata wants signed requests: it may refuse every sign-in";
            desk.warn(written.sign_requests.problem(message));
        }
        SignRequests::Always | SignRequests::Auto | SignRequests::Never => {}
    }
}

fn name_id_format(written: &IdpFile, desk: &mut Desk) -> Option<String> {
    let text = written.name_id_format.get()?;
    let format = match FORMATS.iter().find(|(word, _)| word == text) {
        Some((_, uri)) => (*uri).to_owned(),
        None if is_uri(text) => text.clone(),
        None => {
            let words: Vec<_> = FORMATS.iter().map(|(word, _)| *word).collect();
            let message = format!("is no format: `{text}`; it can be {}, or a URI", words.join(", "));
            desk.error(written.name_id_format.problem(message));
            return None;
        }
    };
    Some(format)
}

/// What can be told only when it is known how a site names people.
pub(super) fn names_the_user(idp: &Idp, written: &IdpFile, file: &File, desk: &mut Desk) {
    // The NameID always has a value: what is named after it never counts.
    let by_name_id = |names: &OneOrMany<String>| {
        names.0.iter().find_map(Field::get).is_none_or(|name| name.eq_ignore_ascii_case("NameID"))
    };
    let transient = idp.demand.name_id_format.as_deref() == Some(TRANSIENT);
    if transient && file.identity.user.get().is_none_or(by_name_id) {
        let user = match file.identity.user.is_written() {
            true => file.identity.user.place.in_words(),
            false => "identity.user, which is not written,".to_owned(),
        };
        let message = format!(
            "asks for names that change at every sign-in, and {user} is the NameID: nobody could sign in"
        );
        desk.error(written.name_id_format.problem(message).hint("set identity.user to an attribute"));
    }
}

fn classes(field: &Field<OneOrMany<String>>, desk: &mut Desk) -> Vec<String> {
    let Some(OneOrMany(listed)) = field.get() else { return Vec::new() };
    if listed.is_empty() {
        desk.error(field.problem("is empty: name at least one class, or remove the line"));
    }
    let mut found = Vec::new();
    for item in listed {
        match item.get() {
            Some(class) if is_uri(class) => found.push(class.clone()),
            Some(class) => {
                let message = format!("is no class: `{class}`; write its whole URI");
                let hint = "such as urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
                desk.error(item.problem(message).hint(hint));
            }
            None => {}
        }
    }
    found
}

/// Core 8: what names formats and classes is an absolute URI.
fn is_uri(text: &str) -> bool {
    url::Url::parse(text).is_ok() && !text.chars().any(char::is_whitespace)
}

fn contradictions(written: &IdpFile, demand: &Demand, unsolicited: bool, desk: &mut Desk) {
    if demand.is_passive && demand.force_authn {
        let message =
            "is_passive and force_authn contradict each other: nobody can sign in anew without seeing a page";
        desk.error(written.is_passive.problem(message));
    }
    if demand.is_passive && demand.max_authn_age.is_some() {
        let message =
            "is_passive and max_authn_age contradict each other: whoever is too old must see a page";
        desk.error(written.is_passive.problem(message));
    }
    if demand.force_authn && unsolicited {
        let message =
            "allow_unsolicited and force_authn contradict each other: what nobody asked for cannot be forced";
        desk.error(written.allow_unsolicited.problem(message).hint("max_authn_age holds for both"));
    }
    if written.authn_context_comparison.is_written() && written.authn_context.is_absent() {
        let message = "says how to compare, and authn_context says nothing to compare with";
        desk.error(written.authn_context_comparison.problem(message));
    }
}

fn doubts(written: &IdpFile, demand: &Demand, unsolicited: bool, desk: &mut Desk) {
    if unsolicited {
        let message = "answers that nobody asked for are accepted: any web page can sign its visitors in as somebody else \
                       than they are";
        let hint = "safer: give the tile the sign-in address that `vestibule metadata --values` prints";
        desk.warn(written.allow_unsolicited.problem(message).hint(hint));
    }
    if demand.authn_context_comparison != Comparison::Exact && demand.authn_context_accepted.is_empty() {
        let message =
            "is asked for and not enforced: which class is stronger only the identity provider knows";
        let hint = "list what will do in authn_context_accepted";
        desk.warn(written.authn_context_comparison.problem(message).hint(hint));
    }
}
