//! Which headers the application gets.

use super::Desk;
use crate::config::file::{File, Header, Headers};
use crate::config::reader::Field;
use crate::config::values::{OneOrMany, Short, Word, Words, nearest_word};
use crate::config::words::{Carried, GroupsSent};
use crate::headers::{Encoding, GroupsOut, HeaderPlan, HeaderSpec, Separator, Source, lay_over};
use crate::identity::{Mapping, Part};
use http::HeaderName;
use std::collections::BTreeSet;

/// The most headers that one list of values can have: applications count to a handful, and each takes room when it is
/// empty too.
const MOST_NUMBERED: u32 = 50;

/// The plan: the default set, the presets, then the owner's own. A later header with the very name of an earlier one takes
/// its place. What a header carries beside the ordinary parts of an identity is told to the mapping.
pub(super) fn plan(file: &Headers, mapping: &mut Mapping, desk: &mut Desk) -> Option<HeaderPlan> {
    // Below 256 octets a JWT cannot fit; nginx gives all headers of an answer 4 KiB by default, others 64 KiB at most.
    let budget = desk.size(&file.budget, HeaderPlan::DEFAULT_BUDGET as u64, 256, 64 << 10);
    let budget = usize::try_from(budget).unwrap_or(HeaderPlan::DEFAULT_BUDGET);
    let mut specs = HeaderPlan::default_set().specs().to_vec();
    for item in file.preset.get().into_iter().flat_map(|OneOrMany(listed)| listed) {
        let Some(Word(preset)) = item.get() else { continue };
        lay_over(
            &mut specs,
            preset.specs(&mut |part, attribute| carry(item, part, attribute, mapping, desk)),
        );
    }
    let mut custom: Vec<HeaderName> = Vec::new();
    for header in file.custom.get().map_or(&[][..], Vec::as_slice) {
        let Some(spec) = spec(header, mapping, desk) else { continue };
        for spec in spec.and_numbered(numbered(header, desk)) {
            if custom.contains(&spec.name) {
                desk.error(header.name.problem(format!("{} is set twice", spec.name)));
                continue;
            }
            let name = spec.name.clone();
            custom.push(name.clone());
            lay_over(&mut specs, [spec]);
            // The plan knows which names are one to an application; asked after each, the problem stands at the culprit.
            if let Err(message) = HeaderPlan::new(specs.clone(), budget) {
                desk.error(header.name.problem(message));
                specs.retain(|spec| spec.name != name);
            }
        }
    }
    let empty: usize = specs.iter().map(|spec| spec.name.as_str().len() + ": \r\n".len()).sum();
    if empty > budget / 2 {
        let message = format!(
            "the names of {} headers take {empty} octets of {budget} when all are empty: groups will often be left out",
            specs.len()
        );
        desk.warn(
            file.place.problem(message).hint("fewer presets or numbered headers, or a larger headers.budget"),
        );
    }
    let plan = HeaderPlan::new(specs, budget).map_err(|message| desk.error(file.place.problem(message))).ok();
    Some(plan?.sending(groups(file, mapping, desk)))
}

/// That a site maps groups to roles and lets all the others leave too is worth a word: the application is told of groups
/// that nobody chose. It may be meant, and who means it says so.
pub(super) fn all_leave(file: &File, desk: &mut Desk) {
    let maps = file.roles.get().is_some_and(|table| !table.0.is_empty());
    if maps && file.headers.groups.is_absent() && !file.headers.faulty {
        let message =
            "gives roles to some groups, and every other group of a person is told to the application too";
        let hint = "write headers.groups: mapped (these groups), none (the roles alone), a list, or all if that is meant";
        desk.warn(file.roles.problem(message).hint(hint));
    }
}

/// What carries a part that a preset sends: the owner's own of this name, or the attribute that everybody knows it by.
fn carry<T>(
    item: &Field<T>,
    part: &str,
    attribute: &str,
    mapping: &mut Mapping,
    desk: &mut Desk,
) -> Option<Source> {
    let named = Part::named(part);
    if let (Part::Custom(name), true) = (&named, mapping.candidates(&named).is_empty()) {
        mapping.custom.push((name.clone(), vec![attribute.to_owned()]));
    }
    to_carry(named, mapping)
        .map_err(|message| desk.error(item.problem(format!("sends `{part}`, which {message}"))))
        .ok()
}

/// A part among those that headers carry. The error goes on after the part's name.
fn to_carry(named: Part, mapping: &mut Mapping) -> Result<Source, String> {
    let key = named.key();
    match mapping.carried.iter().find(|own| own.key() == key) {
        Some(own) if *own != named => {
            return Err(format!("cannot be told from `{own}`: give one of the two another name"));
        }
        Some(_) => {}
        None if mapping.carried.len() > usize::from(u8::MAX) => {
            return Err("is one part too many: 256 can be sent".to_owned());
        }
        None => mapping.carried.push(named),
    }
    Ok(Source::Carried(key))
}

/// How many headers there are for single values.
fn numbered(header: &Header, desk: &mut Desk) -> u8 {
    let Some(count) = header.numbered.get() else { return 0 };
    let is_jwt = matches!(header.value.get(), Some(Carried::Known(Source::Jwt | Source::GroupsOmitted)));
    if *count == 0 || *count > MOST_NUMBERED {
        desk.error(header.numbered.problem(format!("must be at least 1 and at most {MOST_NUMBERED}")));
        return 0;
    }
    if is_jwt {
        desk.error(header.numbered.problem("counts values, and this header never has several"));
        return 0;
    }
    u8::try_from(*count).unwrap_or_default()
}

/// Which groups leave.
fn groups(file: &Headers, mapping: &Mapping, desk: &mut Desk) -> GroupsOut {
    match file.groups.get() {
        None | Some(Short::Short(Word(GroupsSent::All))) => GroupsOut::All,
        Some(Short::Short(Word(GroupsSent::Mapped))) => {
            if mapping.roles.is_empty() {
                let message = "is mapped, and `roles` maps no group: no group would ever be sent";
                desk.warn(file.groups.problem(message));
            }
            GroupsOut::Only(mapping.roles.iter().map(|(group, _)| group.clone()).collect())
        }
        Some(Short::Short(Word(GroupsSent::None))) => GroupsOut::Only(BTreeSet::new()),
        Some(Short::Long(listed)) => {
            if listed.get().is_some_and(Vec::is_empty) {
                desk.error(listed.problem("is empty: write none if no group is to leave"));
            }
            let listed = listed.get().into_iter().flatten().filter_map(Field::get);
            GroupsOut::Only(listed.map(|group| mapping.our_name(group).to_owned()).collect())
        }
    }
}

/// A part among those that headers carry.
fn carried(header: &Header, part: &str, mapping: &mut Mapping, desk: &mut Desk) -> Option<Source> {
    let named = Part::named(part);
    if mapping.candidates(&named).is_empty() {
        let message = format!("cannot be `{part}`: identity.custom has no such name");
        desk.error(header.value.problem(message).hint(known_parts(part, mapping)));
        return None;
    }
    to_carry(named, mapping).map_err(|message| desk.error(header.value.problem(message))).ok()
}

/// What somebody who wrote a part that is not there may have meant, and which there are.
fn known_parts(written: &str, mapping: &Mapping) -> String {
    let bare = written.strip_prefix("custom.").unwrap_or(written);
    let own: Vec<&str> = mapping.custom.iter().map(|(name, _)| name.as_str()).collect();
    let there = match own[..] {
        [] => format!("identity.custom has none yet: write `identity: {{custom: {{{bare}: ATTRIBUTE}}}}`"),
        _ => format!("there is custom.{}", own.join(", custom.")),
    };
    let meant = nearest_word(bare, own.iter().copied()).map(|name| format!("custom.{name}"));
    let built_in =
        || nearest_word(bare, <Source as Words>::WORDS.iter().map(|(word, _)| *word)).map(str::to_owned);
    match meant.or_else(built_in) {
        Some(meant) => format!("did you mean `{meant}`? {there}"),
        None => there,
    }
}

fn spec(header: &Header, mapping: &mut Mapping, desk: &mut Desk) -> Option<HeaderSpec> {
    let name = header.name.required(&mut desk.report).and_then(|name| {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        parsed.map_err(|_| desk.error(header.name.problem(format!("is not a header's name: `{name}`")))).ok()
    });
    let source = match header.value.required(&mut desk.report) {
        Some(Carried::Known(source)) => Some(*source),
        Some(Carried::Part(part)) => carried(header, part, mapping, desk),
        None => None,
    };
    let separator = separator(header, desk);
    let encoding = header.encoding.or(Word(Encoding::default())).0;
    Some(HeaderSpec { separator: separator?, encoding, ..HeaderSpec::new(name?, source?) })
}

/// Judged by a plan of its own, so that the problem stands at the separator and not at the name.
fn separator(header: &Header, desk: &mut Desk) -> Option<Separator> {
    let separator = match header.separator.get().map(String::as_str) {
        Some("json") => Separator::Json,
        Some(text) => text.into(),
        None => ",".into(),
    };
    let sample = HeaderSpec {
        separator: separator.clone(),
        ..HeaderSpec::new(HeaderName::from_static("x-sample"), Source::Groups)
    };
    if HeaderPlan::new(vec![sample], HeaderPlan::DEFAULT_BUDGET).is_err() {
        let message = "must be json, or punctuation or spaces, such as `,` or `|`, and not `%`";
        desk.error(header.separator.problem(message));
        return None;
    }
    Some(separator)
}
