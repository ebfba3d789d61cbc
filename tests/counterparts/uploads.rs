//! The running program forwards what is larger than it may ever hold.

use crate::support::demo_idp::DemoIdp;
use crate::support::gate::{GateProcess, Ports};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

const MEBIBYTE: usize = 1 << 20;
const UPLOAD: usize = 512 * MEBIBYTE;

/// What the program may take beyond what it had before: buffers of one connection, and the allocator's slack.
const FLAT: f64 = 16.0;

#[test]
fn half_a_gibibyte_passes_at_flat_memory() {
    let folder = tempfile::tempdir().unwrap();
    let application = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = application.local_addr().unwrap();
    let ports = Ports::choose();
    let public = format!("http://127.0.0.1:{}", ports.public);
    let _idp = DemoIdp::start(folder.path(), "localhost", &public);
    let gate = GateProcess::start(
        folder.path(),
        &ports,
        &format!(
            "public_url: {public}\nupstream: http://{upstream}\nrules: [{{paths: [/*], access: public}}]\n\
             identity_providers:\n  - {{id: demo, label: Demo, metadata_file: idp-metadata.xml}}\n"
        ),
    );
    let counting = thread::spawn(move || [counted(&application), counted(&application)]);

    // One small upload first, so that everything that is made once is made.
    upload(ports.public, MEBIBYTE);
    let before = gate.program.peak_mb();
    upload(ports.public, UPLOAD);
    let grown = gate.program.peak_mb() - before;

    assert_eq!(counting.join().unwrap(), [MEBIBYTE, UPLOAD]);
    assert!(grown < FLAT, "the most that the program ever held grew by {grown:.1} MB");
}

fn upload(port: u16, size: usize) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "PUT /image HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let piece = vec![b'x'; MEBIBYTE];
    for _ in 0..size / MEBIBYTE {
        stream.write_all(&piece).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

/// Takes one request and tells how long its body is.
fn counted(listener: &TcpListener) -> usize {
    let (mut stream, _) = listener.accept().unwrap();
    let (mut head, mut octet) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).unwrap();
        head.push(octet[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
    let expected: usize = length.trim().parse().unwrap();
    let mut counted = 0;
    let mut piece = vec![0; MEBIBYTE];
    while counted < expected {
        match stream.read(&mut piece).unwrap() {
            0 => break,
            some => counted += some,
        }
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
    counted
}
