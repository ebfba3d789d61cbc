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
