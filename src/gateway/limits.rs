//! How long and how much the gate bears from a connection before it is cut.

use std::time::Duration;

/// Patience with clients. Not part of the configuration: the defaults suit every browser and gateway that was looked
/// at, and a value that is wrong here is an outage or an open door. Tests start a gate with less.
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
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(30),
            write: Duration::from_secs(60),
        }
    }
}

/// Connections that the admin listener serves at once: for probes and scrapers.
pub(super) const MAX_ADMIN_CONNECTIONS: u32 = 256;

/// Octets of names and values in a request's header. pingora itself would take 1 MiB.
pub(super) const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Lines in a request's header.
pub(super) const MAX_HEADER_LINES: usize = 100;

/// Octets of an unfinished header after which the connection is cut without an answer.
pub(super) const MAX_UNFINISHED_HEADER: usize = 4 * MAX_HEADER_BYTES;

/// Octets of an unwanted body that are read before the answer.
pub(super) const MAX_DISCARDED_BEFORE: usize = 64 * 1024;

/// Octets of an unwanted body that are read after the answer.
pub(super) const MAX_DISCARDED_AFTER: usize = 16 * 1024 * 1024;

/// Addresses of an application that are tried for one request.
pub(super) const MAX_CONNECT_ATTEMPTS: usize = 4;
