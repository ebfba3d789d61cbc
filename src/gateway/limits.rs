//! How long and how much the gate bears from a connection before it is cut.

use crate::limits::Limits;
use std::time::Duration;

/// Patience with clients (`limits` of the configuration). Tests start a gate with less.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the first octet of a request until its header is complete. Covers senders that trickle one octet at a
    /// time, which a timeout on each single read never catches.
    pub header: Duration,
    /// A kept connection on which nothing is asked. Longer than the 60 s for which nginx keeps idle connections to
    /// its upstreams, so that it is the gateway that closes first.
    pub idle: Duration,
    /// Reading the whole body of a request to one of our own endpoints.
    pub body: Duration,
    /// One write to a client that does not read.
    pub write: Duration,
    /// Once the listener is closed, a connection on which nothing is asked: nobody else will answer who has just connected. Who
    /// asks on a kept one is answered too, and told that it was the last time.
    pub farewell: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self::from(&Limits::default())
    }
}

impl From<&Limits> for Patience {
    fn from(limits: &Limits) -> Self {
        Self {
            header: limits.header_timeout,
            idle: limits.idle_timeout,
            body: limits.body_timeout,
            write: limits.write_timeout,
            farewell: Duration::from_secs(1),
        }
    }
}

/// Octets of an unfinished header after which the connection is cut without an answer: more than `limits.header_size` can
/// be, so that who is above that gets one. pingora itself would take 1 MiB.
pub(super) const MAX_UNFINISHED_HEADER: usize = 256 * 1024;

/// Connections that the admin listener serves at once: for probes and scrapers.
pub(super) const MAX_ADMIN_CONNECTIONS: u32 = 256;

/// Octets of an unwanted body that are read before the answer.
pub(super) const MAX_DISCARDED_BEFORE: usize = 64 * 1024;

/// Octets of an unwanted body that are read after the answer.
pub(super) const MAX_DISCARDED_AFTER: usize = 16 * 1024 * 1024;

/// Octets of a question over gRPC: a header of the usual `limits.header_size`, what stands around it, and a piece of a body
/// that nobody here looks at.
pub(super) const MAX_GRPC_MESSAGE: usize = 256 * 1024;

/// Addresses of an application that are tried for one request.
pub(super) const MAX_CONNECT_ATTEMPTS: usize = 4;
