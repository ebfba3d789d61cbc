//! Who somebody is: made only from an accepted assertion.
//!
//! An [`Identity`] is what a [`Mapping`] reads out of the one assertion that passed every rule of the profile. Its one
//! constructor consumes that assertion. What it can be asked, it can be asked as a [`Person`], which a session is too,
//! so that rules and headers know neither assertions nor stores.
//!
//! A person is (IdP, user): equal names or addresses from two IdPs are two people. An IdP that is bound to e-mail
//! domains speaks for those only, in the address and in a user that looks like one.
//!
//! | what | read from | when it is missing or odd |
//! |---|---|---|
//! | user | first candidate with a value | refused: `user-missing`, `nameid-transient` |
//! | e-mail | first candidate with the form of an address; ASCII letters lowered, the domain in A-labels | left out; refused as `email-invalid` when it was meant as an address (it has an `@`) and is none; refused as `email-domain-foreign` where domains are bound |
//! | name, preferred user name, the owner's own parts | first candidate with a value; a name also of given and family name | left out, also when it holds a control character |
//! | groups | first candidate that is there at all, by our names for them | *unknown*, which denies; empty with `groups_absent: empty`; refused as `groups-overage` where the owner says so |
//! | roles | table over groups, exact and case-sensitive; the default role where no row gives one | none |
//! | what is `required` | | refused: `identity-incomplete` |
//!
//! A control character in user, e-mail or NameID refuses the sign-in. Spaces around values are removed, because a header
//! would lose them on its way and make two people one. Everything else stays byte for byte: no case folding of users, no
//! Unicode normalisation, which would make one person of two.

mod domain;
mod email;
mod from_assertion;
mod groups;
mod held;
mod kept;
mod mapping;
pub(crate) mod octets;
mod preview;
mod reach;
mod said;
mod spellings;
mod transform;

use crate::clock::Moment;
use crate::saml::response::NameId;
use std::sync::Arc;

pub use domain::Domain;
pub use email::normalised as email_address;
pub(crate) use held::AsSent;
pub use mapping::{Mapping, Overage, Part, PartKey};
pub use preview::{Preview, Speakers, preview, read_as};
pub use reach::Reach;
pub use transform::{Pattern, Transform};

/// What is known about somebody's groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// The IdP said which (perhaps none): without doubles, in its order. Those who are read out of one assertion and have
    /// the same ones share the list.
    Known(Arc<[String]>),
    /// The IdP sent no groups attribute, or a link instead (Entra's overage): unknown, which denies.
    Unknown,
}

/// An identity. Made by [`Identity::from_accepted`] and nowhere else (`kept.rs` only reads again what was made so):
///
/// ```compile_fail,E0451
/// fn forge(honest: vestibule::identity::Identity) -> vestibule::identity::Identity {
///     vestibule::identity::Identity { user: "root".into(), ..honest }
/// }
/// ```
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
    /// What `Mapping::carried` names, as far as it is there.
    pub(crate) carried: Vec<(PartKey, String)>,
    pub(crate) as_sent: AsSent,
    pub(crate) forced: bool,
    pub(crate) session_not_on_or_after: Option<Moment>,
    /// Keeps other rooms from writing an identity down; their tests may.
    #[cfg(not(test))]
    _made_from_an_assertion: MadeFromAnAssertion,
}

#[cfg(not(test))]
#[derive(Debug, Clone)]
struct MadeFromAnAssertion;

impl Identity {
    /// What is known of the groups.
    pub const fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The subject's NameID as it was asserted: single logout finds the session by it.
    pub const fn name_id(&self) -> &NameId {
        &self.name_id
    }

    /// The IdP's own name for its session (Core 2.7.2).
    pub fn session_index(&self) -> Option<&str> {
        self.session_index.as_deref()
    }

    /// When the person authenticated at the IdP, by its clock.
    pub const fn authn_instant(&self) -> Moment {
        self.authn_instant
    }

    /// How, as the IdP calls it (AuthnContextClassRef).
    pub fn authn_context_class(&self) -> Option<&str> {
        self.authn_context_class.as_deref()
    }

    /// The same person with these roles instead: what was written for them, or what they were given at first.
    pub(crate) fn with_roles(self, roles: Vec<String>) -> Self {
        Self { roles, ..self }
    }

    /// When the IdP wants the session to have ended.
    pub const fn session_not_on_or_after(&self) -> Option<Moment> {
        self.session_not_on_or_after
    }
}

/// What rules and headers may ask about somebody, without allocation: implemented by Identity and by Session.
pub trait Person {
    /// The user, by the IdP's name; unique together with [`Person::idp`] only.
    fn user(&self) -> &str;
    /// An e-mail address, ASCII letters in lower case.
    fn email(&self) -> Option<&str>;
    /// A name for display.
    fn name(&self) -> Option<&str>;
    /// A short name, for display too.
    fn preferred_username(&self) -> Option<&str>;
    /// The `id` of the identity provider.
    fn idp(&self) -> &str;
    /// Exact, case-sensitive. None: unknown, whichever group is asked for.
    fn in_group(&self, group: &str) -> Option<bool>;
    /// Exact, case-sensitive. None: unknown (roles come from groups; a held role is known even when groups are
    /// unknown, e.g. the default role).
    fn has_role(&self, role: &str) -> Option<bool>;
    /// Groups in the IdP's order; nothing when unknown.
    fn each_group(&self, f: &mut dyn FnMut(&str));
    /// Roles in the configuration's order.
    fn each_role(&self, f: &mut dyn FnMut(&str));
    /// What this part of those in `Mapping::carried` says.
    fn carried(&self, _part: PartKey) -> Option<&str> {
        None
    }
    /// How somebody signed in at the identity provider; by default in no way that a rule could want.
    fn authentication(&self) -> Authentication<'_> {
        Authentication::default()
    }
}

/// How somebody signed in at the identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Authentication<'a> {
    /// When, by its clock; none: nobody knows.
    pub instant: Option<Moment>,
    /// By which means (AuthnContextClassRef, Core 2.7.2.2).
    pub class: Option<&'a str>,
    /// Whether it was told to let them do it anew (ForceAuthn, Core 3.4.1), and its answer was held to that.
    pub forced: bool,
}

impl Person for Identity {
    fn user(&self) -> &str {
        &self.user
    }
    fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
    fn preferred_username(&self) -> Option<&str> {
        self.preferred_username.as_deref()
    }
    fn idp(&self) -> &str {
        &self.idp
    }
    fn in_group(&self, group: &str) -> Option<bool> {
        match &self.groups {
            Groups::Known(groups) => Some(groups.iter().any(|own| own == group)),
            Groups::Unknown => None,
        }
    }
    fn has_role(&self, role: &str) -> Option<bool> {
        if self.roles.iter().any(|own| own == role) {
            return Some(true);
        }
        match self.groups {
            Groups::Known(_) => Some(false),
            Groups::Unknown => None,
        }
    }
    fn each_group(&self, f: &mut dyn FnMut(&str)) {
        if let Groups::Known(groups) = &self.groups {
            groups.iter().for_each(|group| f(group));
        }
    }
    fn each_role(&self, f: &mut dyn FnMut(&str)) {
        self.roles.iter().for_each(|role| f(role));
    }
    fn carried(&self, part: PartKey) -> Option<&str> {
        self.carried.iter().find(|(own, _)| *own == part).map(|(_, text)| text.as_str())
    }
    fn authentication(&self) -> Authentication<'_> {
        let class = self.authn_context_class.as_deref();
        Authentication { instant: Some(self.authn_instant), class, forced: self.forced }
    }
}

/// Somebody for the unit tests of this and other rooms.
#[cfg(test)]
pub(crate) mod tests_support {
    use super::{Authentication, Person};
    use crate::clock::Moment;

    /// A person made of nothing.
    #[derive(Debug, Clone)]
    pub(crate) struct FakePerson {
        pub(crate) user: String,
        pub(crate) email: Option<String>,
        pub(crate) name: Option<String>,
        pub(crate) preferred_username: Option<String>,
        pub(crate) idp: String,
        pub(crate) groups: Option<Vec<String>>,
        pub(crate) roles: Vec<String>,
        /// When, by which means, and whether anew.
        pub(crate) signed_in: (Option<Moment>, Option<&'static str>, bool),
    }

    impl FakePerson {
        /// Ada, ops and staff, an admin.
        pub(crate) fn ada() -> Self {
            Self {
                user: "ada".into(),
                email: Some("ada@example.com".into()),
                name: Some("Ada Lovelace".into()),
                preferred_username: Some("al".into()),
                idp: "corp".into(),
                groups: Some(vec!["staff".into(), "ops".into()]),
                roles: vec!["admin".into()],
                signed_in: (None, None, false),
            }
        }
    }

    impl Person for FakePerson {
        fn user(&self) -> &str {
            &self.user
        }
        fn email(&self) -> Option<&str> {
            self.email.as_deref()
        }
        fn name(&self) -> Option<&str> {
            self.name.as_deref()
        }
        fn preferred_username(&self) -> Option<&str> {
            self.preferred_username.as_deref()
        }
        fn idp(&self) -> &str {
            &self.idp
        }
        fn in_group(&self, group: &str) -> Option<bool> {
            self.groups.as_ref().map(|groups| groups.iter().any(|own| own == group))
        }
        fn has_role(&self, role: &str) -> Option<bool> {
            if self.roles.iter().any(|own| own == role) {
                Some(true)
            } else {
                self.groups.as_ref().map(|_| false)
            }
        }
        fn each_group(&self, f: &mut dyn FnMut(&str)) {
            self.groups.iter().flatten().for_each(|group| f(group));
        }
        fn each_role(&self, f: &mut dyn FnMut(&str)) {
            self.roles.iter().for_each(|role| f(role));
        }
        fn authentication(&self) -> Authentication<'_> {
            let (instant, class, forced) = self.signed_in;
            Authentication { instant, class, forced }
        }
    }
}
