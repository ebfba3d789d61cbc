//! Which headers the application gets.

use super::Desk;
use crate::config::file::{Header, Headers, Preset};
use crate::config::values::Word;
use crate::headers::{Encoding, HeaderPlan, HeaderSpec};
use http::HeaderName;

/// What carries the request itself, or what the proxy sets: an identity in their place would break or deceive. Spelt as
/// [`folded`] spells.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-original-method",
    "x-original-url",
    "x-real-ip",
];

/// The plan: the preset, then the owner's own. A custom header with the very name of a preset's takes its place.
pub(super) fn plan(file: &Headers, desk: &mut Desk) -> HeaderPlan {
    let mut plan = match file.preset.or(Word(Preset::Default)).0 {
        Preset::Default => HeaderPlan::default_set(),
        Preset::OAuth2Proxy => HeaderPlan::oauth2_proxy_preset(),
    };
    let mut custom: Vec<HeaderSpec> = Vec::new();
    for header in file.custom.get().map_or(&[][..], Vec::as_slice) {
        let Some(spec) = spec(header, desk) else { continue };
        let folds = |other: &&HeaderSpec| folded(&other.name) == folded(&spec.name);
        if let Some(twin) = custom.iter().find(folds) {
            let message =
                format!("{} is set twice: an application may fold {} to the same name", spec.name, twin.name);
            desk.error(header.name.problem(message));
            continue;
        }
        let preset = plan.specs.iter().find(folds).map(|twin| twin.name.clone());
        match preset {
            Some(twin) if twin != spec.name => {
                let message = format!("an application may fold it to the same name as {twin} of the preset");
                desk.error(header.name.problem(message));
            }
            Some(_) => custom.push(spec),
            None => custom.push(spec),
        }
    }
    for spec in custom {
        match plan.specs.iter_mut().find(|preset| preset.name == spec.name) {
            Some(preset) => *preset = spec,
            None => plan.specs.push(spec),
        }
    }
    // nginx gives all headers of an answer 4 KiB by default; below 256 bytes a name alone may not fit.
    plan.budget = usize::try_from(desk.size(&file.budget, 3 << 10, 256, 64 << 10)).unwrap_or(3 << 10);
    plan
}

fn spec(header: &Header, desk: &mut Desk) -> Option<HeaderSpec> {
    let name = header.name.required(&mut desk.report).and_then(|name| {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok();
        match parsed {
            None => {
                desk.error(header.name.problem(format!("is not a header's name: `{name}`")));
                None
            }
            Some(parsed) if RESERVED.contains(&folded(&parsed).as_str()) => {
                desk.error(header.name.problem(format!("{parsed} is not ours to set")));
                None
            }
            parsed => parsed,
        }
    });
    let source = header.value.required(&mut desk.report).map(|Word(source)| source.clone());
    let separator = separator(header, desk);
    let encoding = header.encoding.or(Word(Encoding::default())).0;
    Some(HeaderSpec { name: name?, source: source?, separator: separator?, encoding })
}

/// One character, so that it can be told apart inside values, where it is percent-encoded.
fn separator(header: &Header, desk: &mut Desk) -> Option<String> {
    let Some(given) = header.separator.get() else {
        return header.separator.is_absent().then(|| ",".into());
    };
    let mut characters = given.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) if one.is_ascii_punctuation() && one != '%' => Some(given.clone()),
        _ => {
            let message = "must be one of the characters , ; | : or other punctuation, but not %";
            desk.error(header.separator.problem(message));
            None
        }
    }
}

/// The name as applications fold it that take `-`, `_` and `.` for one (CGI, WSGI, PHP).
fn folded(name: &HeaderName) -> String {
    name.as_str().replace(['_', '.'], "-")
}
