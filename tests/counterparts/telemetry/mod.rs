//! Traces as a collector sees them that none of us wrote, and the metrics as Prometheus' own client reads them.

use super::upstream;
use crate::support::demo_idp::DemoIdp;
use crate::support::gate::{GateProcess, Ports};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::{Answer, Visitor};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn python(args: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join("target/counterparts/telemetry/bin/python3"));
    command.arg(root.join("tests/counterparts/telemetry/collector.py")).args(args);
    command
}

struct Collector {
    _program: Program,
    port: u16,
    file: PathBuf,
}

impl Collector {
    fn start(folder: &Path, status: &str) -> Self {
        let (port, file) = (free_port(), folder.join("spans"));
        let port_word = port.to_string();
        let words = [port_word.as_str(), file.to_str().unwrap()].into_iter().chain(status.split(' '));
        let mut command = python(&words.collect::<Vec<_>>());
        let program = Program::start("collector", &mut command, folder, loopback(port));
        Self { _program: program, port, file }
    }

    fn spans(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        // The last line may be on its way.
        text.split_inclusive('\n')
            .filter_map(|line| serde_json::from_str(line.strip_suffix('\n')?).ok())
            .collect()
    }

    /// Once there are spans of which this is true.
    async fn until(&self, what: &str, so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let spans = self.spans();
            if so(&spans) {
                return spans;
            }
            assert!(began.elapsed() < PATIENCE, "{what}: {spans:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn named<'a>(spans: &'a [Value], name: &str) -> Vec<&'a Value> {
    spans.iter().filter(|span| span["name"] == name).collect()
}

struct Scene {
    _folder: tempfile::TempDir,
    gate: GateProcess,
    _idp: DemoIdp,
    url: String,
}

impl Scene {
    /// A gate before an application that says what it received.
    async fn start(collector: u16, tracing: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let application = upstream::start().await;
        let ports = Ports::choose();
        let url = format!("http://127.0.0.1:{}", ports.public);
        let idp = DemoIdp::start(folder.path(), "127.0.0.1", &url);
        std::fs::write(folder.path().join("collector-headers"), "x-collector-key: let-me-in\n").unwrap();
        let face = if more.contains("forward_auth") {
            String::new()
        } else {
            format!("upstream: http://{application}\n")
        };
        let config = format!(
            "public_url: {url}\n{face}{more}\
             identity_providers:\n  - {{id: corp, metadata_file: idp-metadata.xml}}\n\
             tracing: {{otlp_endpoint: \"http://127.0.0.1:{collector}\", headers_file: collector-headers, {tracing}}}\n\
             rules:\n  - {{paths: [/public/*], access: public}}\n  - {{paths: [/admin/*], access: {{email: root@example.com}}}}\n",
        );
        let gate = GateProcess::start(folder.path(), &ports, &config);
        Self { _folder: folder, gate, _idp: idp, url }
    }

    async fn metrics(&self) -> String {
        let url = format!("http://127.0.0.1:{}/metrics", self.gate.admin_port);
        let accept = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
        Visitor::new().send(Method::GET, &url, &accept, Bytes::new()).await.body
    }

    async fn public(&self, extra: &[(&str, &str)]) -> Answer {
        let url = format!("{}/public/a?token=query-secret", self.url);
        Visitor::new().send(Method::GET, &url, extra, Bytes::new()).await
    }
}

fn told<'a>(answer: &'a Answer, header: &str) -> Option<&'a str> {
    answer.body.lines().find_map(|line| line.strip_prefix(header)?.strip_prefix(": "))
}

fn attribute<'a>(span: &'a Value, name: &str) -> &'a Value {
    &span["attributes"][name]
}

/// Whether the octets hold these.
fn holds(octets: &[u8], word: &str) -> bool {
    octets.windows(word.len()).any(|window| window == word.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_is_one_trace_over_its_requests_and_names_nobody() {
    let place = tempfile::tempdir().unwrap();
    let collector = Collector::start(place.path(), "200");
    let scene = Scene::start(collector.port, "sample: 1, service_name: portal", "").await;
    let mut visitor = Visitor::new();
    let target = format!("{}/reports?token=query-secret", scene.url);
    let landing = visitor.sign_in(&target, "ada").await;
    let cookies: Vec<String> = visitor.jar.values().flat_map(|jar| jar.values().cloned()).collect();
    let page = visitor.follow(landing).await;
    assert!(page.body.contains("x-forwarded-user: ada@example.com"), "{page:?}");
    let forbidden = visitor.get(&format!("{}/admin/a?token=query-secret", scene.url)).await;
    assert_eq!(forbidden.status, StatusCode::FORBIDDEN);

    let spans = collector
        .until("the sign-in and what came after it", |spans| {
            spans.iter().any(|span| attribute(span, "vestibule.code") == "access-denied")
        })
        .await;
    let [start] = named(&spans, "GET /vestibule/sign-in")[..] else { panic!("{spans:#?}") };
    let answers = named(&spans, "POST /vestibule/saml/acs");
    // On loopback http the first answer comes without the attempt: its trace is its own.
    let answer = answers.iter().find(|answer| answer["parent"] == start["span"]);
    let answer = answer.unwrap_or_else(|| panic!("no answer goes on where {start} ended: {spans:#?}"));
    assert_eq!((&answer["trace"], &start["parent"]), (&start["trace"], &Value::from("")));
    let verified = named(&spans, "verify the answer");
    let verified = verified.iter().find(|step| step["parent"] == answer["span"]).unwrap();
    assert_eq!(verified["trace"], start["trace"]);
    assert_eq!(
        (&answer["kind"], &verified["kind"]),
        (&"SPAN_KIND_SERVER".into(), &"SPAN_KIND_INTERNAL".into())
    );
    assert!(start["end"].as_u64() <= answer["start"].as_u64().map(|at| at + 2_000_000));
    assert_eq!(attribute(start, "http.response.status_code"), 302);
    assert_eq!(attribute(answer, "http.response.status_code"), 303);
    assert_eq!(attribute(answer, "http.route"), "/vestibule/saml/acs");
    assert_eq!(attribute(answer, "vestibule.verdict"), "own");
    assert_eq!(start["resource"]["service.name"], "portal");

    // The application was asked as a part of it.
    let parent: Vec<&str> = told(&page, "traceparent").unwrap().split('-').collect();
    let asked = spans.iter().find(|span| span["span"] == parent[2]).unwrap();
    assert_eq!((&asked["name"], &asked["trace"]), (&"ask the application".into(), &parent[1].into()));
    let request = spans.iter().find(|span| span["span"] == asked["parent"]).unwrap();
    assert_eq!(
        (&request["name"], attribute(request, "vestibule.verdict")),
        (&"GET".into(), &"allowed".into())
    );
    assert_eq!(parent[3], "01");
    let metadata = named(&spans, "read metadata")[0];
    assert_eq!(
        (&metadata["parent"], attribute(metadata, "vestibule.outcome")),
        (&"".into(), &"unchanged".into())
    );

    // The refusal says why, as its audit event does.
    let refused = spans.iter().find(|span| attribute(span, "vestibule.code") == "access-denied").unwrap();
    let trace = refused["trace"].as_str().unwrap();
    let reference = attribute(refused, "vestibule.reference").as_str().unwrap();
    assert!(scene.gate.program.says(reference));
    let log = scene.gate.program.log();
    let event = log.lines().find(|line| line.contains(reference)).unwrap();
    assert!(event.contains("request-refused") && event.contains(trace), "{event}");
    let signed_in = log.lines().find(|line| line.contains("\"event\":\"sign-in\"")).unwrap();
    assert!(signed_in.contains(start["trace"].as_str().unwrap()), "{signed_in}");
    assert!(
        log.lines()
            .any(|line| line.contains("/vestibule/sign-in\"")
                && line.contains(start["trace"].as_str().unwrap()))
    );

    // Nobody's name, no query, no cookie, no message.
    let raw = std::fs::read(collector.file.with_extension("raw")).unwrap();
    assert!(holds(&raw, "/vestibule/saml/acs"), "the search finds what is there");
    for word in [
        "ada@",
        "example.com",
        "query-secret",
        "token",
        "reports",
        "SAMLResponse",
        "let-me-in",
        "/admin",
        "127.0.0.1/",
    ] {
        assert!(!holds(&raw, word), "{word}");
    }
    let secrets: Vec<&String> = cookies.iter().filter(|cookie| cookie.len() > 20).collect();
    assert!(!secrets.is_empty());
    for secret in secrets {
        assert!(!holds(&raw, &secret[..10]), "{secret}");
    }
    let headers = std::fs::read_to_string(collector.file.with_extension("headers")).unwrap();
    assert!(headers.contains("x-collector-key: let-me-in"), "{headers}");
    assert!(!log.contains("let-me-in"));

    exemplars_name_recorded_traces(&scene, &spans).await;
}

/// A scrape that Prometheus' own client reads, in which times name traces that the collector has.
async fn exemplars_name_recorded_traces(scene: &Scene, spans: &[Value]) {
    let mut reader = python(&["openmetrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let scrape = scene.metrics().await;
    reader.stdin.take().unwrap().write_all(scrape.as_bytes()).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "{scrape}");
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let exemplars = read["exemplars"].as_array().unwrap();
    let families: BTreeSet<&str> = exemplars.iter().map(|one| one["name"].as_str().unwrap()).collect();
    let both =
        ["vestibule_request_duration_seconds_bucket", "vestibule_site_request_duration_seconds_bucket"];
    assert_eq!(families, BTreeSet::from(both), "{scrape}");
    for exemplar in exemplars {
        let span = spans.iter().find(|span| span["trace"] == exemplar["trace_id"]);
        assert!(span.is_some(), "{exemplar}");
        let bound: f64 = exemplar["labels"]["le"].as_str().unwrap().parse().unwrap();
        assert!(exemplar["value"].as_f64().unwrap() <= bound, "{exemplar}");
    }
    let url = format!("http://127.0.0.1:{}/metrics", scene.gate.admin_port);
    let plain = Visitor::new().get(&url).await.body;
    assert!(!plain.contains("trace_id") && plain.ends_with("# EOF\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_do_not_choose_what_is_recorded() {
    let place = tempfile::tempdir().unwrap();
    let collector = Collector::start(place.path(), "200");
    let extra = [("traceparent", PARENT), ("tracestate", "vendor=x")];
    for (trust, proxies) in [("trusted_proxies", "10.0.0.0/8"), ("nobody", "127.0.0.0/8")] {
        let tracing = format!("sample: 0, trust_parent: {trust}");
        let scene = Scene::start(collector.port, &tracing, &format!("trusted_proxies: [{proxies}]\n")).await;
        for _ in 0..20 {
            let answer = scene.public(&extra).await;
            let parent = told(&answer, "traceparent").unwrap();
            assert!(!parent.contains(TRACE) && parent.ends_with("-00"), "{trust}: {parent}");
            assert_eq!(told(&answer, "tracestate"), None, "{trust}");
        }
        // Whoever goes sends what it has.
        scene.gate.program.terminate();
    }
    assert_eq!(collector.spans(), Vec::<Value>::new());
    let scene =
        Scene::start(collector.port, "sample: 0, trust_parent: anyone", "trusted_proxies: [10.0.0.0/8]\n")
            .await;
    assert!(told(&scene.public(&extra).await, "traceparent").unwrap().contains(TRACE));
    collector.until("somebody is followed", |spans| spans.iter().any(|span| span["trace"] == TRACE)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_proxys_trace_goes_on_and_whatever_is_none_is_nothing() {
    let place = tempfile::tempdir().unwrap();
    let collector = Collector::start(place.path(), "200");
    let scene = Scene::start(collector.port, "sample: 0", "").await;
    for wrong in [
        "",
        "x",
        "00",
        "00-",
        &PARENT[..54],
        &format!("{PARENT}0"),
        &format!("{PARENT}-00"),
        &format!("{PARENT},{PARENT}"),
        &PARENT.to_uppercase(),
        &PARENT.replacen("00-", "ff-", 1),
        &PARENT.replace(TRACE, &"0".repeat(32)),
        &PARENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
        &PARENT.replace("-01", "-1"),
        &PARENT.replace("-01", "-zz"),
        &PARENT.replace("-00", "-\u{e9}"),
        &"0".repeat(4000),
    ] {
        let answer = scene.public(&[("traceparent", wrong), ("tracestate", "vendor=x")]).await;
        assert_eq!(answer.status, StatusCode::OK, "{wrong}");
        assert_eq!(told(&answer, "tracestate"), None, "it belongs to no trace that goes on: {wrong}");
        let parent = told(&answer, "traceparent").unwrap();
        assert!(
            !parent.contains(TRACE) && parent.len() == 55 && parent.ends_with("-00"),
            "{wrong}: {parent}"
        );
    }
    let unrecorded = PARENT.replace("-01", "-00");
    let answer = scene.public(&[("traceparent", &unrecorded)]).await;
    assert!(told(&answer, "traceparent").unwrap().starts_with(&format!("00-{TRACE}-")));
    let answer = scene.public(&[("traceparent", PARENT), ("tracestate", "vendor=x")]).await;
    assert_eq!(told(&answer, "tracestate"), Some("vendor=x"));
    let spans = collector.until("the only recorded one", |spans| !spans.is_empty()).await;
    assert_eq!(spans.len(), 2, "{spans:#?}");
    let request = named(&spans, "GET")[0];
    assert_eq!((&request["trace"], &request["parent"]), (&TRACE.into(), &"00f067aa0ba902b7".into()));
    assert_eq!(attribute(request, "vestibule.verdict"), "anonymous");
    assert_eq!(named(&spans, "ask the application")[0]["parent"], request["span"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_a_part_of_its_gateways_trace_and_the_last_one_is_sent_when_the_gate_goes() {
    let place = tempfile::tempdir().unwrap();
    let collector = Collector::start(place.path(), "200");
    let scene = Scene::start(collector.port, "sample: 0", "forward_auth: true\n").await;
    let url = format!("http://127.0.0.1:{}/vestibule/authz/auth-request", scene.gate.authz_port);
    let question = [
        ("x-original-url", format!("{}/reports?token=query-secret", scene.url)),
        ("x-original-method", "DELETE".to_owned()),
        ("traceparent", PARENT.to_owned()),
    ];
    let question: Vec<(&str, &str)> = question.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = Visitor::new().send(Method::GET, &url, &question, Bytes::new()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(scene.gate.program.says(TRACE), "the request's line names its trace");
    scene.gate.program.terminate();
    let spans = collector.spans();
    let [asked] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(asked["name"], "DELETE /vestibule/authz/auth-request");
    assert_eq!((&asked["trace"], &asked["parent"]), (&TRACE.into(), &"00f067aa0ba902b7".into()));
    assert_eq!(attribute(asked, "vestibule.face"), "auth_request");
}

/// What it answers is a success all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_collector_refuses_of_a_batch_is_not_counted_as_sent() {
    let place = tempfile::tempdir().unwrap();
    let collector = Collector::start(place.path(), "200 1");
    let scene = Scene::start(collector.port, "sample: 1", "").await;
    assert_eq!(scene.public(&[]).await.status, StatusCode::OK);
    let began = Instant::now();
    loop {
        let text = scene.metrics().await;
        let figure = |outcome: &str| -> u64 {
            let name = format!("vestibule_spans_total{{outcome=\"{outcome}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
        };
        let (sent, refused) = (figure("sent"), figure("not_taken"));
        if sent + refused >= 2 && refused > 0 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(scene.gate.program.says("the collector takes only some of the traces"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_takes_nothing_is_felt_by_nobody_and_what_is_lost_is_counted() {
    let place = tempfile::tempdir().unwrap();
    let refusing = Collector::start(place.path(), "400");
    for port in [free_port(), refusing.port] {
        let scene = Scene::start(port, "sample: 1", "").await;
        for _ in 0..50 {
            assert_eq!(scene.public(&[]).await.status, StatusCode::OK);
        }
        let began = Instant::now();
        let lost = loop {
            let text = scene.metrics().await;
            let figure = text
                .lines()
                .find_map(|line| line.strip_prefix("vestibule_spans_total{outcome=\"not_taken\"} "));
            let lost: u64 = figure.unwrap().parse().unwrap();
            if lost > 0 {
                break lost;
            }
            assert!(began.elapsed() < PATIENCE, "{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        // Two spans a request, and readings of metadata.
        assert!(lost < 110, "{lost}");
        assert!(scene.gate.program.says("traces cannot be sent"));
        assert_eq!(scene.public(&[]).await.status, StatusCode::OK);
        assert_eq!(scene.gate.program.terminate(), Some(0));
    }
}
