//! Lines on their way out: a bounded queue, and one thread that writes.
//!
//! Who has something to say copies it into the queue and goes on; only the thread waits for a terminal that is stopped, a
//! collector that does not read or a disk that is full. What finds no room is lost and counted, and the count is written
//! as soon as there is room. Chatter leaves the last quarter of the queue to the audit.

use parking_lot::{Condvar, Mutex};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Octets that may wait. As many again may be under way.
const ROOM: usize = 4 << 20;

/// How long lines are gathered before they are written together: each awakening of the thread costs who speaks a system
/// call, which under load would be one a request.
const GATHER: Duration = Duration::from_millis(1);

/// A buffer that one burst has made larger than this is given back.
const KEPT_BUFFER: usize = 256 << 10;

/// How often a trouble is told that goes on.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The log.
    Chatter,
    /// An audit event.
    Audit,
}

/// Lines that were lost, since the process began.
#[derive(Debug, Default)]
pub(super) struct Losses {
    chatter: AtomicU64,
    audit: AtomicU64,
}

impl Losses {
    pub(super) const fn none() -> Self {
        Self { chatter: AtomicU64::new(0), audit: AtomicU64::new(0) }
    }

    const fn of(&self, kind: Kind) -> &AtomicU64 {
        match kind {
            Kind::Chatter => &self.chatter,
            Kind::Audit => &self.audit,
        }
    }

    pub(super) fn count(&self, kind: Kind) -> u64 {
        self.of(kind).load(Ordering::Relaxed)
    }
}

/// Where lines end up.
pub(super) trait Sink: Send + 'static {
    /// Writes whole lines. It may wait as long as it likes.
    fn write(&mut self, lines: &[u8]) -> Written;

    /// What it is, for who is told of its troubles.
    fn name(&self) -> String;
}

/// How far a [`Sink`] came.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Octets of the given lines.
    pub(super) octets: usize,
    /// What went wrong. Everything may have been written all the same.
    pub(super) trouble: Option<io::Error>,
}

/// How a loss is told in the lines themselves.
pub(super) type Report = Box<dyn Fn(Kind, u64) -> String + Send>;

/// The near end of the queue.
#[derive(Clone)]
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to write, or the end has come.
    news: Condvar,
    /// The thread has written everything.
    done: Condvar,
    losses: &'static Losses,
    /// What was written last was not written whole.
    failing: AtomicBool,
    room: usize,
}

#[derive(Default)]
struct Waiting {
    batch: Batch,
    /// Lost since they were last told, by [`Kind`].
    lost: [u64; 2],
    closed: bool,
    over: bool,
}

/// Whole lines, with the length and kind of each.
#[derive(Default)]
struct Batch {
    octets: Vec<u8>,
    lines: Vec<(usize, Kind)>,
}

impl Queue {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn start(
        sink: impl Sink,
        report: Report,
        tells_of_troubles: bool,
        losses: &'static Losses,
    ) -> io::Result<Self> {
        Self::with_room(ROOM, sink, report, tells_of_troubles, losses)
    }

    fn with_room(
        room: usize,
        sink: impl Sink,
        report: Report,
        tells_of_troubles: bool,
        losses: &'static Losses,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            news: Condvar::new(),
            done: Condvar::new(),
            losses,
            failing: AtomicBool::new(false),
            room,
        });
        let mut writer = Writer {
            shared: Arc::clone(&shared),
            sink,
            report,
            unreported: [0; 2],
            told: None,
            tells_of_troubles,
        };
        std::thread::Builder::new().name("lines".to_owned()).spawn(move || writer.work())?;
        Ok(Self(shared))
    }

    /// Takes a line, with its end. Never waits for whoever reads it.
    pub(super) fn push(&self, line: &[u8], kind: Kind) {
        let mut waiting = self.0.waiting.lock();
        let room = match kind {
            Kind::Audit => self.0.room,
            Kind::Chatter => self.0.room / 4 * 3,
        };
        if waiting.closed || waiting.batch.octets.len() + line.len() > room {
            waiting.lost[kind as usize] += 1;
            self.0.losses.of(kind).fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.batch.octets.extend_from_slice(line);
        waiting.batch.lines.push((line.len(), kind));
        drop(waiting);
        self.0.news.notify_one();
    }

    /// Whether an audit event that comes now would be written, as far as anybody can know.
    pub(super) fn is_well(&self) -> bool {
        let waiting = self.0.waiting.lock();
        !self.0.failing.load(Ordering::Relaxed) && waiting.batch.octets.len() < self.0.room / 4 * 3
    }

    /// Nothing more is taken, and what waits is written; true when that is done within the time.
    pub(super) fn close(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut waiting = self.0.waiting.lock();
        waiting.closed = true;
        self.0.news.notify_one();
        while !waiting.over {
            if self.0.done.wait_until(&mut waiting, until).timed_out() {
                return waiting.over;
            }
        }
        true
    }
}

/// The far end, on its thread.
struct Writer<S> {
    shared: Arc<Shared>,
    sink: S,
    report: Report,
    /// Lost lines that nobody was told of, by [`Kind`].
    unreported: [u64; 2],
    told: Option<Instant>,
    /// The log cannot be told that the log does not work.
    tells_of_troubles: bool,
}

impl<S: Sink> Writer<S> {
    fn work(&mut self) {
        let mut batch = Batch::default();
        while self.take(&mut batch) {
            self.write(&batch);
            batch.clear();
        }
        let mut waiting = self.shared.waiting.lock();
        waiting.over = true;
        self.shared.done.notify_all();
    }

    /// Waits for the next lines; false when there will be none.
    fn take(&mut self, batch: &mut Batch) -> bool {
        let mut waiting = self.shared.waiting.lock();
        while waiting.is_idle() && !waiting.closed {
            self.shared.news.wait(&mut waiting);
        }
        if !waiting.closed {
            drop(waiting);
            std::thread::sleep(GATHER);
            waiting = self.shared.waiting.lock();
        }
        std::mem::swap(&mut waiting.batch, batch);
        for (told, lost) in self.unreported.iter_mut().zip(std::mem::take(&mut waiting.lost)) {
            *told += lost;
        }
        !batch.lines.is_empty() || !waiting.closed || self.unreported != [0; 2]
    }

    fn write(&mut self, batch: &Batch) {
        let mut written = Written::default();
        if !batch.octets.is_empty() {
            written = self.sink.write(&batch.octets);
            for kind in batch.lost_after(written.octets) {
                self.unreported[kind as usize] += 1;
                self.shared.losses.of(kind).fetch_add(1, Ordering::Relaxed);
            }
        }
        let whole = written.octets >= batch.octets.len();
        let well = whole && self.own_up();
        self.shared.failing.store(!well, Ordering::Relaxed);
        if !well && self.shared.waiting.lock().closed {
            // Nobody will come to be told.
            self.unreported = [0; 2];
        }
        if let Some(trouble) = written.trouble {
            self.complain(&trouble);
        }
    }

    /// Writes how many lines were lost; false when even that cannot be written.
    fn own_up(&mut self) -> bool {
        for kind in [Kind::Audit, Kind::Chatter] {
            let lost = self.unreported[kind as usize];
            if lost > 0 {
                let line = (self.report)(kind, lost);
                if self.sink.write(line.as_bytes()).octets < line.len() {
                    return false;
                }
                self.unreported[kind as usize] = 0;
            }
        }
        true
    }

    fn complain(&mut self, trouble: &io::Error) {
        let recently = self.told.is_some_and(|told| told.elapsed() < TELL_EVERY);
        if self.tells_of_troubles && !recently {
            self.told = Some(Instant::now());
            tracing::error!(
                output = self.sink.name(),
                error = %trouble,
                lost = self.shared.losses.count(Kind::Audit),
                "audit events cannot be written as they should; requests go on"
            );
        }
    }
}

impl Waiting {
    fn is_idle(&self) -> bool {
        self.batch.lines.is_empty() && self.lost == [0; 2]
    }
}

impl Batch {
    /// The kinds of the lines of which not everything was written.
    fn lost_after(&self, written: usize) -> impl Iterator<Item = Kind> {
        let mut end = 0;
        self.lines.iter().filter_map(move |(length, kind)| {
            end += length;
            (end > written).then_some(*kind)
        })
    }

    fn clear(&mut self) {
        if self.octets.capacity() > KEPT_BUFFER {
            *self = Self::default();
        }
        self.octets.clear();
        self.lines.clear();
    }
}

/// Standard output, past the lock and the buffer of the standard library, which somebody else may hold.
pub(super) struct StandardOutput(std::fs::File);

impl StandardOutput {
    /// # Errors
    /// There is none, or the process has too many files open.
    pub(super) fn open() -> io::Result<Self> {
        use std::os::fd::AsFd as _;
        Ok(Self(std::io::stdout().as_fd().try_clone_to_owned()?.into()))
    }
}

impl Sink for StandardOutput {
    fn write(&mut self, lines: &[u8]) -> Written {
        write_all(&mut self.0, lines)
    }

    fn name(&self) -> String {
        "standard output".to_owned()
    }
}

/// Writes everything, or says how far it came.
pub(super) fn write_all(to: &mut impl io::Write, octets: &[u8]) -> Written {
    /// How long to leave alone who takes nothing and does not let us wait: a pipe that another process made non-blocking.
    const PAUSE: Duration = Duration::from_millis(10);

    let mut done = 0;
    while let Some(rest) = octets.get(done..).filter(|rest| !rest.is_empty()) {
        match to.write(rest) {
            Ok(0) => {
                return Written { octets: done, trouble: Some(io::ErrorKind::WriteZero.into()) };
            }
            Ok(more) => done += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
            Err(error) => return Written { octets: done, trouble: Some(error) },
        }
    }
    Written { octets: done, trouble: None }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
