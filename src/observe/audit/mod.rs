//! The record of who came in, who was refused and why, and who left: one event for each.
//!
//! Each event is one line under the target `audit`, written at every `log.level`. In JSON its members stand at the top of
//! the line, beside `timestamp`, `level` and `target`. docs/audit.md describes every event and member, and
//! docs/audit.schema.json says the same to programs; `tests.rs` holds both to what is written here.
//!
//! Values are bounded, and characters that would break a line or steer a terminal are written out, so that nobody can
//! forge an event by what they send.

mod event;
mod record;
mod reference;
mod terms;

pub use event::{Changed, Event, SignIn, Visitor};
pub use reference::Reference;
pub(super) use terms::install;
pub use terms::{HashKey, Terms, Told};

use super::traces;
use super::visible::visible;
use record::Record;
use std::borrow::Cow;
use tracing::Level;

/// The target of audit events.
pub const TARGET: &str = "audit";

/// The field that carries the record; the formatter spreads it over the line.
pub(super) const RECORD: &str = "record";

/// Bounds in bytes: of a refusal's detail, and of every other value.
const MAX_DETAIL: usize = 1024;
const MAX_VALUE: usize = 512;
const MAX_ROLES: usize = 32;
const MAX_GROUPS: usize = 64;
const MAX_DIFFERENCES: usize = 64;
const MAX_FINGERPRINTS: usize = 16;

/// Whether users are named in it (`audit.user: value`): what is written in words has to ask.
pub fn names_users() -> bool {
    terms::terms().user == Told::Value
}

/// Writes the event.
pub fn record(event: &Event<'_>) {
    let (name, json) = written(event, terms::terms());
    if is_warning(event) {
        tracing::warn!(target: TARGET, record = json.as_str(), "{name}");
    } else {
        tracing::info!(target: TARGET, record = json.as_str(), "{name}");
    }
}

/// The same for who writes lines without the log: the level, the name and the record of an event.
pub(super) fn as_told(event: &Event<'_>) -> (Level, &'static str, String) {
    let (name, json) = written(event, terms::terms());
    (if is_warning(event) { Level::WARN } else { Level::INFO }, name, json)
}

fn written(event: &Event<'_>, terms: &Terms) -> (&'static str, String) {
    let record = Record::of(event, terms);
    if let (Some(code), Some(reference)) = (record.code, &record.reference) {
        traces::refused(code, reference, record.idp.as_deref());
    }
    // A struct of strings and numbers always has a JSON form; were it not so, the name of the event remains.
    (record.event, serde_json::to_string(&record).unwrap_or_else(|_| "{}".to_string()))
}

const fn is_warning(event: &Event<'_>) -> bool {
    match event {
        Event::SignedIn(SignIn { second_opinion, .. }) => matches!(second_opinion, Some((_, true))),
        Event::SessionReplaced { .. }
        | Event::SessionEnded { .. }
        | Event::SessionsEnded { .. }
        | Event::SessionsRevoked { .. }
        | Event::SignedOut { .. }
        | Event::MetadataChanged { .. }
        | Event::TestSignIn { .. }
        | Event::LogoutRequested { .. }
        | Event::LogoutAnswered { .. }
        | Event::TlsCertificateChanged { .. }
        | Event::SessionsTakenUp { .. }
        | Event::GateStarted { .. }
        | Event::GateStopped { .. }
        | Event::ConfigLoaded { .. }
        | Event::ConfigChanged { .. } => false,
        Event::SignInRefused { .. }
        | Event::RequestRefused { .. }
        | Event::LogoutRefused { .. }
        | Event::DangerUsed { .. }
        | Event::MetadataHeld { .. }
        | Event::MetadataRefused { .. }
        | Event::ConfigRefused { .. }
        | Event::SessionsRefused { .. }
        | Event::CertificateEnding { .. }
        | Event::EventsLost { .. } => true,
    }
}

/// A list, bounded in number and in each of its values.
fn names(list: &[String], most: usize) -> Vec<Cow<'_, str>> {
    list.iter().take(most).map(|item| visible(item, MAX_VALUE)).collect()
}

#[cfg(test)]
mod samples_tests;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;
