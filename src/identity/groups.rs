//! Groups, and the roles that they give.

use super::said::Said;
use super::spellings::{is_groups_claim, is_groups_link, is_scoped};
use super::{Groups, Mapping, Overage, Part};
use crate::reason::{Reason, Refusal};
use crate::saml::response::Attribute;
use std::collections::HashSet;

/// More groups than any directory gives one person.
pub(super) const MOST_GROUPS: usize = 10_000;
/// All names of groups together, in octets: what one session may cost.
pub(super) const MOST_GROUP_OCTETS: usize = 256 * 1024;

impl Said<'_> {
    /// The groups by our names for them, and the roles.
    ///
    /// # Errors
    /// `groups-overage`, `identity-too-large`.
    pub(super) fn groups_and_roles(
        &self,
        idp: &str,
        mapping: &Mapping,
    ) -> Result<(Groups, Vec<String>), Refusal> {
        let link = self.attributes.iter().any(|a| is_groups_link(&a.name));
        let found = mapping
            .groups
            .iter()
            .map(|candidate| (candidate, self.attributes_named(candidate)))
            .find(|(_, found)| !found.is_empty());
        let default_role = || mapping.default_role_at(idp).map(str::to_owned).into_iter().collect();
        let groups = match found {
            // Beside the link, what the groups claim holds is not the whole.
            Some((candidate, _)) if link && is_groups_claim(candidate) => None,
            Some((candidate, found)) => Some(self.listed(candidate, &found, mapping)?),
            None if link => None,
            None if mapping.groups_absent_is_empty => Some(Vec::new()),
            None => return Ok((Groups::Unknown, default_role())),
        };
        let Some(groups) = groups else {
            return match mapping.groups_overage {
                Overage::Refuse => Err(Refusal::new(
                    Reason::GroupsOverage,
                    "the IdP sent groups.link instead of the groups; `groups_overage` is refuse",
                )),
                Overage::DefaultRole => Ok((Groups::Unknown, default_role())),
                Overage::Unknown => Ok((Groups::Unknown, Vec::new())),
            };
        };
        let mut roles = roles(&groups, mapping);
        if roles.is_empty() {
            roles = default_role();
        }
        Ok((Groups::Known(groups.into()), roles))
    }

    fn listed(
        &self,
        candidate: &str,
        found: &[&Attribute],
        mapping: &Mapping,
    ) -> Result<Vec<String>, Refusal> {
        let reserved = mapping.reserved_groups();
        let mut seen = HashSet::new();
        let mut octets = 0;
        let mut groups = Vec::new();
        for value in found.iter().flat_map(|attribute| &attribute.values) {
            if is_scoped(candidate) && !self.may_speak_for(value) {
                continue;
            }
            let sent = mapping.transformed(&Part::Groups, value);
            let group = match mapping.group_aliases.get(sent.as_ref()) {
                Some(ours) => ours.clone(),
                // Somebody who may make groups at the identity provider could call one as we call another.
                None if reserved.contains(sent.as_ref()) => continue,
                None => sent.into_owned(),
            };
            if group.is_empty() || !seen.insert(group.clone()) {
                continue;
            }
            octets += group.len();
            if groups.len() == MOST_GROUPS || octets > MOST_GROUP_OCTETS {
                return Err(Refusal::new(
                    Reason::IdentityTooLarge,
                    format!("{candidate:?} has more than {MOST_GROUPS} groups or {MOST_GROUP_OCTETS} octets"),
                ));
            }
            groups.push(group);
        }
        Ok(groups)
    }
}

fn roles(groups: &[String], mapping: &Mapping) -> Vec<String> {
    let groups: HashSet<&str> = groups.iter().map(String::as_str).collect();
    let mut roles: Vec<String> = Vec::new();
    for (group, role) in &mapping.roles {
        if groups.contains(group.as_str()) && !roles.contains(role) {
            roles.push(role.clone());
        }
    }
    roles
}
