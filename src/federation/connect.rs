//! A connection to where metadata is, or to whom traces are sent: direct or through the proxy of the environment, with TLS
//! that is verified.

use super::Outbound;
use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Request, Response};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// An HTTP/1.1 connection, for one request after the other. Dropped, it is closed, whatever the other side does.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _tasks: Tasks,
}

/// What drives connections; ends with its owner.
#[derive(Default)]
struct Tasks(Vec<AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// What a stream must be able to do, TLS or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection(…)")
    }
}

impl Connection {
    /// To the server of `url`. `authorities`: who may vouch for it, instead of the system's.
    ///
    /// # Errors
    /// Sentences for the owner.
    pub async fn open(
        url: &Url,
        authorities: Option<&[CertificateDer<'static>]>,
        outbound: &Outbound,
    ) -> Result<Self, String> {
        let host = url.host().ok_or("the address has no host")?;
        let port = url.port_or_known_default().ok_or("the address has no port")?;
        let mut tasks = Tasks::default();
        let stream: Box<dyn Stream> = if url.scheme() == "https" {
            let tcp = match outbound.proxy_for(url)? {
                Some(proxy) => tunnel(&proxy, &format!("{host}:{port}"), &mut tasks).await?,
                None => Box::new(reach(&bare(&host), port).await?),
            };
            encrypted(tcp, &host, authorities).await?
        } else {
            Box::new(reach(&bare(&host), port).await?)
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(spoken)?;
        tasks.0.push(tokio::spawn(connection).abort_handle());
        Ok(Self { sender, _tasks: tasks })
    }

    /// Sends a request, after the answer to the one before was read to its end. The body of the answer lives as long as this
    /// connection does.
    ///
    /// # Errors
    /// Sentences for the owner.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        self.sender.send_request(request).await.map_err(spoken)
    }
}

/// How long one of several addresses of a host may take. IPv6 that leads nowhere must not keep IPv4 from its turn.
const EACH_ADDRESS: Duration = Duration::from_secs(3);

async fn reach(host: &str, port: u16) -> Result<TcpStream, String> {
    let cannot = |problem: String| format!("{host}:{port} cannot be reached: {problem}");
    let addresses = lookup_host((host, port)).await.map_err(|problem| cannot(problem.to_string()))?;
    let mut last = "the name has no address".to_owned();
    for address in addresses {
        match timeout(EACH_ADDRESS, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(problem)) => last = problem.to_string(),
            Err(_) => last = format!("{address} does not answer"),
        }
    }
    Err(cannot(last))
}

/// Through an HTTP proxy to `authority` (RFC 9110, 9.3.6).
async fn tunnel(proxy: &Intercept, authority: &str, tasks: &mut Tasks) -> Result<Box<dyn Stream>, String> {
    let at = proxy.uri();
    let scheme = at.scheme_str().unwrap_or_default();
    if scheme != "http" {
        return Err(format!("the proxy of HTTPS_PROXY speaks {scheme}; only http:// proxies are possible"));
    }
    let host = at.host().ok_or("the proxy of HTTPS_PROXY has no host")?;
    let host = host.trim_matches(['[', ']']);
    let tcp =
        reach(host, at.port_u16().unwrap_or(80)).await.map_err(|problem| format!("the proxy {problem}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(spoken)?;
    tasks.0.push(tokio::spawn(connection.with_upgrades()).abort_handle());
    let mut request = Request::connect(authority).header(HOST, authority);
    if let Some(who) = proxy.basic_auth() {
        request = request.header(PROXY_AUTHORIZATION, who);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|problem| problem.to_string())?;
    let answer = sender.send_request(request).await.map_err(spoken)?;
    if !answer.status().is_success() {
        return Err(format!("the proxy {host} answers {} when asked for {authority}", answer.status()));
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(spoken)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

async fn encrypted(
    stream: Box<dyn Stream>,
    host: &Host<&str>,
    authorities: Option<&[CertificateDer<'static>]>,
) -> Result<Box<dyn Stream>, String> {
    let name =
        ServerName::try_from(bare(host)).map_err(|_| "the host is no name that a certificate could have")?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|problem| format!("TLS cannot be used: {problem}"))?
        .with_root_certificates(trusted(authorities)?)
        .with_no_client_auth();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected
        .map(|stream| Box::new(stream) as Box<dyn Stream>)
        .map_err(|problem| format!("no TLS connection to {host}: {problem}"))
}

/// The authorities of `metadata_ca_file`, or the system's, read anew each time: they may have been brought up to date.
fn trusted(authorities: Option<&[CertificateDer<'static>]>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match authorities {
        Some(authorities) => {
            store.add_parsable_certificates(authorities.iter().cloned());
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            let (added, _) = store.add_parsable_certificates(found.certs);
            if added == 0 {
                let why = found.errors.first().map(ToString::to_string).unwrap_or_default();
                return Err(format!(
                    "there are no certificate authorities on this system (install ca-certificates, or set \
                     metadata_ca_file or tracing.ca_file) {why}"
                ));
            }
        }
    }
    Ok(store)
}

/// Without the brackets of an IPv6 address.
fn bare(host: &Host<&str>) -> String {
    match host {
        Host::Domain(name) => (*name).to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    }
}

/// An error of the connection with its cause.
fn spoken(problem: hyper::Error) -> String {
    let cause = std::error::Error::source(&problem).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("the connection failed: {problem}{cause}")
}
