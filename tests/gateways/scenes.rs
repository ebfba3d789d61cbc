//! What is played at every gateway. Each scene demands what must be so everywhere, and says in a few words what this gateway
//! answered, for the table in the documentation.

use crate::support::visitor::Visitor;
use crate::wire;
use crate::world::{World, cookie_line, line};
use bytes::Bytes;
use http::{Method, StatusCode};

/// The rows of the table, in order.
pub const ROWS: [&str; 14] = [
    "a page, signed out",
    "a background request, signed out",
    "a public page",
    "a page, signed in",
    "signed in, not allowed",
    "POST of 200 KB, with its length and chunked",
    "WebSocket, signed in and out",
    "conditional and range requests",
    "spoofed identity headers, in every spelling",
    "`Connection` that names an identity header",
    "spoofed original-address headers",
    "an application that repeats its headers to the page",
    "signed out again",
    "the gate is down",
];

/// Plays everything; what to write under [`ROWS`].
pub async fn play(world: &mut World) -> Vec<String> {
    vec![
        signed_out(world).await,
        background(world).await,
        public(world).await,
        signed_in(world).await,
        forbidden(world).await,
        bodies(world).await,
        web_sockets(world).await,
        conditional(world).await,
        spoofed_identity(world).await,
        connection(world).await,
        spoofed_address(world).await,
        repeated(world).await,
        sign_out(world).await,
        gate_down(world).await,
    ]
}

async fn signed_out(world: &World) -> String {
    let mut browser = Visitor::new();
    let answer = browser.get(&world.at("/page?q=1&r=%2F")).await;
    let location = answer.location().unwrap_or_else(|| panic!("{answer:?}"));
    assert!(location.starts_with(&world.at("/vestibule/sign-in?rd=")), "{location}");
    assert!(location.ends_with("/page%3Fq%3D1%26r%3D%252F"), "{location}");
    assert!(browser.jar.values().all(std::collections::BTreeMap::is_empty), "only sign-in makes cookies");
    let posted = browser.send(Method::POST, &world.at("/form"), &[], Bytes::from("a=1")).await;
    assert!(posted.status.is_redirection(), "{posted:?}");
    format!("{} to the sign-in", answer.status.as_u16())
}

async fn background(world: &World) -> String {
    let mut script = Visitor::new();
    script.headers.clear();
    let fetch = [("accept", "application/json"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];
    let ajax = [("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")];
    for headers in [&fetch[..], &ajax[..], &[]] {
        let answer = script.send(Method::GET, &world.at("/api"), headers, Bytes::new()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{headers:?}: {answer:?}");
        assert!(answer.headers.get("location").is_none(), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.body.contains("\"error\":\"session-missing\""), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    "401 with JSON".to_owned()
}

async fn public(world: &World) -> String {
    let mut browser = Visitor::new();
    let spoofed = [("x-forwarded-user", "evil")];
    let answer = browser.send(Method::GET, &world.at("/public/x?y=1"), &spoofed, Bytes::new()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.starts_with("GET /public/x?y=1\n"), "{answer:?}");
    assert!(!answer.body.contains("evil"), "{answer:?}");
    let user = line(&answer, "x-forwarded-user");
    assert!(user.is_none_or(|user| user.is_empty()), "{answer:?}");
    "200, nobody named".to_owned()
}

/// The identity headers of the default set, as the demo's ada has them, but for the JWT.
const ADA: [(&str, &str); 6] = [
    ("x-forwarded-user", "ada@example.com"),
    ("x-forwarded-email", "ada@example.com"),
    ("x-forwarded-groups", "admins,engineering"),
    ("x-vestibule-roles", "admin"),
    ("x-vestibule-groups-omitted", ""),
    ("x-vestibule-organization", ""),
];

pub async fn signed_in(world: &World) -> String {
    let mut browser = world.signed_in("ada").await;
    let answer = browser.get(&world.at("/deep/page?x=%2F&y=a+b")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(answer.body.starts_with("GET /deep/page?x=%2F&y=a+b\n"), "{answer:?}");
    is_ada(&answer.body);
    let own = world.at("/vestibule/whoami");
    assert!(browser.get(&own).await.body.contains("ada@example.com"));
    assert!(browser.get(&world.at("/.well-known/vestibule/jwks.json")).await.body.contains("\"keys\""));
    "200, exact headers".to_owned()
}

/// Each identity header exactly once and exactly so; one that is empty may be left out.
fn is_ada(body: &str) {
    for (name, value) in ADA {
        let start = format!("{name}: ");
        let empty = format!("{name}:");
        let lines: Vec<&str> = body
            .lines()
            .filter_map(|line| line.strip_prefix(&start).or_else(|| (line == empty).then_some("")))
            .collect();
        assert!(lines == [value] || (value.is_empty() && lines.is_empty()), "{name}: {lines:?}\n{body}");
    }
    let jwt: Vec<&str> =
        body.lines().filter_map(|line| line.strip_prefix("x-vestibule-jwt-assertion: ")).collect();
    assert!(matches!(jwt[..], [jwt] if jwt.split('.').count() == 3), "{jwt:?}");
}

pub async fn forbidden(world: &World) -> String {
    let mut joan = world.signed_in("joan").await;
    let answer = joan.get(&world.at("/admin/")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    assert!(answer.headers.get("location").is_none(), "never a loop: {answer:?}");
    assert!(!answer.body.contains("x-forwarded-user"));
    let explains = answer.body.contains("not allowed");
    let mut ada = world.signed_in("ada").await;
    assert_eq!(ada.get(&world.at("/admin/")).await.status, StatusCode::OK);
    if explains { "403 with the gate's page" } else { "403" }.to_owned()
}

async fn bodies(world: &World) -> String {
    let mut grace = world.signed_in("grace").await;
    let body = Bytes::from(vec![b'x'; 200_000]);
    let answer = grace.send(Method::POST, &world.at("/upload"), &[], body.clone()).await;
    assert!(answer.body.contains("\n200000 bytes: xxx"), "{answer:?}");
    let mut octets = format!(
        "POST /upload HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        world.port,
        cookie_line(&grace)
    )
    .into_bytes();
    for part in body.chunks(10_000) {
        octets.extend(format!("{:x}\r\n", part.len()).into_bytes());
        octets.extend(part);
        octets.extend(b"\r\n");
    }
    octets.extend(b"0\r\n\r\n");
    let (status, told) = wire::whole(world.port, &octets).await;
    assert_eq!(status, 200, "{told}");
    assert!(told.contains("200000 bytes: xxx"), "{told}");
    assert!(told.contains("x-forwarded-user: grace@example.com"), "{told}");
    "arrives whole".to_owned()
}

async fn web_sockets(world: &World) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let browser = world.signed_in("grace").await;
    let upgrade = |cookie: &str| {
        format!(
            "GET /socket HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAccept: text/html\r\n{cookie}\r\n",
            world.port
        )
    };
    let (head, mut socket) = wire::ask(world.port, upgrade(&cookie_line(&browser)).as_bytes()).await;
    assert_eq!(wire::status(&head), 101, "{head}");
    assert!(head.to_lowercase().contains("x-seen-user: grace@example.com"), "{head}");
    socket.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    socket.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"hello");
    let (head, _) = wire::ask(world.port, upgrade("").as_bytes()).await;
    assert_eq!(wire::status(&head), 401, "an upgrade is never redirected: {head}");
    // To HTTP/2 no application changes here: whatever came over that connection then, nobody would be asked about.
    let h2c = format!(
        "GET /page HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n{}\r\n",
        world.port,
        cookie_line(&browser)
    );
    let (status, told) = wire::whole(world.port, h2c.as_bytes()).await;
    let told = told.to_ascii_lowercase();
    assert_eq!(status, 200, "{told}");
    assert!(
        !told.contains("h2c") && !told.contains("http2-settings"),
        "the application is asked to change: {told}"
    );
    "101 and 401".to_owned()
}

async fn conditional(world: &World) -> String {
    let mut browser = world.signed_in("grace").await;
    let asks = [
        ("if-none-match", "*"),
        ("range", "bytes=0-3"),
        ("if-modified-since", "Thu, 01 Jan 2099 00:00:00 GMT"),
    ];
    let answer = browser.send(Method::GET, &world.at("/page"), &asks, Bytes::new()).await;
    assert_eq!(answer.status, StatusCode::OK, "the application has no ETag: {answer:?}");
    let mut nobody = Visitor::new();
    let answer = nobody.send(Method::GET, &world.at("/page"), &asks, Bytes::new()).await;
    assert!(answer.status.is_redirection() && answer.location().is_some(), "{answer:?}");
    "judged like any".to_owned()
}

/// Every way to write the separators that an application may read as the same name.
pub fn spellings(name: &str) -> Vec<String> {
    let mut all = vec![name.to_owned(), name.to_uppercase()];
    for other in ['_', '.'] {
        all.push(name.replace('-', &other.to_string()));
        for (at, _) in name.match_indices('-') {
            let mut respelled = name.to_owned();
            respelled.replace_range(at..=at, &other.to_string());
            all.push(respelled);
        }
    }
    all
}

pub async fn spoofed_identity(world: &World) -> String {
    let mut grace = world.signed_in("grace").await;
    let names = [
        "x-forwarded-user",
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-forwarded-preferred-username",
        "x-vestibule-roles",
        "x-vestibule-jwt-assertion",
        "x-vestibule-groups-omitted",
        "x-vestibule-organization",
    ];
    let spelled: Vec<String> = names.iter().flat_map(|name| spellings(name)).collect();
    for path in ["/page", "/public/page"] {
        // One at a time, and twice: a gateway that refuses one would hide what it does with the others.
        for name in &spelled {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}{name}: evil\r\n{name}: evil,root\r\nConnection: close\r\n\r\n",
                world.port,
                cookie_line(&grace)
            );
            let (status, told) = wire::whole(world.port, request.as_bytes()).await;
            assert!(!told.contains("evil"), "{name} at {path}: {told}");
            assert!(status == 200 || status == 400 || status == 403, "{name} at {path}: {told}");
            assert!(
                status != 200 || path != "/page" || told.contains("x-forwarded-user: grace@example.com"),
                "{told}"
            );
        }
    }
    let answer = grace.get(&world.at("/page")).await;
    assert_eq!(line(&answer, "x-vestibule-roles").unwrap_or_default(), "");
    "gone".to_owned()
}

async fn connection(world: &World) -> String {
    let ada = world.signed_in("ada").await;
    for listed in [
        "X-Forwarded-User",
        "X-Forwarded-Groups, X-Vestibule-Jwt-Assertion, X-Forwarded-Email",
        "x-vestibule-roles",
    ] {
        let request = format!(
            "GET /page HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}Connection: close, {listed}\r\n\r\n",
            world.port,
            cookie_line(&ada)
        );
        let (status, told) = wire::whole(world.port, request.as_bytes()).await;
        assert_eq!(status, 200, "{told}");
        is_ada(&told.replace('\r', ""));
        // Nor is it passed on to whoever comes next.
        let told = told.to_ascii_lowercase();
        assert!(!told.lines().any(|line| line.starts_with("connection:") && line.contains("x-")), "{told}");
    }
    "changes nothing".to_owned()
}

async fn spoofed_address(world: &World) -> String {
    let grace = world.signed_in("grace").await;
    let host = format!("127.0.0.1:{}", world.port);
    let mut statuses = std::collections::BTreeSet::new();
    for (name, value) in [
        ("X-Original-URL", format!("http://{host}/public/x")),
        ("X-Original-Method", "OPTIONS".to_owned()),
        ("X-Original-URI", "/public/x".to_owned()),
        ("X-Rewrite-URL", "/public/x".to_owned()),
        ("X-Forwarded-Uri", "/public/x".to_owned()),
        ("X-Forwarded-Method", "OPTIONS".to_owned()),
        ("X-Forwarded-Host", "other.test".to_owned()),
        ("X-Forwarded-Prefix", "/public".to_owned()),
        ("X_Original_URL", format!("http://{host}/public/x")),
        ("X_Forwarded_Uri", "/public/x".to_owned()),
        ("X.Forwarded.Uri", "/public/x".to_owned()),
        ("X-Forwarded_Host", "other.test".to_owned()),
        ("Forwarded", "host=other.test".to_owned()),
    ] {
        let ask = |path: &str| {
            format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\n{}{name}: {value}\r\nConnection: close\r\n\r\n",
                cookie_line(&grace)
            )
        };
        let (status, told) = wire::whole(world.port, ask("/admin/x").as_bytes()).await;
        assert_eq!(status, 403, "{name} opens /admin/: {told}");
        let (status, told) = wire::whole(world.port, ask("/page").as_bytes()).await;
        assert!(status == 200 || status == 400 || status == 403, "{name}: {told}");
        statuses.insert(status);
        if status == 200 {
            assert!(told.contains("GET /page\n"), "{name}: {told}");
            assert!(!told.contains("/public") && !told.contains("other.test"), "{name} arrives: {told}");
        }
    }
    // Where the client is, is the gateway's to say, in every spelling.
    for name in spellings("x-real-ip") {
        let request = format!(
            "GET /page HTTP/1.1\r\nHost: {host}\r\n{}{name}: 192.0.2.99\r\nConnection: close\r\n\r\n",
            cookie_line(&grace)
        );
        let (status, told) = wire::whole(world.port, request.as_bytes()).await;
        assert!(status == 200 || status == 400 || status == 403, "{name}: {told}");
        assert!(!told.contains("192.0.2.99"), "{name} arrives: {told}");
    }
    if statuses.len() == 1 { "gone" } else { "gone or refused" }.to_owned()
}

async fn repeated(world: &World) -> String {
    let mut ada = world.signed_in("ada").await;
    let answer = ada.get(&world.at("/repeats")).await;
    assert_eq!(answer.header("x-repeats"), Some("yes"), "{answer:?}");
    for (name, _) in ADA {
        assert!(!answer.headers.contains_key(name), "{name}: {answer:?}");
    }
    assert!(!answer.headers.contains_key("x-vestibule-jwt-assertion"), "{answer:?}");
    "the page sees none".to_owned()
}

async fn sign_out(world: &World) -> String {
    let mut browser = world.signed_in("grace").await;
    let asked = browser.get(&world.at("/vestibule/sign-out")).await;
    assert_eq!(asked.status, StatusCode::OK, "{asked:?}");
    let ended = browser.submit(&asked, &[]).await;
    browser.follow(ended).await;
    let answer = browser.get(&world.at("/page")).await;
    assert!(answer.location().is_some_and(|to| to.contains("/vestibule/sign-in")), "{answer:?}");
    format!("{} to the sign-in", answer.status.as_u16())
}

async fn gate_down(world: &mut World) -> String {
    let mut browser = world.signed_in("ada").await;
    world.gate.take().unwrap().program.terminate();
    let mut statuses = std::collections::BTreeSet::new();
    for path in ["/", "/page", "/public/x", "/admin/"] {
        let answer = browser.get(&world.at(path)).await;
        assert!(!answer.body.contains(&format!("GET {path}\n")), "the application was reached: {answer:?}");
        assert!(answer.status == StatusCode::FORBIDDEN || answer.status.is_server_error(), "{answer:?}");
        statuses.insert(answer.status.as_u16().to_string());
    }
    statuses.into_iter().collect::<Vec<_>>().join(" or ")
}
