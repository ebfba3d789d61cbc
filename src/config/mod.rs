//! The configuration: one YAML file and the environment in, domain types out.
//!
//! ```text
//! file  -yaml.rs-> figment --+
//!                            +-> reader.rs -> file.rs (as written) -> check/ (as meant) -> Config
//! VESTIBULE__.. -env.rs-> ---+
//! ```
//!
//! Three thoughts hold this room together.
//!
//! * **Typed by the key.** Neither YAML nor the environment decides what a value is: every scalar keeps its text, and
//!   the key that it stands under reads it (`values.rs`). `secret: 0123` is four characters, in both places.
//! * **All problems at once.** Nothing here stops at the first thing wrong. A broken value is remembered as broken, so
//!   that what depends on it stays silent and the list names causes, not consequences (`reader.rs`, `report.rs`).
//! * **One declaration a key.** `file.rs` declares each key once; reading it, knowing it (so that an unknown one can be
//!   refused with the nearest), and finding its twin in the environment all follow from there (`schema.rs`).
//!
//! A secret that stands in the file or in a variable passes through figment's strings, which are not wiped; one in a
//! `*_file` is read into a [`crate::secret::Secret`] and nowhere else.
//!
//! What is promised must be done: a key of a later release is refused with a word on what to do meanwhile, unless its
//! value asks for what happens anyway.

mod check;
mod env;
mod file;
mod fingerprint;
mod include;
mod invited;
mod listening;
mod path;
mod process;
mod reader;
mod report;
mod schema;
mod shared_store;
mod values;
mod words;
mod yaml;

pub use fingerprint::Fingerprints;
pub use report::{Problem, Problems};
pub use values::nearest_word;

use crate::clock::Moment;
use crate::federation::{Folder, Outbound, Watch};
use crate::headers::jwt::JwtKeys;
use crate::observe::AuditSettings;
use crate::observe::log::LogSettings;
use crate::observe::traces::Sampling;
use crate::pages::Branding;
use crate::saml::parties::Limits;
use crate::saml::parties::ServiceProvider;
use crate::saml::second_opinion::SecondOpinion;
use crate::seal::KeyRing;
use crate::secret::Secret;
use crate::site::{PublicUrl, Site};
use reader::Reader;
use report::Report;
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A checked configuration: domain types only.
#[derive(Debug)]
pub struct Config {
    /// Each application behind the gate, and each of its tenants.
    pub sites: Vec<Site>,
    /// Where to listen.
    pub listeners: Listeners,
    /// Peers whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// What gateways say to be believed wherever they are.
    pub gateways: Gateways,
    /// Seals everything that browsers keep for us.
    pub keys: KeyRing,
    /// True when no secret was configured: what browsers keep for us cannot be opened after this process.
    pub keys_are_ephemeral: bool,
    /// Signs the identity JWT.
    pub jwt_keys: JwtKeys,
    /// True when none were configured: they are made by each reading of the configuration.
    pub jwt_keys_are_ephemeral: bool,
    /// How many bytes the session store may take.
    pub store_max_bytes: u64,
    /// Where sessions are shared with other gates; none: they are in this process's memory.
    pub shared_store: Option<crate::store::Settings>,
    /// Limits on SAML messages.
    pub message_limits: Limits,
    /// How much is borne from strangers.
    pub bounds: crate::limits::Limits,
    /// Who is asked about every accepted answer once more; none when that is off.
    pub second_opinion: Option<SecondOpinion>,
    /// Where the owner looks at sessions and ends them; None: nowhere.
    pub console: Option<Console>,
    /// How many connections the public and the authz listener each serve at once.
    pub connections: u32,
    /// How to go.
    pub shutdown: Shutdown,
    /// When to read the configuration again.
    pub reload: Reload,
    /// Who keeps the metadata of identity providers up to date: of each that has an address or a file of its own.
    pub watches: Vec<Watch>,
    /// What to log, and how.
    pub log: LogSettings,
    /// Where audit events go, and what they say of people.
    pub audit: AuditSettings,
    /// What is counted beside what always is.
    pub metrics: Metrics,
    /// Where traces go; None: nobody traces.
    pub tracing: Option<Tracing>,
    /// `state_dir`, where what must outlive the process is kept.
    pub state: Option<Folder>,
    /// What the configuration says, to be compared with another one.
    pub fingerprints: Fingerprints,
    /// The look of pages that belong to no site.
    pub branding: Branding,
    /// Problems that do not stop the start, e.g. skipped keys; logged once.
    pub warnings: Vec<Problem>,
}

/// What tells gateways from others beside their address.
#[derive(Debug, Clone)]
pub struct Gateways {
    /// The header that carries the secret; begins with `x-vestibule-`, so that no application ever sees it.
    pub secret_header: http::HeaderName,
    /// Any of them admits; none: addresses alone do.
    pub secrets: Vec<Secret>,
}

impl Default for Gateways {
    fn default() -> Self {
        let secret_header = http::HeaderName::from_static("x-vestibule-gateway-secret");
        Self { secret_header, secrets: Vec::new() }
    }
}

/// Where to listen.
#[derive(Debug, Clone)]
pub struct Listeners {
    /// Browsers, or the gateway that stands before them.
    pub public: SocketAddr,
    /// TLS of the public listener; None: plain, TLS ends before us.
    pub public_tls: Option<TlsFiles>,
    /// Questions of gateways over HTTP; None: off.
    pub authz: Option<SocketAddr>,
    /// Questions of gateways over gRPC; None: off.
    pub grpc: Option<SocketAddr>,
    /// Health and metrics; None: off.
    pub admin: Option<SocketAddr>,
}

/// Where the owner looks at sessions and ends them.
#[derive(Debug, Clone)]
pub struct Console {
    /// Where to listen.
    pub listen: ConsoleAddress,
    /// Who asks must know it. None: the socket's own permissions say who may.
    pub token: Option<Secret>,
}

/// Where the console listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleAddress {
    /// Plain HTTP at an address.
    Tcp(SocketAddr),
    /// The same at a socket in the file system, which only our own user may open.
    Unix(PathBuf),
}

/// Certificate chain and key, reloaded when the files change.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// PEM, the server's own certificate first.
    pub certificate_file: PathBuf,
    /// PEM.
    pub private_key_file: PathBuf,
}

/// How to go: readiness fails first, then `delay` for load balancers to see it, then up to `drain` for what runs.
#[derive(Debug, Clone, Copy)]
pub struct Shutdown {
    /// Between failing readiness and refusing new connections.
    pub delay: Duration,
    /// The longest that running requests and streams may take to end.
    pub drain: Duration,
}

/// When the configuration is read again while the gate runs. SIGHUP does it in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reload {
    /// Whether its files are looked at.
    pub watch: bool,
    /// How often.
    pub interval: Duration,
}

/// What is counted beside what always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// How long requests take at each site.
    pub sites: bool,
    /// Which recorded trace shows one of them, for who asks in OpenMetrics.
    pub exemplars: bool,
}

/// Where traces go, and which.
#[derive(Debug, Clone)]
pub struct Tracing {
    /// Where a collector takes OTLP over HTTP: with its path, as `/v1/traces`.
    pub endpoint: url::Url,
    /// Who may vouch for it, instead of the system's.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// What every batch carries to be let in; each value is marked as sensitive.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// What is said of this process, by OpenTelemetry's names.
    pub resource: Vec<(&'static str, String)>,
    /// Which requests.
    pub sampling: Sampling,
    /// How long a batch may take.
    pub timeout: Duration,
    /// The way out of this network.
    pub outbound: Outbound,
}

/// What identity providers are told about us; known before anything is known of them.
#[derive(Debug)]
pub struct Ourselves {
    /// One for each site, at least one.
    pub sites: Vec<OwnSide>,
    /// Sites that are no service providers: their sign-on hosts are.
    pub signing_on: Vec<SigningOn>,
    /// What is wrong with the rest of the file and does not matter here.
    pub problems: Vec<Problem>,
    /// What may matter here: variables that somebody set and nobody reads.
    pub warnings: Vec<Problem>,
}

/// A site that signs on at a host of its own.
#[derive(Debug)]
pub struct SigningOn {
    /// The site's name.
    pub site: String,
    /// The host's.
    pub host: String,
    /// Where sign-ins begin; none while the site's address is missing or wrong.
    pub sign_in: Option<String>,
}

/// What identity providers are told about one site.
#[derive(Debug)]
pub struct OwnSide {
    /// The site's name.
    pub name: String,
    /// The address that browsers use.
    pub public_url: PublicUrl,
    /// `/vestibule`, no final slash.
    pub path_prefix: String,
    /// Entity ID, ACS and signing keys.
    pub service_provider: ServiceProvider,
    /// Where the certificates of the signing keys are, the one that signs first.
    pub certificate_files: Vec<PathBuf>,
    /// The `id` of each identity provider that it admits, whatever else is known of it.
    pub identity_providers: Vec<String>,
}

/// Reads file + environment: our own variables, and those that name a proxy for the way to metadata. Relative paths, wherever they are written, are relative to the file's folder.
///
/// # Errors
/// Every problem of the configuration, in the order of the file; nothing is opened or started.
pub fn load(file: &Path, env: &[(String, String)], now: Moment) -> Result<Config, Problems> {
    load_with_files(file, env, now, &mut Vec::new())
}

/// The same; `files` get every file that was read or looked for, the configuration first, whether all is well or not: when
/// one of them changes, it is time to read again. Those are left out that have somebody of their own who looks at them:
/// metadata, lists of the invited, the certificate of the public listener.
///
/// # Errors
/// As [`load`].
pub fn load_with_files(
    file: &Path,
    env: &[(String, String)],
    now: Moment,
    files: &mut Vec<PathBuf>,
) -> Result<Config, Problems> {
    let (written, mut fingerprints, report, misread) = read(file, env, files)?;
    let mut contents = Contents::default();
    let checked = check::check(&written, now, report, Outbound::from_environment(env), &mut contents);
    for (key, path, digest) in contents.0 {
        fingerprints.note(format!("{key} (contents)"), &digest);
        if !files.contains(&path) {
            files.push(path);
        }
    }
    checked
        .map(|config| Config { fingerprints: with_certificates(fingerprints, &config.sites), ..config })
        .map_err(|problems| env::explain(problems, &misread))
}

/// The files that a configuration names: under which key, where, and a digest of what they hold; none of one that cannot be
/// read.
#[derive(Debug, Default)]
struct Contents(Vec<(String, PathBuf, Vec<u8>)>);

/// Our own certificates count as configuration, whatever their files are called.
fn with_certificates(mut fingerprints: Fingerprints, sites: &[Site]) -> Fingerprints {
    for site in sites {
        let keys = &site.service_provider.signing_keys;
        let sums: Vec<u8> = keys.iter().flat_map(|key| key.certificate().sha256).collect();
        if !sums.is_empty() {
            fingerprints.note(format!("site {}: the certificates of service_provider", site.name), &sums);
        }
    }
    fingerprints
}

/// Reads only what stands in our own metadata, from the same file and environment. Both sides of a sign-in want the
/// other's metadata first; ours can be had while the file cannot serve yet.
///
/// # Errors
/// The problems of `public_url`, `path_prefix` and `service_provider`, or of a file that cannot be read at all.
pub fn load_ourselves(file: &Path, env: &[(String, String)], now: Moment) -> Result<Ourselves, Problems> {
    let (written, _, report, misread) = read(file, env, &mut Vec::new())?;
    match check::ourselves(&written, now, report) {
        Ok(ourselves) => Ok(Ourselves { warnings: misread, ..ourselves }),
        Err(problems) => Err(env::explain(problems, &misread)),
    }
}

/// The file as written, what to compare another one with, what was said while reading it, and the variables that look
/// like twins and are none.
fn read(
    file: &Path,
    env: &[(String, String)],
    files: &mut Vec<PathBuf>,
) -> Result<(file::File, Fingerprints, Report, Vec<Problem>), Problems> {
    let mut report = Report::default();
    let Some(document) = include::read(file, &mut report, files) else { return Err(report.into_problems()) };
    let twins = env::Twins::read(env, &mut report);
    let misread = env::misread(env);
    misread.iter().cloned().for_each(|problem| report.warn(problem));
    let (written, fingerprints) = Reader::new(&document, &twins, &mut report).read();
    Ok((written, fingerprints, report, misread))
}

/// Every key that can be written, as `session.idle_timeout`, `identity_providers[].label` or `roles.*`, in the order of
/// config.example.yaml. Keys that are refused as not in this release are not listed.
pub fn known_keys() -> Vec<String> {
    schema::known_keys()
}
