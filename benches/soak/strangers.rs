//! People who mean harm, or have a bad line.

use crate::crowd::OWN_FORM;
use crate::people::{Person, form};
use crate::scene::{HOST, PATIENCE, Scene};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vestibule::clock::{Clock as _, SystemClock};

/// Where they say that they are, so that their number is bounded as anybody's is.
const SOMEWHERE: (&str, &str) = ("x-forwarded-for", "203.0.113.9");

/// How many dawdle at once, and for how long.
const DAWDLERS: usize = 20;
const DAWDLE: Duration = Duration::from_secs(3);

/// Altered answers, replays, odd paths, spoofed headers, broken cookies and bytes that are no HTTP.
pub async fn attack(scene: Arc<Scene>, seed: u64, end: Instant) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ (seed + 1));
    let (mut by, mut used) = (scene.caller(0), None);
    let port = scene.gates[0].public;
    while Instant::now() < end {
        let asked = Instant::now();
        let mut mallory = Person::new("mallory");
        match random.below(6) {
            kind @ (0 | 1) => {
                let Ok(question) = mallory.leave(&mut by).await else { continue };
                let good = scene.idp.answer(&question, "mallory", SystemClock.now()).form_value();
                // An altered one, or one that was good before.
                let value = if kind == 0 { random.spoil(&good) } else { used.get_or_insert(good).clone() };
                let brought = mallory.bring(&mut by, &question, value).await;
                let brought_before = kind == 1;
                match brought {
                    Ok(answer) if answer.status.is_client_error() => {
                        scene.tally.done(if brought_before {
                            "replayed answers refused"
                        } else {
                            "altered answers refused"
                        });
                    }
                    // The first time it is good.
                    Ok(answer) if brought_before && answer.status == StatusCode::SEE_OTHER => {}
                    // Too many at once, or no store.
                    Ok(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
                        scene.tally.refused("forged answers")
                    }
                    Ok(answer) => scene
                        .tally
                        .wrong("unexpected answers", &format!("forged ({brought_before}): {answer:?}")),
                    Err(how) => scene.tally.wrong("unexpected answers", &how),
                }
            }
            2 => {
                let path = ["/%2e%2e/admin", "/a%2fb", "/a\\b", "//x", "/%00", "/%25%32e", "/..;/x"]
                    [random.below(7)];
                let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
                raw(&scene, port, request.as_bytes()).await;
            }
            3 => {
                let octets: Vec<u8> =
                    (0..random.below(400)).map(|_| random.next().to_le_bytes()[0]).collect();
                raw(&scene, port, &octets).await;
            }
            4 => {
                let lines = [
                    ("x-forwarded-user", "evil"),
                    ("cookie", "__Host-vestibule=AAAA; __Host-vestibule=BBBB"),
                    SOMEWHERE,
                ];
                match by.ask(Method::GET, "/page", &lines, String::new()).await {
                    Ok(answer) if answer.status == StatusCode::OK => {
                        scene.tally.wrong("wrong user", &format!("made-up cookies: {answer:?}"));
                    }
                    Ok(answer) if !answer.status.is_server_error() || scene.was_disturbed(asked) => {
                        scene.tally.done("made-up cookies refused");
                    }
                    other => scene.tally.wrong("unexpected answers", &format!("made-up cookies: {other:?}")),
                }
            }
            _ => {
                let body: String = (0..random.below(3000))
                    .map(|_| char::from(b'A' + u8::try_from(random.below(50)).unwrap()))
                    .collect();
                let fields = [
                    ("SAMLResponse".to_owned(), body),
                    ("RelayState".to_owned(), "https://evil.test/".to_owned()),
                ];
                let mut lines = OWN_FORM.to_vec();
                lines.push(SOMEWHERE);
                match by.ask(Method::POST, "/vestibule/saml/acs", &lines, form(&fields)).await {
                    Ok(answer) if answer.status.is_client_error() => scene.tally.done("rubbish refused"),
                    Ok(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
                        scene.tally.refused("rubbish")
                    }
                    other => scene.tally.wrong("unexpected answers", &format!("rubbish: {other:?}")),
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn raw(scene: &Scene, to: std::net::SocketAddr, octets: &[u8]) {
    let Ok(mut socket) = TcpStream::connect(to).await else { return };
    drop(socket.write_all(octets).await);
    drop(socket.shutdown().await);
    let mut answer = Vec::new();
    drop(tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await);
    if answer.starts_with(b"HTTP/1.1 200") {
        scene.tally.wrong("unexpected answers", &String::from_utf8_lossy(&answer));
    }
    scene.tally.done("broken requests");
}

/// Clients that send an octet now and then, and go before they have asked anything.
pub async fn dawdle(scene: Arc<Scene>, end: Instant) {
    while Instant::now() < end {
        let mut sockets = Vec::new();
        for number in 0..DAWDLERS {
            sockets.extend(TcpStream::connect(scene.gates[number % 2].public).await);
        }
        let began = Instant::now();
        for octet in
            format!("POST /vestibule/saml/acs HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5000\r\n\r\nSAML")
                .bytes()
        {
            for socket in &mut sockets {
                drop(socket.write_all(&[octet]).await);
            }
            tokio::time::sleep(DAWDLE / 80).await;
            if began.elapsed() > 2 * DAWDLE {
                break;
            }
        }
        sockets.iter().for_each(|_| scene.tally.done("slow clients"));
    }
}

/// Xorshift: the same walk at each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    /// Changes a letter of the name inside of what was signed.
    fn spoil(&mut self, value: &str) -> String {
        let mut octets = STANDARD.decode(value).unwrap();
        let name = b"mallory";
        let at = octets.windows(name.len()).position(|part| part == name).unwrap();
        octets[at + self.below(name.len())] = b'a' + u8::try_from(self.below(8)).unwrap();
        octets[at] = b'x';
        STANDARD.encode(octets)
    }
}
