//! What lasts: WebSockets, event streams, uploads.

use super::client::{self, answer_to_the_end, connect, request};
use super::house::{HOST, House, ada};
use super::origin::Origin;
use std::io::{Read, Write};

const UPGRADE: [&str; 4] = [
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "Origin: https://app.example.com",
];

fn upgrade(path: &str, cookie: &str) -> Vec<u8> {
    let lines = UPGRADE.join("\r\n");
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\n{lines}\r\n{cookie}\r\n\r\n")
        .into_bytes()
}

#[test]
fn a_websocket_carries_octets_both_ways() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let mut socket = connect(house.public());
    socket.write_all(&upgrade("/socket", &house.signed_in(&ada()))).unwrap();
    assert_eq!(client::parse(&client::head(&mut socket)).status, 101);
    for message in ["first", "second"] {
        socket.write_all(message.as_bytes()).unwrap();
        let mut echo = vec![0; message.len()];
        socket.read_exact(&mut echo).unwrap();
        assert_eq!(echo, message.as_bytes());
    }
}

#[test]
fn a_websocket_without_a_session_gets_401_and_never_a_redirect() {
    let origin = Origin::start();
    let house = House::before(&origin);
    for also in ["X-None: x", "Accept: text/html", "Sec-Fetch-Mode: websocket"] {
        let mut socket = connect(house.public());
        socket.write_all(&upgrade("/socket", also)).unwrap();
        let answer = client::answer(&mut socket);
        assert_eq!((answer.status, answer.header("location")), (401, None), "{also}");
        assert_eq!(answer.json()["error"], "session-missing");
    }
    let mut socket = connect(house.public());
    socket.write_all(&upgrade("/admin/socket", &house.signed_in(&ada()))).unwrap();
    assert_eq!(client::answer(&mut socket).status, 403);
}

#[test]
fn an_event_stream_arrives_piece_by_piece() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let mut stream = connect(house.public());
    stream.write_all(&request(HOST, &["GET /public/stream"], b"")).unwrap();
    assert_eq!(client::parse(&client::head(&mut stream)).status, 200);
    for piece in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        // The next piece is sent only after this one has been read here.
        origin.go.send(()).unwrap();
        let mut arrived = Vec::new();
        let mut octet = [0];
        while !arrived.ends_with(piece.as_bytes()) {
            assert_eq!(stream.read(&mut octet).unwrap(), 1);
            arrived.push(octet[0]);
        }
    }
}

#[test]
fn an_upload_reaches_the_application_while_it_is_being_sent() {
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 64;
    let origin = Origin::start();
    let house = House::before(&origin);
    let mut stream = connect(house.public());
    let length = format!("Content-Length: {}", PIECE * PIECES);
    stream.write_all(&request(HOST, &["POST /public/upload", &length], b"")).unwrap();
    let piece = vec![b'x'; PIECE];
    let mut arrived = 0;
    for sent in 1..=PIECES {
        stream.write_all(&piece).unwrap();
        // Never more than a few pieces are on the way: nothing keeps the upload.
        while arrived + 4 * PIECE < sent * PIECE {
            arrived = origin.report();
        }
    }
    let answer = answer_to_the_end(&mut stream);
    assert_eq!((answer.status, answer.text()), (200, (PIECE * PIECES).to_string()));
}

#[test]
fn an_upload_that_may_not_pass_is_refused_before_it_is_sent() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let mut stream = connect(house.public());
    let lines = ["POST /a", "Content-Length: 536870912", "Expect: 100-continue"];
    stream.write_all(&request(HOST, &lines, b"")).unwrap();
    let answer = client::answer(&mut stream);
    assert_eq!((answer.status, answer.header("connection")), (401, Some("close")));
}

#[test]
fn a_refused_form_leaves_the_connection_usable_and_its_answer_arrives() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let mut stream = connect(house.public());
    for _ in 0..2 {
        write!(stream, "POST /a HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 6\r\n\r\na=b&c=").unwrap();
        let answer = client::answer(&mut stream);
        assert_eq!((answer.status, answer.header("connection")), (401, Some("keep-alive")));
    }
}
