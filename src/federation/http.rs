//! Metadata from an address: conditional, bounded in time and size, over TLS that is verified.
//!
//! The answer may come from anybody who can put something at that address, so nothing of it is believed: not its type,
//! not its length, not where it sends us on to unless that is as well protected as the first address. What it says
//! about an identity provider is judged elsewhere.

use super::connect::Connection;
use super::source::{LARGEST_DOCUMENT, Reading, Source, SourceProblem, Version, too_large};
use async_trait::async_trait;
use bytes::Bytes;
use flate2::write::GzDecoder;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HOST, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, USER_AGENT,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use rustls::pki_types::CertificateDer;
use std::io::Write as _;
use std::time::Duration;
use tokio::time::timeout;
use url::{Host, Url};

/// Limits of one reading.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until a connection stands, through a proxy and with its TLS handshake.
    pub connect: Duration,
    /// Until the head of the answer has come, and between two pieces of its body.
    pub silence: Duration,
    /// For everything, with all redirects.
    pub whole: Duration,
    /// The largest document, after decompression.
    pub octets: usize,
    /// How often we may be sent on.
    pub redirects: usize,
}

/// Enough for an aggregate of 100 MB over a line of 3 Mbit/s.
impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            whole: Duration::from_secs(300),
            octets: LARGEST_DOCUMENT,
            redirects: 3,
        }
    }
}

/// An address, and how to ask there.
#[derive(Debug)]
pub struct HttpSource {
    url: Url,
    authorities: Option<Vec<CertificateDer<'static>>>,
    outbound: super::Outbound,
    patience: Patience,
}

impl HttpSource {
    /// `authorities`: who may vouch for the server, instead of the system's.
    ///
    /// # Errors
    /// A sentence about an address that is not fit: see [`may_be_asked`].
    pub fn new(
        url: &str,
        authorities: Option<Vec<CertificateDer<'static>>>,
        outbound: super::Outbound,
    ) -> Result<Self, String> {
        let url = may_be_asked(url)?;
        Ok(Self { url, authorities, outbound, patience: Patience::default() })
    }

    /// The same with other limits.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    async fn ask(&self, known: Option<&Version>) -> Result<Reading, String> {
        let mut url = self.url.clone();
        for _ in 0..=self.patience.redirects {
            let connecting = Connection::open(&url, self.authorities.as_deref(), &self.outbound);
            let mut connection = within(self.patience.connect, "no connection", connecting).await??;
            let asking = connection.send(request(&url, known)?);
            let answer = within(self.patience.silence, "no answer", asking).await??;
            match answer.status() {
                StatusCode::OK => return self.document(answer).await,
                StatusCode::NOT_MODIFIED if known.is_some() => return Ok(Reading::Unchanged),
                status if status.is_redirection() && answer.headers().contains_key(LOCATION) => {
                    url = sent_on(&url, answer.headers())?;
                }
                status => return Err(format!("the server at {} answers {status}", shown(&url))),
            }
        }
        Err(format!("we are sent on more than {} times", self.patience.redirects))
    }

    async fn document(&self, answer: Response<Incoming>) -> Result<Reading, String> {
        let version = Version {
            etag: text(answer.headers(), &ETAG),
            last_modified: text(answer.headers(), &LAST_MODIFIED),
        };
        let mut body = Body::new(answer.headers(), self.patience.octets)?;
        let mut incoming = answer.into_body();
        while let Some(frame) = within(self.patience.silence, "the document stops", incoming.frame()).await? {
            let frame = frame.map_err(|problem| format!("the document ends early: {problem}"))?;
            if let Ok(octets) = frame.into_data() {
                body.take(&octets)?;
            }
        }
        match body.end()? {
            octets if octets.is_empty() => Err("the document is empty".to_owned()),
            octets => Ok(Reading::Document { octets, version }),
        }
    }
}

#[async_trait]
impl Source for HttpSource {
    fn name(&self) -> &str {
        self.url.as_str()
    }

    async fn read(&self, known: Option<&Version>) -> Result<Reading, SourceProblem> {
        let known = known.filter(|version| **version != Version::default());
        within(self.patience.whole, "not done", self.ask(known))
            .await
            .flatten()
            .map_err(|problem| SourceProblem(format!("{}: {problem}", self.url)))
    }
}

/// The address, when it may be asked for metadata: https, or http of this machine alone; no user name in it.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn may_be_asked(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|_| "is not an absolute https:// address".to_owned())?;
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => {}
        ("http", Some(host)) if is_loopback(&host) => {}
        ("http", Some(_)) => {
            return Err("must be https: over http anybody on the way could name their own keys; http is for loopback \
                        addresses only"
                .to_owned());
        }
        _ => return Err("is not an absolute https:// address".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name does not belong here".to_owned());
    }
    url.set_fragment(None);
    Ok(url)
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

/// Where a redirect leads. Never from https to http: whoever could read and change the next step would be believed as
/// the first address is.
fn sent_on(from: &Url, headers: &HeaderMap) -> Result<Url, String> {
    let location = text(headers, &LOCATION).unwrap_or_default();
    let to = from.join(&location).map_err(|_| "we are sent on to something that is no address".to_owned())?;
    let to = may_be_asked(to.as_str())
        .map_err(|problem| format!("we are sent on to {}, which {problem}", shown(&to)))?;
    if from.scheme() != to.scheme() {
        return Err(format!("we are sent on from {} to {}", from.scheme(), to.scheme()));
    }
    Ok(to)
}

fn request(url: &Url, known: Option<&Version>) -> Result<Request<Full<Bytes>>, String> {
    let wrong = |problem: http::Error| format!("the address cannot be asked for: {problem}");
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let mut request = Request::get(target)
        .header(HOST, host)
        .header(ACCEPT, "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1")
        .header(ACCEPT_ENCODING, "gzip")
        .header(USER_AGENT, concat!("vestibule/", env!("CARGO_PKG_VERSION")))
        .body(Full::default())
        .map_err(wrong)?;
    let conditions = known
        .into_iter()
        .flat_map(|version| [(IF_NONE_MATCH, &version.etag), (IF_MODIFIED_SINCE, &version.last_modified)]);
    for (name, value) in conditions {
        if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
            request.headers_mut().insert(name, value);
        }
    }
    Ok(request)
}

/// A header as text; none when there are several, or when it is longer than any that means something.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut all = headers.get_all(name).iter();
    let only = all.next().filter(|_| all.next().is_none())?;
    only.to_str().ok().filter(|text| text.len() <= 2048).map(str::to_owned)
}

/// Scheme, host and port: what a log should know of an address that somebody else chose.
fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

async fn within<T>(limit: Duration, what: &str, doing: impl Future<Output = T> + Send) -> Result<T, String> {
    timeout(limit, doing).await.map_err(|_| format!("{what} within {} s", limit.as_secs_f64()))
}

/// The octets that have come, as plain ones, never more than the limit.
enum Body {
    Plain(Bounded),
    Gzip(Box<GzDecoder<Bounded>>),
}

struct Bounded {
    octets: Vec<u8>,
    limit: usize,
}

impl Body {
    fn new(headers: &HeaderMap, limit: usize) -> Result<Self, String> {
        let bounded = Bounded { octets: Vec::new(), limit };
        match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
            None | Some(b"identity") => Ok(Self::Plain(bounded)),
            Some(b"gzip" | b"x-gzip") => Ok(Self::Gzip(Box::new(GzDecoder::new(bounded)))),
            Some(_) => Err("the document has a Content-Encoding that was not asked for".to_owned()),
        }
    }

    fn take(&mut self, octets: &[u8]) -> Result<(), String> {
        match self {
            Self::Plain(bounded) => bounded.write_all(octets),
            Self::Gzip(decoder) => decoder.write_all(octets),
        }
        .map_err(|problem| format!("the document {problem}"))
    }

    fn end(self) -> Result<Vec<u8>, String> {
        match self {
            Self::Plain(bounded) => Ok(bounded.octets),
            Self::Gzip(decoder) => decoder
                .finish()
                .map(|bounded| bounded.octets)
                .map_err(|problem| format!("the document ends early: {problem}")),
        }
    }
}

impl std::io::Write for Bounded {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        if octets.len() > self.limit.saturating_sub(self.octets.len()) {
            return Err(std::io::Error::other(too_large(self.limit)));
        }
        self.octets.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
