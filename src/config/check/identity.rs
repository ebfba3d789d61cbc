//! How attributes become an identity, and groups roles.

use super::Desk;
use super::parties::Described;
use crate::config::file::{File, Identity, IdentityProvider, TransformStep};
use crate::config::reader::Field;
use crate::config::values::{OneOrMany, Short, Table, Word};
use crate::config::words::{GroupsAbsent, TransformWord};
use crate::identity::{Mapping, Overage, Part, Transform};
use std::collections::BTreeMap;

/// What the configuration says of it, wherever it stands.
pub(super) struct Written<'a> {
    pub(super) identity: &'a Identity,
    pub(super) groups_absent: &'a Field<Word<GroupsAbsent>>,
    pub(super) groups_overage: &'a Field<Word<Overage>>,
    pub(super) group_aliases: &'a Field<Table<Field<String>>>,
    pub(super) roles: &'a Field<Table<Field<OneOrMany<String>>>>,
    pub(super) default_role: &'a Field<String>,
    /// Those who may sign people in.
    pub(super) idps: Vec<&'a IdentityProvider>,
}

impl<'a> Written<'a> {
    /// Of a site in the short form, and of those whom it admits: what others bring is nothing to it.
    pub(super) fn of(file: &'a File, admitted: &[&Described<'a>]) -> Self {
        Self {
            identity: &file.identity,
            groups_absent: &file.groups_absent,
            groups_overage: &file.groups_overage,
            group_aliases: &file.group_aliases,
            roles: &file.roles,
            default_role: &file.default_role,
            idps: admitted.iter().map(|one| one.written).collect(),
        }
    }
}

pub(super) fn mapping(written: &Written<'_>, desk: &mut Desk) -> Mapping {
    let default = Mapping::default();
    let identity = written.identity;
    let mut mapping = Mapping {
        user: candidates(&identity.user, default.user, desk),
        email: candidates(&identity.email, default.email, desk),
        name: candidates(&identity.name, default.name, desk),
        given_name: candidates(&identity.given_name, default.given_name, desk),
        family_name: candidates(&identity.family_name, default.family_name, desk),
        preferred_username: candidates(&identity.preferred_username, default.preferred_username, desk),
        groups: candidates(&identity.groups, default.groups, desk),
        custom: custom(identity, desk),
        transforms: Vec::new(),
        required: Vec::new(),
        carried: Vec::new(),
        groups_absent_is_empty: written.groups_absent.or(Word(GroupsAbsent::Unknown)).0
            == GroupsAbsent::Empty,
        groups_overage: written.groups_overage.or(Word(Overage::default())).0,
        group_aliases: group_aliases(written.group_aliases, desk),
        roles: Vec::new(),
        default_role: written.default_role.get().cloned(),
        default_role_of: Vec::new(),
    };
    mapping.roles = roles(written.roles, &mapping, desk);
    for default_role in
        [written.default_role].into_iter().chain(written.idps.iter().map(|idp| &idp.default_role))
    {
        if default_role.get().is_some_and(|role| sounds_mighty(role)) {
            let message = "everybody who signs in gets this role, and it sounds like one for few";
            desk.warn(default_role.problem(message));
        }
    }
    for idp in &written.idps {
        if let (Some(id), Some(role)) = (idp.id.get(), idp.default_role.get()) {
            mapping.default_role_of.push((id.clone(), role.clone()));
        }
    }
    if mapping.groups_overage == Overage::DefaultRole
        && mapping.default_role.is_none()
        && mapping.default_role_of.is_empty()
    {
        let message = "is default_role, and there is no default_role to give";
        desk.error(written.groups_overage.problem(message));
    }
    mapping.transforms = transforms(identity, &mapping, desk);
    mapping.required = required(identity, &mapping, desk);
    super::never::never(written, &mapping, desk);
    mapping
}

fn candidates(field: &Field<OneOrMany<String>>, default: Vec<String>, desk: &mut Desk) -> Vec<String> {
    if field.get().is_none() { default } else { listed(field, desk) }
}

fn listed(field: &Field<OneOrMany<String>>, desk: &mut Desk) -> Vec<String> {
    let Some(OneOrMany(listed)) = field.get() else { return Vec::new() };
    if listed.is_empty() {
        desk.error(field.problem("is empty: name at least one attribute"));
    }
    listed.iter().filter_map(|item| item.get().cloned()).collect()
}

fn custom(identity: &Identity, desk: &mut Desk) -> Vec<(String, Vec<String>)> {
    let mut own = Vec::new();
    for (name, field) in identity.custom.get().map_or(&[][..], |table| &table.0) {
        let word = !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if !word || Part::named(name) != Part::Custom(name.clone()) {
            let message = "cannot be the name of a part of your own: letters, digits, `-` and `_`, and none of those that \
                           every identity has";
            desk.error(field.problem(message));
        }
        own.push((name.clone(), listed(field, desk)));
    }
    own
}

/// A name that stands for a group cannot stand for another one.
fn group_aliases(field: &Field<Table<Field<String>>>, desk: &mut Desk) -> BTreeMap<String, String> {
    let table = field.get().map_or(&[][..], |table| &table.0);
    let mut aliases = BTreeMap::new();
    for (group, alias) in table {
        let Some(ours) = alias.get() else { continue };
        if table
            .iter()
            .any(|(other, theirs)| other == ours && theirs.get().is_some_and(|theirs| theirs != ours))
        {
            let message =
                format!("`{ours}` is itself a group that has another name here: one of the two must go");
            desk.error(alias.problem(message));
        }
        aliases.insert(group.clone(), ours.clone());
    }
    aliases
}

fn roles(
    field: &Field<Table<Field<OneOrMany<String>>>>,
    mapping: &Mapping,
    desk: &mut Desk,
) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (group, roles) in field.get().map_or(&[][..], |table| &table.0) {
        let Some(OneOrMany(listed)) = roles.get() else { continue };
        if listed.is_empty() {
            desk.error(roles.problem("is empty: name at least one role"));
        }
        let group = mapping.our_name(group);
        rows.extend(listed.iter().filter_map(|role| Some((group.to_owned(), role.get()?.clone()))));
    }
    rows
}

fn sounds_mighty(role: &str) -> bool {
    let role = role.to_lowercase();
    ["admin", "root", "superuser", "owner", "operator"].iter().any(|mighty| role.contains(mighty))
}

fn transforms(identity: &Identity, mapping: &Mapping, desk: &mut Desk) -> Vec<(Part, Vec<Transform>)> {
    let mut transforms = Vec::new();
    for (name, field) in identity.transform.get().map_or(&[][..], |table| &table.0) {
        let part = Part::named(name);
        if mapping.candidates(&part).is_empty() {
            desk.error(field.problem(unknown_part(name, mapping)));
            continue;
        }
        let Some(listed) = field.get() else { continue };
        if listed.is_empty() {
            desk.error(field.problem("is empty: name at least one step, or remove the line"));
        }
        let steps = listed.iter().filter_map(|item| match item.get()? {
            Short::Short(Word(TransformWord::Lower)) => Some(Transform::Lower),
            Short::Short(Word(TransformWord::StripDomain)) => Some(Transform::StripDomain),
            Short::Long(step) => transform_step(step, desk),
        });
        transforms.push((part, steps.collect()));
    }
    transforms
}

fn transform_step(step: &TransformStep, desk: &mut Desk) -> Option<Transform> {
    let written = [step.strip_domain.is_written(), step.prefix.is_written(), step.capture.is_written()];
    if written.iter().filter(|written| **written).count() != 1 {
        if !step.faulty {
            let message = "must be one of lower, strip_domain, {prefix: …} and {capture: …}; several steps are several items";
            desk.error(step.place.problem(message));
        }
        return None;
    }
    if let Some(prefix) = step.prefix.get() {
        return Some(Transform::Prefix(prefix.clone()));
    }
    if let Some(pattern) = step.capture.get() {
        return Transform::capture(pattern).map_err(|message| desk.error(step.capture.problem(message))).ok();
    }
    if step.strip_domain.get() == Some(&false) {
        desk.error(step.strip_domain.problem("is false: leave the step out instead"));
    }
    step.strip_domain.get().map(|_| Transform::StripDomain)
}

fn required(identity: &Identity, mapping: &Mapping, desk: &mut Desk) -> Vec<Part> {
    let mut required = Vec::new();
    for item in identity.required.get().into_iter().flat_map(|OneOrMany(listed)| listed) {
        let Some(name) = item.get() else { continue };
        let part = Part::named(name);
        if mapping.candidates(&part).is_empty() {
            desk.error(item.problem(unknown_part(name, mapping)));
            continue;
        }
        required.push(part);
    }
    required
}

fn unknown_part(name: &str, mapping: &Mapping) -> String {
    let known: Vec<String> = mapping.parts().map(|part| part.to_string()).collect();
    format!("`{name}` is no part of an identity: it can be {}", known.join(", "))
}
