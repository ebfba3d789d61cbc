//! Common servers as small models, each with its own reading of a path, against the one engine.
//!
//! For every path over an alphabet of tricks: when some server would take it for something under a guarded tree, the
//! engine must not let it pass; and when no server would take it for something under a public tree alone, it must not be
//! public.

use super::super::path::RequestPath;
use super::super::pattern::PathPattern;
use super::*;
use crate::identity::tests_support::FakePerson;

type Server = (&'static str, fn(&str) -> String);

const SERVERS: &[Server] = &[
    ("routes on raw octets (Express, exact)", |raw| raw.to_owned()),
    ("routes on raw octets without case (Express)", |raw| raw.to_lowercase()),
    ("decodes, resolves nothing (WSGI, Rack)", |raw| decoded(raw)),
    ("merges slashes of raw octets", |raw| merged(raw)),
    ("decodes and merges, resolves nothing", |raw| merged(&decoded(raw))),
    ("decodes, merges, then resolves (nginx, Apache, Go)", |raw| dots_removed(&merged(&decoded(raw)))),
    ("resolves, then decodes, merges nothing (RFC 3986)", |raw| decoded(&dots_removed(raw))),
    ("resolves, then decodes, then resolves again", |raw| dots_removed(&decoded(&dots_removed(raw)))),
    ("resolves raw dot segments only", |raw| dots_removed(raw)),
    ("decodes, resolves, merges nothing", |raw| dots_removed(&decoded(raw))),
    ("resolves, then merges, then decodes", |raw| decoded(&merged(&dots_removed(raw)))),
    ("reads a reference (new URL, urlsplit)", |raw| decoded(&dots_removed(&without_authority(raw)))),
    ("reads a reference and resolves nothing", |raw| without_authority(raw)),
    ("decodes, then reads a reference", |raw| dots_removed(&without_authority(&decoded(raw)))),
    ("drops parameters, decodes, merges, resolves (Tomcat)", |raw| {
        dots_removed(&merged(&decoded(&without_parameters(raw))))
    }),
    ("drops parameters after resolving (Jetty of old)", |raw| {
        without_parameters(&dots_removed(&merged(&decoded(raw))))
    }),
    ("drops parameters, then resolves, then merges", |raw| merged(&dots_removed(&without_parameters(raw)))),
    ("drops parameters, resolves nothing", |raw| merged(&without_parameters(&decoded(raw)))),
    ("Windows: no case, no trailing dots (IIS)", |raw| {
        without_ends(&dots_removed(&merged(&decoded(raw)))).to_lowercase()
    }),
    ("Windows, with trailing dots dropped first", |raw| merged(&without_ends(&decoded(raw))).to_lowercase()),
    ("decodes and cuts at a query", |raw| {
        let decoded = decoded(raw);
        decoded.split(['?', '#']).next().unwrap_or_default().to_owned()
    }),
];

#[test]
fn no_server_is_stricter_than_the_engine() {
    let alphabet =
        ["/", "/admin", "/public", "/..", "/.", "/%2e%2e", ";", "x", "/%61dmin", "/ADMIN", ".", "%20", "%3f"];
    let rules =
        Rules::new(vec![rule("/public/*", Access::Public), rule("/admin/*", Access::Deny)], Access::Public);
    let tried = try_all(&alphabet, 4, false, &rules, "/admin");
    assert!(tried > 1000, "{tried}");
}

#[test]
fn no_server_is_stricter_where_encoded_slashes_are_allowed() {
    let alphabet = ["/", "/admin", "/public", "/..", "%2f", "%2F..", "%2fadmin", ";", "x"];
    let rules = Rules::new(vec![rule("/admin/*", Access::Deny)], Access::Public);
    let tried = try_all(&alphabet, 5, true, &rules, "/admin");
    assert!(tried > 1000, "{tried}");
}

#[test]
fn a_public_tree_opens_for_no_server_what_lies_outside() {
    let alphabet =
        ["/", "/secret", "/public", "/..", "/.", "/%2e%2e", ";", "x", "/%70ublic", "/PUBLIC", ".", "%3f"];
    let rules = Rules::new(vec![rule("/public/*", Access::Public)], Access::Authenticated);
    each_path(&alphabet, 4, &mut |raw| {
        if !passes(&rules, raw, false) {
            return;
        }
        for (server, read) in SERVERS {
            let seen = read(raw).to_lowercase();
            assert!(under(&seen, "/public"), "{raw} is public here, and {seen} for who {server}");
        }
    });
}

fn try_all(alphabet: &[&str], length: usize, slash: bool, rules: &Rules, guarded: &str) -> usize {
    let mut tried = 0;
    each_path(alphabet, length, &mut |raw| {
        let reaching = SERVERS.iter().find(|(_, read)| under(&read(raw), guarded));
        if let Some((server, read)) = reaching {
            tried += 1;
            assert!(!passes(rules, raw, slash), "{raw} passes, and is {} for who {server}", read(raw));
        }
    });
    tried
}

fn each_path(alphabet: &[&str], length: usize, f: &mut dyn FnMut(&str)) {
    let mut paths = vec![String::new()];
    for _ in 0..length {
        paths = paths.iter().flat_map(|p| alphabet.iter().map(move |token| format!("{p}{token}"))).collect();
        paths.iter().for_each(|path| f(path));
    }
}

fn rule(pattern: &str, access: Access) -> Rule {
    Rule { paths: vec![PathPattern::parse(pattern).unwrap()], methods: vec![], networks: vec![], access }
}

fn passes(rules: &Rules, raw: &str, slash: bool) -> bool {
    let Ok(path) = RequestPath::parse(raw, slash) else {
        return false;
    };
    let question = Question {
        method: &Method::GET,
        path: &path,
        client: IpAddr::from([192, 0, 2, 1]),
        now: Moment::from_seconds(0),
    };
    matches!(rules.judge::<FakePerson>(&question, None), Verdict::Allow(_))
}

fn under(path: &str, tree: &str) -> bool {
    path.strip_prefix(tree).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn decoded(raw: &str) -> String {
    percent_encoding::percent_decode_str(raw).decode_utf8_lossy().into_owned()
}

fn merged(path: &str) -> String {
    let mut merged = String::new();
    for c in path.chars() {
        if c != '/' || !merged.ends_with('/') {
            merged.push(c);
        }
    }
    merged
}

/// RFC 3986, 5.2.4; an empty segment is one.
fn dots_removed(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut directory = false;
    for segment in path.split('/').skip(1) {
        directory = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    let end = if directory { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

fn without_authority(path: &str) -> String {
    match path.strip_prefix("//") {
        Some(rest) => {
            let rest = rest.trim_start_matches('/');
            rest.find('/').map_or("/".to_owned(), |slash| rest[slash..].to_owned())
        }
        None => path.to_owned(),
    }
}

fn without_parameters(path: &str) -> String {
    let segments: Vec<_> = path.split('/').map(|s| s.split(';').next().unwrap_or_default()).collect();
    segments.join("/")
}

fn without_ends(path: &str) -> String {
    let segments: Vec<_> = path.split('/').map(|s| s.trim_end_matches(['.', ' '])).collect();
    segments.join("/")
}
