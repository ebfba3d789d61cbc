//! A real nginx with what `vestibule gateway nginx` prints, asking the gate before each request: what is nginx's alone. What
//! every gateway must do is in tests/gateways.

use crate::support::demo_idp::DemoIdp;
use crate::support::gate::{GateProcess, Ports};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::{Answer, Visitor};
use crate::upstream;
use bytes::Bytes;
use http::{Method, StatusCode};
use std::process::Command;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

struct World {
    public: String,
    port: u16,
    _programs: (DemoIdp, GateProcess, Program),
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let (ports, port) = (Ports::choose(), free_port());
    let public = format!("http://127.0.0.1:{port}");
    let idp = DemoIdp::start(folder.path(), "localhost", &public);
    let app = upstream::start().await;
    let gate = GateProcess::start(
        folder.path(),
        &ports,
        &format!(
            "public_url: {public}\nforward_auth: true\nroles: {{admins: admin}}\nrules:\n  - {{paths: [/public/*], access: public}}\n  \
             - {{paths: [/admin/*], access: {{any: [{{role: admin}}]}}}}\nidentity_providers:\n  \
             - {{id: demo, label: Demo, metadata_file: idp-metadata.xml}}\n\
             cors: {{origins: [\"https://spa.example.com\"], preflight: true}}\n"
        ),
    );
    let printed = Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .args(["gateway", "nginx", "--app-address", &app.to_string(), "--config"])
        .arg(folder.path().join("config.yaml"))
        .output()
        .unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let work = folder.path().display();
    let mut config =
        format!("pid {work}/nginx.pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\n");
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        config.push_str(&format!("{kind}_temp_path {work}/{kind};\n"));
    }
    config.push_str(&format!("{}}}\n", String::from_utf8(printed.stdout).unwrap()));
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let nginx = Program::start(
        "nginx",
        Command::new("/usr/sbin/nginx").arg("-c").arg(&file).args(["-g", "daemon off;"]),
        folder.path(),
        loopback(port),
    );
    World { public, port, _programs: (idp, gate, nginx), _folder: folder }
}

/// A browser that has signed in as one of the demo's users.
async fn signed_in(world: &World, user: &str) -> Visitor {
    let mut browser = Visitor::new();
    let answer = browser.sign_in(&format!("{}/start?x=1", world.public), user).await;
    let landed = browser.follow(answer).await;
    assert!(landed.body.contains("GET /start?x=1"), "{landed:?}");
    browser
}

fn line(answer: &Answer, name: &str) -> Option<String> {
    let start = format!("{name}: ");
    answer.body.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signed_out_navigation_is_sent_to_sign_in_and_background_gets_401() {
    let world = world().await;
    let mut browser = Visitor::new();
    let answer = browser.get(&format!("{}/page?q=1&r=%2F", world.public)).await;
    assert_eq!(answer.status, StatusCode::FOUND);
    let location = answer.location().unwrap();
    assert!(location.starts_with(&format!("{}/vestibule/sign-in?rd=", world.public)), "{location}");
    assert!(browser.jar.values().all(std::collections::BTreeMap::is_empty), "only sign-in makes cookies");

    browser.headers.clear();
    let background = [("accept", "application/json"), ("x-requested-with", "XMLHttpRequest")];
    let answer = browser.send(Method::GET, &format!("{}/api", world.public), &background, Bytes::new()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.headers.get("location").is_none());
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.body, r#"{"error":"session-missing"}"#);
    let answer = browser.get(&format!("{}/public/x", world.public)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(line(&answer, "x-forwarded-user").is_none_or(|user| user.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_of_a_listed_origin_may_read_the_401_and_ask_beforehand() {
    let world = world().await;
    let api = format!("{}/api", world.public);
    let mut script = Visitor::new();
    script.headers.clear();
    for (origin, listed) in [("https://spa.example.com", true), ("https://evil.test", false)] {
        let from = ("origin", origin);
        let told = script.send(Method::GET, &api, &[from, ("sec-fetch-mode", "cors")], Bytes::new()).await;
        assert_eq!(told.status, StatusCode::UNAUTHORIZED);
        let allowed = told.headers.get("access-control-allow-origin").map(|origin| origin.to_str().unwrap());
        assert_eq!(allowed, Some("https://spa.example.com").filter(|_| listed));
        assert_eq!(told.headers.contains_key("access-control-allow-credentials"), listed);
        assert_eq!(told.headers["vary"], "Origin");
        let asks = [from, ("access-control-request-method", "PUT")];
        let asked = script.send(Method::OPTIONS, &api, &asks, Bytes::new()).await;
        assert_eq!(asked.status, if listed { StatusCode::OK } else { StatusCode::UNAUTHORIZED });
        assert_eq!(asked.body.starts_with("OPTIONS /api"), listed, "{}", asked.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signed_in_requests_carry_identity_and_nothing_of_the_clients() {
    let world = world().await;
    let mut browser = signed_in(&world, "ada").await;
    let spoofed = [
        ("x-forwarded-user", "evil"),
        ("x-forwarded-email", "evil@evil.test"),
        ("x-forwarded-groups", "root"),
        ("x-vestibule-roles", "root"),
        ("x-vestibule-jwt-assertion", "evil"),
        ("x_forwarded_user", "evil"),
        ("x-original-url", "http://127.0.0.1/public/"),
        ("x-original-method", "OPTIONS"),
        ("x-vestibule-groups-omitted", "true"),
    ];
    let answer =
        browser.send(Method::POST, &format!("{}/form", world.public), &spoofed, Bytes::from("a=1&b=2")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(answer.body.starts_with("POST /form"), "{}", answer.body);
    assert!(answer.body.ends_with("7 bytes: a=1&b=2"), "{}", answer.body);
    assert_eq!(line(&answer, "x-forwarded-user").as_deref(), Some("ada@example.com"));
    assert_eq!(line(&answer, "x-forwarded-groups").as_deref(), Some("admins,engineering"));
    assert_eq!(line(&answer, "x-vestibule-roles").as_deref(), Some("admin"));
    assert_eq!(line(&answer, "x-vestibule-jwt-assertion").map(|jwt| jwt.split('.').count()), Some(3));
    assert!(!answer.body.contains("evil"), "{}", answer.body);

    // A spoofed original URL must not open the admin's place to somebody else either.
    let mut joan = signed_in(&world, "joan").await;
    let answer = joan.send(Method::GET, &format!("{}/admin/", world.public), &spoofed, Bytes::new()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("not allowed"), "{answer:?}");
    let answer = browser.get(&format!("{}/admin/", world.public)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_arrives_whole_and_the_question_carries_none() {
    let world = world().await;
    let mut browser = signed_in(&world, "grace").await;
    let body = Bytes::from(vec![b'x'; 200_000]);
    let answer = browser.send(Method::PUT, &format!("{}/upload", world.public), &[], body).await;
    assert!(answer.body.contains("200000 bytes: xxx"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_is_judged_like_any_request() {
    let world = world().await;
    let browser = signed_in(&world, "grace").await;
    let cookies: Vec<String> =
        browser.jar["127.0.0.1"].iter().map(|(name, value)| format!("{name}={value}")).collect();
    let upgrade = |cookie: &str| {
        format!(
            "GET /socket HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{cookie}\r\n",
            world.port
        )
    };
    let mut socket = tokio::net::TcpStream::connect(loopback(world.port)).await.unwrap();
    socket.write_all(upgrade(&format!("Cookie: {}\r\n", cookies.join("; "))).as_bytes()).await.unwrap();
    let head = read_head(&mut socket).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(head.to_lowercase().contains("x-seen-user: grace@example.com"), "{head}");
    socket.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    socket.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"hello");

    let mut socket = tokio::net::TcpStream::connect(loopback(world.port)).await.unwrap();
    socket.write_all(upgrade("").as_bytes()).await.unwrap();
    let head = read_head(&mut socket).await;
    assert!(head.starts_with("HTTP/1.1 401"), "an upgrade is never redirected: {head}");
}

async fn read_head(socket: &mut tokio::net::TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = socket.read_u8().await.unwrap();
        head.push(byte);
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_gate_nginx_lets_nobody_in() {
    let world = world().await;
    let mut browser = signed_in(&world, "ada").await;
    let World { public, _programs: (_idp, gate, _nginx), .. } = world;
    drop(gate);
    let answer = browser.get(&format!("{public}/")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!answer.body.contains("x-forwarded"), "{answer:?}");
}
