//! How a line looks: text for people, JSON for collectors.
//!
//! Both write one event as exactly one line, whatever is in its values: JSON by its own escaping, text by writing
//! control characters out. An audit event carries its whole record as one JSON field; here it is spliced into the
//! line, so that collectors find its members at the top.

use super::audit;
use super::traces;
use super::visible::visible;
use crate::clock::{Clock, SystemClock};
use anstyle::{AnsiColor, Style};
use serde_json::Value;
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Longest value in a line, in bytes: nothing that is worth more belongs into a log.
const MAX_VALUE: usize = 4096;

/// The members of a record that somebody in front of a terminal looks for, in this order.
const FIRST: &[&str] = &["reference", "code", "status", "user", "detail", "likely_cause", "what_to_change"];

/// The two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Text { colour: bool },
    Json,
}

impl<S, N> FormatEvent<S, N> for Look
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let mut fields = Fields::default();
        event.record(&mut fields);
        // An audit event says it itself.
        if fields.record.is_none()
            && let Some(context) = traces::current()
        {
            fields.rest.push(("trace_id", context.trace.to_string().into()));
        }
        let head =
            Head { time: SystemClock.now().to_string(), level: *metadata.level(), target: metadata.target() };
        match *self {
            Self::Text { colour } => write_text(&mut writer, &head, fields, colour),
            Self::Json => write_json(&mut writer, &head, fields),
        }
    }
}

impl Look {
    /// A line of our own making, for who cannot speak through the log.
    pub(super) fn line(
        self,
        level: Level,
        target: &str,
        message: &str,
        record: Option<String>,
        lost: Option<u64>,
    ) -> String {
        let mut text = String::new();
        let head = Head { time: SystemClock.now().to_string(), level, target };
        let rest = lost.map(|lost| ("lost", lost.into())).into_iter().collect();
        let fields = Fields { message: message.to_owned(), record, rest };
        let mut writer = Writer::new(&mut text);
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Text { colour } => write_text(&mut writer, &head, fields, colour),
            Self::Json => write_json(&mut writer, &head, fields),
        };
        text
    }
}

struct Head<'a> {
    time: String,
    level: Level,
    target: &'a str,
}

/// The fields of an event: the message, the audit record, and the rest in order.
#[derive(Default)]
struct Fields {
    message: String,
    record: Option<String>,
    rest: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        // `log.*` is what the bridge of the log crate adds for itself; the metadata has it already.
        if !field.name().starts_with("log.") {
            self.rest.push((field.name(), value));
        }
    }

    fn put_text(&mut self, field: &Field, text: &str) {
        match field.name() {
            "message" => self.message = visible(text, MAX_VALUE).into_owned(),
            audit::RECORD => self.record = Some(text.to_string()),
            _ => self.put(field, Value::String(visible(text, MAX_VALUE).into_owned())),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field, &format!("{value:?}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

/// `{"timestamp":…,"level":…,"target":…,"message":…, fields…}`
fn write_json(writer: &mut Writer<'_>, head: &Head<'_>, fields: Fields) -> fmt::Result {
    write!(writer, "{{\"timestamp\":\"{}\",\"level\":\"{}\"", head.time, head.level)?;
    write!(writer, ",\"target\":{}", Value::from(head.target))?;
    write!(writer, ",\"message\":{}", Value::from(fields.message))?;
    for (name, value) in fields.rest {
        write!(writer, ",{}:{value}", Value::from(name))?;
    }
    // The record is an object that serde_json wrote: without its braces it continues ours.
    if let Some(inner) = fields.record.as_deref().and_then(|r| r.strip_prefix('{')?.strip_suffix('}')) {
        write!(writer, ",{inner}")?;
    }
    writer.write_str("}\n")
}

/// `2026-01-02T03:04:05.678Z  INFO message  name=value name="with spaces"`
fn write_text(writer: &mut Writer<'_>, head: &Head<'_>, fields: Fields, colour: bool) -> fmt::Result {
    let paint = |style: Style| if colour { style } else { Style::new() };
    let dim = paint(Style::new().dimmed());
    let level = paint(level_style(head.level));
    write!(writer, "{dim}{}{dim:#} {level}{:>5}{level:#} ", head.time, head.level.as_str())?;
    // Our own modules are told apart by their words; strangers are named.
    if !head.target.starts_with("vestibule") {
        write!(writer, "{dim}{}:{dim:#} ", head.target)?;
    }
    writer.write_str(&fields.message)?;
    for (name, value) in &fields.rest {
        write_pair(writer, name, value, dim)?;
    }
    if let Some(record) = fields.record
        && let Ok(Value::Object(members)) = serde_json::from_str(&record)
    {
        let told_first = FIRST.iter().filter_map(|name| members.get_key_value(*name));
        let rest = members.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
        for (name, value) in told_first.chain(rest) {
            write_pair(writer, name, value, dim)?;
        }
    }
    writer.write_char('\n')
}

fn write_pair(writer: &mut Writer<'_>, name: &str, value: &Value, dim: Style) -> fmt::Result {
    write!(writer, " {dim}{name}={dim:#}")?;
    match value {
        Value::String(text) if is_plain_word(text) => writer.write_str(text),
        other => write!(writer, "{other}"),
    }
}

/// Whether a value can stand without quotes and still not be taken for two.
fn is_plain_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_./:@+%~[]".contains(c))
}

fn level_style(level: Level) -> Style {
    match level {
        Level::ERROR => AnsiColor::Red.on_default().bold(),
        Level::WARN => AnsiColor::Yellow.on_default().bold(),
        Level::INFO => AnsiColor::Green.on_default(),
        _ => AnsiColor::Blue.on_default(),
    }
}

#[cfg(test)]
mod tests {
    use crate::observe::log::LogFormat;
    use crate::observe::log::tests::{captured, captured_in_colour, settings, settings_as};

    #[test]
    fn json_is_one_object_a_line_with_typed_values() {
        let out = captured(&settings_as(LogFormat::Json), || {
            tracing::warn!(port = 4180, open = true, path = "a\"b\nc", "it \"works\"\n{{}}");
        });
        assert_eq!(out.matches('\n').count(), 1, "{out}");
        let line: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["port"], 4180);
        assert_eq!(line["open"], true);
        assert_eq!(line["path"], "a\"b\\u{a}c");
        assert_eq!(line["message"], "it \"works\"\\u{a}{}");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    }

    #[test]
    fn text_cannot_be_forged_by_a_value_or_a_message() {
        let out = captured(&settings("info"), || {
            let evil = "x\n2026-01-01T00:00:00.000Z  INFO signed in user=root\u{1b}[2J";
            tracing::info!(evil, "hello {evil}");
        });
        assert_eq!(out.matches('\n').count(), 1, "{out}");
        assert!(!out.contains('\u{1b}'), "{out}");
        assert!(out.contains("evil=\"x\\\\u{a}2026"), "{out}");
    }

    #[test]
    fn text_tells_of_a_refusal_what_is_looked_for_first() {
        let record = r#"{"event":"x","client":"::1","what_to_change":"d","code":"b","likely_cause":"c","reference":"a","zeal":1}"#;
        let out = captured(&settings("info"), || tracing::warn!(target: "audit", record, "x"));
        let said = out.split_once("audit: x ").unwrap().1;
        assert_eq!(said, "reference=a code=b likely_cause=c what_to_change=d client=::1 event=x zeal=1\n");
    }

    #[test]
    fn colour_only_where_asked_for() {
        assert!(captured_in_colour(|| tracing::error!("x")).contains("\u{1b}["));
        assert!(!captured(&settings("info"), || tracing::error!("x")).contains('\u{1b}'));
    }

    #[test]
    fn strangers_are_named_in_text() {
        let out = captured(&settings("info"), || tracing::warn!(target: "rustls", "odd"));
        assert!(out.contains(" WARN rustls: odd\n"), "{out}");
        let ours = captured(&settings("info"), || tracing::info!(target: "vestibule::cli", n = 1, "ready"));
        assert!(ours.contains("  INFO ready n=1\n"), "{ours}");
    }
}
