//! TLS on both sides, and HTTP/2.

use super::client::{self, Answer};
use super::house::{HOST, House, Plan, ada, patience, upstream};
use super::origin::{Origin, Seen, Wire};
use crate::config::TlsFiles;
use crate::gateway::Patience;
use crate::gateway::background::keep_certificate;
use crate::gateway::tls::LiveCertificate;
use crate::site::{Face, Upstream};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read as _, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

struct Authority {
    pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    Authority { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
}

impl Authority {
    /// Certificate and key, PEM.
    fn pair(&self, name: &str) -> (String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key)
    }

    fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }

    /// A TLS connection that trusts this authority only.
    fn connect(&self, to: SocketAddr, alpn: &[&str]) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(HOST).unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), client::connect(to))
    }
}

/// A gate with TLS, whose certificate lies in a folder.
fn secured(origin: &Origin, folder: &Path, authority: &Authority) -> House {
    write_pair(folder, authority);
    Plan::before(origin.address).with(|config| config.listeners.public_tls = Some(files(folder))).start()
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate_file: folder.join("tls.crt"), private_key_file: folder.join("tls.key") }
}

fn write_pair(folder: &Path, authority: &Authority) {
    let (certificate, key) = authority.pair(HOST);
    std::fs::write(folder.join("tls.crt"), certificate).unwrap();
    std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
}

fn ask_over_tls(authority: &Authority, to: SocketAddr) -> Answer {
    let mut stream = authority.connect(to, &["http/1.1"]);
    stream.write_all(&client::request(HOST, &["GET /public/a"], b"")).unwrap();
    client::answer_to_the_end(&mut stream)
}

#[test]
fn the_public_listener_speaks_tls_and_offers_both_versions() {
    let (origin, folder, authority) = (Origin::start(), tempfile::tempdir().unwrap(), authority());
    let house = secured(&origin, folder.path(), &authority);
    assert_eq!(ask_over_tls(&authority, house.public()).status, 200);
    for (offered, chosen) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1")] {
        let mut stream = authority.connect(house.public(), offered);
        stream.conn.complete_io(&mut stream.sock).unwrap();
        assert_eq!(stream.conn.alpn_protocol(), Some(chosen.as_bytes()));
    }
}

#[test]
fn who_does_not_shake_hands_has_a_place_like_everybody_and_for_a_while_only() {
    let (origin, folder, authority) = (Origin::start(), tempfile::tempdir().unwrap(), authority());
    write_pair(folder.path(), &authority);
    let house = Plan::before(origin.address)
        .with(|config| {
            config.listeners.public_tls = Some(files(folder.path()));
            config.connections = 2;
        })
        .patient(Patience { header: Duration::from_secs(2), ..patience() })
        .start();
    let open = || house.metric(&["vestibule_connections{", "listener=\"public\""]).unwrap();
    let until = |what: &str, number: f64| {
        let began = std::time::Instant::now();
        while open() < number || (number == 0.0 && open() > 0.0) {
            assert!(began.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let silent = [client::connect(house.public()), client::connect(house.public())];
    until("they are not counted", 2.0);
    // One too many is closed at once: nothing comes, or a reset.
    assert_eq!(client::connect(house.public()).read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(house.metric(&["vestibule_connections_refused_total", "public"]), Some(1.0));
    until("they stay for as long as they like", 0.0);
    assert_eq!(house.metric(&["vestibule_limits_reached_total", "\"header_time\""]), Some(2.0));
    assert_eq!(ask_over_tls(&authority, house.public()).status, 200);
    drop(silent);
}

#[test]
fn a_new_certificate_is_served_without_a_restart() {
    let (folder, first, second) = (tempfile::tempdir().unwrap(), authority(), authority());
    write_pair(folder.path(), &first);
    let live = LiveCertificate::load(&files(folder.path())).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(keep_certificate(live.clone(), Duration::from_millis(10)));
    let presented = live.presented();
    write_pair(folder.path(), &second);
    let began = std::time::Instant::now();
    while live.presented() == presented {
        assert!(began.elapsed() < Duration::from_secs(20), "the new certificate is not taken over");
        std::thread::yield_now();
    }
}

#[test]
fn the_application_may_have_a_certificate_of_its_own_authority() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &authority.pem).unwrap();
    let origin = |name: &str| {
        let server = authority.server(name);
        Origin::start_with(move |stream| {
            let connection = ServerConnection::new(server.clone()).unwrap();
            Box::new(StreamOwned::new(connection, stream)) as Box<dyn Wire>
        })
    };
    let before = |origin: &Origin, ca_file: &Path| {
        let secure = Upstream { tls: true, ca_file: Some(ca_file.to_owned()), ..upstream(origin.address) };
        Plan::before(origin.address).with(|config| config.sites[0].face = Face::from(secure)).start()
    };
    let right = origin("127.0.0.1");
    let seen = Seen::in_answer(&before(&right, &ca_file).ask(&["GET /public/a"]));
    assert_eq!(seen.only("x-forwarded-proto"), "https");
    assert_eq!(before(&origin("other.example.com"), &ca_file).ask(&["GET /public/a"]).status, 502);
    let stranger = folder.path().join("stranger.pem");
    std::fs::write(&stranger, &super::tls::authority().pem).unwrap();
    assert_eq!(before(&right, &stranger).ask(&["GET /public/a"]).status, 502);
}

#[test]
fn a_bad_authority_file_is_an_error_at_start_and_no_panic() {
    let secure =
        Upstream { tls: true, ca_file: Some("/no/such/ca.pem".into()), ..upstream(super::origin::nobody()) };
    let plan = Plan::before(super::origin::nobody()).with(|config| config.sites[0].face = Face::from(secure));
    let clock = Arc::new(crate::clock::ManualClock::at(super::house::NOW));
    let problem = crate::gateway::Gateway::start(plan.config, clock).err().expect("an error");
    assert!(problem.contains("/no/such/ca.pem"), "{problem}");
}

/// Asks over HTTP/2 without TLS; the lines are names and values.
async fn ask_over_h2(to: SocketAddr, path: &str, lines: &[(&str, &str)]) -> Answer {
    let stream = tokio::net::TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::get(format!("https://{HOST}{path}"));
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let headers = parts.headers.iter();
    Answer {
        status: parts.status.as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

#[test]
fn over_http_2_the_same_is_judged_and_split_cookies_arrive_as_one_line() {
    let origin = Origin::start();
    let house = House::before(&origin);
    let session = house.session_cookie(&ada());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let crumbs = [
            ("cookie", "theme=dark"),
            ("cookie", session.as_str()),
            ("cookie", "lang=de"),
            ("x-forwarded-user", "root"),
        ];
        let seen = Seen::in_answer(&ask_over_h2(house.public(), "/a?b", &crumbs).await);
        assert_eq!(seen.line, "GET /a?b HTTP/1.1");
        assert_eq!(seen.only("cookie"), "theme=dark; lang=de");
        assert_eq!(seen.only("x-forwarded-user"), "ada");
        assert_eq!(seen.only("host"), HOST);
        assert_eq!(ask_over_h2(house.public(), "/a", &[]).await.status, 401);
        assert_eq!(ask_over_h2(house.public(), "/admin/a", &crumbs[..3]).await.status, 403);
        assert_eq!(ask_over_h2(house.public(), "/a%2Fb", &crumbs[..3]).await.status, 400);
        assert_eq!(ask_over_h2(house.public(), "/vestibule/whoami", &crumbs[..3]).await.status, 200);
        let long = "x".repeat(70 * 1024);
        assert_eq!(ask_over_h2(house.public(), "/public/a", &[("x-long", &long)]).await.status, 431);
    });
}

#[test]
fn an_application_may_speak_http_2() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| async move {
                let said = |name: &str| {
                    let value = request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
                    value.unwrap_or("-").to_owned()
                };
                let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
                let told = format!("{:?} {authority} {}", request.version(), said("x-forwarded-user"));
                Ok::<_, std::convert::Infallible>(hyper::Response::new(http_body_util::Full::new(
                    Bytes::from(told),
                )))
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
    let modern = Upstream { http2: true, ..upstream(address) };
    let house = Plan::before(address).with(|config| config.sites[0].face = Face::from(modern)).start();
    let answer = house.ask(&["GET /a", &house.signed_in(&ada()), "X-Forwarded-User: root"]);
    assert_eq!((answer.status, answer.text()), (200, format!("HTTP/2.0 {HOST} ada")));
    let session = house.session_cookie(&ada());
    let through = runtime.block_on(ask_over_h2(house.public(), "/a", &[("cookie", &session)]));
    assert_eq!(through.text(), format!("HTTP/2.0 {HOST} ada"));
}
