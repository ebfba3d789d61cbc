//! Whole gateways with the gate behind them, against the same gateways alone: what asking costs, and whose part of it is
//! the gate's. All servers share one core, the load has the other.

use super::support::program::{Program, free_port, loopback};
use super::{Rounds, SERVERS, Stage, in_turns, median, nginx, nginx_with, on_core, requests, wrk};
use std::path::Path;

/// nginx asks over HTTP, Envoy over gRPC; each about a known session.
pub(crate) async fn nginx_and_envoy() {
    let grpc = free_port();
    let Stage { folder, ports, gate, cookie, idp, .. } = Stage::of("forward_auth: true\n", Some(grpc)).await;
    let authority = format!("127.0.0.1:{}", ports.public);
    let host = format!("Host: {authority}");
    let headers = [cookie.as_str(), host.as_str()];
    let load = |port: u16| {
        move |seconds| requests(&wrk(&format!("http://127.0.0.1:{port}/page"), headers.into_iter(), seconds))
    };

    std::fs::write(folder.path().join("page"), "a page\n").unwrap();
    let page = format!("root {}; default_type text/plain;", folder.path().display());
    let (asking_at, alone_at, empty_at) = (free_port(), free_port(), free_port());
    let beside = format!("upstream gate {{ server 127.0.0.1:{}; keepalive 64; }}", gate.authz_port);
    let question = format!(
        "location = /ask {{ internal; proxy_pass http://gate/vestibule/authz/auth-request; proxy_http_version 1.1; \
         proxy_set_header Connection \"\"; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; \
         proxy_set_header X-Original-Method $request_method; \
         proxy_set_header X-Original-URL http://{authority}$request_uri; \
         proxy_set_header X-Forwarded-For $remote_addr; }} \
         location / {{ auth_request /ask; auth_request_set $who $upstream_http_x_forwarded_user; {page} }}"
    );
    let asking = nginx_with(SERVERS, folder.path(), asking_at, &beside, &question);
    let alone = nginx(SERVERS, folder.path(), alone_at, &format!("location / {{ {page} }}"));
    let empty = nginx(SERVERS, folder.path(), empty_at, "location / { return 204; }");
    let rounds = in_turns([
        (gate.program.id(), &load(asking_at)),
        (asking.id(), &load(asking_at)),
        (alone.id(), &load(alone_at)),
        (empty.id(), &load(empty_at)),
    ]);
    tell("nginx", "auth_request", &rounds, 9.0);

    let (asking_at, alone_at) = (free_port(), free_port());
    let with_gate = envoy(folder.path(), asking_at, Some(grpc));
    let without = envoy(folder.path(), alone_at, None);
    let rounds = in_turns([
        (gate.program.id(), &load(asking_at)),
        (with_gate.id(), &load(asking_at)),
        (without.id(), &load(alone_at)),
        (empty.id(), &load(empty_at)),
    ]);
    tell("Envoy", "gRPC", &rounds, 20.0);
    let figures =
        super::Visitor::new().get(&format!("http://127.0.0.1:{}/metrics", gate.admin_port)).await.body;
    let refused = |line: &&str| {
        line.contains("face=\"grpc\",verdict=") && !line.contains("\"allowed\"") && !line.ends_with(" 0")
    };
    let refused: Vec<&str> = figures.lines().filter(refused).collect();
    assert!(refused.is_empty(), "{refused:?}");
    drop((idp, asking, alone, empty));
}

/// The goal is for a machine on which nginx answers 204 within 7.8 us of CPU.
fn tell(gateway: &str, how: &str, [gate, asking, alone, empty]: &[Rounds; 4], goal: f64) {
    let of = |values: &[f64]| median(&mut values.to_vec());
    let (share, unit) = (of(&gate.cpu), of(&empty.cpu));
    println!(
        "{gateway} + {how} + gate: the gate {share:.1} us CPU a request (goal ≤ {:.1} where nginx return 204 costs {unit:.1} us), \
         {gateway} {:.1} us asking, {:.1} us alone; {:.0} requests/s asking, {:.0} alone",
        goal * unit / 7.8,
        of(&asking.cpu),
        of(&alone.cpu),
        of(&asking.rate),
        of(&alone.rate),
    );
}

/// Envoy that answers 204 itself, once it has asked the gate.
fn envoy(folder: &Path, port: u16, grpc: Option<u16>) -> Program {
    let (filter, cluster) = grpc.map_or_else(Default::default, |grpc| {
        let filter = "
            - name: envoy.filters.http.ext_authz
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
                transport_api_version: V3
                grpc_service: {envoy_grpc: {cluster_name: gate}, timeout: 2s}";
        let cluster = format!(
            "
  - name: gate
    type: STATIC
    connect_timeout: 2s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
    load_assignment:
      cluster_name: gate
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {grpc}}}}}}}}}]}}]"
        );
        (filter, cluster)
    });
    let clusters = if cluster.is_empty() { " []".to_owned() } else { cluster };
    let text = format!(
        "static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress
          use_remote_address: true
          route_config:
            virtual_hosts:
            - {{name: all, domains: ['*'], routes: [{{match: {{prefix: /}}, direct_response: {{status: 204}}}}]}}
          http_filters:{filter}
            - name: envoy.filters.http.router
              typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:{clusters}
"
    );
    let file = folder.join(format!("envoy-{port}.yaml"));
    std::fs::write(&file, text).unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/counterparts/gateways/bin/envoy");
    let mut command = on_core(SERVERS, program);
    command.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "-c"]).arg(&file);
    Program::start(&format!("envoy-{port}"), &mut command, folder, loopback(port))
}
