//! What is not a page: the owner's console, and WebSockets.

use crate::people::Person;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

/// Ends all sessions of a user; what the console says.
pub async fn revoke(console: &Path, user: &str) -> io::Result<String> {
    let mut console = UnixStream::connect(console).await?;
    let body = format!("{{\"user\":\"{user}\"}}");
    let request = format!(
        "POST /v1/sessions/revoke HTTP/1.1\r\nHost: console\r\nContent-Type: application/json\r\nConnection: \
         close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    console.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    console.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// A WebSocket of this person to the application, once it is open.
pub async fn open(at: SocketAddr, person: &Person) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(at).await?;
    let request = format!(
        "GET /socket HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {}\r\n\r\n",
        person.cookies()
    );
    socket.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    if head.starts_with(b"HTTP/1.1 101") {
        return Ok(socket);
    }
    Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()))
}
