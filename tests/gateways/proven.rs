//! Gateways that no network of `trusted_proxies` holds, and that say the secret: their questions are answered, and the gate's
//! pages know whom they serve.

use crate::programs::Kind;
use crate::scenes;
use crate::support::program::loopback;
use crate::wire;
use crate::world::{GATEWAY_SECRET, World, cookie_line};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

/// The status of a sign-in that begins at this address of the machine.
async fn sign_in_from(address: &str, world: &World, more: &str) -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(loopback(world.port)).await.unwrap();
    let request = format!(
        "GET /vestibule/sign-in?rd=/ HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n\
         Sec-Fetch-Dest: document\r\n{more}Connection: close\r\n\r\n",
        world.port
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    wire::status(&String::from_utf8_lossy(&answer))
}

async fn proves_itself(kind: Kind) {
    let more = format!(
        "trusted_proxies: []\ngateways: {{secret: {GATEWAY_SECRET}}}\n\
         rate_limits: {{sign_ins: {{per_address: 8/m}}}}\n"
    );
    let world = World::configured(kind, &more, &|text| text).await;
    scenes::signed_in(&world).await;
    scenes::forbidden(&world).await;
    scenes::spoofed_identity(&world).await;

    // A client that says a secret, or makes one up, is not passed on with it: neither to the gate nor to the application.
    let grace = world.signed_in("grace").await;
    for path in ["/page", "/public/page", "/vestibule/whoami"] {
        for said in ["wrong", GATEWAY_SECRET] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}X-Vestibule-Gateway-Secret: {said}\r\nConnection: close\r\n\r\n",
                world.port,
                cookie_line(&grace)
            );
            let (status, told) = wire::whole(world.port, request.as_bytes()).await;
            assert_eq!(status, 200, "{kind:?}: {path}: {told}");
            assert!(!told.to_lowercase().contains("gateway-secret"), "{kind:?}: {path}: {told}");
            assert!(!told.contains(GATEWAY_SECRET), "{kind:?}: {path}: {told}");
        }
    }

    // Each client is counted for itself, and says nothing of whom it is.
    let greedy = "127.0.0.2";
    let mut began = 0;
    while sign_in_from(greedy, &world, &format!("X-Forwarded-For: 198.51.100.{began}\r\n")).await != 429 {
        began += 1;
        assert!(began <= 60, "{kind:?}: the gate does not know its client");
    }
    assert!(began >= 8, "{kind:?}: after {began}");
    assert!(
        matches!(sign_in_from("127.0.0.3", &world, "").await, 200 | 302 | 303),
        "{kind:?}: another client"
    );
    assert!(!world.gate.as_ref().unwrap().program.log().contains(GATEWAY_SECRET));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_proves_itself_for_questions_and_pages() {
    proves_itself(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_proves_itself_for_questions_and_pages() {
    proves_itself(Kind::Caddy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traefik_proves_itself_for_questions_and_pages() {
    proves_itself(Kind::Traefik).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_proves_itself_for_questions_and_pages() {
    proves_itself(Kind::Envoy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_over_grpc_proves_itself_for_questions_and_pages() {
    proves_itself(Kind::EnvoyGrpc).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_proves_itself_for_questions_and_pages() {
    proves_itself(Kind::Haproxy).await;
}
