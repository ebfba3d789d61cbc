//! How attributes become an identity.

use super::transform::Transform;
use aws_lc_rs::digest::{SHA256, digest};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

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
    /// A name for display; built from given and family name where no candidate has a value.
    pub name: Vec<String>,
    /// The given name.
    pub given_name: Vec<String>,
    /// The family name.
    pub family_name: Vec<String>,
    /// A short name for display.
    pub preferred_username: Vec<String>,
    /// The groups: all values of the first candidate that is there.
    pub groups: Vec<String>,
    /// Whatever else the owner names, by the name that headers say.
    pub custom: Vec<(String, Vec<String>)>,
    /// What is done to the values of a part, in order.
    pub transforms: Vec<(Part, Vec<Transform>)>,
    /// What must be there at the end.
    pub required: Vec<Part>,
    /// Given names, family names and parts of the owner's own that a header carries: a session keeps no others.
    pub carried: Vec<Part>,
    /// `groups_absent: empty` makes a missing groups attribute mean "no groups". Entra's link still means unknown.
    pub groups_absent_is_empty: bool,
    /// What Entra's link instead of groups comes to.
    pub groups_overage: Overage,
    /// The identity provider's name for a group -> ours. A group that arrives under one of our names and is not in this
    /// table is left out: it is not the one that the table means.
    pub group_aliases: BTreeMap<String, String>,
    /// group -> role, exact and case-sensitive, in the configuration's order; groups by our names for them.
    pub roles: Vec<(String, String)>,
    /// For whoever gets no role from the table.
    pub default_role: Option<String>,
    /// The same by the `id` of an identity provider, whose people get it instead.
    pub default_role_of: Vec<(String, String)>,
}

/// `groups_overage`: what comes of somebody whose groups are too many for Entra to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overage {
    /// Groups and roles are unknown, the default role too: rules that ask for them deny, under `not` too.
    #[default]
    Unknown,
    /// The sign-in is refused.
    Refuse,
    /// The default role is held; groups and other roles are unknown.
    DefaultRole,
}

/// One part of an identity, as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// `user`.
    User,
    /// `email`.
    Email,
    /// `name`.
    Name,
    /// `given_name`.
    GivenName,
    /// `family_name`.
    FamilyName,
    /// `preferred_username`.
    PreferredUsername,
    /// `groups`.
    Groups,
    /// One of the owner's own.
    Custom(String),
}

/// What a session knows a part by that it carries for headers: the beginning of SHA-256 of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartKey(pub u32);

impl Part {
    /// Those that every identity has, by their keys.
    pub const BUILT_IN: [(&'static str, Self); 7] = [
        ("user", Self::User),
        ("email", Self::Email),
        ("name", Self::Name),
        ("given_name", Self::GivenName),
        ("family_name", Self::FamilyName),
        ("preferred_username", Self::PreferredUsername),
        ("groups", Self::Groups),
    ];

    /// What sessions know it by. Made of its name, so that it means the same part after the configuration has changed.
    pub fn key(&self) -> PartKey {
        let hash = digest(&SHA256, self.to_string().as_bytes());
        PartKey(hash.as_ref().iter().take(4).fold(0, |sum, octet| sum << 8 | u32::from(*octet)))
    }

    /// By its key; `custom.x` and, where no built-in part has the name, `x` are the owner's own.
    pub fn named(key: &str) -> Self {
        let built_in = Self::BUILT_IN.into_iter().find(|(name, _)| *name == key).map(|(_, part)| part);
        built_in.unwrap_or_else(|| Self::Custom(key.strip_prefix("custom.").unwrap_or(key).to_owned()))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom(name) => write!(f, "custom.{name}"),
            part => {
                let named = Self::BUILT_IN.iter().find(|(_, built_in)| built_in == part);
                f.write_str(named.map_or("", |(name, _)| name))
            }
        }
    }
}

impl Mapping {
    /// Where a part is looked for.
    pub fn candidates(&self, part: &Part) -> &[String] {
        match part {
            Part::User => &self.user,
            Part::Email => &self.email,
            Part::Name => &self.name,
            Part::GivenName => &self.given_name,
            Part::FamilyName => &self.family_name,
            Part::PreferredUsername => &self.preferred_username,
            Part::Groups => &self.groups,
            Part::Custom(name) => {
                self.custom.iter().find(|(own, _)| own == name).map_or(&[], |(_, candidates)| candidates)
            }
        }
    }

    /// Every part that has candidates.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        let own = self.custom.iter().map(|(name, _)| Part::Custom(name.clone()));
        Part::BUILT_IN.into_iter().map(|(_, part)| part).chain(own)
    }

    /// A value of a part after its transforms.
    pub fn transformed<'v>(&self, part: &Part, value: &'v str) -> Cow<'v, str> {
        let steps = self.transforms.iter().filter(|(own, _)| own == part).flat_map(|(_, steps)| steps);
        steps.fold(Cow::Borrowed(value), |value, step| {
            if value.is_empty() { value } else { Cow::Owned(step.apply(&value)) }
        })
    }

    /// The names that `group_aliases` gives and that no identity provider may use for a group of its own.
    pub(super) fn reserved_groups(&self) -> HashSet<&str> {
        self.group_aliases.values().map(String::as_str).collect()
    }

    /// Our name for a group that a rule, a role or a header names by either name.
    pub fn our_name<'g>(&'g self, group: &'g str) -> &'g str {
        self.group_aliases.get(group).map_or(group, String::as_str)
    }

    /// Of a sign-on host: roles are what its sites give, each its own.
    pub fn give_no_roles(&mut self) {
        self.roles.clear();
        self.default_role = None;
        self.default_role_of.clear();
    }

    /// The role of somebody of this identity provider who gets none from the table.
    pub fn default_role_at(&self, idp: &str) -> Option<&str> {
        let own = self.default_role_of.iter().find(|(id, _)| id == idp).map(|(_, role)| role);
        own.or(self.default_role.as_ref()).map(String::as_str)
    }
}

impl Default for Mapping {
    /// Knows what the common IdPs send.
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            user: list(&["NameID"]),
            email: list(&["NameID", "mail"]),
            name: list(&["displayName", "givenName + sn", "cn", "name"]),
            given_name: list(&["givenName"]),
            family_name: list(&["sn"]),
            preferred_username: list(&[
                "preferred_username",
                "uid",
                "username",
                "sAMAccountName",
                "eppn",
                "upn",
            ]),
            groups: list(&["groups", "memberOf"]),
            custom: Vec::new(),
            transforms: Vec::new(),
            required: Vec::new(),
            carried: Vec::new(),
            groups_absent_is_empty: false,
            groups_overage: Overage::default(),
            group_aliases: BTreeMap::new(),
            roles: Vec::new(),
            default_role: None,
            default_role_of: Vec::new(),
        }
    }
}
