//! Verification away from the request path: a fixed pool of threads, a bounded queue, and "busy" beyond it.
//!
//! Judging an answer costs a parse and an RSA verification, and whoever floods the assertion consumer service chooses
//! how many. The pool has half as many threads as the machine has cores, at least one; they run at the lowest priority, and what does not fit
//! into the queue is refused at once with 503: the check of a known session never waits for somebody's forgery.
//!
//! Nor does the answer of somebody who began a sign-in here wait for those of strangers ([`Lane`]): these have a queue of
//! their own, which is small, and is looked at when the other is empty, or for every eighth job.

use crate::reason::{Reason, Refusal};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use tokio::sync::oneshot;

/// The pool. Its threads end when it is dropped, after the job in hand.
pub struct Verifier {
    queue: Arc<Queue>,
}

impl Verifier {
    /// Half of the cores, at least one; 64 waiting jobs for each thread.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start() -> std::io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let threads = (cores / 2).max(1);
        Self::with(threads, threads * WAITING_PER_THREAD)
    }

    /// A pool of `threads` with room for `waiting` jobs beyond those at work.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn with(threads: usize, waiting: usize) -> std::io::Result<Self> {
        let queue = Arc::new(Queue { state: Mutex::default(), filled: Condvar::new(), room: waiting });
        let verifier = Self { queue: Arc::clone(&queue) };
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name(format!("verifier-{number}")).spawn(move || work(&queue))?;
        }
        Ok(verifier)
    }

    /// Runs the job of somebody who began it here. See [`Self::run_on`].
    ///
    /// # Errors
    /// `busy`, `internal`.
    pub async fn run<T, F>(&self, job: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.run_on(Lane::Begun, job).await
    }

    /// Runs the job on the pool. When the caller gives up, a job that still waits is not run.
    ///
    /// # Errors
    /// `busy` when the queue is full; `internal` when the job panicked.
    pub async fn run_on<T, F>(&self, lane: Lane, job: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            if answer.is_closed() {
                return;
            }
            match catch_unwind(AssertUnwindSafe(job)) {
                Ok(value) => drop(answer.send(value)),
                // The panic hook has already logged where; the caller hears of it by the dropped sender.
                Err(_) => drop(answer),
            }
        });
        if !self.queue.push(lane, job) {
            return Err(Refusal::new(Reason::Busy, "the queue of answers to verify is full"));
        }
        answered.await.map_err(|_| Refusal::new(Reason::Internal, "the verification of an answer panicked"))
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.queue.state.lock().closed = true;
        self.queue.filled.notify_all();
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("room", &self.queue.room).finish_non_exhaustive()
    }
}

/// Whose message it is, as far as that is known before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Of a browser that holds what it was given when it began here.
    Begun,
    /// Of anybody: an answer that nobody asked for, one without its cookie, or a forgery.
    Strangers,
}

/// Each waiting job holds one message, so at the default limits a full queue is about 20 MiB a thread.
const WAITING_PER_THREAD: usize = 64;

/// The least that there is: whatever serves requests goes first.
const NICENESS: i32 = 19;

type Job = Box<dyn FnOnce() + Send>;

struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    room: usize,
}

/// Strangers have so much less room.
const STRANGERS_SHARE: usize = 4;

/// After so many jobs of others comes one of a stranger, so that none waits for ever.
const STRANGERS_TURN: u8 = 8;

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    of_strangers: VecDeque<Job>,
    /// Jobs since one of a stranger was taken.
    since_stranger: u8,
    /// Threads that wait for a job: work handed to them does not count as waiting.
    idle: usize,
    closed: bool,
}

impl Queue {
    fn push(&self, lane: Lane, job: Job) -> bool {
        let mut state = self.state.lock();
        let (waiting, room) = match lane {
            Lane::Begun => (state.jobs.len(), self.room + state.idle),
            Lane::Strangers => {
                let share = (self.room / STRANGERS_SHARE).max(1);
                (state.of_strangers.len(), share + state.idle.saturating_sub(state.jobs.len()))
            }
        };
        if waiting >= room {
            return false;
        }
        match lane {
            Lane::Begun => state.jobs.push_back(job),
            Lane::Strangers => state.of_strangers.push_back(job),
        }
        drop(state);
        self.filled.notify_one();
        true
    }

    /// The next job; none when the pool is gone.
    fn pop(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.next() {
                return Some(job);
            }
            state.idle += 1;
            self.filled.wait(&mut state);
            state.idle -= 1;
        }
    }
}

impl State {
    fn next(&mut self) -> Option<Job> {
        let is_strangers_turn = self.since_stranger >= STRANGERS_TURN || self.jobs.is_empty();
        if is_strangers_turn && let Some(job) = self.of_strangers.pop_front() {
            self.since_stranger = 0;
            return Some(job);
        }
        self.since_stranger = self.since_stranger.saturating_add(1);
        self.jobs.pop_front()
    }
}

fn work(queue: &Queue) {
    stand_back(NICENESS);
    while let Some(job) = queue.pop() {
        job();
    }
}

/// Lowers the priority of the calling thread; nothing happens where that cannot be done. On Linux the "process" of
/// setpriority is the thread; elsewhere it would slow the whole program.
pub fn stand_back(niceness: i32) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::debug!(%error, "a thread's priority stays as it is");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = niceness;
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::sync::mpsc;

    #[tokio::test]
    async fn a_job_answers_its_caller() {
        let verifier = Verifier::with(2, 2).unwrap();
        assert_eq!(verifier.run(|| 6 * 7).await, Ok(42));
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_at_once() {
        let verifier = Arc::new(Verifier::with(1, 1).unwrap());
        let (started, has_started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let first = {
            let verifier = Arc::clone(&verifier);
            tokio::spawn(async move {
                verifier
                    .run(move || {
                        started.send(()).unwrap();
                        released.recv().unwrap();
                    })
                    .await
            })
        };
        tokio::task::spawn_blocking(move || has_started.recv().unwrap()).await.unwrap();
        // The one thread is at work; one job may wait, the next is refused.
        let second = {
            let verifier = Arc::clone(&verifier);
            let mut waiting = Box::pin(async move { verifier.run(|| 2).await });
            assert!((&mut waiting).now_or_never().is_none());
            waiting
        };
        assert_eq!(verifier.run(|| 3).await.unwrap_err().reason, Reason::Busy);
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(second.await, Ok(2));
        assert_eq!(verifier.run(|| 4).await, Ok(4));
    }

    #[tokio::test]
    async fn strangers_neither_fill_the_queue_nor_go_first_nor_wait_for_ever() {
        let verifier = Arc::new(Verifier::with(1, 16).unwrap());
        let (release, released) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        let mut blocking = Box::pin(verifier.run(move || {
            started.send(()).unwrap();
            released.recv().unwrap();
        }));
        assert!((&mut blocking).now_or_never().is_none());
        has_started.recv().unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let push = |lane, name: &'static str| {
            let (verifier, order) = (Arc::clone(&verifier), Arc::clone(&order));
            let mut job =
                Box::pin(async move { verifier.run_on(lane, move || order.lock().push(name)).await });
            match (&mut job).now_or_never() {
                Some(refused) => Err(refused.unwrap_err().reason),
                None => Ok(job),
            }
        };
        let mut waiting: Vec<_> = (0..4).map(|_| push(Lane::Strangers, "stranger").ok().unwrap()).collect();
        assert_eq!(push(Lane::Strangers, "flood").err(), Some(Reason::Busy));
        waiting.extend((0..16).map(|_| push(Lane::Begun, "begun").ok().unwrap()));
        assert_eq!(push(Lane::Begun, "too much").err(), Some(Reason::Busy));
        release.send(()).unwrap();
        blocking.await.unwrap();
        for job in waiting {
            job.await.unwrap();
        }
        let order = order.lock();
        let strangers: Vec<usize> =
            order.iter().enumerate().filter(|(_, name)| **name == "stranger").map(|(at, _)| at).collect();
        assert_eq!(order.len(), 20);
        assert!(strangers[0] >= 6 && strangers[1] < 19, "{order:?}");
    }

    #[tokio::test]
    async fn a_panic_is_refused_and_the_pool_survives() {
        let verifier = Verifier::with(1, 4).unwrap();
        let refused: Result<(), Refusal> = verifier.run(|| panic!("planted")).await;
        assert_eq!(refused.unwrap_err().reason, Reason::Internal);
        assert_eq!(verifier.run(|| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_run() {
        let verifier = Arc::new(Verifier::with(1, 4).unwrap());
        let (release, released) = mpsc::channel::<()>();
        let (ran, has_run) = mpsc::channel();
        let mut blocking = Box::pin(verifier.run(move || released.recv().unwrap()));
        assert!((&mut blocking).now_or_never().is_none());
        let mut given_up = Box::pin(verifier.run(move || ran.send(()).unwrap()));
        assert!((&mut given_up).now_or_never().is_none());
        drop(given_up);
        release.send(()).unwrap();
        assert_eq!(blocking.await, Ok(()));
        assert_eq!(verifier.run(|| 1).await, Ok(1));
        assert!(has_run.try_recv().is_err());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_the_pools_own_threads_stand_back() {
        fn niceness() -> i32 {
            // proc(5): the nineteenth field; the second, the name in parentheses, may hold blanks.
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap()
        }
        let before = niceness();
        let verifier = Verifier::with(1, 1).unwrap();
        assert_eq!(verifier.run(niceness).await, Ok(NICENESS.max(before)));
        assert_eq!(niceness(), before);
    }
}
