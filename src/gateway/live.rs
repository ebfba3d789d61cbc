//! What is served: one configuration at a time, swapped in one step.

use super::authz::{Authz, Doorkeeper};
use super::forward::Edge;
use super::grpc::{self, Removed};
use super::request::TrustedProxies;
use crate::config::{self, Config, Gateways, Shutdown};
use crate::gate::Gate;
use crate::observe::traces::Tracer;
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;

/// One configuration, ready to serve by. Whoever holds it works with it to the end.
pub(super) struct Plan {
    pub(super) gate: Arc<Gate>,
    /// One for each site, in its order.
    pub(super) edges: Arc<[Edge]>,
    pub(super) trusted: TrustedProxies,
    pub(super) authz: Authz,
    /// Of each site, for gateways that ask over gRPC.
    pub(super) grpc_removed: Box<[Removed]>,
    pub(super) log_requests: bool,
    pub(super) shutdown: Shutdown,
    /// None: nobody traces.
    pub(super) tracer: Option<Arc<Tracer>>,
    metrics: config::Metrics,
}

/// What a configuration says of serving beside its sites.
pub(super) struct Terms {
    pub(super) trusted: TrustedProxies,
    pub(super) gateways: Gateways,
    pub(super) log_requests: bool,
    pub(super) shutdown: Shutdown,
    pub(super) metrics: config::Metrics,
}

impl Terms {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            trusted: TrustedProxies::new(config.trusted_proxies.clone()),
            gateways: config.gateways.clone(),
            log_requests: config.log.requests,
            shutdown: config.shutdown,
            metrics: config.metrics,
        }
    }
}

/// The one that is in use.
pub(super) struct Live(ArcSwap<Plan>);

impl Plan {
    pub(super) fn new(
        gate: Arc<Gate>,
        edges: Arc<[Edge]>,
        terms: Terms,
        tracer: Option<Arc<Tracer>>,
    ) -> Self {
        let Terms { trusted, gateways, log_requests, shutdown, metrics } = terms;
        let keeper = Doorkeeper::new(trusted.clone(), gateways);
        let authz = Authz::new(gate.clone(), keeper, log_requests, tracer.clone());
        let grpc_removed = grpc::removed(&gate, &authz);
        Self { gate, edges, trusted, authz, grpc_removed, log_requests, shutdown, tracer, metrics }
    }

    /// What is counted for all configurations together is counted from now on as this one wants it.
    fn count(&self) {
        self.gate.metrics.choose(self.metrics.sites, self.metrics.exemplars);
    }
}

impl Live {
    pub(super) fn new(plan: Plan) -> Arc<Self> {
        plan.count();
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
        plan.count();
        self.0.swap(Arc::new(plan))
    }
}
