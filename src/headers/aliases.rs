//! The spellings under which a client could have sent one of our headers, for gateways that remove by name.
//!
//! The proxy face sees every header and removes what folds to one of ours. Behind a gateway the gate sees only what is
//! passed on to it, and must name beforehand what the application could take for ours: each hyphen as `-`, `_` or `.`,
//! in every combination, because what folds one of them folds them all.

use super::plan::HeaderPlan;

/// What the gate itself says: never the client's to send, wherever they are not configured as identity.
pub const OWN: &[&str] = &[
    "x-vestibule-groups-omitted",
    "x-vestibule-jwt-assertion",
    "x-vestibule-organization",
    "x-vestibule-refusal",
    "x-vestibule-roles",
    "x-vestibule-sign-in",
];

/// Of a name with more separators than this only the uniform spellings are listed: with six there would be 729.
const MOST_SEPARATORS: usize = 5;

impl HeaderPlan {
    /// Every name that is to be removed beside the configured ones, which are replaced: no name twice, none configured.
    pub fn aliases(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut add = |name: String| {
            if !self.names().any(|own| own.as_str() == name) && !found.contains(&name) {
                found.push(name);
            }
        };
        for name in self.names() {
            spellings(name.as_str()).into_iter().for_each(&mut add);
        }
        for name in OWN.iter().chain(&["x-vestibule-gateway-secret"]) {
            uniform(name).into_iter().for_each(&mut add);
        }
        found
    }
}

fn is_separator(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
}

/// All combinations.
fn spellings(name: &str) -> Vec<String> {
    if name.bytes().filter(|byte| is_separator(*byte)).count() > MOST_SEPARATORS {
        return uniform(name);
    }
    let mut all = vec![String::with_capacity(name.len())];
    for byte in name.bytes() {
        if is_separator(byte) {
            all = all
                .iter()
                .flat_map(|start| ['-', '_', '.'].map(|separator| format!("{start}{separator}")))
                .collect();
        } else {
            all.iter_mut().for_each(|start| start.push(char::from(byte)));
        }
    }
    all
}

/// With the same separator everywhere.
fn uniform(name: &str) -> Vec<String> {
    let with = |separator: char| {
        name.bytes().map(|byte| if is_separator(byte) { separator } else { char::from(byte) }).collect()
    };
    ['-', '_', '.'].map(with).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::{HeaderSpec, Source};
    use http::HeaderName;

    #[test]
    fn every_spelling_is_named_and_no_configured_header_is() {
        let plan = HeaderPlan::default_set();
        let aliases = plan.aliases();
        for alias in ["x_forwarded_user", "x.forwarded.user", "x-forwarded_user", "x.forwarded_user"] {
            assert!(aliases.iter().any(|name| name == alias), "{alias}");
        }
        for alias in ["x_vestibule-jwt.assertion", "x-forwarded_preferred.username", "x-vestibule-refusal"] {
            assert!(aliases.iter().any(|name| name == alias), "{alias}");
        }
        for name in plan.names() {
            assert!(!aliases.iter().any(|alias| alias == name.as_str()), "{name}");
        }
        assert!(aliases.iter().all(|name| plan.reserves(name)));
        assert!(aliases.iter().all(|name| HeaderName::from_bytes(name.as_bytes()).is_ok()));
        let unique: std::collections::HashSet<_> = aliases.iter().collect();
        assert_eq!(unique.len(), aliases.len());
    }

    #[test]
    fn what_a_site_does_not_send_of_the_gates_own_is_removed() {
        let own = HeaderSpec::new(HeaderName::from_static("remote_user"), Source::User);
        let aliases = HeaderPlan::new(vec![own], 3072).unwrap().aliases();
        for alias in ["remote-user", "remote.user", "x-vestibule-roles", "x_vestibule_jwt_assertion"] {
            assert!(aliases.iter().any(|name| name == alias), "{alias}");
        }
        assert!(!aliases.iter().any(|name| name == "remote_user"));
    }

    #[test]
    fn a_name_of_many_parts_is_bounded() {
        let own = HeaderSpec::new(HeaderName::from_static("x-a-b-c-d-e-f-g"), Source::User);
        assert!(HeaderPlan::new(vec![own], 3072).unwrap().aliases().len() < 40);
    }
}
