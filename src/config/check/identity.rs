//! How attributes become an identity, and groups roles.

use super::Desk;
use crate::config::file::{File, Identity};
use crate::config::reader::Field;
use crate::config::values::{OneOrMany, Word};
use crate::config::words::GroupsAbsent;
use crate::identity::Mapping;

pub(super) fn mapping(file: &File, desk: &mut Desk) -> Mapping {
    let default = Mapping::default();
    let Identity { user, email, name, preferred_username, groups, .. } = &file.identity;
    let mapping = Mapping {
        user: candidates(user, default.user, desk),
        email: candidates(email, default.email, desk),
        name: candidates(name, default.name, desk),
        preferred_username: candidates(preferred_username, default.preferred_username, desk),
        groups: candidates(groups, default.groups, desk),
        groups_absent_is_empty: file.groups_absent.or(Word(GroupsAbsent::Unknown)).0 == GroupsAbsent::Empty,
        roles: roles(file, desk),
        default_role: file.default_role.get().cloned(),
    };
    if mapping.default_role.as_deref().is_some_and(sounds_mighty) {
        let message = "everybody who signs in gets this role, and it sounds like one for few";
        desk.warn(file.default_role.problem(message));
    }
    mapping
}

fn candidates(field: &Field<OneOrMany<String>>, default: Vec<String>, desk: &mut Desk) -> Vec<String> {
    match field.get() {
        None => default,
        Some(OneOrMany(listed)) => {
            if listed.is_empty() {
                desk.error(field.problem("is empty: name at least one attribute"));
            }
            listed.iter().filter_map(|item| item.get().cloned()).collect()
        }
    }
}

fn roles(file: &File, desk: &mut Desk) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (group, roles) in file.roles.get().map_or(&[][..], |table| &table.0) {
        let Some(OneOrMany(listed)) = roles.get() else { continue };
        if listed.is_empty() {
            desk.error(roles.problem("is empty: name at least one role"));
        }
        rows.extend(listed.iter().filter_map(|role| Some((group.clone(), role.get()?.clone()))));
    }
    rows
}

fn sounds_mighty(role: &str) -> bool {
    let role = role.to_lowercase();
    ["admin", "root", "superuser", "owner", "operator"].iter().any(|mighty| role.contains(mighty))
}
