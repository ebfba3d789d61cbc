//! `tracing` and `metrics`: where traces go, and what is counted of each site.

use super::Desk;
use super::files::read_secret;
use super::metadata::authorities;
use crate::config::file::{File, Metrics as MetricsFile};
use crate::config::reader::Field;
use crate::config::values::{FilePath, Share, Word};
use crate::config::words::TrustParent;
use crate::config::{Metrics, Tracing};
use crate::observe::traces::Sampling;
use http::{HeaderName, HeaderValue};
use std::time::Duration;
use url::Url;

/// Where OTLP over HTTP takes traces, below the collector's address.
const PATH: &str = "/v1/traces";

/// The port of OTLP over gRPC, which is not spoken here.
const GRPC_PORT: u16 = 4317;

/// One of ten: enough to see what is slow, little enough for any collector.
const DEFAULT_SHARE: Share = Share(0.1);

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Names that the protocol itself needs.
const NOT_OURS: [&str; 6] =
    ["host", "content-type", "content-length", "transfer-encoding", "connection", "content-encoding"];

pub(super) fn metrics(file: &MetricsFile) -> Metrics {
    Metrics { sites: file.sites.or(true), exemplars: file.exemplars.or(true) }
}

/// Off unless somebody said where.
pub(super) fn tracing(file: &File, desk: &mut Desk) -> Option<Tracing> {
    let tracing = &file.tracing;
    if tracing.otlp_endpoint.is_absent() {
        let written = [
            tracing.sample.is_written().then(|| tracing.sample.problem(FOR_NOTHING)),
            tracing.trust_parent.is_written().then(|| tracing.trust_parent.problem(FOR_NOTHING)),
            tracing.service_name.is_written().then(|| tracing.service_name.problem(FOR_NOTHING)),
            tracing.headers_file.is_written().then(|| tracing.headers_file.problem(FOR_NOTHING)),
            tracing.ca_file.is_written().then(|| tracing.ca_file.problem(FOR_NOTHING)),
            tracing.timeout.is_written().then(|| tracing.timeout.problem(FOR_NOTHING)),
        ];
        if let Some(problem) = written.into_iter().flatten().next() {
            desk.error(
                problem.hint("write otlp_endpoint: http://127.0.0.1:4318, the address of a collector"),
            );
        }
        return None;
    }
    let timeout =
        desk.duration(&tracing.timeout, DEFAULT_TIMEOUT, Duration::from_millis(100), Duration::from_secs(60));
    let authorities = authorities(&tracing.ca_file, desk);
    let headers = headers(&tracing.headers_file, desk);
    let endpoint = endpoint(&tracing.otlp_endpoint, desk)?;
    if endpoint.scheme() == "http" && tracing.headers_file.is_written() && !is_here(&endpoint) {
        let message = "are sent over plain HTTP: they can be read on the way";
        desk.warn(
            tracing.headers_file.problem(message).hint("give tracing.otlp_endpoint an https:// address"),
        );
    }
    let (follows_trusted, follows_anybody) =
        match tracing.trust_parent.or(Word(TrustParent::TrustedProxies)).0 {
            TrustParent::TrustedProxies => (true, false),
            TrustParent::Anyone => (true, true),
            TrustParent::Nobody => (false, false),
        };
    let Share(share) = tracing.sample.or(DEFAULT_SHARE);
    Some(Tracing {
        endpoint,
        authorities: authorities?,
        headers: headers?,
        resource: vec![
            ("service.name", tracing.service_name.get().cloned().unwrap_or_else(|| "vestibule".to_owned())),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ],
        sampling: Sampling { share, follows_trusted, follows_anybody },
        timeout,
        outbound: desk.outbound.clone(),
    })
}

const FOR_NOTHING: &str = "is for nothing: tracing.otlp_endpoint says that nobody takes traces";

/// With the path of the protocol, where it is not written out.
fn endpoint(field: &Field<String>, desk: &mut Desk) -> Option<Url> {
    let text = field.get()?;
    let wrong = || {
        field
            .problem("is not the http:// or https:// address of a collector")
            .hint("write http://127.0.0.1:4318, say; OTLP over HTTP is spoken there")
    };
    let parsed =
        Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(mut url) = parsed else {
        desk.error(wrong());
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        let hint = "a collector's password goes into tracing.headers_file, as `authorization: Basic …`";
        desk.error(field.problem("must be without a user name").hint(hint));
        return None;
    }
    if url.fragment().is_some() {
        desk.error(wrong());
        return None;
    }
    if url.port() == Some(GRPC_PORT) {
        let message = "has the port of OTLP over gRPC, and traces are sent by OTLP over HTTP";
        desk.warn(field.problem(message).hint("collectors take that at port 4318"));
    }
    if !url.path().ends_with(PATH) {
        let path = format!("{}{PATH}", url.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    Some(url)
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// `name: value` in each line.
fn headers(field: &Field<FilePath>, desk: &mut Desk) -> Option<Vec<(HeaderName, HeaderValue)>> {
    if field.is_absent() {
        return Some(Vec::new());
    }
    let secret = read_secret(field, desk)?;
    let mut headers = Vec::new();
    let lines = secret.expose().split(|octet| *octet == b'\n').enumerate();
    for (number, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let Some((name, value)) = header(line) else {
            // What stands there is not quoted: it is a secret.
            let message = format!("line {} is not `name: value`, or is none that may be set", number + 1);
            desk.error(field.problem(message).hint("one header a line, as `authorization: Bearer …`"));
            return None;
        };
        headers.push((name, value));
    }
    Some(headers)
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let (name, value) = line.split_at(colon);
    let name = HeaderName::from_bytes(name.trim_ascii()).ok()?;
    let mut value = HeaderValue::from_bytes(value.get(1..)?.trim_ascii()).ok()?;
    value.set_sensitive(true);
    (!value.is_empty() && !NOT_OURS.contains(&name.as_str())).then_some((name, value))
}
