//! What the log and the metrics are told.

use super::client::{self, connect};
use super::house::{HOST, House, Plan, ada};
use super::origin::{Origin, nobody};
use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// Every line that this process writes, ours at any level and others' from WARN upwards, as the log lets them through.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn containing(&self, words: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().filter(|line| line.contains(words)).cloned().collect()
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl<S: tracing::Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        let target = event.metadata().target();
        if target == "audit" || target.starts_with("vestibule") {
            let mut fields = Fields(target.to_owned());
            event.record(&mut fields);
            self.push(fields.0);
        }
    }
}

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.level() <= log::Level::Warn {
            self.push(format!("{} {}", record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}

/// The gate's threads are not the test's: the subscriber must be everybody's. Other tests have their own on theirs.
fn everybodys_lines() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| {
        let lines = Lines::default();
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines.clone())).unwrap();
        log::set_boxed_logger(Box::new(lines.clone())).unwrap();
        log::set_max_level(log::LevelFilter::Warn);
        lines
    })
}

#[test]
fn a_question_that_cannot_be_judged_is_told_with_the_gateway_that_asked_it() {
    let lines = everybodys_lines();
    let house = Plan::forward_auth().start();
    let question = "GET /vestibule/authz/auth-request";
    let url = "X-Original-URL: https://app.example.com/told/without/method";
    client::ask(house.authz(), &client::request("authz", &[question, url], b""));
    client::ask(house.authz(), &client::request("authz", &["GET /told/of/nothing"], b""));
    let trace = "X-Original-URL: https://app.example.com/told/of/trace";
    client::ask(
        house.authz(),
        &client::request("authz", &[question, trace, "X-Original-Method: TRACE"], b""),
    );
    house.gateway.stop();

    let events = lines.containing("original-url-missing");
    assert!(events.iter().any(|event| event.contains("no x-original-method")), "{events:?}");
    assert_eq!(lines.containing("0.0.0.0"), Vec::<String>::new());
    let requests = lines.containing("vestibule::request");
    for (path, status) in
        [("/vestibule/authz/auth-request", "403"), ("/told/of/nothing", "404"), ("/told/of/trace", "403")]
    {
        let told = |line: &&String| {
            line.contains(path) && line.contains(&format!("status={status}")) && line.contains("127.0.0.1")
        };
        assert!(requests.iter().any(|line| told(&line)), "{path} in {requests:#?}");
    }
    assert!(lines.containing("/told/of/trace").iter().any(|line| line.contains("method-refused")));
}

#[test]
fn an_application_that_is_not_there_is_named() {
    let lines = everybodys_lines();
    let nobody = nobody();
    let house = Plan::before(nobody).start();
    assert_eq!(house.ask(&["GET /public/told/to/nobody"]).status, 502);
    house.gateway.stop();
    let events = lines.containing("upstream-unreachable");
    assert!(events.iter().any(|event| event.contains(&format!("at {nobody}"))), "{events:?}");
}

#[test]
fn neither_cookies_nor_queries_nor_the_applications_words_are_logged() {
    let lines = everybodys_lines();
    let origin = Origin::start();
    let house = House::before(&origin);
    let cookie = house.signed_in(&ada());
    let secret = "Cookie: theme=s3cr3t; __Host-vestibule=s3cr3t";
    for target in
        ["/told?token=s3cr3t", "/public/garbage?token=s3cr3t", "/public/nothing?token=s3cr3t", "/a%2F?s3cr3t"]
    {
        house.ask(&[&format!("GET {target}"), secret]);
    }
    house.ask(&["GET /public/hold%00?token=s3cr3t", secret]);
    house.ask(&["GET /vestibule/nothing?token=s3cr3t", secret]);
    for broken in [
        format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{secret}\r\nno colon\r\n\r\n"),
        format!("GET / HTTP/9.9\r\n{secret}\r\n\r\n"),
        format!("G\0T /?s3cr3t HTTP/1.1\r\n{secret}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n{secret}\r\n\r\n"),
        format!("POST / HTTP/1.1\r\nHost: {HOST}\r\n{secret}\r\nContent-Length: s3cr3t\r\n\r\n"),
    ] {
        client::ask(house.public(), broken.as_bytes());
    }
    assert_eq!(house.ask(&["GET /told/at/last?token=s3cr3t", &cookie]).status, 200);
    house.gateway.stop();

    assert_eq!(lines.containing("s3cr3t"), Vec::<String>::new());
    let value = cookie.rsplit('=').next().unwrap();
    assert_eq!(lines.containing(value), Vec::<String>::new());
    let [request] = &lines.containing("/told/at/last")[..] else { panic!("one line for one request") };
    for part in ["vestibule::request", "GET", "status=200", "allowed", "127.0.0.1", "site=\"app\""] {
        assert!(request.contains(part), "{part} in {request}");
    }
    assert!(!lines.containing("upstream-unreachable").is_empty(), "the failure is told, without its words");
}

#[test]
fn a_request_is_in_flight_until_its_answer_is_there() {
    let origin = Origin::start();
    let house = Plan::before(origin.address).start();
    let mut stream = connect(house.public());
    stream.write_all(&client::request(HOST, &["GET /public/hold"], b"")).unwrap();
    origin.report();
    // The question about the metrics is none of the gate's requests.
    assert_eq!(house.metric(&["vestibule_in_flight"]), Some(1.0));
    origin.go.send(()).unwrap();
    assert_eq!(client::answer(&mut stream).status, 200);
    let mut in_flight = house.metric(&["vestibule_in_flight"]);
    for _ in 0..500 {
        if in_flight == Some(0.0) {
            break;
        }
        std::thread::yield_now();
        in_flight = house.metric(&["vestibule_in_flight"]);
    }
    assert_eq!(in_flight, Some(0.0));
}
