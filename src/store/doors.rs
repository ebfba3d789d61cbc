//! How to get to the servers, whichever way they stand together.

use super::settings::{Certificates, Credentials, Server, Settings, Topology};
use redis::cluster::ClusterClient;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisError, TlsCertificates, TlsMode,
};
use std::borrow::Cow;
use std::time::Duration;
use tokio::sync::Mutex;

/// How to get to a server.
pub(super) enum Doors {
    Single(Box<Client>),
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster { client: Box<ClusterClient>, each: Vec<Client> },
}

impl Doors {
    pub(super) fn new(settings: &Settings) -> Result<Self, RedisError> {
        Ok(match &settings.topology {
            Topology::Single(server) => Self::Single(Box::new(client_of(server, settings)?)),
            Topology::Sentinel { name, sentinels, credentials, tls, database } => {
                let addresses: Vec<_> = sentinels.iter().map(address_of).collect();
                let mut builder = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)?
                    .set_client_to_redis_db(*database);
                if let Some((username, password)) = signing_in(&settings.credentials) {
                    builder = builder.set_client_to_redis_password(password);
                    if let Some(username) = username {
                        builder = builder.set_client_to_redis_username(username);
                    }
                }
                if let Some((username, password)) = signing_in(credentials) {
                    builder = builder.set_client_to_sentinel_password(password);
                    if let Some(username) = username {
                        builder = builder.set_client_to_sentinel_username(username);
                    }
                }
                let certificates = certificates_of(&settings.certificates);
                if *tls {
                    builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
                    builder = builder.set_client_to_redis_certificates(certificates.clone());
                }
                if sentinels.iter().any(|sentinel| sentinel.tls) {
                    builder = builder.set_client_to_sentinel_tls_mode(TlsMode::Secure);
                    builder = builder.set_client_to_sentinel_certificates(certificates);
                }
                Self::Sentinel(Box::new(Mutex::new(builder.build()?)))
            }
            Topology::Cluster(servers) => {
                let infos = servers.iter().map(|server| info_of(server, &settings.credentials));
                let infos: Vec<ConnectionInfo> = infos.collect::<Result<_, _>>()?;
                let mut builder = ClusterClient::builder(infos)
                    .retries(CLUSTER_RETRIES)
                    .connection_timeout(CONNECT_PATIENCE)
                    .response_timeout(settings.timeout);
                if let Some((username, password)) = signing_in(&settings.credentials) {
                    builder = builder.password(password);
                    if let Some(username) = username {
                        builder = builder.username(username);
                    }
                }
                if servers.iter().any(|server| server.tls) {
                    builder = builder.tls(TlsMode::Secure).certs(certificates_of(&settings.certificates));
                }
                let each = servers.iter().map(|server| client_of(server, settings));
                Self::Cluster { client: Box::new(builder.build()?), each: each.collect::<Result<_, _>>()? }
            }
        })
    }

    /// The one server, or the one that the Sentinels name.
    pub(super) async fn client(&self) -> Result<Client, RedisError> {
        match self {
            Self::Single(client) => Ok(client.as_ref().clone()),
            Self::Sentinel(sentinels) => sentinels.lock().await.async_get_client().await,
            Self::Cluster { .. } => Err((ErrorKind::InvalidClientConfig, "a Cluster is no server").into()),
        }
    }
}

fn client_of(server: &Server, settings: &Settings) -> Result<Client, RedisError> {
    let info = info_of(server, &settings.credentials)?;
    if server.tls {
        Client::build_with_tls(info, certificates_of(&settings.certificates))
    } else {
        Client::open(info)
    }
}

fn info_of(server: &Server, credentials: &Credentials) -> Result<ConnectionInfo, RedisError> {
    let mut who = RedisConnectionInfo::default().set_db(server.database).set_skip_set_lib_name();
    if let Some((username, password)) = signing_in(credentials) {
        who = who.set_password(password);
        if let Some(username) = username {
            who = who.set_username(username);
        }
    }
    Ok(address_of(server).into_connection_info()?.set_redis_settings(who))
}

fn address_of(server: &Server) -> ConnectionAddr {
    let (host, port) = (server.host.clone(), server.port);
    if server.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    }
}

/// User and password; a user alone cannot sign in.
fn signing_in(credentials: &Credentials) -> Option<(Option<&str>, Cow<'_, str>)> {
    let password = credentials.password.as_ref()?;
    Some((credentials.username.as_deref(), String::from_utf8_lossy(password.expose())))
}

fn certificates_of(certificates: &Certificates) -> TlsCertificates {
    TlsCertificates {
        client_tls: certificates.own.as_ref().map(|(certificate, key)| ClientTlsConfig {
            client_cert: certificate.clone(),
            client_key: key.expose().to_vec(),
        }),
        root_cert: certificates.authorities.clone(),
    }
}

/// A server that is started takes a moment, and so does TLS.
pub(super) const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// An entry may have moved, or its server changed, while we asked.
const CLUSTER_RETRIES: u32 = 3;
