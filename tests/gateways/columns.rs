//! One test a gateway: all scenes, and its column in the documentation.

use crate::matrix;
use crate::programs::Kind;
use crate::scenes;
use crate::support::visitor::Visitor;
use crate::world::World;
use http::StatusCode;

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

/// It has fixed ports of its own (18000 and others): one at a time, and none where another Envoy Gateway runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "make envoy-gateway builds it first, which takes minutes"]
async fn envoy_gateway_with_its_printed_text_does_what_the_table_says() {
    column(Kind::EnvoyGateway).await;
}

/// What docs/gateways/gateway-api.md says of an implementation that does not know the filter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "make envoy-gateway builds it first, which takes minutes"]
async fn envoy_gateway_serves_nothing_by_a_rule_whose_external_auth_it_does_not_know() {
    let world = World::of(Kind::GatewayApi).await;
    for path in ["/", "/page", "/public/x", "/vestibule-not"] {
        let answer = Visitor::new().get(&world.at(path)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}: {answer:?}");
        assert!(!answer.body.contains("GET /"), "the application was reached: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "make envoy-gateway builds it first, which takes minutes"]
async fn envoy_gateway_serves_nothing_where_it_does_not_find_the_gate() {
    let elsewhere = |text: String| {
        let altered = text
            .replace("{name: vestibule, namespace: default, ", "{name: vestibule, namespace: elsewhere, ");
        assert_ne!(altered, text);
        altered
    };
    let world = World::altered(Kind::EnvoyGateway, &elsewhere).await;
    for path in ["/", "/page", "/public/x"] {
        let answer = Visitor::new().get(&world.at(path)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}: {answer:?}");
        assert!(!answer.body.contains("GET /"), "the application was reached: {answer:?}");
    }
}
