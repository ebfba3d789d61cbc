//! Who somebody is: made only from an accepted assertion (SKELETON).

use crate::clock::Moment;
use crate::reason::Refusal;
use crate::saml::response::{AcceptedAssertion, NameId};

/// What is known about somebody's groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// The IdP said which (perhaps none).
    Known(Vec<String>),
    /// The IdP sent no groups attribute, or a link instead (Entra's overage): unknown, which denies.
    Unknown,
}

/// An identity. Private fields with accessors in the real thing; one constructor: `from_accepted`.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(crate) idp: String,
    pub(crate) user: String,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) preferred_username: Option<String>,
    pub(crate) groups: Groups,
    pub(crate) roles: Vec<String>,
    pub(crate) name_id: NameId,
    pub(crate) session_index: Option<String>,
    pub(crate) authn_instant: Moment,
    pub(crate) authn_context_class: Option<String>,
    pub(crate) session_not_on_or_after: Option<Moment>,
}

/// How attributes become an identity; built by config. Candidates are attribute names tried in order,
/// case-insensitively; the built-in table knows OID/URI/friendly spellings; `NameID` is a candidate word.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub user: Vec<String>,
    pub email: Vec<String>,
    pub name: Vec<String>,
    pub preferred_username: Vec<String>,
    pub groups: Vec<String>,
    /// `groups_absent: empty` makes a missing groups attribute mean "no groups".
    pub groups_absent_is_empty: bool,
    /// group -> role, exact and case-sensitive, in the configuration's order.
    pub roles: Vec<(String, String)>,
    pub default_role: Option<String>,
}

impl Default for Mapping {
    fn default() -> Self {
        todo!()
    }
}

impl Identity {
    /// Consumes the assertion. `idp` is the configured id; `email_domains`: None = may speak for any.
    pub fn from_accepted(
        _assertion: AcceptedAssertion,
        _idp: &str,
        _email_domains: Option<&[String]>,
        _mapping: &Mapping,
    ) -> Result<Self, Refusal> {
        todo!()
    }
}

/// What rules and headers may ask about somebody, without allocation: implemented by Identity and by Session.
pub trait Person {
    fn user(&self) -> &str;
    fn email(&self) -> Option<&str>;
    fn name(&self) -> Option<&str>;
    fn preferred_username(&self) -> Option<&str>;
    fn idp(&self) -> &str;
    /// None: unknown.
    fn in_group(&self, group: &str) -> Option<bool>;
    /// None: unknown (roles come from groups; a held role is known even when groups are unknown, e.g. the default role).
    fn has_role(&self, role: &str) -> Option<bool>;
    /// Groups in the IdP's order; nothing when unknown.
    fn each_group(&self, f: &mut dyn FnMut(&str));
    fn each_role(&self, f: &mut dyn FnMut(&str));
}
