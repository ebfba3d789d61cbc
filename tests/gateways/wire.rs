//! Requests that no well-behaved client makes, written by hand.

use crate::support::program::loopback;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends the octets and reads the head of the answer; the connection is for what comes next.
pub async fn ask(port: u16, octets: &[u8]) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(loopback(port)).await.unwrap();
    stream.write_all(octets).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => head.push(octet),
            Err(_) => break,
        }
    }
    (String::from_utf8_lossy(&head).into_owned(), stream)
}

/// The status and everything that follows, of a request that asks for the connection to be closed.
pub async fn whole(port: u16, octets: &[u8]) -> (u16, String) {
    let (head, mut stream) = ask(port, octets).await;
    let mut body = Vec::new();
    drop(stream.read_to_end(&mut body).await);
    (status(&head), format!("{head}{}", String::from_utf8_lossy(&body)))
}

pub fn status(head: &str) -> u16 {
    let number = head.split(' ').nth(1).and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("no status in {head:?}"))
}
