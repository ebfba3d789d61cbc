//! May this request pass? The one engine behind the proxy, every gateway dialect and upgrades (SKELETON).

use crate::identity::Person;
use crate::reason::Refusal;
use std::net::IpAddr;

/// A path that can be read in one way only: percent-decoded where unreserved, dot segments resolved, `//` collapsed.
/// Refuses encoded slash/backslash (unless allowed), backslash, NUL, double encoding, `..;`, invalid UTF-8, controls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath(String);
impl RequestPath {
    /// From the raw path of the request target (no query).
    pub fn parse(_raw: &str, _allow_encoded_slash: bool) -> Result<Self, Refusal> {
        todo!()
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is asked of the rules.
pub struct Question<'a> {
    pub method: &'a http::Method,
    pub path: &'a RequestPath,
    pub client: IpAddr,
}

/// `access:` of one rule.
#[derive(Debug, Clone)]
pub enum Access {
    Public,
    Optional,
    Authenticated,
    Deny,
    When(Term),
}

/// any / all / not over facts about the person.
#[derive(Debug, Clone)]
pub enum Term {
    Any(Vec<Term>),
    All(Vec<Term>),
    Not(Box<Term>),
    Role(String),
    Group(String),
    Email(String),
    EmailDomain(String),
    Idp(String),
}

/// One rule: empty selector lists select everything.
#[derive(Debug, Clone)]
pub struct Rule {
    pub paths: Vec<PathPattern>,
    pub methods: Vec<http::Method>,
    pub networks: Vec<ipnet::IpNet>,
    pub access: Access,
}

/// Only a final `*` is special: `/x/*` is a prefix and includes `/x`.
#[derive(Debug, Clone)]
pub struct PathPattern {}
impl PathPattern {
    pub fn parse(_text: &str) -> Result<Self, String> {
        todo!()
    }
    pub fn matches(&self, _p: &RequestPath) -> bool {
        todo!()
    }
}

/// The rules of a site.
#[derive(Debug, Clone)]
pub struct Rules {
    pub rules: Vec<Rule>,
    pub default: Access,
}

/// Proof that a request was judged and may pass. Only `Rules::judge` makes one. What was decided about identity:
#[derive(Debug)]
pub struct Permit {
    identified: bool,
}
impl Permit {
    /// Whether the session's identity may be forwarded (false: public, or optional without a session).
    pub const fn identified(&self) -> bool {
        self.identified
    }
}

/// The judgement. Exhaustively matched by both faces.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    Allow(Permit),
    NeedsSession,
    Forbidden(Refusal),
}

impl Rules {
    /// First rule that selects decides; `person` is a live session's or none. A public rule with a session: Allow, identified.
    pub fn judge<P: Person>(&self, _question: &Question<'_>, _person: Option<&P>) -> Verdict {
        todo!()
    }
}
