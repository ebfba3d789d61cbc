//! A client that writes exactly the octets it is told to.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No answer takes this long unless something is broken.
const NEVER: Duration = Duration::from_secs(60);

/// A whole answer, as far as it came.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(at, _)| at == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(at, _)| at == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

/// A request for one connection: the request line, Host, the other lines, the body.
pub(super) fn request(host: &str, lines: &[&str], body: &[u8]) -> Vec<u8> {
    let (first, rest) = lines.split_first().unwrap();
    let mut text = format!("{first} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for line in rest {
        text += line;
        text += "\r\n";
    }
    text += "\r\n";
    [text.as_bytes(), body].concat()
}

pub(super) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(NEVER)).unwrap();
    stream.set_write_timeout(Some(NEVER)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends a request that ends its connection, and reads to the end.
pub(super) fn ask(to: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = connect(to);
    stream.write_all(request).unwrap();
    answer_to_the_end(&mut stream)
}

pub(super) fn get(to: SocketAddr, path: &str) -> Answer {
    ask(to, &request("localhost", &[&format!("GET {path}")], b""))
}

pub(super) fn answer_to_the_end(stream: &mut impl Read) -> Answer {
    let mut all = Vec::new();
    // A reset after the answer does not take away what came before it.
    let _ = stream.read_to_end(&mut all);
    parse(&all)
}

/// Reads an answer of known length and leaves the connection open.
pub(super) fn answer(stream: &mut impl Read) -> Answer {
    let head = head(stream);
    let mut answer = parse(&head);
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    answer.body = vec![0; length];
    stream.read_exact(&mut answer.body).unwrap();
    answer
}

/// Octets up to and with the first empty line.
pub(super) fn head(stream: &mut impl Read) -> Vec<u8> {
    let mut head = Vec::new();
    let mut octet = [0];
    while !head.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut octet).unwrap();
        assert_eq!(read, 1, "the connection ended in a header: {}", String::from_utf8_lossy(&head));
        head.push(octet[0]);
    }
    head
}

pub(super) fn parse(all: &[u8]) -> Answer {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no whole header: {:?}", String::from_utf8_lossy(all)));
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: all[end + 4..].to_vec() };
    if answer.header("transfer-encoding").is_some() {
        answer.body = unchunked(&answer.body);
    }
    answer
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap().trim(), 16).unwrap();
        rest = &rest[end + 2..];
        if length == 0 {
            break;
        }
        whole.extend_from_slice(&rest[..length.min(rest.len())]);
        rest = rest.get(length + 2..).unwrap_or_default();
    }
    whole
}

/// Waits until the other side has closed.
pub(super) fn is_closed(socket: &mut TcpStream) -> bool {
    socket.set_read_timeout(Some(NEVER)).unwrap();
    let mut some = [0; 1024];
    loop {
        match socket.read(&mut some) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(problem) => {
                return matches!(problem.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
            }
        }
    }
}
