//! The owner's console: looking at sessions and ending them, on a listener of its own.
//!
//! A socket in the file system is for our own user alone; an address asks for a token. No browser has either, so no page
//! can ask here. It is seldom used and never in a hurry: one thread, few connections, small questions.

use super::lane::{Crew, Threads};
use super::live::Live;
use crate::config::{Console as Settings, ConsoleAddress};
use crate::gate::{Cannot, Gate, Meant};
use crate::identity::Person as _;
use crate::secret::Secret;
use crate::session::{Session, StoreError};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

/// Questions are a line; answers may be long.
const MAX_QUESTION: usize = 16 * 1024;
/// For a whole connection: an answer is one look through the store.
const PATIENCE: Duration = Duration::from_secs(60);
/// For the header of the question. Whoever can connect and has no token must not keep the few places for long.
const HEADER_PATIENCE: Duration = Duration::from_secs(2);
/// How many may ask at a time.
const CONNECTIONS: usize = 8;
/// The most sessions in one answer.
const MOST: usize = 10_000;
/// How many when nobody says.
const USUAL: usize = 1000;

/// A console that is bound and not yet served.
#[derive(Debug)]
pub(super) struct Bound {
    listener: Listener,
    pub(super) address: ConsoleAddress,
    token: Option<Secret>,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Bound {
    /// Opens it. A socket that somebody left behind gives way; one at which somebody answers does not.
    pub(super) fn bind(settings: Settings) -> Result<Self, String> {
        let (listener, address) = match settings.listen {
            ConsoleAddress::Tcp(address) => {
                let problem = |problem| format!("console.listen: cannot listen on {address}: {problem}");
                let listener = TcpListener::bind(address).map_err(problem)?;
                listener.set_nonblocking(true).map_err(problem)?;
                let bound = listener.local_addr().map_err(problem)?;
                (Listener::Tcp(listener), ConsoleAddress::Tcp(bound))
            }
            ConsoleAddress::Unix(path) => {
                let problem =
                    |problem| format!("console.listen: cannot listen at {}: {problem}", path.display());
                (Listener::Unix(bind_for_ourselves(&path).map_err(problem)?), ConsoleAddress::Unix(path))
            }
        };
        Ok(Self { listener, address, token: settings.token })
    }
}

/// Made beside its place and moved there, so that at no moment anybody else may open it.
fn bind_for_ourselves(path: &Path) -> io::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else is there"));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers there"));
        }
        _ => {}
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let _ = std::fs::remove_file(&beside);
    let listener = UnixListener::bind(&beside)?;
    let placed = std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| std::fs::rename(&beside, path));
    if let Err(problem) = placed {
        let _ = std::fs::remove_file(&beside);
        return Err(problem);
    }
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A served console.
#[derive(Debug)]
pub(super) struct Console {
    crew: Crew,
    address: ConsoleAddress,
}

impl Console {
    pub(super) fn serve(bound: Bound, live: Arc<Live>) -> Result<Self, String> {
        let crew = Crew::new("console", Threads { count: 1, niceness: 0 })?;
        let desk = Arc::new(Desk { live, token: bound.token, slots: Arc::new(Semaphore::new(CONNECTIONS)) });
        let listener = bound.listener;
        crew.spawn(async move {
            let ended = match listener {
                Listener::Tcp(listener) => accept_tcp(desk, listener).await,
                Listener::Unix(listener) => accept_unix(desk, listener).await,
            };
            if let Err(problem) = ended {
                tracing::error!(%problem, "the console cannot be served");
            }
        });
        Ok(Self { crew, address: bound.address })
    }

    /// Takes no more questions.
    pub(super) fn end(&mut self) {
        self.crew.end();
        if let ConsoleAddress::Unix(path) = &self.address {
            // Whoever comes next makes a new one in any case.
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn accept_tcp(desk: Arc<Desk>, listener: TcpListener) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => desk.clone().meet(stream, format!("the token, from {}", peer.ip())).await,
            Err(problem) => pause(&problem).await,
        }
    }
}

async fn accept_unix(desk: Arc<Desk>, listener: UnixListener) -> io::Result<()> {
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let ours = rustix::process::geteuid().as_raw();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(peer) = stream.peer_cred() else { continue };
                // Whoever reached it while it was made, under a umask that let them.
                if peer.uid() != 0 && peer.uid() != ours {
                    tracing::warn!(uid = peer.uid(), "somebody else's process asked at the console's socket");
                    continue;
                }
                let who = format!("uid {} at the socket", peer.uid());
                desk.clone().meet(stream, who).await;
            }
            Err(problem) => pause(&problem).await,
        }
    }
}

async fn pause(problem: &io::Error) {
    tracing::warn!(listener = "console", %problem, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Who answers.
struct Desk {
    live: Arc<Live>,
    token: Option<Secret>,
    slots: Arc<Semaphore>,
}

impl Desk {
    /// Serves a connection in a task of its own, as soon as there is room.
    async fn meet<S>(self: Arc<Self>, stream: S, who: String)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        // Never closed, so there is always a slot in the end: each is given back within PATIENCE.
        let Ok(slot) = self.slots.clone().acquire_owned().await else { return };
        tokio::spawn(async move {
            // Given back also where answering panics.
            let _slot = slot;
            let who: Arc<str> = who.into();
            let service = service_fn(|request: Request<Incoming>| {
                let (desk, who) = (self.clone(), who.clone());
                async move { Ok::<_, Infallible>(desk.answer(request, &who).await) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(HEADER_PATIENCE)
                .keep_alive(false)
                .max_buf_size(MAX_QUESTION);
            let served = http.serve_connection(TokioIo::new(stream), service);
            // How it ended nobody need know.
            let _ = tokio::time::timeout(PATIENCE, served).await;
        });
    }

    async fn answer(&self, request: Request<Incoming>, who: &str) -> Response<Full<Bytes>> {
        if !self.may_ask(&request) {
            tracing::warn!(by = who, "the console was asked without the token of console.token_file");
            let mut refused = problem(
                StatusCode::UNAUTHORIZED,
                "the token of console.token_file is needed, as it was when the gate started",
            );
            refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return refused;
        }
        let (head, body) = request.into_parts();
        match (&head.method, head.uri.path()) {
            (&Method::GET, "/v1/sessions") => self.list(head.uri.query().unwrap_or_default()).await,
            (&Method::POST, "/v1/sessions/revoke") => {
                let json = head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
                if !json {
                    return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json");
                }
                match Limited::new(body, MAX_QUESTION).collect().await {
                    Ok(body) => self.revoke(&body.to_bytes(), who).await,
                    Err(_) => problem(StatusCode::BAD_REQUEST, "the body cannot be read, or is too long"),
                }
            }
            (_, "/v1/sessions" | "/v1/sessions/revoke") => {
                problem(StatusCode::METHOD_NOT_ALLOWED, "GET /v1/sessions, POST /v1/sessions/revoke")
            }
            _ => problem(StatusCode::NOT_FOUND, "GET /v1/sessions, POST /v1/sessions/revoke"),
        }
    }

    /// Whether the question carries the token, where one is needed. Compared in constant time.
    fn may_ask(&self, request: &Request<Incoming>) -> bool {
        let Some(token) = &self.token else { return true };
        let mut given = request.headers().get_all(AUTHORIZATION).iter();
        let (Some(given), None) = (given.next(), given.next()) else { return false };
        let Some(given) = given.as_bytes().strip_prefix(b"Bearer ") else { return false };
        aws_lc_rs::constant_time::verify_slices_are_equal(given, token.expose()).is_ok()
    }

    async fn list(&self, query: &str) -> Response<Full<Bytes>> {
        let mut meant = Meant::default();
        let mut limit = USUAL;
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "site" => &mut meant.site,
                "idp" => &mut meant.idp,
                "user" => &mut meant.user,
                "session" => &mut meant.session,
                "limit" => match value.parse() {
                    Ok(number) if (1..=MOST).contains(&number) => {
                        limit = number;
                        continue;
                    }
                    _ => return problem(StatusCode::BAD_REQUEST, "limit is a number from 1 to 10000"),
                },
                _ => {
                    let said = format!("{name} is unknown: site, idp, user, session, limit");
                    return problem(StatusCode::BAD_REQUEST, &said);
                }
            };
            *place = Some(value.into_owned());
        }
        let gate = self.live.load().gate.clone();
        match gate.find_sessions(&meant, limit).await {
            Ok((found, more)) => {
                let sessions = found.iter().map(|session| Listed::of(&gate, session)).collect();
                json(StatusCode::OK, &List { sessions, more })
            }
            Err(cannot) => refused(&cannot),
        }
    }

    async fn revoke(&self, body: &[u8], who: &str) -> Response<Full<Bytes>> {
        let meant: Meant = match serde_json::from_slice(body) {
            Ok(meant) => meant,
            Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        if !meant.is_clear() {
            let said = "say which: session, user, idp, site (several narrow it down), or all alone";
            return problem(StatusCode::BAD_REQUEST, said);
        }
        // In a task of its own: it goes on to its end, and the audit is told, also where the one who asked has gone or has waited
        // for longer than PATIENCE.
        let (gate, who) = (self.live.load().gate.clone(), who.to_owned());
        match tokio::spawn(async move { gate.revoke(&meant, &who).await }).await {
            Ok(Ok(revoked)) => json(StatusCode::OK, &Revoked { revoked }),
            Ok(Err(cannot)) => refused(&cannot),
            Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "it was interrupted: see the log"),
        }
    }
}

#[derive(Serialize)]
struct List<'a> {
    sessions: Vec<Listed<'a>>,
    more: bool,
}

#[derive(Serialize)]
struct Revoked {
    revoked: usize,
}

/// A session as the owner sees it.
#[derive(Serialize)]
struct Listed<'a> {
    session: String,
    site: &'a str,
    idp: &'a str,
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    signed_in: String,
    last_use: String,
    expires: String,
    ends: String,
}

impl<'a> Listed<'a> {
    fn of(gate: &'a Gate, session: &'a Session) -> Self {
        Self {
            session: session.key().public_name(),
            site: gate.site_name_of(session),
            idp: session.idp(),
            user: session.user(),
            email: session.email(),
            signed_in: session.authn_instant().to_string(),
            last_use: session.last_use().to_string(),
            expires: session.expires_at().to_string(),
            ends: session.ends_at().to_string(),
        }
    }
}

fn refused(cannot: &Cannot) -> Response<Full<Bytes>> {
    let status = match cannot {
        Cannot::NoSuchSite(..) | Cannot::NoSuchIdp(..) => StatusCode::NOT_FOUND,
        Cannot::Store(StoreError::Unavailable(_) | StoreError::Full) => StatusCode::SERVICE_UNAVAILABLE,
    };
    problem(status, &cannot.to_string())
}

fn problem(status: StatusCode, said: &str) -> Response<Full<Bytes>> {
    json(status, &serde_json::json!({ "problem": said }))
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_was_left_behind_gives_way_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.sock");
        let first = bind_for_ourselves(&path).unwrap();
        assert_eq!(bind_for_ourselves(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        let second = bind_for_ourselves(&path).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        drop(second);
        let file = folder.path().join("precious");
        std::fs::write(&file, "words").unwrap();
        assert_eq!(bind_for_ourselves(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "words");
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}
