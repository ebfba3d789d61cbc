//! People who mean well, and the gateways that ask for them.

use crate::caller::Caller;
use crate::console::open;
use crate::people::{FORM, Person, Shown};
use crate::question::check_request;
use crate::scene::{ASKED, ASKED_HOST, MAX_STALENESS, PATIENCE, SITE, Scene};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// Who is signed in from the start and stays.
pub const KNOWN: usize = 20;

/// Between two requests of the same people: all of it together shall not be more than the machine can do.
const PAUSE: Duration = Duration::from_millis(4);

/// What a known person was shown, into the tally.
fn count(scene: &Scene, what: &'static str, asked: Instant, shown: Shown) {
    match shown {
        Shown::Own => scene.tally.done(what),
        Shown::Wrong(page) => scene.tally.wrong("wrong user", &format!("{what}: {page}")),
        Shown::SignedOut => scene.tally.wrong("lost sessions", what),
        Shown::Failed(how) => failed(scene, what, asked, &how),
    }
}

/// May be, when the Redis was away; or must not be.
fn failed(scene: &Scene, what: &'static str, asked: Instant, how: &str) {
    if scene.was_disturbed(asked) {
        scene.tally.refused(what);
    } else {
        scene.tally.wrong("unexpected answers", &format!("{what}: {how}"));
    }
}

/// Known people at work, now at one gate and now at the other.
pub async fn look_and_write(scene: Arc<Scene>, mut people: Vec<Person>, first: usize, end: Instant) {
    let mut by = [scene.caller(0), scene.caller(1)];
    let mut turn = first;
    while Instant::now() < end {
        turn += 1;
        let (person, asked) = (turn % people.len(), Instant::now());
        let by = &mut by[(turn / 7) % 2];
        if turn.is_multiple_of(10) {
            let shown = people[person].write(by).await;
            count(&scene, "forms of known sessions", asked, shown);
        } else {
            let shown = people[person].look(by).await;
            count(&scene, "pages of known sessions", asked, shown);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Signs in at one gate, works at the other, signs out there, and is out at both.
pub async fn come_and_go(scene: Arc<Scene>, first: usize, end: Instant) {
    let mut by = [scene.caller(first), scene.caller(1 - first)];
    let mut turn = 0_u64;
    while Instant::now() < end {
        turn += 1;
        let mut guest = Person::new(format!("guest-{first}-{turn}"));
        let asked = Instant::now();
        match guest.sign_in(&mut by[0], &scene.idp).await {
            Ok(()) => scene.tally.done("sign-ins"),
            Err(how) => {
                failed(&scene, "sign-ins", asked, &how);
                continue;
            }
        }
        let (asked, shown) = (Instant::now(), guest.look(&mut by[1]).await);
        count(&scene, "first pages at the other gate", asked, shown);
        // Who has a copy of the cookie is out too.
        let (mut copy, asked) = (guest.clone(), Instant::now());
        match guest.sign_out(&mut by[1]).await {
            Ok(()) => scene.tally.done("sign-outs"),
            Err(how) => {
                failed(&scene, "sign-outs", asked, &how);
                continue;
            }
        }
        let out = Instant::now();
        for by in &mut by {
            loop {
                let shown = copy.look(by).await;
                match shown {
                    Shown::SignedOut => break scene.tally.done("signed out at both gates"),
                    Shown::Own if out.elapsed() < MAX_STALENESS + Duration::from_secs(1) => {}
                    Shown::Own => break scene.tally.wrong("sessions that came back", &copy.name),
                    Shown::Wrong(page) => break scene.tally.wrong("wrong user", &page),
                    Shown::Failed(_) if scene.was_disturbed(out) => break,
                    Shown::Failed(how) => break scene.tally.wrong("unexpected answers", &how),
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// nginx, Traefik and Envoy ask about known people, and about nobody.
pub async fn gateways_ask(scene: Arc<Scene>, gate: usize, end: Instant) {
    let mut people = Vec::new();
    for number in 0..KNOWN {
        let mut person = Person::at(ASKED, format!("asked-{gate}-{number}"));
        person.sign_in(&mut scene.caller_of_asked(1 - gate), &scene.idp).await.unwrap();
        people.push(person);
    }
    let mut by = [ASKED, "http://gate.internal"].map(|host| Caller::new(scene.gates[gate].authz, host));
    let mut envoy = None;
    let url = format!("{ASKED}/page?a=1");
    let mut turn = 0;
    while Instant::now() < end {
        turn += 1;
        let (person, asked) = (&people[turn % people.len()], Instant::now());
        let cookies = if turn % 8 == 7 { String::new() } else { person.cookies() };
        let name = (!cookies.is_empty()).then_some(person.name.as_str());
        if turn % 4 == 0 {
            let answer = grpc(&mut envoy, scene.gates[gate].grpc, &cookies).await;
            let allowed = answer.as_ref().is_ok_and(|answer| {
                let wanted = name.map_or(b"/vestibule/sign-in".as_slice(), str::as_bytes);
                answer.windows(wanted.len()).any(|part| part == wanted)
            });
            match (allowed, answer) {
                (true, _) => scene.tally.done("questions over gRPC"),
                (false, answer) => failed(&scene, "questions over gRPC", asked, &format!("{answer:?}")),
            }
        } else {
            let lines = [
                ("x-original-url", url.as_str()),
                ("x-original-method", "GET"),
                ("x-forwarded-for", "127.0.0.1"),
                ("x-forwarded-host", ASKED_HOST),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-uri", "/page?a=1"),
                ("x-forwarded-method", "GET"),
                ("cookie", cookies.as_str()),
            ];
            // Envoy asks as the client did; the others say whom they ask for.
            let (by, target) = match turn % 4 {
                1 => (&mut by[0], "/vestibule/authz/ext-authz/page?a=1"),
                2 => (&mut by[1], "/vestibule/authz/auth-request"),
                _ => (&mut by[1], "/vestibule/authz/forward-auth"),
            };
            let answer = by
                .ask(Method::GET, target, &lines[..lines.len() - usize::from(name.is_none())], String::new())
                .await;
            match answer {
                Ok(answer) if answer.status == StatusCode::OK => match answer.header("x-forwarded-user") {
                    Some(user) if Some(user) == name => scene.tally.done("questions over HTTP"),
                    other => scene.tally.wrong("wrong user", &format!("{target}: {other:?} for {name:?}")),
                },
                Ok(answer) if name.is_none() && !answer.status.is_server_error() => {
                    scene.tally.done("questions over HTTP");
                }
                other => failed(&scene, "questions over HTTP", asked, &format!("{target}: {other:?}")),
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Envoy's question, on a connection that is kept.
async fn grpc(
    kept: &mut Option<SendRequest<Full<Bytes>>>,
    to: SocketAddr,
    cookies: &str,
) -> Result<Bytes, String> {
    let problem = |problem: hyper::Error| format!("{problem:?}");
    let mut open = match kept.take().filter(|kept| !kept.is_closed()) {
        Some(open) => open,
        None => {
            let stream = TcpStream::connect(to).await.map_err(|problem| problem.to_string())?;
            let (open, connection) =
                handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(problem)?;
            tokio::spawn(async move { drop(connection.await) });
            open
        }
    };
    let cookie = format!("Cookie: {cookies}");
    let lines = [cookie.as_str(), "X-Forwarded-For: 127.0.0.1"];
    let lines = if cookies.is_empty() { &lines[1..] } else { &lines[..] };
    let request = Request::post(format!("http://{to}/envoy.service.auth.v3.Authorization/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(check_request(ASKED_HOST, "/page?a=1", lines))))
        .unwrap();
    let answer = tokio::time::timeout(PATIENCE, open.send_request(request)).await;
    let answer = answer.map_err(|_| "no answer".to_owned())?.map_err(problem)?;
    let octets = answer.into_body().collect().await.map_err(problem)?.to_bytes();
    *kept = Some(open);
    Ok(octets)
}

/// Somebody has a WebSocket at one gate, and is signed out by the owner at the other.
pub async fn sockets_are_revoked(scene: Arc<Scene>, end: Instant) {
    let mut turn = 0;
    while Instant::now() < end {
        turn += 1;
        scene.undisturbed().await;
        let began = Instant::now();
        let (here, there) = (turn % 2, 1 - turn % 2);
        let mut person = Person::new(format!("socket-{turn}"));
        if let Err(how) = person.sign_in(&mut scene.caller(here), &scene.idp).await {
            failed(&scene, "sign-ins", began, &how);
            continue;
        }
        let mut socket = match open(scene.gates[here].public, &person).await {
            Ok(socket) => socket,
            Err(how) => {
                failed(&scene, "WebSockets of revoked sessions closed", began, &how.to_string());
                continue;
            }
        };
        if !scene.revoke(there, &person.name).await {
            failed(&scene, "WebSockets of revoked sessions closed", began, "it cannot be revoked");
            continue;
        }
        let closed = tokio::time::timeout(2 * MAX_STALENESS, socket.read(&mut [0])).await;
        match closed {
            Ok(Ok(0) | Err(_)) => scene.tally.done("WebSockets of revoked sessions closed"),
            other => failed(&scene, "WebSockets of revoked sessions closed", began, &format!("{other:?}")),
        }
        let (asked, shown) = (Instant::now(), person.look(&mut scene.caller(here)).await);
        match shown {
            Shown::SignedOut => {}
            Shown::Own => scene.tally.wrong("sessions that came back", &person.name),
            other => failed(&scene, "revoked sessions", asked, &format!("{other:?}")),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The headers of a form that our own page sends.
pub const OWN_FORM: [(&str, &str); 3] = [FORM, ("origin", SITE), ("sec-fetch-site", "same-origin")];
