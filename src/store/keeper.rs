//! What goes on beside the requests: the line is opened and opened again, ends are listened for, and known sessions are
//! confirmed before anybody has to wait for it.

use super::claims::learn_since;
use super::known::Known;
use super::line::Connections;
use super::{FORGETFUL, RedisStore};
use crate::session::SessionKey;
use futures_util::StreamExt as _;
use redis::aio::PubSub;
use redis::{Client, Value};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// How often the server is asked whether it is there, and who it is.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// How long the channel may be silent on our own question before it is given up: messages may have been lost since.
const CHANNEL_PATIENCE: Duration = Duration::from_secs(2);

/// Between two tries to open the line: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Sessions that are confirmed at once.
const CONFIRMED_AT_ONCE: usize = 64;

impl RedisStore {
    /// Keeps the store working, for ever. Everything that it needs runs here; a store that nobody keeps refuses.
    pub async fn keep(self: Arc<Self>) {
        tokio::join!(
            Arc::clone(&self).keep_the_line(),
            Arc::clone(&self).listen(),
            Arc::clone(&self).keep_confirming()
        );
    }

    async fn keep_the_line(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        let mut said = None;
        let mut follows = "the gate is not ready until it has been reached";
        loop {
            match self.open().await {
                Ok(connections) => {
                    follows = "nobody can sign in meanwhile";
                    if said.take().is_some() {
                        tracing::info!("the shared store answers again");
                    }
                    pause = FIRST_PAUSE;
                    tokio::join!(self.confirm_all(), self.watch(connections));
                }
                Err(problem) => {
                    if said.as_ref() != Some(&problem) {
                        let look_at = where_to_look(&problem);
                        tracing::warn!(%problem, look_at, follows, "the shared store cannot be asked");
                        said = Some(problem);
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Opens the line: nobody asks before it is known who answers, and since when it remembers.
    async fn open(&self) -> Result<Arc<Connections>, String> {
        let connections = Arc::new(self.line.connect().await?);
        let ring = self.ring.load_full();
        let now = self.clock.now();
        let learned = learn_since(&self.line, &connections, &ring.names, &self.since, now).await;
        match learned {
            Ok(_) => {}
            // The other servers of a Cluster can be asked while the one with the claims is replaced.
            Err(problem) if self.line.is_cluster() => {
                tracing::warn!(%problem, "nobody can sign in: the server that holds the claims does not answer");
            }
            Err(problem) => return Err(problem.to_string()),
        }
        self.judge_memory(&connections).await;
        self.line.set(Some(Arc::clone(&connections)));
        Ok(connections)
    }

    /// Returns when the line is broken.
    async fn watch(&self, connections: Arc<Connections>) {
        let mut ticks = interval(PROBE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let (mut probes, mut failed) = (0_u32, 0_u32);
        loop {
            tokio::select! {
                () = self.line.broken.notified() => {}
                _ = ticks.tick() => {}
            }
            let ring = self.ring.load_full();
            let now = self.clock.now();
            let well = match learn_since(&self.line, &connections, &ring.names, &self.since, now).await {
                Ok(another) => {
                    if another {
                        let since = self.since.get();
                        tracing::warn!(%since, "the shared store was replaced or restarted: sign-ins that began before are begun again");
                    }
                    connections.all_answer(PROBE_EVERY).await
                }
                Err(_) => false,
            };
            if well {
                failed = 0;
                if !self.line.is_open() {
                    self.line.set(Some(Arc::clone(&connections)));
                }
                probes = probes.wrapping_add(1);
                if probes % JUDGE_MEMORY_EVERY == 0 {
                    self.judge_memory(&connections).await;
                }
                continue;
            }
            failed += 1;
            // A Cluster mends itself as long as it can; the rest of it can be asked meanwhile.
            if !self.line.is_cluster() {
                self.line.set(None);
                return;
            }
            if failed >= CLUSTER_FAILURES {
                return;
            }
        }
    }

    /// A server that makes room by forgetting may forget a claim, and then an answer is good twice.
    async fn judge_memory(&self, connections: &Arc<Connections>) {
        let mut command = redis::cmd("INFO");
        command.arg("memory");
        let since = self.ring.load().names.since();
        let told = match connections.ask_server_of(&since, command).await {
            Ok(Value::BulkString(text)) => String::from_utf8_lossy(&text).into_owned(),
            Ok(Value::VerbatimString { text, .. } | Value::SimpleString(text)) => text,
            Ok(_) => return,
            Err(problem) => {
                tracing::debug!(%problem, "the shared store does not tell its memory policy");
                return;
            }
        };
        let value = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let bounded = value("maxmemory:").is_some_and(|bytes| bytes != "0");
        let evicts = value("maxmemory_policy:").is_some_and(|policy| policy != "noeviction");
        let forgets = bounded && evicts;
        if forgets && !self.forgets.swap(true, Ordering::Relaxed) {
            tracing::error!("nobody can sign in: {FORGETFUL}");
        }
        self.forgets.store(forgets, Ordering::Relaxed);
    }

    /// Listens for ends, on whichever server answers; after each beginning everything known is confirmed, because messages
    /// may have been lost before.
    async fn listen(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        loop {
            for post in self.line.listening_posts().await {
                if let Some(channel) = self.subscribe(&post).await {
                    pause = FIRST_PAUSE;
                    self.line.figures.set_listening(true);
                    self.confirm_all().await;
                    self.hear(channel).await;
                    self.line.figures.set_listening(false);
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn subscribe(&self, post: &Client) -> Option<PubSub> {
        let name = self.ring.load().names.ended();
        let subscribed = timeout(CHANNEL_PATIENCE, async {
            let mut channel = post.get_async_pubsub().await?;
            channel.subscribe(name).await?;
            Ok::<_, redis::RedisError>(channel)
        });
        subscribed.await.ok()?.ok()
    }

    /// Returns when the channel is broken or silent.
    async fn hear(&self, channel: PubSub) {
        let (mut ask, mut messages) = channel.split();
        let mut ticks = interval(PROBE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return };
                    let Ok(key) = <[u8; 32]>::try_from(message.get_payload_bytes()) else { continue };
                    if self.known.forget(&SessionKey(key)).is_some() {
                        self.line.figures.ended_elsewhere();
                    }
                }
                _ = ticks.tick() => {
                    let answer = timeout(CHANNEL_PATIENCE, ask.ping::<Value>()).await;
                    if !matches!(answer, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }

    async fn confirm_all(&self) {
        for known in self.known.doubt() {
            if self.to_confirm.send(known).await.is_err() {
                return;
            }
        }
    }

    async fn keep_confirming(self: Arc<Self>) {
        let mut confirming = self.confirming.lock().await;
        let room = Arc::new(Semaphore::new(CONFIRMED_AT_ONCE));
        while let Some(known) = next(&mut confirming).await {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let store = Arc::clone(&self);
            tokio::spawn(async move {
                // A failure is counted where it happens; who needs the session asks for it then.
                let _ = store.confirm(&known).await;
                drop(permit);
            });
        }
    }
}

/// The settings to look at first, by what the server said.
fn where_to_look(problem: &str) -> &'static str {
    let said = |words: &[&str]| words.iter().any(|word| problem.to_ascii_lowercase().contains(word));
    if said(&["wrongpass", "noauth", "authentication"]) {
        "redis.username and redis.password_file"
    } else if said(&["noperm", "permission"]) {
        "what the server's ACL lets redis.username do (docs/store.md)"
    } else if said(&["certificate", "tls", "handshake"]) {
        "redis.tls, and the scheme of redis.url"
    } else {
        "redis.url, and whether the server runs and can be reached"
    }
}

async fn next(confirming: &mut mpsc::Receiver<Arc<Known>>) -> Option<Arc<Known>> {
    confirming.recv().await
}

/// The memory policy is asked for every this many probes.
const JUDGE_MEMORY_EVERY: u32 = 30;

/// After so many probes in a row the connections to a Cluster are opened anew.
const CLUSTER_FAILURES: u32 = 3;

#[cfg(test)]
mod tests {
    use super::where_to_look;

    #[test]
    fn what_the_server_said_leads_to_a_setting() {
        for (said, setting) in [
            (
                "Password authentication failed- AuthenticationFailed: WRONGPASS invalid pair",
                "redis.password_file",
            ),
            ("NOAUTH: Authentication required.", "redis.password_file"),
            ("NOPERM: this user has no permissions to run the 'eval' command", "ACL"),
            ("invalid peer certificate: UnknownIssuer", "redis.tls"),
            ("Connection refused (os error 111)", "redis.url"),
            ("nobody answers", "redis.url"),
        ] {
            assert!(where_to_look(said).contains(setting), "{said}");
        }
    }
}
