//! An application that says exactly what reached it.
//!
//! | path ends in | what it does |
//! |---|---|
//! | `/hold` | waits until the test lets it go, then answers |
//! | `/stream` | sends a piece each time the test lets it go, three in all |
//! | `/socket` | switches protocols and echoes |
//! | `/upload` | tells the test how many octets have come, and answers with their number |
//! | `/nothing` | closes the connection without an answer |
//! | `/garbage` | answers with something that is not HTTP and holds a cookie |
//! | anything else | answers with the request as it came |

use super::client;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A running application.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    /// Lets one waiting step go.
    pub(super) go: Sender<()>,
    /// What the application reports: `held`, or octets of an upload.
    pub(super) reports: Mutex<Receiver<usize>>,
}

/// A request as it came.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) line: String,
    /// Names as they were written.
    pub(super) headers: Vec<(String, String)>,
}

#[derive(Clone)]
struct Stage {
    go: Arc<Mutex<Receiver<()>>>,
    report: Sender<usize>,
}

/// A connection that is read and written.
pub(super) trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

impl Origin {
    pub(super) fn start() -> Self {
        Self::start_with(|stream| Box::new(stream))
    }

    /// `wrap` puts TLS, say, around each connection.
    pub(super) fn start_with(
        wrap: impl Fn(std::net::TcpStream) -> Box<dyn Wire> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (go, waiting) = channel();
        let (report, reports) = channel();
        let stage = Stage { go: Arc::new(Mutex::new(waiting)), report };
        let wrap = Arc::new(wrap);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stage, wrap) = (stage.clone(), wrap.clone());
                std::thread::spawn(move || {
                    let mut stream = wrap(stream.unwrap());
                    while serve(&mut *stream, &stage).is_some() {}
                });
            }
        });
        Self { address, go, reports: Mutex::new(reports) }
    }

    /// Waits for a report.
    pub(super) fn report(&self) -> usize {
        self.reports.lock().unwrap().recv_timeout(Duration::from_secs(30)).expect("a report")
    }
}

/// An address on which nobody listens.
pub(super) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn serve(stream: &mut dyn Wire, stage: &Stage) -> Option<()> {
    let head = read_head(stream)?;
    let text = String::from_utf8_lossy(&head).into_owned();
    let target = text.split(' ').nth(1)?;
    let path = target.split('?').next()?;
    let wait = || stage.go.lock().unwrap().recv_timeout(Duration::from_secs(30)).ok();
    match path.rsplit('/').next()? {
        "hold" => {
            let _ = stage.report.send(0);
            wait()?;
            answer(stream, b"held")
        }
        "stream" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").ok()?;
            for piece in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
                wait()?;
                stream.write_all(piece.as_bytes()).ok()?;
                stream.flush().ok()?;
            }
            None
        }
        "socket" => {
            let switch =
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
            stream.write_all(switch.as_bytes()).ok()?;
            let mut some = [0; 4096];
            loop {
                let read = stream.read(&mut some).ok().filter(|read| *read > 0)?;
                stream.write_all(&some[..read]).ok()?;
            }
        }
        "upload" => {
            let length: usize = header(&text, "content-length")?.parse().ok()?;
            let mut some = vec![0; 64 * 1024];
            let mut whole = 0;
            while whole < length {
                whole += stream.read(&mut some).ok().filter(|read| *read > 0)?;
                let _ = stage.report.send(whole);
            }
            answer(stream, whole.to_string().as_bytes())
        }
        "nothing" => None,
        "garbage" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=s3cr3t\r\nno colon\r\n\r\n");
            None
        }
        _ => {
            if let Some(length) = header(&text, "content-length") {
                let mut body = vec![0; length.parse().ok()?];
                stream.read_exact(&mut body).ok()?;
            }
            answer(stream, &head)
        }
    }
}

fn read_head(stream: &mut dyn Wire) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut octet = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read(&mut octet).ok().filter(|read| *read == 1)?;
        head.push(octet[0]);
    }
    Some(head)
}

fn header<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut lines = text.split("\r\n").filter_map(|line| line.split_once(':'));
    lines.find(|(at, _)| at.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn answer(stream: &mut dyn Wire, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
    stream.flush().ok()
}

impl Seen {
    /// What the application said that it saw.
    pub(super) fn in_answer(answer: &client::Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
        Self {
            line: lines.next().unwrap().to_owned(),
            headers: lines
                .map(|line| line.split_once(':').unwrap())
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
        }
    }

    /// Values of all headers that a server may fold to `name`.
    pub(super) fn folded(&self, name: &str) -> Vec<&str> {
        let fold = |name: &str| name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let found = self.headers.iter().filter(|(at, _)| fold(at) == fold(name));
        found.map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn only(&self, name: &str) -> &str {
        match self.folded(name)[..] {
            [value] => value,
            ref values => panic!("{name}: {values:?} in {self:?}"),
        }
    }
}
