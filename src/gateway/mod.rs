//! The only room that knows pingora and hyper: listeners, both faces, our own endpoints (SKELETON).

use crate::clock::Clock;
use crate::config::Config;
use std::sync::Arc;

/// Opens every listener and serves until asked to stop. Returns the bound addresses through `ready`
/// (port 0 allowed, for tests). `stop` resolves when the process should go; then readyz fails, delay, drain.
pub struct Gateway {}

/// What is bound where.
#[derive(Debug, Clone)]
pub struct Bound {
    pub public: std::net::SocketAddr,
    pub authz: Option<std::net::SocketAddr>,
    pub admin: Option<std::net::SocketAddr>,
}

impl Gateway {
    /// Binds (fails with what could not be bound), starts threads, returns at once.
    pub fn start(_config: Config, _clock: Arc<dyn Clock>) -> Result<Self, String> {
        todo!()
    }
    pub fn bound(&self) -> &Bound {
        todo!()
    }
    /// Graceful: readyz fails, `delay`, then drain up to `drain`, then gone.
    pub fn stop(self) {
        todo!()
    }
}
