//! Traces on their way to the collector: OTLP over HTTP, in batches, beside the requests.
//!
//! No request waits for it. What is done stands in a bounded queue; a collector that is down costs the spans that find no room
//! there, or that it did not take twice, and both are counted.

use super::lane::Crew;
use crate::clock::Clock;
use crate::config::Tracing;
use crate::federation::Connection;
use crate::observe::metrics::TraceFigures;
use crate::observe::traces::{Done, Tracer, batch, refused_in};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

/// Requests of one batch.
const BATCH: usize = 512;

/// How long the first of a batch waits for others.
const GATHERING: Duration = Duration::from_secs(1);

/// Between two tries with a batch.
const PAUSE: Duration = Duration::from_secs(2);

/// The pause grows to this while the collector does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the collector says to an export is short: how many spans it refused.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Of its reason so many letters go into the log.
const LONGEST_REASON: usize = 200;

/// A tracer whose traces are sent.
#[derive(Debug)]
pub(super) struct Telemetry {
    pub(super) tracer: Arc<Tracer>,
    pub(super) figures: Arc<TraceFigures>,
    /// Its end asks for the last batch.
    close: Option<oneshot::Sender<()>>,
    closed: mpsc::Receiver<()>,
}

impl Telemetry {
    pub(super) fn start(settings: Tracing, clock: Arc<dyn Clock>, crew: &Crew) -> Self {
        let figures = Arc::new(TraceFigures::default());
        let (tracer, done) = Tracer::new(settings.sampling, clock, figures.clone());
        let (close, closing) = oneshot::channel();
        let (tell, closed) = mpsc::channel();
        let export =
            Export { settings, figures: figures.clone(), troubled: false, choosy: false, connection: None };
        crew.spawn(async move {
            export.run(done, closing).await;
            let _ = tell.send(());
        });
        Self { tracer, figures, close: Some(close), closed }
    }

    /// Sends what is done, for at most so long. Nobody is served any more.
    pub(super) fn end(&mut self, within: Duration) {
        drop(self.close.take());
        // An error says that there was no time, or that it is over already.
        if let Err(mpsc::RecvTimeoutError::Timeout) = self.closed.recv_timeout(within) {
            tracing::warn!("the last traces were not sent: tracing.otlp_endpoint did not take them in time");
        }
    }
}

struct Export {
    settings: Tracing,
    figures: Arc<TraceFigures>,
    /// Whether the log has been told that nobody takes them.
    troubled: bool,
    /// Whether the log has been told that the collector refuses some.
    choosy: bool,
    /// The one of the last batch.
    connection: Option<Connection>,
}

impl Export {
    async fn run(mut self, mut queue: Receiver<Done>, mut closing: oneshot::Receiver<()>) {
        let mut gathered = Vec::new();
        let mut pause = PAUSE;
        loop {
            let leaving = tokio::select! {
                biased;
                _ = &mut closing => true,
                got = gather(&mut queue, &mut gathered) => !got,
            };
            if leaving {
                break;
            }
            let failures = tokio::select! {
                biased;
                _ = &mut closing => break,
                sent = self.send_twice(&gathered, pause) => sent,
            };
            gathered.clear();
            if failures {
                // Meanwhile the queue fills, and what finds no room is counted.
                let rest = tokio::time::sleep(pause);
                tokio::select! {
                    biased;
                    _ = &mut closing => break,
                    () = rest => {}
                }
            }
            pause = if failures { LONGEST_PAUSE.min(pause * 2) } else { PAUSE };
        }
        queue.close();
        loop {
            while gathered.len() < BATCH {
                match queue.try_recv() {
                    Ok(done) => gathered.push(done),
                    Err(_) => break,
                }
            }
            if gathered.is_empty() {
                return;
            }
            if self.send(&gathered).await.is_err() {
                self.figures.not_taken(spans(&gathered));
                while let Ok(done) = queue.try_recv() {
                    self.figures.not_taken(done.spans());
                }
            }
            gathered.clear();
        }
    }

    /// Answers whether it failed. A batch that nobody took at the second try is lost.
    async fn send_twice(&mut self, gathered: &[Done], pause: Duration) -> bool {
        let Err(first) = self.send(gathered).await else {
            if std::mem::take(&mut self.troubled) {
                tracing::info!("the collector takes traces again");
            }
            return false;
        };
        if !std::mem::replace(&mut self.troubled, true) {
            let endpoint = self.settings.endpoint.as_str();
            tracing::warn!(endpoint, problem = first.why, "traces cannot be sent (tracing.otlp_endpoint)");
        }
        if first.for_good {
            self.figures.not_taken(spans(gathered));
            return true;
        }
        sleep(pause).await;
        if self.send(gathered).await.is_err() {
            self.figures.not_taken(spans(gathered));
            return true;
        }
        self.troubled = false;
        tracing::info!("the collector takes traces again");
        false
    }

    async fn send(&mut self, gathered: &[Done]) -> Result<(), Trouble> {
        let sent = timeout(self.settings.timeout, self.post(gathered)).await;
        let late = || format!("no answer within {} s", self.settings.timeout.as_secs_f64());
        let refused = sent.unwrap_or_else(|_| Err(Trouble { why: late(), for_good: false }))?;
        let all = spans(gathered);
        let refused = refused.map_or(0, |(spans, why)| {
            if !std::mem::replace(&mut self.choosy, true) {
                let why: String =
                    why.chars().filter(|letter| !letter.is_control()).take(LONGEST_REASON).collect();
                tracing::warn!(
                    spans,
                    why,
                    "the collector takes only some of the traces (tracing.otlp_endpoint)"
                );
            }
            spans.min(all)
        });
        self.figures.sent(all - refused);
        self.figures.not_taken(refused);
        Ok(())
    }

    /// Answers how many spans the collector refused of those that it took, and why.
    async fn post(&mut self, gathered: &[Done]) -> Result<Option<(usize, String)>, Trouble> {
        let soon = |why| Trouble { why, for_good: false };
        let Tracing { endpoint: url, authorities, outbound, .. } = &self.settings;
        let octets = Bytes::from(batch(gathered, &self.settings.resource));
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut request = Request::post(target)
            .header(HOST, host)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(USER_AGENT, concat!("vestibule/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(octets))
            .map_err(|problem| soon(problem.to_string()))?;
        for (name, value) in &self.settings.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        // The one of the last batch may have been closed since.
        let kept = match self.connection.take() {
            Some(mut kept) => kept.send(request.clone()).await.ok().map(|answer| (kept, answer)),
            None => None,
        };
        let (connection, answer) = match kept {
            Some(both) => both,
            None => {
                let opened = Connection::open(url, authorities.as_deref(), outbound).await;
                let mut opened = opened.map_err(soon)?;
                let answer = opened.send(request).await.map_err(soon)?;
                (opened, answer)
            }
        };
        let status = answer.status();
        let said = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
        let refused = said.ok().and_then(|said| {
            self.connection = Some(connection);
            refused_in(&said.to_bytes())
        });
        // OTLP names those that may be tried again.
        let later = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        match status {
            _ if status.is_success() => Ok(refused),
            status => Err(Trouble { why: format!("the collector answers {status}"), for_good: !later }),
        }
    }
}

/// Why a batch was not taken.
struct Trouble {
    why: String,
    /// Whether there is no use in trying again.
    for_good: bool,
}

/// The next batch; false: there will be none.
async fn gather(queue: &mut Receiver<Done>, gathered: &mut Vec<Done>) -> bool {
    let Some(first) = queue.recv().await else { return false };
    gathered.push(first);
    let until = Instant::now() + GATHERING;
    while gathered.len() < BATCH {
        match tokio::time::timeout_at(until, queue.recv()).await {
            Ok(Some(next)) => gathered.push(next),
            Ok(None) | Err(_) => break,
        }
    }
    true
}

fn spans(gathered: &[Done]) -> usize {
    gathered.iter().map(Done::spans).sum()
}
