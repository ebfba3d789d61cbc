//! The path of a request: whatever a server may read as protected is not let pass.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;
use vestibule::access::{Access, PathPattern, Question, RequestPath, Rule, Rules, Verdict};
use vestibule::clock::Moment;
use vestibule::identity::Identity;

/// `/admin` and below is closed, everything else is open.
static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let closed = Rule {
        paths: vec![PathPattern::parse("/admin/*").expect("a pattern")],
        methods: Vec::new(),
        networks: Vec::new(),
        access: Access::Deny,
    };
    Rules::new(vec![closed], Access::Public)
});

fuzz_target!(|raw: &str| {
    for allow_encoded_slash in [false, true] {
        let Ok(path) = RequestPath::parse(raw, allow_encoded_slash) else { continue };
        assert!(path.as_str().starts_with('/'), "{raw:?} is {:?}", path.as_str());
        assert!(!path.as_str().chars().any(char::is_control), "{raw:?} is {:?}", path.as_str());
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let now = Moment::from_seconds(1_800_000_000);
        let question = Question { method: &http::Method::GET, path: &path, client, now };
        let passes = matches!(RULES.judge(&question, None::<&Identity>), Verdict::Allow(_));
        if passes {
            for reading in readings(raw, allow_encoded_slash) {
                assert!(!is_closed(&reading), "{raw:?} passes, and a server reads {reading:?}");
            }
        }
    }
});

fn is_closed(path: &str) -> bool {
    path == "/admin" || path.starts_with("/admin/")
}

/// A few servers: as written, decoded, with dot segments resolved before or after, slashes merged, without case.
fn readings(raw: &str, encoded_slash: bool) -> Vec<String> {
    let decoded = decode(raw, encoded_slash);
    let mut all = vec![
        raw.to_owned(),
        decoded.clone(),
        resolve(raw),
        resolve(&decoded),
        decode(&resolve(raw), encoded_slash),
    ];
    for path in all.clone() {
        all.push(merge(&path));
        all.push(resolve(&merge(&path)));
    }
    for path in all.clone() {
        all.push(path.to_lowercase());
        // Parameters of segments (Tomcat, Spring).
        all.push(
            path.split('/')
                .map(|segment| segment.split(';').next().unwrap_or(""))
                .collect::<Vec<_>>()
                .join("/"),
        );
    }
    all
}

fn decode(path: &str, encoded_slash: bool) -> String {
    let octets = path.as_bytes();
    let mut out = Vec::with_capacity(octets.len());
    let mut at = 0;
    while at < octets.len() {
        let escaped = (octets[at] == b'%').then(|| path.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(b'/') if !encoded_slash => {
                out.extend_from_slice(&octets[at..at + 3]);
                at += 3;
            }
            Some(octet) => {
                out.push(octet);
                at += 3;
            }
            None => {
                out.push(octets[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn merge(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
    }
    out
}

/// RFC 3986 5.2.4.
fn resolve(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let all: Vec<&str> = path.split('/').skip(1).collect();
    for (number, segment) in all.iter().enumerate() {
        let last = number + 1 == all.len();
        match *segment {
            "." if last => segments.push(""),
            "." => {}
            ".." => {
                segments.pop();
                if last {
                    segments.push("");
                }
            }
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}
