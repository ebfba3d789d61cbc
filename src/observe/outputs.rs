//! Where lines go: the log to standard output; audit events into the log, to standard output in a form of their own, into
//! a file, or both.

use super::audit::{self, Event, TARGET, Terms};
use super::format::Look;
use super::log::{LogSettings, Wanted};
use super::log_file::{FileSettings, LogFile};
use super::queue::{Kind, Losses, Queue, StandardOutput};
use std::io;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// `audit:` of the configuration.
#[derive(Debug, Clone, Default)]
pub struct AuditSettings {
    /// Where events go.
    pub output: Output,
    /// Whether nobody may sign in while events cannot be written.
    pub required: bool,
    /// What they say of people.
    pub terms: Terms,
}

/// Where audit events go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Output {
    /// Among the lines of the log, in their look.
    #[default]
    Log,
    /// To standard output, as JSON whatever the log looks like.
    Stdout,
    /// Into a file, as JSON, and nowhere else.
    File(FileSettings),
    /// To standard output and into a file, as JSON.
    Both(FileSettings),
}

/// What this process has lost.
static LOSSES: Losses = Losses::none();

/// Audit events that could not be written, since the start.
pub(super) fn audit_events_lost() -> u64 {
    LOSSES.count(Kind::Audit)
}

/// Lines of the log that could not be written, since the start.
pub(super) fn log_lines_lost() -> u64 {
    LOSSES.count(Kind::Chatter)
}

/// Where the audit of this process goes, when it may not be lost.
static DEMANDED: OnceLock<Vec<Queue>> = OnceLock::new();

/// Whether an event would be written that comes now, as far as anybody can know; true where nobody demands it
/// (`audit.required`).
pub fn audit_is_kept() -> bool {
    DEMANDED.get().is_none_or(|queues| queues.iter().all(Queue::is_well))
}

/// The open outputs. Dropping them writes what waits, for at most [`LAST_WORDS`].
pub struct Outputs {
    stdout: Queue,
    file: Option<Queue>,
    /// Whether events go to standard output in a form of their own.
    events_to_stdout: bool,
    /// What is wanted of the log; none before it is installed.
    pub(super) wanted: Option<Wanted>,
}

/// How long a process that ends in disorder waits for its last lines.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Outputs {
    /// Opens what the settings name. `look` is the log's.
    ///
    /// # Errors
    /// A file cannot be opened; the system refuses a thread.
    pub(super) fn open(settings: &AuditSettings, look: Look) -> Result<Self, String> {
        let (file, events_to_stdout) = match &settings.output {
            Output::Log => (None, false),
            Output::Stdout => (None, true),
            Output::File(file) => (Some(file), false),
            Output::Both(file) => (Some(file), true),
        };
        let events_look = if events_to_stdout { Look::Json } else { look };
        let report = move |kind, lost| match kind {
            Kind::Audit => events_lost(events_look, lost),
            Kind::Chatter => lines_lost(look, lost),
        };
        let nowhere = |error: io::Error| format!("standard output: {error}");
        let stdout = StandardOutput::open()
            .and_then(|stdout| Queue::start(stdout, Box::new(report), false, &LOSSES))
            .map_err(nowhere)?;
        let file = file.map(file_queue).transpose()?;
        if settings.required {
            let to_stdout = (!matches!(settings.output, Output::File(_))).then(|| stdout.clone());
            let demanded = to_stdout.into_iter().chain(file.clone()).collect();
            DEMANDED.set(demanded).map_err(|_| "the audit has begun already".to_owned())?;
        }
        Ok(Self { stdout, file, events_to_stdout, wanted: None })
    }

    /// The writer of the log.
    pub(super) fn log(&self) -> LogLines {
        LogLines(self.stdout.clone())
    }

    /// The writer of events that do not go into the log.
    pub(super) fn events(&self) -> Option<EventLines> {
        let stdout = self.events_to_stdout.then(|| self.stdout.clone());
        let queues: Vec<Queue> = stdout.into_iter().chain(self.file.clone()).collect();
        (!queues.is_empty()).then_some(EventLines(queues))
    }

    /// From here on the log is written at the level of these settings, with or without a line for each request. The look of
    /// its lines stays.
    ///
    /// # Errors
    /// It is no level, or there is no log.
    pub fn change(&self, settings: &LogSettings) -> Result<(), String> {
        self.wanted
            .as_ref()
            .map_or_else(|| Err("there is no log".to_owned()), |wanted| wanted.change(settings))
    }

    /// Takes nothing more and writes what waits; false when that takes longer.
    pub fn close(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let file = self.file.as_ref().is_none_or(|file| file.close(within));
        self.stdout.close(until.saturating_duration_since(Instant::now())) && file
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        self.close(LAST_WORDS);
    }
}

fn file_queue(settings: &FileSettings) -> Result<Queue, String> {
    let report = |_, lost| events_lost(Look::Json, lost);
    LogFile::open(settings.clone())
        .and_then(|file| Queue::start(file, Box::new(report), true, &LOSSES))
        .map_err(|error| format!("audit.file: {}: {error}", settings.path.display()))
}

fn events_lost(look: Look, lost: u64) -> String {
    let (level, name, record) = audit::as_told(&Event::EventsLost { lost });
    look.line(level, TARGET, name, Some(record), None)
}

fn lines_lost(look: Look, lost: u64) -> String {
    let said = "lines of the log were lost: standard output did not take them in time";
    look.line(Level::WARN, "vestibule::observe", said, None, Some(lost))
}

/// Puts the lines of the log into the queue.
#[derive(Clone)]
pub(super) struct LogLines(Queue);

impl<'w> MakeWriter<'w> for LogLines {
    type Writer = Lines<'w>;

    fn make_writer(&'w self) -> Lines<'w> {
        Lines { queues: std::slice::from_ref(&self.0), kind: Kind::Chatter }
    }

    fn make_writer_for(&'w self, metadata: &Metadata<'_>) -> Lines<'w> {
        let kind = if metadata.target() == TARGET { Kind::Audit } else { Kind::Chatter };
        Lines { queues: std::slice::from_ref(&self.0), kind }
    }
}

/// Puts audit events into their queues.
#[derive(Clone)]
pub(super) struct EventLines(Vec<Queue>);

impl<'w> MakeWriter<'w> for EventLines {
    type Writer = Lines<'w>;

    fn make_writer(&'w self) -> Lines<'w> {
        Lines { queues: &self.0, kind: Kind::Audit }
    }
}

/// Takes one line by one call, as the subscriber's formatter makes it.
pub(super) struct Lines<'w> {
    queues: &'w [Queue],
    kind: Kind,
}

impl io::Write for Lines<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queues.iter().for_each(|queue| queue.push(line, self.kind));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
