//! One question to a gate that runs, over one connection, in HTTP/1.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Where it is asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The first of these that can be connected to.
    Tcp(Vec<SocketAddr>),
    Unix(PathBuf),
}

/// What was answered: the status, and what comes after it if somebody wants it.
pub(super) struct Answer {
    pub(super) status: u16,
    rest: Box<dyn Read>,
}

/// A listener on every address is asked on the loopback.
pub(super) fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

impl Place {
    /// Sends a whole request, which should ask for `Connection: close`. `patience` is for connecting, and for each word of the
    /// answer.
    pub(super) fn ask(&self, question: &[u8], patience: Duration) -> io::Result<Answer> {
        self.asked(question, patience).map_err(|error| match error.kind() {
            // Of the socket it says `Resource temporarily unavailable`.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                io::Error::new(io::ErrorKind::TimedOut, format!("nothing came for {} s", patience.as_secs()))
            }
            _ => error,
        })
    }

    fn asked(&self, question: &[u8], patience: Duration) -> io::Result<Answer> {
        match self {
            Self::Tcp(addresses) => {
                let stream = connect(addresses, patience)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                exchange(stream, question)
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                exchange(stream, question)
            }
        }
    }
}

impl Answer {
    /// Its body, if it is no longer than so many octets.
    pub(super) fn body(self, most: u64) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.rest.take(most).read_to_end(&mut rest)?;
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(not_http)?;
        Ok(rest.split_off(end + 4))
    }
}

fn connect(addresses: &[SocketAddr], patience: Duration) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(address, patience) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn exchange(mut stream: impl Read + Write + 'static, question: &[u8]) -> io::Result<Answer> {
    // In one piece: whoever answers after the first one would close on the rest.
    stream.write_all(question)?;
    // `HTTP/1.1 200`
    let mut start = [0_u8; 12];
    stream.read_exact(&mut start)?;
    let status = start.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    let status = status.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok()).ok_or_else(not_http)?;
    Ok(Answer { status, rest: Box::new(stream) })
}

fn not_http() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not an answer in HTTP/1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_listener_on_every_address_is_asked_on_the_loopback() {
        let asked = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:9090"), "127.0.0.1:9090");
        assert_eq!(asked("[::]:9090"), "[::1]:9090");
        assert_eq!(asked("192.0.2.1:9090"), "192.0.2.1:9090");
    }

    #[test]
    fn the_body_begins_after_the_header_and_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                stream.read_exact(&mut [0; 4]).unwrap();
                stream.write_all(b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nbody\r\n\r\nmore").unwrap();
            }
        });
        let ask = || Place::Unix(path.clone()).ask(b"GET ", Duration::from_secs(60)).unwrap();
        let answer = ask();
        assert_eq!((answer.status, answer.body(1000).unwrap().as_slice()), (404, &b"body\r\n\r\nmore"[..]));
        assert!(ask().body(10).is_err(), "a header longer than that is none");
        server.join().unwrap();
    }

    #[test]
    fn who_says_nothing_is_told_so_in_plain_words() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let place = Place::Tcp(vec![listener.local_addr().unwrap()]);
        let error = place.ask(b"GET ", Duration::from_millis(10)).err().unwrap();
        assert_eq!(error.to_string(), "nothing came for 0 s");
    }
}
