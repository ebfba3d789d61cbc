//! Where the store is and how it is asked.

use crate::secret::Secret;
use std::fmt;
use std::time::Duration;

/// One server, or one Sentinel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// A name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to by TLS.
    pub tls: bool,
    /// The number of the database; 0 in a Cluster.
    pub database: i64,
}

/// Who a connection signs in as.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The ACL user; none: the default user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
}

/// How the servers stand together.
#[derive(Debug, Clone)]
pub enum Topology {
    /// One server.
    Single(Server),
    /// Sentinels say which server is the primary.
    Sentinel {
        /// The name of the primary in their configuration.
        name: String,
        /// Some of them.
        sentinels: Vec<Server>,
        /// Who we are to them.
        credentials: Credentials,
        /// Whether the servers that they name are spoken to by TLS.
        tls: bool,
        /// The number of the database.
        database: i64,
    },
    /// Several servers share the entries.
    Cluster(Vec<Server>),
}

/// Where the sessions are, for whoever reads what would be served.
impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |servers: &[Server]| {
            let named: Vec<String> = servers.iter().map(|at| format!("{}:{}", at.host, at.port)).collect();
            named.join(", ")
        };
        match self {
            Self::Single(server) => write!(f, "on Redis at {}:{}", server.host, server.port),
            Self::Sentinel { name, sentinels, .. } => write!(f, "on Redis, {name} of {}", list(sentinels)),
            Self::Cluster(servers) => write!(f, "on a Redis Cluster, {}", list(servers)),
        }
    }
}

/// Certificates for TLS, as PEM.
#[derive(Debug, Clone, Default)]
pub struct Certificates {
    /// Who vouches for the servers; none: the system's authorities.
    pub authorities: Option<Vec<u8>>,
    /// Our own certificate and key, where the servers ask for one.
    pub own: Option<(Vec<u8>, Secret)>,
}

/// What is done with a session of this process's memory while the store does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It goes on until `max_staleness` after the store last confirmed it.
    ServeCached,
    /// It is refused at once.
    Refuse,
}

/// All settings of a store on Redis or Valkey.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is.
    pub topology: Topology,
    /// Who we are to the servers.
    pub credentials: Credentials,
    /// For TLS.
    pub certificates: Certificates,
    /// Stands before every key and channel.
    pub prefix: String,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// Connections of each kind: those that may have to wait for replicas, and the others.
    pub connections: usize,
    /// How long a session that ended elsewhere may pass here when nobody told us.
    pub max_staleness: Duration,
    /// While the store does not answer.
    pub on_failure: OnFailure,
    /// How many replicas must have what must not be lost: sessions, their ends, claims.
    pub acknowledged_by: u32,
    /// How much memory the sessions that are known here may take.
    pub max_bytes: u64,
}
