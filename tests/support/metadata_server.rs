//! A server of metadata: real TLS under an authority of its own, and every way in which servers misbehave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]
#![allow(dead_code, reason = "each test program uses its own part")]

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority of the tests.
pub struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    pub fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "authority of the tests");
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: rcgen::Issuer::new(params, key), certificate }
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    fn tls(&self, names: &[&str]) -> TlsAcceptor {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let leaf = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// How the server answers.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// These octets, with these header lines, under this status.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// So many octets of a body that was announced as longer.
    CutAfter { octets: usize, body: Vec<u8> },
    /// Takes the request and says nothing.
    Silent,
    /// Some of the body, and then nothing more.
    Stalls { octets: usize, body: Vec<u8> },
    /// Closes each connection before a word is said.
    Down,
}

impl Behaviour {
    /// A document, in the usual way.
    pub fn serve(document: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status: 200, headers: Vec::new(), body: document.into() }
    }

    /// A document with a version, so that it can be asked for conditionally.
    pub fn serve_as(version: &str, document: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("ETag".to_owned(), format!("\"{version}\""))];
        Self::Answer { status: 200, headers, body: document.into() }
    }

    pub fn redirect(status: u16, to: &str) -> Self {
        Self::Answer { status, headers: vec![("Location".to_owned(), to.to_owned())], body: Vec::new() }
    }
}

/// A running server.
pub struct MetadataServer {
    pub address: SocketAddr,
    scheme: &'static str,
    behaviour: Arc<Mutex<Behaviour>>,
    /// The heads of all requests so far.
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for MetadataServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl MetadataServer {
    /// https, for `localhost` and 127.0.0.1.
    pub async fn start(authority: &Authority) -> Self {
        Self::start_as(Some(authority.tls(&["localhost", "127.0.0.1"]))).await
    }

    /// https under another name than its own.
    pub async fn start_as_somebody_else(authority: &Authority) -> Self {
        Self::start_as(Some(authority.tls(&["idp.example.com"]))).await
    }

    /// http.
    pub async fn start_plain() -> Self {
        Self::start_as(None).await
    }

    async fn start_as(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let behaviour = Arc::new(Mutex::new(Behaviour::Down));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (shared, heads) = (behaviour.clone(), requests.clone());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (behaviour, heads, tls) = (shared.clone(), heads.clone(), tls.clone());
                tokio::spawn(async move {
                    if matches!(*behaviour.lock().unwrap(), Behaviour::Down) {
                        return;
                    }
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                converse(stream, &behaviour, &heads).await;
                            }
                        }
                        None => converse(stream, &behaviour, &heads).await,
                    }
                });
            }
        });
        Self { address, scheme, behaviour, requests, task }
    }

    pub fn url(&self) -> String {
        format!("{}://localhost:{}/metadata", self.scheme, self.address.port())
    }

    pub fn now(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// The heads of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    behaviour: &Mutex<Behaviour>,
    heads: &Mutex<Vec<String>>,
) {
    let Some(head) = head(&mut stream).await else { return };
    heads.lock().unwrap().push(head.clone());
    let behaviour = behaviour.lock().unwrap().clone();
    let sent = match behaviour {
        Behaviour::Down => return,
        Behaviour::Silent => std::future::pending().await,
        Behaviour::Answer { status, headers, body } => {
            let known = headers.iter().any(|(name, value)| {
                name == "ETag" && head.to_lowercase().contains(&format!("if-none-match: {value}"))
            });
            let (status, body) = if known { (304, Vec::new()) } else { (status, body) };
            let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let answer = format!("HTTP/1.1 {status} X\r\n{lines}Content-Length: {}\r\n\r\n", body.len());
            stream.write_all(&[answer.as_bytes(), &body].concat()).await
        }
        Behaviour::CutAfter { octets, body } => {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(&[answer.as_bytes(), &body[..octets]].concat()).await
        }
        Behaviour::Stalls { octets, body } => {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(&[answer.as_bytes(), &body[..octets]].concat()).await;
            let _ = stream.flush().await;
            std::future::pending().await
        }
    };
    if sent.is_ok() {
        let _ = stream.shutdown().await;
    }
}

async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// An HTTP proxy that knows CONNECT, and nothing else.
pub struct Proxy {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Leads everybody to `target`, whatever they ask for: names of the tests mean nothing to resolvers.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heads = requests.clone();
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let heads = heads.clone();
                tokio::spawn(async move {
                    let Some(head) = head(&mut stream).await else { return };
                    let welcome = head.starts_with("CONNECT ");
                    heads.lock().unwrap().push(head);
                    if !welcome {
                        return;
                    }
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                    let mut there = TcpStream::connect(target).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut there).await;
                });
            }
        });
        Self { address, requests, task }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}
