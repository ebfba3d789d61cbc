//! Which headers a site sends.

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

/// One configured header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderSpec {
    /// Its name; the client's header of this name is removed, in every spelling.
    pub name: HeaderName,
    /// What it carries.
    pub source: Source,
    /// Between groups or roles; printable ASCII.
    pub separator: String,
    /// How it is written.
    pub encoding: Encoding,
}

impl HeaderSpec {
    /// Joined by `,`, written as UTF-8.
    pub fn new(name: HeaderName, source: Source) -> Self {
        Self { name, source, separator: ",".to_owned(), encoding: Encoding::Utf8 }
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

/// The default set of product.md.
const DEFAULT: &[(&str, Source)] = &[
    ("x-forwarded-user", Source::User),
    ("x-forwarded-email", Source::Email),
    ("x-forwarded-groups", Source::Groups),
    ("x-forwarded-preferred-username", Source::PreferredUsername),
    ("x-vestibule-roles", Source::Roles),
    ("x-vestibule-jwt-assertion", Source::Jwt),
    ("x-vestibule-groups-omitted", Source::GroupsOmitted),
    ("x-vestibule-organization", Source::Organization),
];

/// What oauth2-proxy answers gateways with.
const OAUTH2_PROXY: &[(&str, Source)] = &[
    ("x-auth-request-user", Source::User),
    ("x-auth-request-email", Source::Email),
    ("x-auth-request-groups", Source::Groups),
    ("x-auth-request-preferred-username", Source::PreferredUsername),
];

/// Names that carry the message itself, the gate's cookies or facts about the client: never identity.
const NOT_FOR_IDENTITY: &[&str] = &[
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "location",
    "origin",
    "proxy-connection",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
];

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
            if NOT_FOR_IDENTITY.contains(&own.as_str()) {
                return Err(format!("`{}` cannot carry an identity", spec.name));
            }
            if let Some(other) = specs[..i].iter().find(|other| folded(other.name.as_str()) == own) {
                return Err(format!(
                    "`{}` and `{}` are one header to many applications",
                    other.name, spec.name
                ));
            }
            if spec.separator.is_empty()
                || !spec.separator.bytes().all(|b| matches!(b, b' '..=b'~') && !b.is_ascii_alphanumeric())
                || spec.separator.contains('%')
            {
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
        Self::prepared(specs_of(DEFAULT), Self::DEFAULT_BUDGET)
    }

    /// The default set, and what oauth2-proxy calls the same.
    pub fn oauth2_proxy_preset() -> Self {
        let mut specs = specs_of(DEFAULT);
        specs.extend(specs_of(OAUTH2_PROXY));
        Self::prepared(specs, Self::DEFAULT_BUDGET)
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

fn specs_of(table: &[(&'static str, Source)]) -> Vec<HeaderSpec> {
    table.iter().map(|&(name, source)| HeaderSpec::new(HeaderName::from_static(name), source)).collect()
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
        let both: Vec<_> = HeaderPlan::oauth2_proxy_preset().names().map(HeaderName::to_string).collect();
        assert_eq!(both[..8], names);
        assert_eq!(
            both[8..],
            [
                "x-auth-request-user",
                "x-auth-request-email",
                "x-auth-request-groups",
                "x-auth-request-preferred-username",
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
        let plan = HeaderPlan::oauth2_proxy_preset();
        assert_eq!(plan.anonymous().len(), plan.specs().len());
        for ((name, value), spec) in plan.anonymous().iter().zip(plan.specs()) {
            assert_eq!(name, spec.name);
            assert!(value.is_empty());
        }
    }

    #[test]
    fn every_preset_would_pass_as_a_configuration() {
        for plan in [HeaderPlan::default_set(), HeaderPlan::oauth2_proxy_preset()] {
            assert!(HeaderPlan::new(plan.specs().to_vec(), plan.budget()).is_ok());
        }
    }

    #[test]
    fn doubles_message_headers_and_odd_separators_are_refused() {
        for specs in [
            vec![spec("x-user", ","), spec("x-user", ",")],
            vec![spec("x-user", ","), spec("x_user", ",")],
            vec![spec("host", ",")],
            vec![spec("content_length", ",")],
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
