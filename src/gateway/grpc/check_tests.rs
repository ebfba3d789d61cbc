use super::super::wire::{put_number_field, put_octets};
use super::*;

/// A message of these fields.
fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut written = Vec::new();
    for (field, octets) in fields {
        put_octets(&mut written, *field, octets);
    }
    written
}

fn entry_of(key: &str, value: &str) -> Vec<u8> {
    message(&[(1, key.as_bytes()), (2, value.as_bytes())])
}

/// `PUT /a?b=c` of app.test, and what else stands in the HTTP request and beside it.
fn check(http: &[(u8, &[u8])], beside: &[(u8, &[u8])]) -> Bytes {
    let usual: &[(u8, &[u8])] = &[(2, b"PUT"), (4, b"/a?b=c"), (5, b"app.test")];
    question(&[usual, http].concat(), beside)
}

fn question(http: &[(u8, &[u8])], beside: &[(u8, &[u8])]) -> Bytes {
    let request = message(&[(2, &message(http))]);
    message(&[(1, &message(&[&[(4, request.as_slice())], beside].concat()))]).into()
}

fn reason(message: &Bytes) -> Reason {
    Check::read(message).unwrap_err().reason
}

/// A `Peer` at an address.
fn peer(address: &str) -> Vec<u8> {
    let mut socket = message(&[(2, address.as_bytes())]);
    put_number_field(&mut socket, 3, 4711);
    message(&[(1, &message(&[(1, &socket)]))])
}

#[test]
fn the_request_is_read_and_nothing_around_it() {
    let headers = [entry_of("cookie", "a=b"), entry_of(":path", "/a?b=c"), entry_of("x-a", "ü")];
    let http: Vec<(u8, &[u8])> =
        headers.iter().map(|entry| (3, entry.as_slice())).chain([(1, &b"id"[..]), (6, b"http")]).collect();
    let whole = check(&http, &[(1, &peer("192.0.2.7")), (10, &entry_of("site", "wiki"))]);
    let read = Check::read(&whole).unwrap();
    assert_eq!(read.asked.method, http::Method::PUT);
    assert_eq!((read.asked.authority, read.asked.target), ("app.test", "/a?b=c"));
    assert_eq!((read.headers.len(), &read.headers["cookie"]), (2, &HeaderValue::from_static("a=b")));
    assert_eq!(read.headers["x-a"].as_bytes(), "ü".as_bytes());
    assert_eq!((read.site, read.connected), (Some("wiki"), Some("192.0.2.7".parse().unwrap())));
}

#[test]
fn raw_headers_may_come_in_several_lines_and_are_read_as_octets() {
    let raw = |name: &str, value: &[u8]| message(&[(1, name.as_bytes()), (3, value)]);
    let lines = [raw("accept", b"a"), raw("accept", b"b"), raw(":method", b"PUT"), raw("x-a", &[0xff])];
    let lines: Vec<(u8, &[u8])> = lines.iter().map(|line| (1, line.as_slice())).collect();
    let whole = check(&[(13, &message(&lines))], &[]);
    let read = Check::read(&whole).unwrap();
    assert_eq!(read.headers.get_all("accept").iter().count(), 2);
    assert_eq!(read.headers["x-a"].as_bytes(), [0xff]);
    assert_eq!((read.site, read.connected), (None, None));
}

#[test]
fn every_missing_part_is_refused() {
    for http in [
        &[(4, &b"/a"[..]), (5, b"app.test")][..],
        &[(2, b"GET"), (5, b"app.test")],
        &[(2, b"GET"), (4, b"/a")],
        &[(2, b"GET"), (4, b"/a"), (5, b"")],
        &[],
    ] {
        assert_eq!(reason(&question(http, &[])), Reason::OriginalUrlMissing, "{http:?}");
    }
    assert_eq!(reason(&Bytes::new()), Reason::OriginalUrlMissing);
    assert_eq!(reason(&message(&[(1, b"")]).into()), Reason::OriginalUrlMissing);
    assert_eq!(reason(&message(&[(1, &message(&[(4, b"")]))]).into()), Reason::OriginalUrlMissing);
}

#[test]
fn what_is_there_twice_is_refused() {
    let entry = entry_of("x-a", "b");
    let same = entry_of("X-A", "c");
    let path = entry_of(":path", "/public");
    let method = entry_of(":method", "GET");
    let host = entry_of(":authority", "other.test");
    let raw = message(&[(1, &message(&[(1, b"x-b"), (3, b"c")]))]);
    for http in [
        &[(4, &b"/b"[..])][..],
        &[(2, b"GET")],
        &[(5, b"other.test")],
        &[(3, &entry), (3, &entry)],
        &[(3, &entry), (3, &same)],
        &[(3, &path)],
        &[(3, &method)],
        &[(3, &host)],
        &[(3, &entry), (13, &raw)],
    ] {
        assert_eq!(reason(&check(http, &[])), Reason::OriginalUrlDoubled, "{http:?}");
    }
    let (wiki, own) = (entry_of("site", "wiki"), peer("192.0.2.7"));
    for beside in
        [&[(4, &message(&[(2, &b""[..])])[..])][..], &[(10, &wiki), (10, &wiki)], &[(1, &own), (1, &own)]]
    {
        assert_eq!(reason(&check(&[], beside)), Reason::OriginalUrlDoubled, "{beside:?}");
    }
    let once = check(&[], &[]);
    assert_eq!(reason(&[&once[..], &once[..]].concat().into()), Reason::OriginalUrlDoubled);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let cut = check(&[], &[]);
    for end in 1..cut.len() {
        assert_ne!(Check::read(&cut.slice(..end)).err(), None, "{end}");
    }
    for http in [
        &[(3, &entry_of("x a", "b")[..])][..],
        &[(3, &entry_of("", "b"))],
        &[(3, &entry_of("x-a", "b\r\nx-b: c"))],
        &[(3, b"\x08\x01")],
        &[(13, b"\x08\x01")],
        &[(13, b"\x0a\x02\x08\x01")],
        &[(7, b"x"), (3, b"\xff")],
    ] {
        assert_eq!(reason(&check(http, &[])), Reason::OriginalUrlMalformed, "{http:?}");
    }
    for http in [
        &[(2, &b"G T"[..]), (4, b"/a"), (5, b"app.test")][..],
        &[(2, b"GET"), (4, b"a"), (5, b"app.test")],
        &[(2, b"OPTIONS"), (4, b"*"), (5, b"app.test")],
        &[(2, b"GET"), (4, b"/\xff"), (5, b"app.test")],
        &[(2, b"GET"), (4, b"/a"), (5, b"\xff")],
    ] {
        assert_eq!(reason(&question(http, &[])), Reason::OriginalUrlMalformed, "{http:?}");
    }
    assert_eq!(
        reason(&check(&[], &[(10, &entry_of("x", "y")), (1, b"\x0a\x01")])),
        Reason::OriginalUrlMalformed
    );
    let mut number = Vec::new();
    put_number_field(&mut number, 1, 1);
    assert_eq!(reason(&number.into()), Reason::OriginalUrlMalformed);
}

#[test]
fn a_pipe_is_nobodys_address() {
    let pipe = message(&[(1, &message(&[(2, &message(&[(1, b"/run/envoy.sock")]))]))]);
    for source in [&pipe[..], &peer("nobody"), b""] {
        assert_eq!(Check::read(&check(&[], &[(1, source)])).unwrap().connected, None);
    }
}
