//! The line to the servers: a few connections, each shared by many questions, and the rule when not to ask.
//!
//! A connection is either there or not. It is not after it broke, after [`PATIENCE`] questions in a row had no answer, or
//! when a server turned out to be no primary any more; then nobody waits for it (that is the circuit breaker), and
//! [`super::keeper`] alone tries again. In a Cluster the library keeps a connection to each server, so that a server that
//! is gone costs its own entries only, and the line stays.

use super::doors::{CONNECT_PATIENCE, Doors};
use super::settings::Settings;
use crate::observe::metrics::{StoreFigures, StoreOperation, StoreTrouble};
use crate::observe::traces::{self, Kind};
use crate::session::StoreError;
use arc_swap::ArcSwapOption;
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};

/// Questions without an answer in a row after which nobody asks any more.
const PATIENCE: u32 = 4;

/// Questions under way at once, in all; more are refused rather than queued.
const MOST_AT_ONCE: usize = 2048;

/// The line.
pub(super) struct Line {
    doors: Doors,
    timeout: Duration,
    acknowledged_by: u32,
    connections: usize,
    open: ArcSwapOption<Connections>,
    unanswered: AtomicU32,
    next: AtomicUsize,
    room: Semaphore,
    /// Somebody found the line broken.
    pub(super) broken: Notify,
    pub(super) figures: Arc<StoreFigures>,
}

/// What is open now.
pub(super) struct Connections {
    /// For questions that are answered at once.
    quick: Vec<Connection>,
    /// For what must not be lost: it may have to wait for replicas, and all behind it with it.
    sure: Vec<Connection>,
}

#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Line {
    /// A line that is not open yet.
    ///
    /// # Errors
    /// Settings that cannot be, in words.
    pub(super) fn new(settings: &Settings, figures: Arc<StoreFigures>) -> Result<Self, String> {
        Ok(Self {
            doors: Doors::new(settings).map_err(|problem| problem.to_string())?,
            timeout: settings.timeout,
            acknowledged_by: settings.acknowledged_by,
            connections: settings.connections.max(1),
            open: ArcSwapOption::empty(),
            unanswered: AtomicU32::new(0),
            next: AtomicUsize::new(0),
            room: Semaphore::new(MOST_AT_ONCE),
            broken: Notify::new(),
            figures,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load().is_some()
    }

    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self.doors, Doors::Cluster { .. })
    }

    /// Opens connections anew. They are not used before [`Self::set`].
    pub(super) async fn connect(&self) -> Result<Connections, String> {
        let connect = async {
            let mut connections = Connections { quick: Vec::new(), sure: Vec::new() };
            match &self.doors {
                Doors::Cluster { client, .. } => {
                    connections.quick.push(Connection::Cluster(client.get_async_connection().await?));
                    connections.sure.push(Connection::Cluster(client.get_async_connection().await?));
                }
                Doors::Single(_) | Doors::Sentinel(_) => {
                    let client = self.doors.client().await?;
                    for _ in 0..self.connections {
                        connections.quick.push(self.one(&client).await?);
                        connections.sure.push(self.one(&client).await?);
                    }
                }
            }
            Ok(connections)
        };
        // Sentinels that are gone are waited for one by one.
        match tokio::time::timeout(CONNECT_PATIENCE.max(4 * self.timeout), connect).await {
            Ok(Ok(connections)) => Ok(connections),
            Ok(Err(problem)) => {
                self.figures.failed(kind_of(&problem));
                Err(in_words(&problem))
            }
            Err(_) => {
                self.figures.failed(StoreTrouble::Timeout);
                Err("nobody answers".to_owned())
            }
        }
    }

    /// From now on these are asked; `None`: nobody is.
    pub(super) fn set(&self, connections: Option<Arc<Connections>>) {
        self.unanswered.store(0, Ordering::Relaxed);
        self.figures.set_connected(connections.is_some());
        self.open.store(connections);
    }

    /// Where messages can be listened for, one after the other.
    pub(super) async fn listening_posts(&self) -> Vec<Client> {
        match &self.doors {
            Doors::Cluster { each, .. } => each.clone(),
            Doors::Single(_) | Doors::Sentinel(_) => {
                let found = tokio::time::timeout(CONNECT_PATIENCE, self.doors.client()).await;
                found.ok().and_then(Result::ok).into_iter().collect()
            }
        }
    }

    /// Asks what is answered at once.
    pub(super) async fn ask(&self, what: StoreOperation, command: &Cmd) -> Result<Value, Failure> {
        let (open, _room) = self.enter()?;
        let connection = self.one_of(&open.quick)?;
        self.within(what, &open, connection.ask(command)).await
    }

    /// Asks for what must not be lost: `name` is that of the entry. The answer is given when as many replicas as the
    /// settings want have what was written.
    pub(super) async fn ask_surely(
        &self,
        what: StoreOperation,
        name: &str,
        command: Cmd,
    ) -> Result<Value, Failure> {
        let (open, _room) = self.enter()?;
        self.ask_surely_of(&open, what, name, command).await
    }

    /// The same of connections that are not in use yet.
    pub(super) async fn ask_surely_of(
        &self,
        open: &Arc<Connections>,
        what: StoreOperation,
        name: &str,
        command: Cmd,
    ) -> Result<Value, Failure> {
        let connection = self.one_of(&open.sure)?;
        if self.acknowledged_by == 0 {
            return self.within(what, open, connection.ask(&command)).await;
        }
        let wait = u64::try_from(self.timeout.as_millis() / 2).unwrap_or(u64::MAX).max(1);
        let mut both = redis::pipe();
        both.add_command(command).cmd("WAIT").arg(self.acknowledged_by).arg(wait);
        let mut answers = self.within(what, open, connection.ask_both(both, name)).await?.into_iter();
        let (answer, acknowledged) = (answers.next().unwrap_or(Value::Nil), answers.next());
        match acknowledged {
            Some(Value::Int(replicas)) if replicas >= i64::from(self.acknowledged_by) => Ok(answer),
            _ => {
                self.figures.failed(StoreTrouble::Unacknowledged);
                Err(Failure::unavailable(format!(
                    "fewer than {} replicas have it (redis.acknowledged_by)",
                    self.acknowledged_by
                )))
            }
        }
    }

    fn enter(&self) -> Result<(Arc<Connections>, tokio::sync::SemaphorePermit<'_>), Failure> {
        let Some(open) = self.open.load_full() else {
            self.figures.failed(StoreTrouble::Open);
            return Err(Failure::unavailable("it did not answer, and is not asked until it does".into()));
        };
        let Ok(room) = self.room.try_acquire() else {
            self.figures.failed(StoreTrouble::Busy);
            return Err(Failure::unavailable("too many questions are under way".into()));
        };
        Ok((open, room))
    }

    fn one_of(&self, connections: &[Connection]) -> Result<Connection, Failure> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % connections.len().max(1);
        connections.get(turn).cloned().ok_or_else(|| Failure::unavailable("there is no connection".into()))
    }

    async fn within<T>(
        &self,
        what: StoreOperation,
        open: &Arc<Connections>,
        asked: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let mut step = traces::step("ask the store", Kind::Client);
        if let Some(step) = &mut step {
            step.say("db.system.name", "redis");
            step.say("db.operation.name", what.as_str());
        }
        let answer = tokio::time::timeout(self.timeout, asked).await;
        let problem = match answer {
            Ok(Ok(answer)) => {
                self.unanswered.store(0, Ordering::Relaxed);
                self.figures.answered(what, began.elapsed().as_secs_f64());
                return Ok(answer);
            }
            Ok(Err(problem)) => Some(problem),
            Err(_) => None,
        };
        let kind = problem.as_ref().map_or(StoreTrouble::Timeout, kind_of);
        self.figures.failed(kind);
        self.figures.asked_in_vain(what, began.elapsed().as_secs_f64());
        if let Some(step) = &mut step {
            step.failed(kind.as_str());
        }
        drop(step);
        match kind {
            StoreTrouble::Connection | StoreTrouble::ReadOnly => self.found_broken(open),
            StoreTrouble::Timeout if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= PATIENCE => {
                self.found_broken(open);
            }
            _ => {}
        }
        Err(match problem {
            None => Failure::unavailable(format!("no answer within {} ms", self.timeout.as_millis())),
            Some(problem) if kind == StoreTrouble::Full => Failure {
                wrong_type: false,
                error: {
                    tracing::warn!(problem = %in_words(&problem), "the shared store is full");
                    StoreError::Full
                },
            },
            Some(problem) => Failure {
                wrong_type: problem.code() == Some("WRONGTYPE"),
                error: StoreError::Unavailable(in_words(&problem)),
            },
        })
    }

    /// Nobody asks any more until the keeper has looked; whoever found it holds the connections that broke.
    fn found_broken(&self, broken: &Arc<Connections>) {
        if !self.is_cluster() {
            let gone = self.open.compare_and_swap(broken, None);
            if gone.as_ref().is_some_and(|gone| Arc::ptr_eq(gone, broken)) {
                self.figures.set_connected(false);
            }
        }
        self.broken.notify_one();
    }

    async fn one(&self, client: &Client) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_PATIENCE.max(self.timeout)))
            .set_response_timeout(Some(self.timeout));
        client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::One)
    }
}

impl Connection {
    async fn ask(mut self, command: &Cmd) -> Result<Value, RedisError> {
        let answer = match &mut self {
            Self::One(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        };
        answer?.extract_error()
    }

    /// A command and the WAIT behind it, on one connection to the server that has the entry.
    async fn ask_both(mut self, both: redis::Pipeline, name: &str) -> Result<Vec<Value>, RedisError> {
        let answers = match &mut self {
            Self::One(connection) => connection.req_packed_commands(&both, 0, 2).await?,
            Self::Cluster(connection) => {
                let there = Route::new(slot(name), SlotAddr::Master);
                connection.route_pipeline(both, 0, 2, SingleNodeRoutingInfo::SpecificNode(there)).await?
            }
        };
        answers.into_iter().map(Value::extract_error).collect()
    }
}

impl Connections {
    /// Asks the server that has this entry for itself, whatever it is; for what is no entry.
    pub(super) async fn ask_server_of(&self, name: &str, command: Cmd) -> Result<Value, String> {
        let mut connection = self.sure.first().cloned().ok_or("there is no connection")?;
        let answer = match &mut connection {
            Connection::One(connection) => connection.req_packed_command(&command).await,
            Connection::Cluster(connection) => {
                let there = Route::new(slot(name), SlotAddr::Master);
                let there = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(there));
                connection.route_command(command, there).await
            }
        };
        answer.and_then(Value::extract_error).map_err(|problem| in_words(&problem))
    }

    /// Whether every quick connection answers.
    pub(super) async fn all_answer(&self, within: Duration) -> bool {
        for connection in &self.quick {
            if let Connection::One(connection) = connection {
                let mut connection = connection.clone();
                let ping = redis::cmd("PING");
                let answer = tokio::time::timeout(within, connection.req_packed_command(&ping)).await;
                if !matches!(answer, Ok(Ok(_))) {
                    return false;
                }
            }
        }
        true
    }
}

/// Why a question had no good answer.
pub(super) struct Failure {
    /// What is there is no entry of ours.
    pub(super) wrong_type: bool,
    pub(super) error: StoreError,
}

impl Failure {
    pub(super) const fn unavailable(why: String) -> Self {
        Self { wrong_type: false, error: StoreError::Unavailable(why) }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

fn kind_of(problem: &RedisError) -> StoreTrouble {
    if problem.is_timeout() {
        return StoreTrouble::Timeout;
    }
    match problem.kind() {
        ErrorKind::Server(
            ServerErrorKind::ReadOnly
            | ServerErrorKind::MasterDown
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::ClusterDown,
        ) => StoreTrouble::ReadOnly,
        ErrorKind::Server(ServerErrorKind::NoPerm) | ErrorKind::AuthenticationFailed => {
            StoreTrouble::Forbidden
        }
        ErrorKind::Io
        | ErrorKind::ClusterConnectionNotFound
        | ErrorKind::MasterNameNotFoundBySentinel
        | ErrorKind::Parse => StoreTrouble::Connection,
        _ => match problem.code() {
            Some("OOM") => StoreTrouble::Full,
            // Redis 6.2 says so inside of what it says of the script.
            _ if problem.detail().is_some_and(|said| said.contains("OOM command not allowed")) => {
                StoreTrouble::Full
            }
            Some("NOAUTH" | "WRONGPASS") => StoreTrouble::Forbidden,
            Some("NOREPLICAS" | "UNBLOCKED") => StoreTrouble::ReadOnly,
            _ if problem.is_connection_dropped() || problem.is_unrecoverable_error() => {
                StoreTrouble::Connection
            }
            _ => StoreTrouble::Other,
        },
    }
}

/// What the server said, for the log; it holds no entry and no password.
fn in_words(problem: &RedisError) -> String {
    problem.to_string().chars().filter(|c| !c.is_control()).take(300).collect()
}

/// The slot of an entry in a Cluster: CRC-16 (XMODEM) of the name, or of what stands in its first braces.
fn slot(name: &str) -> u16 {
    let hashed = name
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty())
        .unwrap_or(name);
    let crc =
        hashed.bytes().fold(0_u16, |crc, octet| {
            (0..8).fold(crc ^ u16::from(octet) << 8, |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            })
        });
    crc % 16384
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(slot("123456789"), 0x31c3);
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("foo{}{bar}"), slot("foo{}{bar}"));
        assert_eq!(slot("vestibule:{c}:a"), slot("c"));
    }
}
