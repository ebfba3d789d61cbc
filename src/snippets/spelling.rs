//! Names of headers: as they are usually written, and in every spelling that somebody may read as the same.
//!
//! Applications see headers through layers that fold names (`crate::headers`, strip.rs): whatever is no letter or digit
//! may become `_`.

/// Capitals after each `-`: HTTP does not care, people do.
pub(super) fn canonical(name: &str) -> String {
    let mut begins = true;
    name.chars()
        .map(|letter| {
            let written = if begins { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
            begins = !letter.is_ascii_alphanumeric();
            written
        })
        .collect()
}

/// A regular expression for every spelling, in small letters and without anchors.
pub(super) fn folding(name: &str) -> String {
    name.chars()
        .map(|letter| match letter.to_ascii_lowercase() {
            letter if letter.is_ascii_alphanumeric() => letter.to_string(),
            _ => "[^a-z0-9]".to_owned(),
        })
        .collect()
}

/// What a client could say to make an application believe in another address, host or path than was judged: the proxy
/// face removes the same.
pub(super) const NEVER_FROM_CLIENTS: [&str; 15] = [
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Method",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Forwarded-Uri",
    "X-Original-Method",
    "X-Original-Uri",
    "X-Original-Url",
    "X-Rewrite-Url",
];

/// Names that are well known beside those that a site sends, by the beginning that they belong to: for gateways that cannot remove
/// a whole family. Those of the first two are never a client's, those of the others where one of their family is sent.
const WELL_KNOWN: [(&str, &[&str]); 6] = [
    (
        "x-forwarded-",
        &[
            "access-token",
            "client-cert",
            "displayname",
            "email",
            "groups",
            "mail",
            "preferred-username",
            "roles",
            "user",
        ],
    ),
    (
        "x-vestibule-",
        &["gateway-secret", "groups-omitted", "jwt-assertion", "organization", "refusal", "roles", "sign-in"],
    ),
    ("mellon-", &["idp", "name-id", "session", "session-index"]),
    (
        "shib-",
        &[
            "application-id",
            "assertion-count",
            "authentication-instant",
            "authentication-method",
            "authncontext-class",
            "authncontext-decl",
            "cookie-name",
            "handler",
            "identity-provider",
            "session-expires",
            "session-id",
            "session-inactivity",
            "session-index",
        ],
    ),
    ("x-auth-request-", &["access-token", "email", "groups", "preferred-username", "redirect", "user"]),
    ("x-webauth-", &["email", "groups", "login", "name", "org", "orgs", "role", "roles", "user"]),
];

/// How many numbers after the last one that is sent are taken from clients: an application that looks for as many as there are
/// stops at the first that is not there.
const FURTHER_NUMBERS: usize = 4;

/// Names in small letters that only we may say, beside `sent`: well-known ones of our families, and the next numbers of lists.
pub(super) fn well_known_beside(sent: &[String]) -> Vec<String> {
    let families = sent_families(sent);
    let counts = |family: &str| {
        family.starts_with("x-f") || family.starts_with("x-v") || families.iter().any(|sent| sent == family)
    };
    let mut found: Vec<String> = WELL_KNOWN
        .iter()
        .filter(|(family, _)| counts(family))
        .flat_map(|(family, names)| names.iter().map(move |name| format!("{family}{name}")))
        .collect();
    for list in sent.iter().filter_map(|name| name.strip_suffix('0').filter(|rest| rest.ends_with('-'))) {
        let is_sent = |number: &usize| sent.contains(&format!("{list}{number}"));
        let first = (0..).find(|number| !is_sent(number)).unwrap_or_default();
        found.extend((first..first + FURTHER_NUMBERS).map(|number| format!("{list}{number}")));
    }
    found.retain(|name| !sent.contains(name));
    found
}

/// Of a name with more hyphens than this only one spelling is listed: with seven there would be 127.
const MOST_HYPHENS: usize = 6;

/// Every other way to write a name with `_` for some of its hyphens.
pub(super) fn with_underscores(name: &str) -> Vec<String> {
    if name.matches('-').count() > MOST_HYPHENS {
        return vec![canonical(&name.replace('-', "_"))];
    }
    let mut all = vec![String::new()];
    for letter in name.chars() {
        let written: &[char] = if letter == '-' { &['-', '_'] } else { &[letter] };
        all = all
            .iter()
            .flat_map(|start| written.iter().map(move |letter| format!("{start}{letter}")))
            .collect();
    }
    all.into_iter().filter(|other| other != name).map(|other| canonical(&other)).collect()
}

/// Beginnings of names by which a whole family is said, as [`folding`] writes them.
pub(super) const FAMILIES: [&str; 2] = ["x[^a-z0-9]forwarded[^a-z0-9]", "x[^a-z0-9]vestibule[^a-z0-9]"];

/// Beginnings of names that presets send: where one of a family is sent, no other may come from outside
/// (`crate::headers`, strip.rs).
const SENT_FAMILIES: [&str; 4] = ["mellon-", "shib-", "x-auth-request-", "x-webauth-"];

/// The beginnings of names of which some are sent, with the final `-`: well-known ones, and those of numbered lists, where
/// an application looks for as many as there are. `names` are in small letters.
pub(super) fn sent_families(names: &[String]) -> Vec<String> {
    let known = SENT_FAMILIES.iter().filter(|family| names.iter().any(|name| name.starts_with(**family)));
    let mut families: Vec<String> = known.map(|family| (*family).to_owned()).collect();
    for numbered in names.iter().filter_map(|name| name.strip_suffix('0').filter(|rest| rest.ends_with('-')))
    {
        if !families.iter().any(|family| numbered.starts_with(family.as_str())) {
            families.push(numbered.to_owned());
        }
    }
    families
}

/// What says which trace a request belongs to. The gate follows the trace of whoever is trusted to say who the client is, and a
/// gateway that passes a client's own on would say it for a stranger.
pub(super) const TRACES: [&str; 2] = ["Traceparent", "Tracestate"];

/// Single names outside those families.
pub(super) const SINGLES: [&str; 6] =
    ["Forwarded", "X-Real-Ip", "X-Original-Method", "X-Original-Uri", "X-Original-Url", "X-Rewrite-Url"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_usual() {
        assert_eq!(canonical("x-forwarded-preferred-username"), "X-Forwarded-Preferred-Username");
        assert_eq!(canonical("remote_user"), "Remote_User");
    }

    #[test]
    fn of_a_family_that_is_sent_no_other_may_come() {
        let of =
            |names: &[&str]| sent_families(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["x-forwarded-user", "x-vestibule-roles"]), [""; 0]);
        assert_eq!(of(&["remote-user", "mellon-mail", "mellon-mail-0"]), ["mellon-"]);
        assert_eq!(of(&["x-team", "x-team-0", "x-team-1", "x-team-n"]), ["x-team-"]);
        assert_eq!(of(&["x-level-10"]), [""; 0]);
    }

    #[test]
    fn the_rest_of_a_family_is_named_where_it_is_known() {
        let beside = |names: &[&str]| {
            well_known_beside(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        let always = beside(&["x-forwarded-user"]);
        assert!(
            always.contains(&"x-forwarded-email".to_owned())
                && always.contains(&"x-vestibule-roles".to_owned())
        );
        assert!(!always.iter().any(|name| name == "x-forwarded-user" || name.starts_with("shib-")));
        assert!(beside(&["shib-session-id"]).contains(&"shib-session-index".to_owned()));
        let numbered = beside(&["x-team-0", "x-team-1"]);
        assert_eq!(numbered[numbered.len() - 4..], ["x-team-2", "x-team-3", "x-team-4", "x-team-5"]);
    }

    #[test]
    fn every_underscore_is_written() {
        assert_eq!(with_underscores("x-real-ip"), ["X-Real_Ip", "X_Real-Ip", "X_Real_Ip"]);
        assert_eq!(with_underscores("eppn"), [""; 0]);
        assert_eq!(with_underscores("x-vestibule-jwt-assertion").len(), 7);
        assert_eq!(with_underscores("a-b-c-d-e-f-g-h"), ["A_B_C_D_E_F_G_H"]);
    }

    #[test]
    fn every_spelling_is_the_same_name() {
        let pattern = regex::Regex::new(&format!("^{}$", folding("X-Forwarded-User"))).unwrap();
        for same in ["x-forwarded-user", "x_forwarded_user", "x.forwarded-user", "x~forwarded!user"] {
            assert!(pattern.is_match(same), "{same}");
        }
        for other in ["xaforwarded-user", "x-forwarded-users", "x-forwarded--user"] {
            assert!(!pattern.is_match(other), "{other}");
        }
    }
}
