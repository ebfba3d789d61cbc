//! `make bench`, the part with real programs: the check of a known session against nginx answering 204, proxying against
//! bare pingora, a flood of forged answers, start and memory. Interleaved rounds, medians, ratios of one run.
//!
//! Where ratios are taken, every server has one core and one worker and the load comes from the other core: what is compared
//! is the work, not how it is spread. (The flood leaves the gate both cores.) CPU is what the kernel counted for the process, divided by the requests that were answered; that stays comparable on a
//! busy machine, where requests per second do not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a measuring program"
)]

#[path = "behind/mod.rs"]
mod behind;
#[path = "behind/question.rs"]
mod question;
#[path = "../tests/support/mod.rs"]
mod support;

use question::check_request;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::demo_idp::{DemoIdp, example};
use support::gate::{GateProcess, Ports};
use support::program::{Program, free_port, loopback};
use support::visitor::Visitor;

/// Many short rounds: a machine is faster in one minute than in the next, and neighbours are compared.
const ROUNDS: usize = 15;
const SECONDS: u64 = 1;
const CONNECTIONS: usize = 32;
/// How long people sign in.
const SIGN_IN_SECONDS: u64 = 5;
/// And so many at once.
const AT_ONCE: usize = 8;
/// Rounds with and without forged answers.
const FLOODS: usize = 9;
/// Where the measured servers run, and where the load and the application do.
const SERVERS: usize = 0;
const LOAD: usize = 1;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // `cargo test --benches` runs this too, without --bench: nothing to measure then.
    if std::env::args().any(|word| word == "--bench") {
        runtime.block_on(measure());
    }
}

/// Everything, or the parts that were named: `cargo bench --bench gate -- check proxy flood`.
async fn measure() {
    let named: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
    println!("{} rounds of {SECONDS} s each, interleaved, {CONNECTIONS} connections; medians", ROUNDS);
    if wanted("check") {
        check_of_a_known_session().await;
    }
    if wanted("envoy") {
        checks_of_envoy().await;
    }
    if wanted("behind") {
        behind::nginx_and_envoy().await;
    }
    if wanted("sites") {
        among_a_hundred_sites().await;
    }
    if wanted("store") {
        with_a_shared_store().await;
    }
    if wanted("proxy") {
        proxying().await;
    }
    if wanted("flood") {
        flood().await;
    }
}

/// The question of a gateway about a known session, against nginx `return 204` with the same headers.
async fn check_of_a_known_session() {
    let nginx_port = free_port();
    let Stage { folder, public, gate, started, cookie, idp, .. } =
        Stage::of("forward_auth: true\n", None).await;
    println!(
        "start to ready: {} ms; resident at start: {:.1} MB",
        started.ready.as_millis(),
        started.resident_mb
    );
    let url = format!("http://127.0.0.1:{}/vestibule/authz/auth-request", gate.authz_port);
    let original = format!("X-Original-URL: {public}/some/page?a=1");
    let headers =
        [cookie.as_str(), original.as_str(), "X-Original-Method: GET", "X-Forwarded-For: 127.0.0.1"];

    let mut browser = Visitor::new();
    browser.headers.clear();
    let pairs: Vec<(&str, &str)> = headers.iter().map(|line| line.split_once(": ").unwrap()).collect();
    let answer = browser.send(http::Method::GET, &url, &pairs, bytes::Bytes::new()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // The same lines; nginx leaves out a header without a value, so it gets a hyphen there.
    let same: String = answer
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-") || *name == http::header::CACHE_CONTROL)
        .map(|(name, value)| (name, value.to_str().unwrap()))
        .map(|(name, value)| {
            format!("add_header {name} \"{}\" always; ", if value.is_empty() { "-" } else { value })
        })
        .collect();
    let nginx = nginx(SERVERS, folder.path(), nginx_port, &format!("location / {{ {same} return 204; }}"));
    let other = format!("http://127.0.0.1:{nginx_port}/");
    let [ours, theirs] = interleaved([(gate.program.id(), &url, &headers), (nginx.id(), &other, &headers)]);
    report("check of a known session", &ours, "nginx return 204", &theirs, 1.10);
    drop((idp, nginx));
}

/// Envoy's questions about a known session, over HTTP and over gRPC, against nginx `return 204`.
async fn checks_of_envoy() {
    let (nginx_port, grpc_port) = (free_port(), free_port());
    let Stage { folder, ports, gate, cookie, idp, .. } =
        Stage::of("forward_auth: true\n", Some(grpc_port)).await;
    let authority = format!("127.0.0.1:{}", ports.public);
    let host = format!("Host: {authority}");
    let headers = [cookie.as_str(), &host, "X-Forwarded-For: 127.0.0.1"];
    let url = format!("http://127.0.0.1:{}/vestibule/authz/ext-authz/some/page?a=1", gate.authz_port);
    let message = folder.path().join("check-request");
    std::fs::write(&message, check_request(&authority, "/some/page?a=1", &headers)).unwrap();
    let call = format!("http://127.0.0.1:{grpc_port}/envoy.service.auth.v3.Authorization/Check");
    let nginx = nginx(SERVERS, folder.path(), nginx_port, "location / { return 204; }");
    let other = format!("http://127.0.0.1:{nginx_port}/");
    let [http, grpc, theirs] = in_turns([
        (gate.program.id(), &|seconds| requests(&wrk(&url, headers.into_iter(), seconds))),
        (gate.program.id(), &|seconds| h2load(&call, &message, seconds)),
        (nginx.id(), &|seconds| requests(&wrk(&other, headers.into_iter(), seconds))),
    ]);
    // To h2load a denial is an answer like any other.
    let figures = Visitor::new().get(&format!("http://127.0.0.1:{}/metrics", gate.admin_port)).await.body;
    let counted = |line: &&str| line.contains("face=\"grpc\",verdict=") && !line.ends_with(" 0");
    let counted: Vec<&str> = figures.lines().filter(counted).collect();
    assert!(counted.len() == 1 && counted[0].contains("\"allowed\""), "{counted:?}");
    report("ext-authz check of a known session", &http, "nginx return 204", &theirs, 1.15);
    report("gRPC check of a known session", &grpc, "nginx return 204", &theirs, 2.56);
    drop((idp, nginx));
}

/// The same question with the sessions on Redis, against a gate that has them in memory; sign-ins at both; and what
/// a session takes of the Redis.
async fn with_a_shared_store() {
    let (near, far, there) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let redis_port = free_port();
    let redis = Program::start(
        "redis",
        on_core(LOAD, "redis-server").args(["--port", &redis_port.to_string(), "--save", ""]),
        there.path(),
        loopback(redis_port),
    );
    let (memory, shared) = (Ports::choose(), Ports::choose());
    let public = |ports: &Ports| format!("http://127.0.0.1:{}", ports.public);
    let idps = (
        DemoIdp::start(near.path(), "localhost", &public(&memory)),
        DemoIdp::start(far.path(), "localhost", &public(&shared)),
    );
    let start = |folder: &Path, ports: &Ports, store: &str| {
        let config = format!(
            "log: {{requests: false}}\npublic_url: {}\nforward_auth: true\n{store}{CONFIG}",
            public(ports)
        );
        GateProcess::start_by(on_core(SERVERS, env!("CARGO_BIN_EXE_vestibule")), folder, ports, &config)
    };
    let on_redis = format!(
        "store: redis\nredis: {{url: \"redis://127.0.0.1:{redis_port}\"}}\nsession: {{secret: zq8KVb5lI0yTtWcXf3uDn7RmAoEpS1hJ}}\n"
    );
    let gates =
        [(start(near.path(), &memory, ""), &memory), (start(far.path(), &shared, &on_redis), &shared)];
    let client = redis::Client::open(format!("redis://127.0.0.1:{redis_port}")).unwrap();
    let mut behind = client.get_multiplexed_async_connection().await.unwrap();
    let empty = used_by(&mut behind).await;
    let mut asked = Vec::new();
    for ((gate, ports), store) in gates.iter().zip(["in memory", "on Redis"]) {
        let sign_in_at = format!("{}/vestibule/sign-in", public(ports));
        for at_once in [1, AT_ONCE] {
            let before = cpu_seconds(gate.program.id());
            let began = Instant::now();
            let mut people = tokio::task::JoinSet::new();
            for _ in 0..at_once {
                let start = sign_in_at.clone();
                people.spawn(async move {
                    let mut sign_ins = 0_u32;
                    while began.elapsed().as_secs() < SIGN_IN_SECONDS {
                        sign_in(&start).await;
                        sign_ins += 1;
                    }
                    sign_ins
                });
            }
            let sign_ins = f64::from(people.join_all().await.into_iter().sum::<u32>());
            println!(
                "store {store}: {:.0} sign-ins a second, {at_once} at once; {:.2} ms CPU of the gate for each (it has one \
                 core; browsers and identity provider have the other)",
                sign_ins / began.elapsed().as_secs_f64(),
                (cpu_seconds(gate.program.id()) - before) / sign_ins * 1e3,
            );
        }
        let cookie = sign_in(&sign_in_at).await;
        let url = format!("http://127.0.0.1:{}/vestibule/authz/auth-request", gate.authz_port);
        let original = format!("X-Original-URL: {}/some/page?a=1", public(ports));
        asked.push((
            url,
            [cookie, original, "X-Original-Method: GET".into(), "X-Forwarded-For: 127.0.0.1".into()],
        ));
    }
    let lines: Vec<Vec<&str>> =
        asked.iter().map(|(_, lines)| lines.iter().map(String::as_str).collect()).collect();
    let [in_memory, on_redis] = interleaved([
        (gates[0].0.program.id(), &asked[0].0, &lines[0]),
        (gates[1].0.program.id(), &asked[1].0, &lines[1]),
    ]);
    report("known session with the store on Redis", &on_redis, "in memory", &in_memory, 1.05);
    what_is_there(&mut behind, empty).await;
    drop((idps, redis));
}

/// What Redis holds for the sign-ins so far, beside what it takes when it is empty.
async fn what_is_there(behind: &mut redis::aio::MultiplexedConnection, empty: u64) {
    let used = used_by(behind).await - empty;
    let mut each = Vec::new();
    for kind in ["vestibule:s:*", "vestibule:{c}:*"] {
        let names: Vec<String> = redis::cmd("KEYS").arg(kind).query_async(behind).await.unwrap();
        let mut octets = 0;
        for name in &names {
            let of_one: Option<u64> =
                redis::cmd("MEMORY").arg("USAGE").arg(name).query_async(behind).await.unwrap();
            octets += of_one.unwrap_or_default();
        }
        each.push((names.len().max(1) as f64, octets as f64));
    }
    let [(sessions, of_sessions), (claims, of_claims)] = each[..] else { return };
    println!(
        "on Redis: {sessions:.0} sessions of {:.0} bytes and {claims:.0} claims of {:.0} bytes (MEMORY USAGE); all together, \
         with claims, indexes and tables, {:.0} bytes a session (used_memory)",
        of_sessions / sessions,
        of_claims / claims,
        used as f64 / sessions,
    );
}

/// The memory that Redis has taken for what it holds.
async fn used_by(behind: &mut redis::aio::MultiplexedConnection) -> u64 {
    let info: String = redis::cmd("INFO").arg("memory").query_async(behind).await.unwrap();
    info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().trim().parse().unwrap()
}

/// The same question at one of 100 sites, which admits 50 identity providers and has 1,000 rules, against a gate that has one
/// site, one identity provider and no rules.
async fn among_a_hundred_sites() {
    let (small, large) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (alone, among) = (Ports::choose(), Ports::choose());
    let public = |ports: &Ports| format!("http://127.0.0.1:{}", ports.public);
    let idps = (
        DemoIdp::start(small.path(), "localhost", &public(&alone)),
        DemoIdp::start(large.path(), "localhost", &public(&among)),
    );
    let start = |folder: &Path, ports: &Ports, config: &str| {
        let config = format!("log: {{requests: false}}\n{config}");
        GateProcess::start_by(on_core(SERVERS, env!("CARGO_BIN_EXE_vestibule")), folder, ports, &config)
    };
    let one =
        start(small.path(), &alone, &format!("public_url: {}\nforward_auth: true\n{CONFIG}", public(&alone)));
    let many = start(large.path(), &among, &hundred_sites(large.path(), &among));
    println!(
        "resident: {:.1} MB with one site, {:.1} MB with a hundred",
        one.program.resident_mb(),
        many.program.resident_mb()
    );
    let mut asked = Vec::new();
    for (gate, ports) in [(&one, &alone), (&many, &among)] {
        let cookie = sign_in(&format!("{}/vestibule/sign-in?idp=demo", public(ports))).await;
        let url = format!("http://127.0.0.1:{}/vestibule/authz/auth-request", gate.authz_port);
        let original = format!("X-Original-URL: {}/some/page?a=1", public(ports));
        asked.push((
            url,
            [cookie, original, "X-Original-Method: GET".into(), "X-Forwarded-For: 127.0.0.1".into()],
        ));
    }
    let lines: Vec<Vec<&str>> =
        asked.iter().map(|(_, lines)| lines.iter().map(String::as_str).collect()).collect();
    let [theirs, ours] = interleaved([
        (one.program.id(), &asked[0].0, &lines[0]),
        (many.program.id(), &asked[1].0, &lines[1]),
    ]);
    report(
        "check among 100 sites, 50 identity providers, 1,000 rules",
        &ours,
        "one site without rules",
        &theirs,
        1.05,
    );
    drop(idps);
}

/// The measured site is the last; the rule that selects is its last.
fn hundred_sites(folder: &Path, ports: &Ports) -> String {
    let metadata = std::fs::read_to_string(folder.join("idp-metadata.xml")).unwrap();
    let own =
        metadata.split("entityID=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let mut text =
        "identity_providers:\n  - {id: demo, metadata_file: idp-metadata.xml, speaks_for_any: true}\n"
            .to_owned();
    for number in 1..50 {
        let name = format!("idp-{number}.xml");
        std::fs::write(folder.join(&name), metadata.replace(&own, &format!("{own}/{number}"))).unwrap();
        text += &format!("  - {{id: idp-{number}, metadata_file: {name}, speaks_for_any: true}}\n");
    }
    text += "sites:\n";
    for number in 1..100 {
        let url = format!("http://site-{number}.localhost:{}", ports.public);
        text += &format!("  - {{name: site-{number}, public_url: \"{url}\", forward_auth: true}}\n");
    }
    text += &format!(
        "  - name: measured\n    public_url: http://127.0.0.1:{}\n    forward_auth: true\n    rules:\n",
        ports.public
    );
    for number in 1..1000 {
        text += &format!(
            "      - {{paths: [/some/part-{number}/*, /part-{number}], access: {{group: \"g{number}\"}}}}\n"
        );
    }
    text + "      - {paths: [/some/*], access: authenticated}\n"
}

/// 1 KB through the proxy with identity headers, against bare pingora as `cargo build` makes it.
async fn proxying() {
    let (app_port, bare_port) = (free_port(), free_port());
    let behind = tempfile::tempdir().unwrap();
    let page = format!("location / {{ return 200 \"{}\"; }}", "x".repeat(1024));
    let app = nginx(LOAD, behind.path(), app_port, &page);
    let Stage { folder, public, gate, cookie, idp, .. } =
        Stage::of(&format!("upstream: http://127.0.0.1:{app_port}\n"), None).await;
    let bare = Program::start(
        "bare-pingora",
        on_core(SERVERS, std::env::var("BARE_PINGORA").map_or_else(|_| example("bare-pingora"), Into::into))
            .args([format!("127.0.0.1:{bare_port}"), format!("127.0.0.1:{app_port}")]),
        folder.path(),
        loopback(bare_port),
    );
    let headers = [cookie.as_str()];
    let (url, other) = (format!("{public}/page"), format!("http://127.0.0.1:{bare_port}/page"));
    let [ours, theirs] = interleaved([(gate.program.id(), &url, &headers), (bare.id(), &other, &headers)]);
    report("proxying 1 KB with identity", &ours, "bare pingora", &theirs, 1.00);
    drop((idp, app));
}

/// The 99th percentile of known sessions, quiet and while forged answers arrive without pause.
async fn flood() {
    let folder = tempfile::tempdir().unwrap();
    let ports = Ports::choose();
    let public = format!("http://127.0.0.1:{}", ports.public);
    let idp = DemoIdp::start(folder.path(), "localhost", &public);
    let gate = GateProcess::start(
        folder.path(),
        &ports,
        &format!("public_url: {public}\nforward_auth: true\n{CONFIG}"),
    );
    let cookie = sign_in(&format!("{public}/vestibule/sign-in")).await;
    let url = format!("http://127.0.0.1:{}/vestibule/authz/auth-request", gate.authz_port);
    let original = format!("X-Original-URL: {public}/some/page?a=1");
    let headers =
        vec![cookie, original, "X-Original-Method: GET".to_owned(), "X-Forwarded-For: 127.0.0.1".to_owned()];

    // A forged answer to a genuine attempt of the attacker's own: it passes every cheap check and costs a verification.
    let mut attacker = Visitor::new();
    let away = attacker.get(&format!("{public}/vestibule/sign-in")).await;
    let choice = attacker.follow(away).await;
    let page = attacker.submit(&choice, &[("user", "ada")]).await;
    let (_, action, mut fields) = page.form();
    for (name, value) in &mut fields {
        if name == "SAMLResponse" {
            use base64::Engine as _;
            let engine = base64::engine::general_purpose::STANDARD;
            let xml = String::from_utf8(engine.decode(&*value).unwrap()).unwrap();
            *value = engine.encode(xml.replace("Ada Lovelace", "Eve Lovelace"));
        }
    }
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let cookies: Vec<String> =
        attacker.jar["127.0.0.1"].iter().map(|(name, value)| format!("{name}={value}")).collect();
    let script = folder.path().join("forged.lua");
    std::fs::write(
        &script,
        format!(
            "wrk.method = \"POST\"\nwrk.body = \"{body}\"\nwrk.headers[\"Content-Type\"] = \"application/x-www-form-urlencoded\"\n\
             wrk.headers[\"Cookie\"] = \"{}\"\n",
            cookies.join("; ")
        ),
    )
    .unwrap();

    // In turns, because what is quiet in one minute is not in the next.
    let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
    for _ in 0..FLOODS {
        quiet.push(latency(&url, &headers));
        // At the lowest priority: a real attacker's own machine does not take our cores.
        let mut attack = Command::new("nice")
            .args(["-n", "19", "wrk"])
            .args(["-t1", "-c16", &format!("-d{}s", 2 * SECONDS), "-s"])
            .arg(&script)
            .arg(&action)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        flooded.push(latency(&url, &headers));
        drop(attack.kill());
        drop(attack.wait());
    }
    let (quiet, flooded) = (median(&mut quiet), median(&mut flooded));
    println!(
        "flood of forged answers: p99 of known sessions {:.2} ms quiet, {:.2} ms flooded: {:.2} × (goal ≤ 2)",
        quiet,
        flooded,
        flooded / quiet
    );
    drop(idp);
}

const CONFIG: &str = "identity_providers:\n  - {id: demo, label: Demo, metadata_file: idp-metadata.xml}\n";

/// The gate on the core of the measured servers, before the demo identity provider, with ada signed in.
struct Stage {
    folder: tempfile::TempDir,
    ports: Ports,
    public: String,
    idp: DemoIdp,
    gate: GateProcess,
    started: Started,
    /// Her session's Cookie line.
    cookie: String,
}

struct Started {
    ready: Duration,
    resident_mb: f64,
}

impl Stage {
    /// With these lines of configuration; Envoy asks at `grpc`.
    async fn of(lines: &str, grpc: Option<u16>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = Ports::choose();
        let public = format!("http://127.0.0.1:{}", ports.public);
        let idp = DemoIdp::start(folder.path(), "localhost", &public);
        let mut command = on_core(SERVERS, env!("CARGO_BIN_EXE_vestibule"));
        if let Some(grpc) = grpc {
            command.env("VESTIBULE__LISTEN__GRPC", format!("127.0.0.1:{grpc}"));
        }
        let config = format!("public_url: {public}\n{lines}log: {{requests: false}}\n{CONFIG}");
        let began = Instant::now();
        let gate = GateProcess::start_by(command, folder.path(), &ports, &config);
        let started = Started { ready: began.elapsed(), resident_mb: gate.program.resident_mb() };
        let cookie = sign_in(&format!("{public}/vestibule/sign-in")).await;
        Self { folder, ports, public, idp, gate, started, cookie }
    }
}

/// Signs ada in and answers her session's Cookie line.
async fn sign_in(start: &str) -> String {
    let mut browser = Visitor::new();
    browser.sign_in(start, "ada").await;
    let (name, value) = browser.jar["127.0.0.1"].iter().find(|(name, _)| *name == "vestibule").unwrap();
    format!("Cookie: {name}={value}")
}

/// A command that stays on one core; servers make as many workers as they see cores.
fn on_core(core: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

fn nginx(core: usize, folder: &Path, port: u16, location: &str) -> Program {
    nginx_with(core, folder, port, "", location)
}

/// The same with something beside the server, as an upstream.
fn nginx_with(core: usize, folder: &Path, port: u16, beside: &str, location: &str) -> Program {
    let config = folder.join(format!("nginx-{port}.conf"));
    let at = folder.display();
    std::fs::write(
        &config,
        format!(
            "daemon off; master_process off; pid {at}/nginx-{port}.pid; error_log stderr warn; events {{ worker_connections 1024; }}\n\
             http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {at}/b; proxy_temp_path {at}/p;\n\
             fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
             {beside}\n\
             server {{ listen 127.0.0.1:{port}; {location} }} }}\n"
        ),
    )
    .unwrap();
    Program::start(
        &format!("nginx-{port}"),
        on_core(core, "/usr/sbin/nginx").arg("-c").arg(&config),
        folder,
        loopback(port),
    )
}

/// One target's rounds: CPU microseconds a request, and requests a second.
struct Rounds {
    cpu: Vec<f64>,
    rate: Vec<f64>,
}

fn interleaved<const N: usize>(targets: [(u32, &String, &[&str]); N]) -> [Rounds; N] {
    let loads = targets.map(|(process, url, headers)| {
        (process, move |seconds| requests(&wrk(url, headers.iter().copied(), seconds)))
    });
    in_turns(std::array::from_fn(|index| (loads[index].0, &loads[index].1 as &dyn Fn(u64) -> f64)))
}

/// The requests that wrk counted.
fn requests(output: &str) -> f64 {
    assert!(!output.contains("Non-2xx"), "{output}");
    let count =
        |line: &str| line.split_once(" requests in ").and_then(|(count, _)| count.trim().parse().ok());
    output.lines().find_map(count).unwrap_or_else(|| panic!("{output}"))
}

/// Each process under its load, which says how many requests were answered in so many seconds.
fn in_turns<const N: usize>(targets: [(u32, &dyn Fn(u64) -> f64); N]) -> [Rounds; N] {
    let mut rounds = std::array::from_fn(|_| Rounds { cpu: Vec::new(), rate: Vec::new() });
    for round in 0..=ROUNDS {
        for (index, (process, load)) in targets.iter().enumerate() {
            let before = cpu_seconds(*process);
            let requests = load(if round == 0 { 1 } else { SECONDS });
            let used = cpu_seconds(*process) - before;
            // The first round only warms everything up.
            if round > 0 {
                rounds[index].cpu.push(used / requests * 1e6);
                rounds[index].rate.push(requests / SECONDS as f64);
            }
        }
    }
    rounds
}

fn wrk<'a>(url: &str, headers: impl Iterator<Item = &'a str>, seconds: u64) -> String {
    let mut command = on_core(LOAD, "wrk");
    command.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "--latency"]);
    for line in headers {
        command.args(["-H", line]);
    }
    let output = command.arg(url).output().expect("wrk is installed by scripts/install-tools.sh bench");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The calls that were answered, on as few connections as an Envoy with two workers has.
fn h2load(url: &str, message: &Path, seconds: u64) -> f64 {
    let mut command = on_core(LOAD, "h2load");
    command.args(["-c2", &format!("-m{}", CONNECTIONS / 2), &format!("-D{seconds}"), "--warm-up-time=0"]);
    command.args(["-H", "content-type: application/grpc", "-H", "te: trailers", "-d"]).arg(message).arg(url);
    let output = command.output().expect("h2load is installed by scripts/install-tools.sh bench");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let count = |line: &str| {
        let (_, rest) = line.split_once("requests: ")?;
        rest.split(", ").find_map(|part| part.strip_suffix(" succeeded")?.trim().parse().ok())
    };
    let answered = output.lines().find_map(count).unwrap_or_else(|| panic!("{output}"));
    assert!(output.contains(" 0 failed, 0 errored"), "{output}");
    answered
}

/// The 99th percentile in milliseconds of one round, over one connection.
fn latency(url: &str, headers: &[String]) -> f64 {
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c1", &format!("-d{SECONDS}s"), "--latency"]);
    for line in headers {
        command.args(["-H", line]);
    }
    let output = command.arg(url).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("99%"))
        .unwrap_or_else(|| panic!("{text}"))
        .trim()
        .to_owned();
    match (value.strip_suffix("us"), value.strip_suffix("ms"), value.strip_suffix('s')) {
        (Some(micros), _, _) => micros.parse::<f64>().unwrap() / 1000.0,
        (_, Some(millis), _) => millis.parse::<f64>().unwrap(),
        (_, _, Some(seconds)) => seconds.parse::<f64>().unwrap() * 1000.0,
        _ => panic!("{value}"),
    }
}

fn report(what: &str, ours: &Rounds, yardstick: &str, theirs: &Rounds, goal: f64) {
    let mut ratios: Vec<f64> = ours.cpu.iter().zip(&theirs.cpu).map(|(a, b)| a / b).collect();
    println!(
        "{what}: {:.1} us CPU a request, {:.0} requests/s; {yardstick}: {:.1} us, {:.0} requests/s; ratio of CPU {:.2} (goal ≤ {goal:.2})",
        median(&mut ours.cpu.clone()),
        median(&mut ours.rate.clone()),
        median(&mut theirs.cpu.clone()),
        median(&mut theirs.rate.clone()),
        median(&mut ratios),
    );
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// User and system time of a process so far.
fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}
