//! Removing what the client sent under our names.
//!
//! Applications see headers through layers that fold names: CGI, WSGI, Rack and PHP make `HTTP_X_FORWARDED_USER` of
//! `X-Forwarded-User` and of `X_Forwarded_User`, PHP of `X.Forwarded.User` too, and lighttpd turns whatever is no letter or
//! digit into `_`. So names are compared folded: lower case, everything but letters and digits as `-`. Beside the
//! configured names, everything that folds to `x-vestibule-…` is ours, and the rest of a family of which a header is sent.
//!
//! A `Connection` header that lists one of our names would have the next hop remove it (RFC 9110, 7.6.1): such entries are
//! taken out.

use super::plan::HeaderPlan;
use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};

/// What has to be done to a client's headers.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
struct Stripping {
    /// Names to remove, with all their values.
    remove: Vec<HeaderName>,
    /// What `Connection` must say instead of what it says; without it when this is empty.
    connection: Option<HeaderValue>,
}

impl HeaderPlan {
    /// Removes every configured name in every spelling that an application may fold to it, everything that folds to
    /// `x-vestibule-…`, and our names from `Connection`.
    pub fn strip(&self, headers: &mut HeaderMap) {
        let Stripping { remove, connection } = self.stripping(headers);
        for name in remove {
            headers.remove(name);
        }
        match connection {
            Some(value) if value.is_empty() => {
                headers.remove(CONNECTION);
            }
            Some(value) => {
                headers.insert(CONNECTION, value);
            }
            None => {}
        }
    }

    /// What there is to do. Takes no memory when there is nothing to do.
    fn stripping(&self, headers: &HeaderMap) -> Stripping {
        let remove = headers.keys().filter(|name| self.reserves(name.as_str())).cloned().collect();
        Stripping { remove, connection: self.connection_without_ours(headers) }
    }

    /// Whether the client may not send a header, or trailer, of this name.
    pub fn reserves(&self, name: &str) -> bool {
        self.reserved.has(name.as_bytes())
    }

    fn connection_without_ours(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let lists = |ours: bool| {
            headers
                .get_all(CONNECTION)
                .iter()
                .flat_map(|value| value.as_bytes().split(|b| *b == b','))
                .map(<[u8]>::trim_ascii)
                .filter(move |option| !option.is_empty() && self.reserved.has(option) == ours)
        };
        lists(true).next()?;
        let kept: Vec<&[u8]> = lists(false).collect();
        // The parts of a valid value make a valid value; if they ever did not, none is the safe one.
        Some(HeaderValue::from_bytes(&kept.join(&b", "[..])).unwrap_or(HeaderValue::from_static("")))
    }
}

/// The folded names, so arranged that a foreign name is told apart by its length and first letter.
#[derive(Debug, Clone)]
pub(super) struct Reserved {
    /// Bit n: a name of n octets is among them; bit 63 stands for all longer ones.
    lengths: u64,
    names: Vec<Box<[u8]>>,
    /// Beginnings of names of which none may come from a client.
    families: Vec<Box<[u8]>>,
}

/// Every name that begins so is ours.
const OWN: &[u8] = b"x-vestibule-";

impl Reserved {
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a HeaderName>) -> Self {
        let names: Vec<Box<[u8]>> = names.map(|name| folded(name.as_str()).into_bytes().into()).collect();
        let lengths = names.iter().fold(0, |bits, name| bits | length_bit(name.len()));
        let families = FAMILIES
            .iter()
            .map(|family| family.as_bytes())
            .filter(|family| names.iter().any(|name| name.starts_with(family)))
            .map(Box::from)
            // After `x-groups-0` an application looks for as many as there are.
            .chain(names.iter().filter_map(|name| {
                name.strip_suffix(b"0").filter(|rest| rest.ends_with(b"-")).map(Box::from)
            }))
            .collect();
        Self { lengths, names, families }
    }

    fn has(&self, name: &[u8]) -> bool {
        let own = name.len() >= OWN.len() && folds_to(&name[..OWN.len()], OWN);
        own || self.lengths & length_bit(name.len()) != 0
            && self.names.iter().any(|reserved| reserved.len() == name.len() && folds_to(name, reserved))
            || self.families.iter().any(|family| name.len() >= family.len() && folds_to(name, family))
    }
}

/// Names that mean a person to applications of one kind, whichever of them a site sends. Where one is sent, none of the
/// others may come from a client: an application that looks for one more would believe it.
const FAMILIES: &[&str] = &["mellon-", "shib-", "x-auth-request-", "x-webauth-"];

const fn length_bit(length: usize) -> u64 {
    1 << if length < 63 { length } else { 63 }
}

fn folds_to(name: &[u8], folded: &[u8]) -> bool {
    name.iter().zip(folded).all(|(byte, own)| fold(*byte) == *own)
}

/// The name as the most forgetful application sees it.
pub(super) fn folded(name: &str) -> String {
    name.bytes().map(|byte| char::from(fold(byte))).collect()
}

const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{HeaderSpec, Source};
    use super::super::preset::Preset;
    use super::*;

    fn plan() -> HeaderPlan {
        let long = HeaderName::from_bytes("x-long".repeat(12).as_bytes()).unwrap();
        let mut specs = HeaderPlan::default_set().specs().to_vec();
        specs.extend(Preset::OAuth2Proxy.specs(&mut |_, _| None));
        specs.push(HeaderSpec::new(HeaderName::from_static("remote_user"), Source::User));
        specs.push(HeaderSpec::new(long, Source::User));
        HeaderPlan::new(specs, 3072).unwrap()
    }

    fn left(lines: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        plan().strip(&mut headers);
        headers.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect()
    }

    #[test]
    fn every_spelling_of_every_name_is_removed() {
        let plan = plan();
        for name in plan.names() {
            for separator in ["-", "_", ".", "~", "!", "*"] {
                let spelled = name.as_str().replace(['-', '_'], separator);
                for spelled in [spelled.to_uppercase(), spelled] {
                    assert!(plan.reserves(&spelled), "{spelled}");
                    assert_eq!(left(&[(&spelled, "root"), (&spelled, "again")]), [], "{spelled}");
                }
            }
        }
        assert_eq!(
            left(&[("X-Forwarded_User", "root"), ("x.forwarded-user", "root"), ("Remote-User", "root")]),
            []
        );
    }

    #[test]
    fn everything_of_vestibule_is_removed() {
        for name in ["x-vestibule-", "X-Vestibule-Sign-In", "x_vestibule_future", "X.Vestibule.Jwt_Assertion"]
        {
            assert_eq!(left(&[(name, "x")]), [], "{name}");
        }
    }

    #[test]
    fn what_an_application_of_the_kind_would_look_for_too_is_removed() {
        let mut specs = HeaderPlan::default_set().specs().to_vec();
        for preset in [Preset::Mellon, Preset::Shibboleth, Preset::Grafana] {
            super::super::preset::lay_over(&mut specs, preset.specs(&mut |_, _| None));
        }
        let own = HeaderSpec::new(HeaderName::from_static("x-team"), Source::Groups);
        specs.extend(own.and_numbered(2));
        let plan = HeaderPlan::new(specs, 3072).unwrap();
        for name in [
            "MELLON_groups_17",
            "mellon.admin",
            "Shib_Application_ID",
            "X_WEBAUTH_ORG",
            "x-team-2",
            "X_TEAM_99",
        ] {
            assert!(plan.reserves(name), "{name}");
        }
        for name in ["mellon", "x-webauth", "x-teams", "x-tea-0", "shibboleth"] {
            assert!(!plan.reserves(name), "{name}");
        }
        assert!(!HeaderPlan::default_set().reserves("mellon-admin"), "where nobody sends one");
    }

    #[test]
    fn other_headers_stay() {
        let lines = [
            ("host", "a"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-use", "b"),
            ("x-forwarded-users", "c"),
            ("x-forwarded-usex", "d"),
            ("xx-forwarded-user", "e"),
            ("xforwardeduser", "f"),
            ("x-vestibule", "g"),
            ("y-vestibule-roles", "h"),
            ("remote-use", "i"),
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ];
        let expected: Vec<_> = lines.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(left(&lines), expected);
    }

    #[test]
    fn connection_cannot_name_ours() {
        assert_eq!(left(&[("connection", "X-Forwarded-User")]), []);
        assert_eq!(
            left(&[
                ("connection", "close, x_vestibule_jwt_assertion ,TE"),
                ("connection", "X-Auth-Request-Email")
            ]),
            [("connection".to_owned(), "close, TE".to_owned())]
        );
    }

    #[test]
    fn nothing_to_do_takes_no_memory() {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("a"));
        headers.insert("connection", HeaderValue::from_static("keep-alive"));
        let stripping = plan().stripping(&headers);
        assert_eq!(stripping, Stripping::default());
        assert_eq!(stripping.remove.capacity(), 0);
    }
}
