//! The yardstick of `make bench`: pingora's own reverse proxy with nothing added, as `cargo build` makes it.
//!
//! ```text
//! bare-pingora LISTEN UPSTREAM
//! ```

use async_trait::async_trait;
use pingora::prelude::*;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::RunArgs;
use pingora::server::configuration::ServerConf;

struct Bare(String);

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _session: &mut Session, _context: &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0.as_str(), false, String::new())))
    }
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let [_, listen, upstream] = words.as_slice() else {
        eprintln!("usage: bare-pingora LISTEN UPSTREAM");
        std::process::exit(64);
    };
    let conf = ServerConf {
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        upgrade_sock: format!("/tmp/bare-pingora-{}.sock", std::process::id()),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Bare(upstream.clone()));
    service.add_tcp(listen);
    server.add_service(service);
    server.run(RunArgs::default());
}
