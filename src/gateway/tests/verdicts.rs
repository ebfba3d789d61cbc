//! One decision behind all: every face and dialect says the same of the same request.
//!
//! Each row is a request. It is sent to the proxy, asked about in every dialect as that dialect's gateway would, and all
//! of it once more as the handshake of a WebSocket. What is compared is what the visitor and the application get, not
//! the status, in which dialects differ. Codes are those that a script is told, which are few.

use super::client::{self, Answer, request};
use super::envoy::{self, Checked, Question};
use super::house::{HOST, House, Plan, ada, any_port, change_rules, root};
use super::origin::{Origin, Seen};
use crate::access::{Access, Cors, PathPattern, Rule, Term};
use crate::headers::HeaderPlan;
use crate::identity::{Groups, Identity};
use http::{HeaderValue, Method};
use std::time::Duration;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    Ada,
    Root,
    /// In thousands of groups.
    Member,
    /// Signed in anew for this.
    Fresh,
    /// With a cookie that opens nothing.
    Forger,
}

/// What becomes of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// It reaches the application, with these identity headers.
    Passes(Vec<(String, String)>),
    /// The browser goes here.
    SignsIn(String),
    /// 401, by this code and with this address.
    Told(String, String),
    /// It is refused; by this code, where no page is shown.
    Refused(Option<String>),
}

/// What a row expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// As this user; empty: as nobody.
    Passes(&'static str),
    SignsIn,
    Told(&'static str),
    Refused(&'static str),
}

use Expected::{Passes, Refused, SignsIn, Told};
use Who::{Ada, Forger, Fresh, Member, Nobody, Root};

struct Row {
    who: Who,
    method: &'static str,
    target: &'static str,
    lines: &'static [&'static str],
    expected: Expected,
}

const fn row(
    who: Who,
    method: &'static str,
    target: &'static str,
    lines: &'static [&'static str],
    expected: Expected,
) -> Row {
    Row { who, method, target, lines, expected }
}

const PAGE: &[&str] = &["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Accept: text/html"];
const OLD_PAGE: &[&str] = &["Accept: text/html,application/xhtml+xml"];
const SCRIPT: &[&str] = &["Sec-Fetch-Mode: cors", "Accept: */*"];
const OLD_SCRIPT: &[&str] = &["X-Requested-With: XMLHttpRequest", "Accept: text/html"];
const PREFETCH: &[&str] = &["Sec-Purpose: prefetch", "Sec-Fetch-Mode: navigate", "Accept: text/html"];
const SPOOFED: &[&str] = &[
    "X-Forwarded-User: spoof",
    "X_Forwarded_User: spoof",
    "X.Forwarded.User: spoof",
    "X-Forwarded_Groups: spoof",
    "x~vestibule~jwt-assertion: spoof",
    "X-Vestibule-Roles: spoof",
    "X_Vestibule-Roles: spoof",
    "X-Vestibule-Anything: spoof",
    "Range: bytes=0-0",
    "If-None-Match: *",
];
const INSIDE: &[&str] = &["X-Forwarded-For: 10.1.2.3"];
const CLAIMS_INSIDE: &[&str] = &["X-Forwarded-For: 10.1.2.3, 192.0.2.7"];
const PREFLIGHT: &[&str] = &["Origin: https://spa.example.com", "Access-Control-Request-Method: PUT"];
const FOREIGN_PREFLIGHT: &[&str] = &["Origin: https://evil.test", "Access-Control-Request-Method: PUT"];
const NO_BODY: &[&str] = &["Content-Length: 0", "Sec-Fetch-Mode: navigate", "Accept: text/html"];

const MISSING: Expected = Told("session-missing");
const DENIED: Expected = Refused("access-denied");
const ODD: Expected = Refused("bad-request");

const ROWS: &[Row] = &[
    // Who may go where.
    row(Nobody, "GET", "/public/a", &[], Passes("")),
    row(Ada, "GET", "/public/a?b=c", &[], Passes("ada")),
    row(Nobody, "GET", "/optional/a", PAGE, Passes("")),
    row(Ada, "GET", "/optional/a", PAGE, Passes("ada")),
    row(Forger, "GET", "/optional/a", PAGE, Passes("")),
    row(Ada, "GET", "/a", SCRIPT, Passes("ada")),
    row(Ada, "DELETE", "/a", SCRIPT, Passes("ada")),
    row(Forger, "GET", "/a", SCRIPT, MISSING),
    row(Root, "GET", "/admin/a", PAGE, Passes("root")),
    row(Ada, "GET", "/admin/a", SCRIPT, DENIED),
    row(Ada, "GET", "/admin/a", PAGE, DENIED),
    row(Nobody, "GET", "/admin/a", SCRIPT, MISSING),
    row(Nobody, "GET", "/nowhere/a", SCRIPT, DENIED),
    row(Root, "GET", "/nowhere/a", SCRIPT, DENIED),
    row(Root, "GET", "/nowhere", PAGE, DENIED),
    // What is a page.
    row(Nobody, "GET", "/a/b?c=d&e=%2F", PAGE, SignsIn),
    row(Nobody, "GET", "/a", OLD_PAGE, SignsIn),
    row(Nobody, "HEAD", "/a", PAGE, SignsIn),
    row(Nobody, "POST", "/a", NO_BODY, SignsIn),
    row(Nobody, "GET", "/a", SCRIPT, MISSING),
    row(Nobody, "GET", "/a", OLD_SCRIPT, MISSING),
    row(Nobody, "GET", "/a", PREFETCH, MISSING),
    row(Nobody, "PUT", "/a", NO_BODY, MISSING),
    row(Nobody, "GET", "/a", &["Accept: application/json"], MISSING),
    row(Nobody, "GET", "/a", &["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: image"], MISSING),
    // Spellings of a path.
    row(Ada, "GET", "/%61dmin/x", SCRIPT, DENIED),
    row(Ada, "GET", "//admin/x", SCRIPT, DENIED),
    row(Ada, "GET", "/public/../admin/x", SCRIPT, DENIED),
    row(Ada, "GET", "/public/%2e%2e/admin/x", SCRIPT, DENIED),
    row(Ada, "GET", "/Admin/x", SCRIPT, DENIED),
    row(Ada, "GET", "/admin;x=y/z", SCRIPT, DENIED),
    row(Nobody, "GET", "/public/../a", SCRIPT, MISSING),
    row(Nobody, "GET", "/a?/public/a", SCRIPT, MISSING),
    row(Ada, "GET", "/public/a%2Fb", SCRIPT, ODD),
    row(Ada, "GET", "/public\\..\\admin", SCRIPT, ODD),
    row(Ada, "GET", "/public%5cadmin", SCRIPT, ODD),
    row(Ada, "GET", "/public/%00", SCRIPT, ODD),
    row(Ada, "GET", "/public/%252e%252e/admin", SCRIPT, ODD),
    row(Ada, "GET", "/public/..;/admin", SCRIPT, ODD),
    row(Ada, "GET", "/public/%ff", SCRIPT, ODD),
    row(Ada, "GET", "/public/%", SCRIPT, ODD),
    row(Ada, "GET", "/../admin", SCRIPT, ODD),
    // Methods, networks, other sites.
    row(Nobody, "GET", "/read/a", SCRIPT, Passes("")),
    row(Nobody, "HEAD", "/read/a", PAGE, SignsIn),
    row(Nobody, "POST", "/read/a", &["Content-Length: 0", "X-HTTP-Method-Override: GET"], MISSING),
    row(Root, "TRACE", "/public/a", SCRIPT, Refused("bad-request")),
    row(Nobody, "GET", "/inside/a", INSIDE, Passes("")),
    row(Nobody, "GET", "/inside/a", CLAIMS_INSIDE, MISSING),
    row(Nobody, "GET", "/inside/a", &["X-Real-IP: 10.1.2.3", "Forwarded: for=10.1.2.3"], MISSING),
    row(Nobody, "OPTIONS", "/a", PREFLIGHT, Passes("")),
    row(Nobody, "OPTIONS", "/a", FOREIGN_PREFLIGHT, MISSING),
    row(Nobody, "OPTIONS", "/nowhere/a", PREFLIGHT, DENIED),
    // Sign-ins of another kind.
    row(Ada, "GET", "/fresh/a", PAGE, SignsIn),
    row(Ada, "GET", "/fresh/a", SCRIPT, Told("step-up-needed")),
    row(Nobody, "GET", "/fresh/a", SCRIPT, MISSING),
    row(Fresh, "GET", "/fresh/a", SCRIPT, Passes("ada")),
    // What a client says of itself.
    row(Nobody, "GET", "/public/a", SPOOFED, Passes("")),
    row(Ada, "GET", "/a", SPOOFED, Passes("ada")),
    row(Nobody, "GET", "/a", SPOOFED, MISSING),
    row(Member, "GET", "/group/a", SCRIPT, Passes("ada")),
    row(Ada, "GET", "/group/a", SCRIPT, DENIED),
];

fn rule(path: &str, access: Access) -> Rule {
    Rule { paths: vec![PathPattern::parse(path).unwrap()], methods: Vec::new(), networks: Vec::new(), access }
}

fn house(origin: &Origin) -> House {
    let plan = Plan::before(origin.address).with(|config| {
        config.listeners.authz = Some(any_port());
        config.listeners.grpc = Some(any_port());
        let site = &mut config.sites[0];
        site.cors = Cors::new(vec![HeaderValue::from_static("https://spa.example.com")], true);
        change_rules(site, |rules| {
            rules.push(rule("/nowhere/*", Access::Deny));
            rules.push(Rule { methods: vec![Method::GET], ..rule("/read/*", Access::Public) });
            let networks = vec!["10.0.0.0/8".parse().unwrap()];
            rules.push(Rule { networks, ..rule("/inside/*", Access::Public) });
            rules.push(rule("/fresh/*", Access::When(Term::Fresh(Duration::from_secs(300)))));
            rules.push(rule("/group/*", Access::When(Term::Group("group-4999".into()))));
        });
    });
    plan.start()
}

fn cookie(house: &House, who: Who) -> Option<String> {
    let groups = || (0..5000).map(|number| format!("group-{number}")).collect();
    match who {
        Nobody => None,
        Ada => Some(house.signed_in(&ada())),
        Root => Some(house.signed_in(&root())),
        Member => Some(house.signed_in(&Identity { groups: Groups::Known(groups()), ..ada() })),
        Fresh => Some(house.signed_in(&Identity { forced: true, ..ada() })),
        Forger => {
            let mut cookie = house.signed_in(&ada());
            let place = cookie.len() - 8..cookie.len() - 7;
            let other = if &cookie[place.clone()] == "A" { "B" } else { "A" };
            cookie.replace_range(place, other);
            Some(cookie)
        }
    }
}

/// The identity as the application sees it, once the gateway did what its answer says. nginx, Traefik, Caddy and HAProxy
/// replace the headers that they are configured with.
fn identity(headers: &[(String, String)]) -> Vec<(String, String)> {
    let plan = HeaderPlan::default_set();
    let named = |name: &str| plan.names().any(|own| own.as_str() == name);
    let mut found: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .filter(|(name, _)| named(name))
        .collect();
    found.sort();
    found
}

/// What an Envoy forwards of the client's headers: first set, then removed.
fn forwarded(sent: &[&str], set: &[(String, String)], removed: &[String]) -> Vec<(String, String)> {
    let sent = sent.iter().map(|line| line.split_once(": ").unwrap());
    let mut headers: Vec<(String, String)> =
        sent.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    for (name, value) in set {
        headers.retain(|(at, _)| at != name);
        headers.push((name.clone(), value.clone()));
    }
    headers.retain(|(name, _)| !removed.contains(name));
    headers
}

fn code(json: &serde_json::Value) -> String {
    json["error"].as_str().unwrap().to_owned()
}

fn turned_away(status: u16, location: Option<&str>, json: Option<serde_json::Value>) -> Outcome {
    match (status, location) {
        (401 | 302 | 303, Some(location)) => Outcome::SignsIn(location.to_owned()),
        (401, None) => {
            let json = json.unwrap();
            Outcome::Told(code(&json), json["sign_in_url"].as_str().unwrap().to_owned())
        }
        (400..=499, None) => Outcome::Refused(json.map(|json| code(&json))),
        other => panic!("{other:?}"),
    }
}

fn of_answer(answer: &Answer) -> Outcome {
    let is_json = answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    let json = (is_json && !answer.body.is_empty()).then(|| answer.json());
    turned_away(answer.status, answer.header("location"), json)
}

/// A request in one face or dialect.
struct Asking<'a> {
    house: &'a House,
    method: &'a str,
    target: &'a str,
    host: &'a str,
    lines: &'a [&'a str],
}

impl Asking<'_> {
    fn all(&self) -> Vec<(&'static str, Outcome)> {
        vec![
            ("proxy", self.proxy()),
            ("auth-request", self.auth_request()),
            ("forward-auth", self.forward_auth()),
            ("ext-authz", self.ext_authz()),
            ("gRPC", self.grpc(false, Some("127.0.0.1"))),
            ("gRPC with raw headers", self.grpc(true, None)),
        ]
    }

    fn proxy(&self) -> Outcome {
        let first = format!("{} {}", self.method, self.target);
        let lines = [&[first.as_str()], self.lines].concat();
        let answer = client::ask(self.house.public(), &request(self.host, &lines, b""));
        if answer.status != 200 {
            return of_answer(&answer);
        }
        let seen = Seen::in_answer(&answer);
        assert!(!seen.headers.iter().any(|(_, value)| value.contains("spoof")), "{seen:?}");
        Outcome::Passes(identity(&seen.headers))
    }

    fn asked(&self, lines: &[&str]) -> Answer {
        client::ask(self.house.authz(), &request("vestibule", &[lines, self.lines].concat(), b""))
    }

    fn told(&self, answer: &Answer) -> Outcome {
        if answer.status == 200 { Outcome::Passes(identity(&answer.headers)) } else { of_answer(answer) }
    }

    fn auth_request(&self) -> Outcome {
        let url = format!("X-Original-URL: http://{}{}", self.host, self.target);
        let method = format!("X-Original-Method: {}", self.method);
        self.told(&self.asked(&["GET /vestibule/authz/auth-request", &url, &method]))
    }

    fn forward_auth(&self) -> Outcome {
        let uri = format!("X-Forwarded-Uri: {}", self.target);
        let method = format!("X-Forwarded-Method: {}", self.method);
        let host = format!("X-Forwarded-Host: {}", self.host);
        self.told(&self.asked(&["GET /vestibule/authz/forward-auth", &uri, &method, &host]))
    }

    fn ext_authz(&self) -> Outcome {
        let first = format!("{} /vestibule/authz/ext-authz{}", self.method, self.target);
        let lines = [&[first.as_str()], self.lines].concat();
        let answer = client::ask(self.house.authz(), &request(self.host, &lines, b""));
        if answer.status != 200 {
            return of_answer(&answer);
        }
        let removed = answer.header("x-envoy-auth-headers-to-remove").unwrap();
        let removed: Vec<String> = removed.split(',').map(str::to_owned).collect();
        self.passes_envoy(&identity(&answer.headers), &removed)
    }

    fn grpc(&self, raw: bool, source: Option<&str>) -> Outcome {
        let Self { method, target, host, lines, .. } = *self;
        let question = Question { method, target, host, lines, raw, site: None, source };
        let at = self.house.gateway.bound().grpc.unwrap();
        let answer: Checked = envoy::check(at, &question, &[]);
        if answer.status != 200 {
            let is_json =
                answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
            let json = (is_json && method != "HEAD").then(|| answer.json());
            return turned_away(answer.status, answer.header("location"), json);
        }
        self.passes_envoy(&answer.headers, &answer.removed)
    }

    fn passes_envoy(&self, set: &[(String, String)], removed: &[String]) -> Outcome {
        let seen = forwarded(self.lines, set, removed);
        assert!(!seen.iter().any(|(_, value)| value.contains("spoof")), "{seen:?}");
        Outcome::Passes(identity(&seen))
    }
}

fn is_as_expected(outcome: &Outcome, expected: Expected) -> bool {
    match (outcome, expected) {
        (Outcome::Passes(headers), Passes(user)) => {
            let own = headers.iter().find(|(name, _)| name == "x-forwarded-user");
            headers.len() == HeaderPlan::default_set().specs().len()
                && own.is_some_and(|(_, value)| value == user)
        }
        (Outcome::SignsIn(_), SignsIn) => true,
        (Outcome::Told(code, _), Told(expected)) => code == expected,
        (Outcome::Refused(code), Refused(expected)) => code.as_deref().is_none_or(|code| code == expected),
        _ => false,
    }
}

/// The same verdict everywhere, and it is the expected one.
fn same_everywhere(asking: &Asking<'_>, expected: impl Fn(&Outcome) -> bool) {
    let all = asking.all();
    let (_, first) = &all[0];
    let lines: Vec<&str> = asking.lines.iter().map(|line| line.get(..100).unwrap_or(line)).collect();
    let what = format!("{} {} {lines:?}: {all:#?}", asking.method, asking.target);
    assert!(all.iter().all(|(_, outcome)| outcome == first), "they differ: {what}");
    assert!(expected(first), "{what}");
}

#[test]
fn every_face_and_dialect_says_the_same_of_the_same_request() {
    let origin = Origin::start();
    let house = house(&origin);
    for row in ROWS {
        let cookie = cookie(&house, row.who);
        let client = if row.lines.iter().any(|line| line.starts_with("X-Forwarded-For")) {
            None
        } else {
            Some("X-Forwarded-For: 192.0.2.7")
        };
        let lines: Vec<&str> = row.lines.iter().copied().chain(cookie.as_deref()).chain(client).collect();
        let Row { method, target, expected, .. } = *row;
        let asking = Asking { house: &house, method, target, host: HOST, lines: &lines };
        same_everywhere(&asking, |outcome| is_as_expected(outcome, expected));
    }
}

#[test]
fn the_handshake_of_a_websocket_gets_the_verdict_of_its_request_and_never_a_redirect() {
    let origin = Origin::start();
    let house = house(&origin);
    const HANDSHAKE: [&str; 4] = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    for row in ROWS.iter().filter(|row| row.method == "GET") {
        let cookie = cookie(&house, row.who);
        let client = if row.lines.iter().any(|line| line.starts_with("X-Forwarded-For")) {
            None
        } else {
            Some("X-Forwarded-For: 192.0.2.7")
        };
        let lines: Vec<&str> =
            row.lines.iter().chain(&HANDSHAKE).copied().chain(cookie.as_deref()).chain(client).collect();
        let asking = Asking { house: &house, method: "GET", target: row.target, host: HOST, lines: &lines };
        same_everywhere(&asking, |outcome| match (outcome, row.expected) {
            (Outcome::Told(..), SignsIn | Told(_)) => true,
            (_, SignsIn | Told(_)) => false,
            (outcome, expected) => is_as_expected(outcome, expected),
        });
    }
}

#[test]
fn a_host_that_is_no_sites_is_refused_everywhere() {
    let origin = Origin::start();
    let house = house(&origin);
    let cookie = house.signed_in(&root());
    for host in
        ["other.example.com", "app.example.com.evil.test", "app.example.com:8443", "app.example.com:80"]
    {
        let lines = [cookie.as_str(), "Sec-Fetch-Mode: cors"];
        let asking = Asking { house: &house, method: "GET", target: "/public/a", host, lines: &lines };
        same_everywhere(&asking, |outcome| *outcome == Outcome::Refused(Some("site-unknown".into())));
    }
    for host in ["APP.example.com", "app.example.com:443"] {
        let asking = Asking { house: &house, method: "GET", target: "/a", host, lines: &[&cookie] };
        same_everywhere(&asking, |outcome| is_as_expected(outcome, Passes("root")));
    }
}

#[test]
fn a_header_that_is_too_large_is_refused_everywhere() {
    let origin = Origin::start();
    let house = house(&origin);
    let long = format!("X-Long: {}", "x".repeat(70 * 1024));
    let asking = Asking { house: &house, method: "GET", target: "/public/a", host: HOST, lines: &[&long] };
    same_everywhere(&asking, |outcome| *outcome == Outcome::Refused(Some("bad-request".into())));
}
