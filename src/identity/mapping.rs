//! How attributes become an identity.

/// How attributes become an identity; built by config.
///
/// Each list names candidates, tried in order; the first that yields a value decides. A candidate is an attribute's
/// name, compared without case and in all spellings of the built-in table (`mail` finds
/// `urn:oid:0.9.2342.19200300.100.1.3` and the claim URIs too); the exact name is preferred, and the friendly name is
/// looked at last. `NameID` is the subject's NameID. `a + b` is two attributes joined by a space, both of which must be
/// there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Who it is; required. A transient NameID is refused here.
    pub user: Vec<String>,
    /// An address; the first value with the form of one. A NameID is one when it has the form and is not transient
    /// or a Kerberos name.
    pub email: Vec<String>,
    /// A name for display.
    pub name: Vec<String>,
    /// A short name for display.
    pub preferred_username: Vec<String>,
    /// The groups: all values of the first candidate that is there.
    pub groups: Vec<String>,
    /// `groups_absent: empty` makes a missing groups attribute mean "no groups". Entra's link still means unknown.
    pub groups_absent_is_empty: bool,
    /// group -> role, exact and case-sensitive, in the configuration's order.
    pub roles: Vec<(String, String)>,
    /// For whoever gets no role from the table.
    pub default_role: Option<String>,
}

impl Default for Mapping {
    /// Knows what the common IdPs send.
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            user: list(&["NameID"]),
            email: list(&["NameID", "mail"]),
            name: list(&["displayName", "givenName + sn", "cn", "name"]),
            preferred_username: list(&[
                "preferred_username",
                "uid",
                "username",
                "sAMAccountName",
                "eppn",
                "upn",
            ]),
            groups: list(&["groups", "memberOf"]),
            groups_absent_is_empty: false,
            roles: Vec::new(),
            default_role: None,
        }
    }
}
