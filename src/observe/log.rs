//! The log: text on a terminal, JSON elsewhere, on standard output.
//!
//! `log.level` speaks about our own lines. Other crates are heard from WARN upwards only, whatever the level says,
//! because their chatter may hold headers; audit events are written whatever it says, because they are no chatter.
//!
//! Nobody who speaks waits for a reader: lines go through a bounded queue to a thread that writes (`queue.rs`).

use super::bridge::Bridge;
use super::format::Look;
use super::outputs::{AuditSettings, EventLines, Outputs};
use std::io::IsTerminal as _;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::reload;

/// Target of the line that is written for each request; `log.requests` turns it off.
pub const REQUESTS: &str = "vestibule::request";

/// `log:` of the configuration.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// The look of the lines.
    pub format: LogFormat,
    /// A level (`info`); tests may say directives in the manner of `info,vestibule::saml=debug`.
    pub level: String,
    /// Whether there is one line a request.
    pub requests: bool,
}

/// The look of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Text,
    /// For collectors: one object a line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".into(), requests: true }
    }
}

/// Installs the subscriber, the bridge from the `log` crate and the panic line for the whole process, once. What is
/// answered must be kept until the end, and closed.
///
/// # Errors
/// When the level cannot be read as directives, the audit's file cannot be opened, or a subscriber is installed already.
pub fn install(settings: &LogSettings, audit: &AuditSettings) -> Result<Outputs, String> {
    let stdout = std::io::stdout();
    let look = match settings.format {
        LogFormat::Json => Look::Json,
        LogFormat::Auto if !stdout.is_terminal() => Look::Json,
        // Asks NO_COLOR, CLICOLOR_FORCE, TERM and whether there is a terminal.
        LogFormat::Auto | LogFormat::Text => {
            Look::Text { colour: anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never }
        }
    };
    let mut outputs = Outputs::open(audit, look)?;
    super::audit::install(audit.terms.clone())?;
    let (subscriber, wanted) = subscriber(settings, look, outputs.log(), outputs.events())?;
    outputs.wanted = Some(wanted);
    tracing::subscriber::set_global_default(subscriber).map_err(|e| e.to_string())?;
    Bridge::install()?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(outputs)
}

/// Changes what is wanted of the log while it is written.
pub(super) struct Wanted(Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>);

impl Wanted {
    pub(super) fn change(&self, settings: &LogSettings) -> Result<(), String> {
        (self.0)(filter(settings)?)
    }
}

fn subscriber<W>(
    settings: &LogSettings,
    look: Look,
    writer: W,
    events: Option<EventLines>,
) -> Result<(impl Subscriber + Send + Sync + 'static, Wanted), String>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let without_events = events.is_some();
    let (level, handle) = reload::Layer::new(filter(settings)?);
    let wanted =
        level.and(filter_fn(move |metadata| may_pass(metadata) && !(without_events && is_audit(metadata))));
    let lines = tracing_subscriber::fmt::layer().event_format(look).with_writer(writer).with_filter(wanted);
    let events = events.map(|events| {
        let lines = tracing_subscriber::fmt::layer().event_format(Look::Json).with_writer(events);
        lines.with_filter(filter_fn(is_audit))
    });
    let change = Wanted(Box::new(move |level| handle.reload(level).map_err(|problem| problem.to_string())));
    Ok((tracing_subscriber::registry().with(lines).with(events), change))
}

fn is_audit(metadata: &Metadata<'_>) -> bool {
    metadata.target() == super::audit::TARGET
}

fn filter(settings: &LogSettings) -> Result<EnvFilter, String> {
    let level = settings.level.as_str();
    let unreadable = |error| format!("`{level}` is neither a level nor a list of directives: {error}");
    let audit = "audit=info".parse().map_err(unreadable)?;
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse(level);
    let filter = filter.map_err(unreadable)?.add_directive(audit);
    if settings.requests {
        return Ok(filter);
    }
    Ok(filter.add_directive(format!("{REQUESTS}=off").parse().map_err(unreadable)?))
}

/// What no setting changes.
fn may_pass(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let ours = target == super::audit::TARGET || target == "vestibule" || target.starts_with("vestibule::");
    ours || *metadata.level() <= tracing::Level::WARN
}

/// A panic as one line with its place. Its words are withheld unless they are a literal of the program: a formatted
/// panic may quote a value, and values come from requests.
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let words = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("(withheld)");
    let thread = std::thread::current();
    tracing::error!(
        target: "vestibule::panic",
        place,
        words,
        thread = thread.name().unwrap_or_default(),
        "a panic: please report it"
    );
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::observe::audit;
    use crate::observe::{FileSettings, Output};
    use std::io;
    use std::sync::{Arc, Mutex};

    /// Everything that is written while `f` runs on this thread.
    pub(crate) fn captured(settings: &LogSettings, f: impl FnOnce()) -> String {
        let look = match settings.format {
            LogFormat::Json => Look::Json,
            _ => Look::Text { colour: false },
        };
        captured_as(settings, look, f)
    }

    pub(crate) fn captured_in_colour(f: impl FnOnce()) -> String {
        captured_as(&LogSettings::default(), Look::Text { colour: true }, f)
    }

    pub(crate) fn settings(level: &str) -> LogSettings {
        LogSettings { level: level.into(), ..LogSettings::default() }
    }

    pub(crate) fn settings_as(format: LogFormat) -> LogSettings {
        LogSettings { format, ..LogSettings::default() }
    }

    fn captured_as(settings: &LogSettings, look: Look, f: impl FnOnce()) -> String {
        let sink = Sink::default();
        let made = sink.clone();
        let (subscriber, _) = subscriber(settings, look, move || made.clone(), None).unwrap();
        tracing::subscriber::with_default(subscriber, f);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_level_rules_our_own_lines() {
        let say = || {
            tracing::debug!(target: "vestibule::saml", "fine");
            tracing::info!(target: "vestibule::saml", "coarse");
        };
        assert!(!captured(&settings("info"), say).contains("fine"));
        assert!(captured(&settings("info"), say).contains("coarse"));
        assert!(captured(&settings("vestibule::saml=debug"), say).contains("fine"));
        assert_eq!(captured(&settings("warn"), say), "");
    }

    #[test]
    fn other_crates_are_not_heard_below_a_warning_even_when_asked_for() {
        let say = || {
            tracing::trace!(target: "h2::codec", "cookie: s3cr3t");
            tracing::debug!(target: "hyper", "cookie: s3cr3t");
            tracing::info!(target: "pingora_proxy", "cookie: s3cr3t");
        };
        assert_eq!(captured(&settings("trace"), say), "");
        assert_eq!(captured(&settings("h2=trace,hyper=trace"), say), "");
        let warned = captured(&settings("info"), || tracing::warn!(target: "tokio", "slow"));
        assert!(warned.contains("slow"));
    }

    #[test]
    fn audit_events_are_written_at_every_level() {
        let out = captured(&settings("error"), || tracing::info!(target: "audit", record = "{}", "sign-in"));
        assert!(out.contains("sign-in"));
        let off = captured(&settings("off"), || tracing::info!(target: "audit", record = "{}", "sign-in"));
        assert!(off.contains("sign-in"));
    }

    #[test]
    fn events_with_an_output_of_their_own_are_there_and_not_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let file = FileSettings { path: path.clone(), max_size: 1 << 20, keep: 1 };
        let settings = AuditSettings { output: Output::File(file), ..AuditSettings::default() };
        let look = Look::Text { colour: false };
        let outputs = Outputs::open(&settings, look).unwrap();
        let sink = Sink::default();
        let made = sink.clone();
        let quiet = LogSettings { level: "warn".into(), ..LogSettings::default() };
        let (subscriber, _) = subscriber(&quiet, look, move || made.clone(), outputs.events()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            audit::record(&audit::Event::GateStarted { version: "1" });
            tracing::warn!(target: "vestibule::x", "said in the log");
        });
        assert!(outputs.close(std::time::Duration::from_secs(60)));
        let log = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("said in the log") && !log.contains("gate-started"), "{log}");
        let file = std::fs::read_to_string(path).unwrap();
        let line: serde_json::Value = serde_json::from_str(file.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!((&line["event"], &line["level"]), (&"gate-started".into(), &"INFO".into()));
    }

    #[test]
    fn request_lines_can_be_turned_off() {
        let quiet = LogSettings { requests: false, ..LogSettings::default() };
        let say = || tracing::info!(target: REQUESTS, status = 200, "GET /");
        assert_eq!(captured(&quiet, say), "");
        assert!(captured(&LogSettings::default(), say).contains("GET / status=200"));
    }

    #[test]
    fn another_level_counts_at_once() {
        let sink = Sink::default();
        let made = sink.clone();
        let look = Look::Text { colour: false };
        let (subscriber, wanted) = subscriber(&settings("warn"), look, move || made.clone(), None).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let say = |word: &str| {
                tracing::debug!(target: "vestibule::x", "{word}");
                tracing::info!(target: REQUESTS, "request {word}");
            };
            say("before");
            wanted.change(&settings("debug")).unwrap();
            say("loud");
            wanted.change(&LogSettings { requests: false, ..settings("debug") }).unwrap();
            say("after");
        });
        let log = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let said =
            ["before", "request loud", " loud", "request after", " after"].map(|word| log.contains(word));
        assert_eq!(said, [false, true, true, false, true], "{log}");
    }

    #[test]
    fn a_level_that_cannot_be_read_is_an_error() {
        for level in ["off", "error", "warn", "info", "debug"] {
            assert!(filter(&settings(level)).is_ok(), "{level}");
        }
        assert!(filter(&settings("vestibule=loud")).is_err());
    }
}
