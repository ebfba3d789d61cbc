//! The configuration: one YAML file and the environment in, domain types out (SKELETON).

use crate::observe::log::LogSettings;
use crate::pages::Branding;
use crate::seal::KeyRing;
use crate::site::Site;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A checked configuration: domain types only.
#[derive(Debug)]
pub struct Config {
    pub sites: Vec<Site>,
    pub listeners: Listeners,
    pub trusted_proxies: Vec<ipnet::IpNet>,
    pub keys: KeyRing,
    /// True when no secret was configured: sessions and sign-ins under way end with this process.
    pub keys_are_ephemeral: bool,
    pub jwt_keys: crate::headers::jwt::JwtKeys,
    pub store_max_bytes: u64,
    pub message_limits: crate::saml::parties::Limits,
    pub shutdown: Shutdown,
    pub log: LogSettings,
    pub branding: Branding,
    /// Problems that do not stop the start, e.g. skipped keys; logged once.
    pub warnings: Vec<Problem>,
}

/// Where to listen.
#[derive(Debug, Clone)]
pub struct Listeners {
    pub public: SocketAddr,
    pub public_tls: Option<TlsFiles>,
    /// Questions of gateways; None: off.
    pub authz: Option<SocketAddr>,
    pub admin: Option<SocketAddr>,
}

/// Certificate chain and key, reloaded when the files change.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    pub certificate_file: PathBuf,
    pub private_key_file: PathBuf,
}

/// How to go.
#[derive(Debug, Clone, Copy)]
pub struct Shutdown {
    pub delay: Duration,
    pub drain: Duration,
}

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `identity_providers[0].metadata_file`
    pub path: String,
    /// 1-based line in the file, when the file has the key.
    pub line: Option<usize>,
    /// Where the value came from when not the file: `VESTIBULE__SESSION__IDLE_TIMEOUT`.
    pub origin: Option<String>,
    pub message: String,
}

/// All problems at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

/// Reads file + environment. Relative paths in the file are relative to the file's folder.
pub fn load(
    _file: &std::path::Path,
    _env: &[(String, String)],
    _now: crate::clock::Moment,
) -> Result<Config, Problems> {
    todo!()
}
