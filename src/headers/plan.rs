//! Which headers a site sends.

use super::preset::Preset;
use super::strip::{Reserved, folded};
use crate::identity::PartKey;
use http::{HeaderName, HeaderValue};
use std::collections::BTreeSet;
use std::fmt;

/// What one header carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The user, by the IdP's name.
    User,
    /// The e-mail address.
    Email,
    /// The name for display.
    Name,
    /// The short name for display.
    PreferredUsername,
    /// All groups, joined.
    Groups,
    /// All roles, joined.
    Roles,
    /// The signed identity JWT.
    Jwt,
    /// The `id` of the identity provider.
    Idp,
    /// The tenant's name; empty on a site that is no tenant.
    Organization,
    /// `true` when groups were left out to keep the budget, else empty.
    GroupsOmitted,
    /// What the owner named beside: this part.
    Carried(PartKey),
    /// The NameID's value, as the identity provider named the person.
    NameId,
    /// The identity provider's entity ID.
    IdpEntityId,
    /// The session's public name; never the secret in the cookie.
    Session,
    /// How the person signed in, in the identity provider's words (AuthnContextClassRef).
    AuthnContext,
    /// When: `2026-01-31T08:00:00.000Z`.
    AuthnInstant,
    /// The first of these roles that somebody has, for applications that take one role.
    FirstRole(&'static [&'static str]),
}

impl Source {
    /// Whether there can be several values.
    pub const fn is_many(self) -> bool {
        matches!(self, Self::Groups | Self::Roles)
    }
}

/// Which groups leave the gate, in headers and in the JWT; rules see all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum GroupsOut {
    /// All of somebody's.
    #[default]
    All,
    /// Those of them that are here; none, where nothing is.
    Only(BTreeSet<String>),
}

impl fmt::Display for GroupsOut {
    /// As a sentence about an application ends: it is told of …
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        match self {
            Self::All => f.write_str("every group of a person"),
            Self::Only(listed) if listed.is_empty() => f.write_str("no group"),
            Self::Only(listed) => {
                let shown: Vec<&str> = listed.iter().take(SHOWN).map(String::as_str).collect();
                write!(f, "these groups alone: {}", shown.join(", "))?;
                match listed.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
        }
    }
}

impl GroupsOut {
    /// Whether this one leaves.
    pub fn includes(&self, group: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(listed) => listed.contains(group),
        }
    }
}

/// How values with letters outside ASCII are written. The JWT is ASCII and never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// As they are.
    #[default]
    Utf8,
    /// Each octet outside printable ASCII, and `%`, as `%XX`, in every value.
    Percent,
    /// `UTF-8''…` (RFC 8187) where a value is not ASCII or could be taken for this form; else as it is. A joined value
    /// is joined first.
    Rfc8187,
}

/// What stands between several values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Separator {
    /// This text; inside each value its characters, and `%`, are percent-encoded.
    Between(String),
    /// A JSON list of strings, which has its own way of quoting. Nothing at all where there is no value.
    Json,
}

impl From<&str> for Separator {
    fn from(text: &str) -> Self {
        Self::Between(text.to_owned())
    }
}

impl From<String> for Separator {
    fn from(text: String) -> Self {
        Self::Between(text)
    }
}

/// Which of the values a header carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pick {
    /// All of them, joined.
    #[default]
    All,
    /// The one at this place, as if it were the only one; the first is 0.
    Nth(u8),
    /// Their number, also of those that have no header of their own; nothing where there is none.
    Count,
}

/// One configured header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderSpec {
    /// Its name; the client's header of this name is removed, in every spelling.
    pub name: HeaderName,
    /// What it carries.
    pub source: Source,
    /// Between groups or roles; printable ASCII.
    pub separator: Separator,
    /// Which of several values.
    pub pick: Pick,
    /// How it is written.
    pub encoding: Encoding,
}

impl HeaderSpec {
    /// Joined by `,`, written as UTF-8.
    pub fn new(name: HeaderName, source: Source) -> Self {
        Self { name, source, separator: ",".into(), pick: Pick::All, encoding: Encoding::Utf8 }
    }
}

/// The headers of a site, in order, prepared for the hot path.
#[derive(Debug, Clone)]
pub struct HeaderPlan {
    pub(super) specs: Vec<HeaderSpec>,
    pub(super) budget: usize,
    pub(super) groups: GroupsOut,
    pub(super) reserved: Reserved,
    anonymous: Box<[(HeaderName, HeaderValue)]>,
}

/// Names that carry the message itself, the gate's cookies or facts about the client, that a hop takes for its own, or by
/// which an answer steers a gateway: never identity.
const NOT_FOR_IDENTITY: &[&str] = &[
    "accept",
    "accept-encoding",
    "age",
    "allow",
    "cache-control",
    "clear-site-data",
    "connection",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "location",
    "origin",
    "pragma",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
    "x-vestibule-refusal",
    "x-vestibule-sign-in",
];

/// The same, whole families.
const NO_FAMILY_FOR_IDENTITY: &[&str] =
    &["access-control-", "content-", "if-", "proxy-", "sec-", "x-accel-", "x-envoy-"];

impl HeaderPlan {
    /// 3 KiB: nginx's buffer of 4 KiB less its own and the application's other headers.
    pub const DEFAULT_BUDGET: usize = 3072;

    /// A plan of exactly these headers. `budget` counts names, values and four octets a header for `: ` and CRLF.
    ///
    /// # Errors
    /// A sentence for the owner: a name twice (also in a spelling that an application may fold to the same), a name
    /// that is not for identity, a separator that is empty or not printable ASCII.
    pub fn new(specs: Vec<HeaderSpec>, budget: usize) -> Result<Self, String> {
        for (i, spec) in specs.iter().enumerate() {
            let own = folded(spec.name.as_str());
            if NOT_FOR_IDENTITY.contains(&own.as_str())
                || NO_FAMILY_FOR_IDENTITY.iter().any(|family| own.starts_with(family))
            {
                return Err(format!("`{}` cannot carry an identity", spec.name));
            }
            if let Some(other) = specs[..i].iter().find(|other| folded(other.name.as_str()) == own) {
                return Err(format!(
                    "`{}` and `{}` are one header to many applications",
                    other.name, spec.name
                ));
            }
            if !spec.separator.can_separate() {
                return Err(format!(
                    "the separator of `{}` must be punctuation or spaces, and not `%`",
                    spec.name
                ));
            }
        }
        Ok(Self::prepared(specs, budget))
    }

    /// The default set.
    pub fn default_set() -> Self {
        Self::prepared(Preset::Default.specs(&mut |_, _| None), Self::DEFAULT_BUDGET)
    }

    fn prepared(specs: Vec<HeaderSpec>, budget: usize) -> Self {
        let empty = HeaderValue::from_static("");
        Self {
            reserved: Reserved::of(specs.iter().map(|spec| &spec.name)),
            anonymous: specs.iter().map(|spec| (spec.name.clone(), empty.clone())).collect(),
            specs,
            budget,
            groups: GroupsOut::default(),
        }
    }

    /// The same plan, by which only these groups leave.
    #[must_use]
    pub fn sending(self, groups: GroupsOut) -> Self {
        Self { groups, ..self }
    }

    /// Which groups leave.
    pub const fn groups(&self) -> &GroupsOut {
        &self.groups
    }

    /// The headers, in order.
    pub fn specs(&self) -> &[HeaderSpec] {
        &self.specs
    }

    /// How many octets all headers together may have.
    pub const fn budget(&self) -> usize {
        self.budget
    }

    /// The names, in order: for gateways that must be told what to remove.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.specs.iter().map(|spec| &spec.name)
    }

    /// Every configured header, empty: for a request without a session.
    pub fn anonymous(&self) -> &[(HeaderName, HeaderValue)] {
        &self.anonymous
    }
}

impl Separator {
    fn can_separate(&self) -> bool {
        let Self::Between(text) = self else { return true };
        !text.is_empty()
            && text.bytes().all(|b| matches!(b, b' '..=b'~') && !b.is_ascii_alphanumeric())
            && !text.contains('%')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &'static str, separator: &str) -> HeaderSpec {
        HeaderSpec {
            separator: separator.into(),
            ..HeaderSpec::new(HeaderName::from_static(name), Source::User)
        }
    }

    #[test]
    fn the_default_set_is_the_contracts() {
        let plan = HeaderPlan::default_set();
        let names: Vec<_> = plan.names().map(HeaderName::as_str).collect();
        assert_eq!(
            names,
            [
                "x-forwarded-user",
                "x-forwarded-email",
                "x-forwarded-groups",
                "x-forwarded-preferred-username",
                "x-vestibule-roles",
                "x-vestibule-jwt-assertion",
                "x-vestibule-groups-omitted",
                "x-vestibule-organization",
            ]
        );
    }

    #[test]
    fn which_groups_leave_can_be_said() {
        let only = |groups: &[&str]| GroupsOut::Only(groups.iter().map(|&group| group.to_owned()).collect());
        assert!(GroupsOut::All.includes("x") && !only(&[]).includes("x") && only(&["x"]).includes("x"));
        assert_eq!(GroupsOut::All.to_string(), "every group of a person");
        assert_eq!(only(&[]).to_string(), "no group");
        assert_eq!(only(&["b", "a"]).to_string(), "these groups alone: a, b");
        assert_eq!(
            only(&["a", "b", "c", "d", "e", "f", "g"]).to_string(),
            "these groups alone: a, b, c, d, e and 2 more"
        );
    }

    #[test]
    fn anonymous_is_every_header_and_empty() {
        let plan = HeaderPlan::default_set();
        assert_eq!(plan.anonymous().len(), plan.specs().len());
        for ((name, value), spec) in plan.anonymous().iter().zip(plan.specs()) {
            assert_eq!(name, spec.name);
            assert!(value.is_empty());
        }
    }

    #[test]
    fn doubles_message_headers_and_odd_separators_are_refused() {
        for specs in [
            vec![spec("x-user", ","), spec("x-user", ",")],
            vec![spec("x-user", ","), spec("x_user", ",")],
            vec![spec("host", ",")],
            vec![spec("content_length", ",")],
            vec![spec("content.range", ",")],
            vec![spec("proxy-authorization", ",")],
            vec![spec("proxy_connection", ",")],
            vec![spec("cache-control", ",")],
            vec![spec("x-accel-redirect", ",")],
            vec![spec("x-envoy-auth-headers-to-remove", ",")],
            vec![spec("access-control-allow-origin", ",")],
            vec![spec("x_vestibule_sign_in", ",")],
            vec![spec("x-forwarded-for", ",")],
            vec![spec("cookie", ",")],
            vec![spec("x-user", "")],
            vec![spec("x-user", "%")],
            vec![spec("x-user", "a")],
            vec![spec("x-user", "\r\n")],
            vec![spec("x-user", "·")],
        ] {
            assert!(HeaderPlan::new(specs.clone(), 3072).is_err(), "{specs:?}");
        }
        let fine = vec![
            spec("x-user", ","),
            spec("x-users", ", "),
            spec("remote-user", "|"),
            spec("authorization", ";"),
        ];
        assert!(HeaderPlan::new(fine, 3072).is_ok());
    }
}
