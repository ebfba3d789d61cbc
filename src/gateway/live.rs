//! What is served: one configuration at a time, swapped in one step.

use super::authz::Authz;
use super::forward::Edge;
use super::request::TrustedProxies;
use crate::config::Shutdown;
use crate::gate::Gate;
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;

/// One configuration, ready to serve by. Whoever holds it works with it to the end.
pub(super) struct Plan {
    pub(super) gate: Arc<Gate>,
    /// One for each site, in its order.
    pub(super) edges: Arc<[Edge]>,
    pub(super) trusted: TrustedProxies,
    pub(super) authz: Authz,
    pub(super) log_requests: bool,
    pub(super) shutdown: Shutdown,
}

/// The one that is in use.
pub(super) struct Live(ArcSwap<Plan>);

impl Plan {
    pub(super) fn new(
        gate: Arc<Gate>,
        edges: Arc<[Edge]>,
        trusted: TrustedProxies,
        log_requests: bool,
        shutdown: Shutdown,
    ) -> Self {
        let authz = Authz::new(gate.clone(), trusted.clone(), log_requests);
        Self { gate, edges, trusted, authz, log_requests, shutdown }
    }
}

impl Live {
    pub(super) fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(plan)))
    }

    /// To work with until the end of something.
    pub(super) fn load(&self) -> Arc<Plan> {
        self.0.load_full()
    }

    /// For a look that is over at once: cheaper, and not to be held while anything is waited for.
    pub(super) fn look(&self) -> Guard<Arc<Plan>> {
        self.0.load()
    }

    /// From here on the next one who asks gets this one. Answers the one before.
    pub(super) fn swap(&self, plan: Plan) -> Arc<Plan> {
        self.0.swap(Arc::new(plan))
    }
}
