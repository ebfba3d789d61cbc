use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::Write as _;

const XML: &str =
    "<samlp:Response xmlns:samlp='urn:oasis:names:tc:SAML:2.0:protocol'>ä~~~~~??>></samlp:Response>";

fn base64() -> String {
    STANDARD.encode(XML)
}

fn deflated() -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(XML.as_bytes()).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn found(input: &str) -> Vec<Found> {
    find(input.as_bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{error}: {input}"))
}

#[test]
fn whatever_is_at_hand_leads_to_the_message() {
    let (value, redirect) = (base64(), deflated());
    assert!(
        value.contains('+') && value.contains('/'),
        "the example has the characters that get lost: {value}"
    );
    let lines: Vec<_> = value.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    for (input, name) in [
        (XML.to_owned(), "xml"),
        (format!("\u{feff}\r\n{XML}\n"), "xml"),
        (value.clone(), "post"),
        (lines.join("\r\n"), "post"),
        (encoded(&value), "post"),
        (value.replace('+', " "), "post"),
        (redirect.clone(), "redirect"),
        (encoded(&redirect), "redirect"),
        (format!("SAMLResponse={}&RelayState=x", encoded(&value)), "post"),
        (format!("RelayState=x&SAMLResponse={value}"), "post"),
        (format!("https://idp.example/sso?SAMLRequest={}&RelayState=x#y", encoded(&redirect)), "redirect"),
        (
            format!("GET /sso?x=1&SAMLRequest={} HTTP/1.1\r\nHost: idp.example\r\n", encoded(&redirect)),
            "redirect",
        ),
        (
            format!("curl 'https://app.example/acs' \\\n  --data-raw 'SAMLResponse={}'", encoded(&value)),
            "post",
        ),
        (format!("SAMLResponse: {value}\nRelayState: x"), "post"),
        (
            format!(
                "<html><form action='/acs'><input type=hidden value=\"{}\" name=\"SAMLResponse\"/></form>",
                value.replace('+', "&#43;").replace('/', "&#x2f;")
            ),
            "post",
        ),
    ] {
        let found = found(&input);
        assert_eq!(found.len(), 1, "{input}");
        assert_eq!(found[0].carried.name(), name, "{input}");
        assert_eq!(found[0].carried.xml().as_deref(), Some(XML), "{input}");
    }
}

#[test]
fn a_posted_value_is_taken_literally_even_if_the_gate_refuses_it() {
    for value in ["PHg+%", "not base64", "PHg+ PHg+"] {
        let found = found(&format!("SAMLResponse={}", encoded(value)));
        assert_eq!(found[0].carried, Carried::Post(value.to_owned()));
    }
}

#[test]
fn a_recording_gives_its_messages_in_order_with_place_and_time() {
    let har = format!(
        r#"{{"log": {{"entries": [
            {{"startedDateTime": "2026-01-15T13:00:00.500+01:00",
              "request": {{"method": "GET", "url": "https://idp.example/sso?SAMLRequest={}"}}}},
            {{"request": {{"method": "GET", "url": "https://idp.example/style.css"}}}},
            {{"request": {{"method": "POST", "url": "https://app.example/acs", "postData": {{"text": "SAMLResponse={body}"}}}}}},
            {{"request": {{"method": "POST", "url": "https://app.example/acs",
                           "postData": {{"params": [{{"name": "SAMLResponse", "value": "{body}"}}]}}}}}}
        ]}}}}"#,
        encoded(&deflated()),
        body = encoded(&base64()),
    );
    let found = found(&har);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].place, "request 1 of the recording: GET https://idp.example/sso");
    assert_eq!(found[0].sent_at, Some(Moment::from_millis(1_768_478_400_500)));
    assert_eq!(found[1].sent_to.as_deref(), Some("https://app.example/acs"));
    assert_eq!(
        found[1].notes,
        ["the same was sent again: request 4 of the recording: POST https://app.example/acs"]
    );
}

#[test]
fn what_holds_no_message_is_unreadable_with_a_reason() {
    for (input, said) in [
        (&b""[..], "empty"),
        (b" \n", "empty"),
        (b"\xff\xfe<\0", "not UTF-8"),
        (b"hello, world", "neither XML nor base64"),
        (b"aGVsbG8gd29ybGQh", "neither of XML nor of deflated XML"),
        (b"{\"log\": 1}", "no log.entries"),
        (b"{", "not JSON"),
        (b"{\"log\": {\"entries\": []}}", "no SAML message"),
        (b"<html><body>Sign in</body></html>", "no SAML message"),
    ] {
        let error = find(input, &Limits::default()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn what_inflates_without_end_is_cut_off() {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(b"<a>").unwrap();
    encoder.write_all(&vec![b' '; 64 * 1024 * 1024]).unwrap();
    let bomb = STANDARD.encode(encoder.finish().unwrap());
    let limits = Limits::default();
    let xml = inflated(&bomb, &limits).unwrap();
    assert_eq!(xml.len(), limits.max_decoded_bytes + 1);
}
