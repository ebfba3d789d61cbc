//! Which headers the application gets.

use super::Desk;
use crate::config::file::{Header, Headers};
use crate::config::values::Word;
use crate::config::words::Preset;
use crate::headers::{Encoding, HeaderPlan, HeaderSpec};
use http::HeaderName;

/// The plan: the preset, then the owner's own. A custom header with the very name of a preset's takes its place.
pub(super) fn plan(file: &Headers, desk: &mut Desk) -> Option<HeaderPlan> {
    // Below 256 octets a JWT cannot fit; nginx gives all headers of an answer 4 KiB by default, others 64 KiB at most.
    let budget = desk.size(&file.budget, HeaderPlan::DEFAULT_BUDGET as u64, 256, 64 << 10);
    let budget = usize::try_from(budget).unwrap_or(HeaderPlan::DEFAULT_BUDGET);
    let preset = match file.preset.or(Word(Preset::Default)).0 {
        Preset::Default => HeaderPlan::default_set(),
        Preset::OAuth2Proxy => HeaderPlan::oauth2_proxy_preset(),
    };
    let mut specs = preset.specs().to_vec();
    let mut custom: Vec<HeaderName> = Vec::new();
    for header in file.custom.get().map_or(&[][..], Vec::as_slice) {
        let Some(spec) = spec(header, desk) else { continue };
        if custom.contains(&spec.name) {
            desk.error(header.name.problem(format!("{} is set twice", spec.name)));
            continue;
        }
        custom.push(spec.name.clone());
        match specs.iter_mut().find(|preset| preset.name == spec.name) {
            Some(preset) => *preset = spec,
            None => specs.push(spec),
        }
        // The plan knows which names are one to an application; asked after each, the problem stands at the culprit.
        if let Err(message) = HeaderPlan::new(specs.clone(), budget) {
            desk.error(header.name.problem(message));
            specs.retain(|spec| Some(&spec.name) != custom.last());
        }
    }
    HeaderPlan::new(specs, budget).map_err(|message| desk.error(file.place.problem(message))).ok()
}

fn spec(header: &Header, desk: &mut Desk) -> Option<HeaderSpec> {
    let name = header.name.required(&mut desk.report).and_then(|name| {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        parsed.map_err(|_| desk.error(header.name.problem(format!("is not a header's name: `{name}`")))).ok()
    });
    let source = header.value.required(&mut desk.report).map(|Word(source)| *source);
    let separator = separator(header, desk);
    let encoding = header.encoding.or(Word(Encoding::default())).0;
    Some(HeaderSpec { name: name?, source: source?, separator: separator?, encoding })
}

/// Judged by a plan of its own, so that the problem stands at the separator and not at the name.
fn separator(header: &Header, desk: &mut Desk) -> Option<String> {
    let separator = header.separator.or(",".into());
    let sample = HeaderSpec {
        separator: separator.clone(),
        ..HeaderSpec::new(HeaderName::from_static("x-sample"), crate::headers::Source::Groups)
    };
    if HeaderPlan::new(vec![sample], HeaderPlan::DEFAULT_BUDGET).is_err() {
        let message = "must be punctuation or spaces, such as `,` or `|`, and not `%`";
        desk.error(header.separator.problem(message));
        return None;
    }
    Some(separator)
}
