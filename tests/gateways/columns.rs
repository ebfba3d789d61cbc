//! One test a gateway: all scenes, and its column in the documentation.

use crate::matrix;
use crate::programs::Kind;
use crate::scenes;
use crate::world::World;

async fn column(kind: Kind) {
    let mut world = World::of(kind).await;
    let said = scenes::play(&mut world).await;
    matrix::holds(kind, &said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_with_its_printed_text_does_what_the_table_says() {
    column(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_with_its_printed_text_does_what_the_table_says() {
    column(Kind::Caddy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traefik_with_its_printed_text_does_what_the_table_says() {
    column(Kind::Traefik).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_with_its_printed_text_does_what_the_table_says() {
    column(Kind::Envoy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_over_grpc_with_its_printed_text_does_what_the_table_says() {
    column(Kind::EnvoyGrpc).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_with_its_printed_text_does_what_the_table_says() {
    column(Kind::Haproxy).await;
}
