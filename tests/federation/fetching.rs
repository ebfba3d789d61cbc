//! The way to an address: whom it trusts, where it lets itself be sent, how much it takes.

use crate::metadata_server::{Authority, Behaviour, MetadataServer, Proxy};
use crate::scene::PATIENCE;
use std::io::Write as _;
use std::net::SocketAddr;
use vestibule::federation::{HttpSource, Outbound, Reading, Source as _, Version, may_be_asked};

struct Asking {
    server: MetadataServer,
    authority: Authority,
}

impl Asking {
    async fn new() -> Self {
        let authority = Authority::new();
        let server = MetadataServer::start(&authority).await;
        Self { server, authority }
    }

    fn source(&self, url: &str, outbound: Outbound) -> HttpSource {
        HttpSource::new(url, Some(vec![self.authority.der()]), outbound).unwrap().patient(PATIENCE)
    }

    async fn read(&self, behaviour: Behaviour) -> Result<String, String> {
        self.server.now(behaviour);
        text(self.source(&self.server.url(), Outbound::direct()).read(None).await)
    }
}

fn text<E: std::fmt::Display>(read: Result<Reading, E>) -> Result<String, String> {
    match read.map_err(|problem| problem.to_string())? {
        Reading::Unchanged => Err("unchanged".into()),
        Reading::Document { octets, .. } => Ok(String::from_utf8(octets).unwrap()),
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn encoded(body: Vec<u8>, encoding: &str) -> Behaviour {
    Behaviour::Answer { status: 200, headers: vec![("Content-Encoding".into(), encoding.into())], body }
}

#[tokio::test]
async fn only_a_server_with_a_certificate_of_the_authority_is_believed() {
    let asking = Asking::new().await;
    assert_eq!(asking.read(Behaviour::serve("<a/>")).await.as_deref(), Ok("<a/>"));

    let stranger = Authority::new();
    let source =
        HttpSource::new(&asking.server.url(), Some(vec![stranger.der()]), Outbound::direct()).unwrap();
    let problem = source.read(None).await.unwrap_err().to_string();
    assert!(problem.contains("TLS") && problem.contains("localhost"), "{problem}");
    // The system's authorities do not know ours.
    let source = HttpSource::new(&asking.server.url(), None, Outbound::direct()).unwrap();
    assert!(source.read(None).await.is_err());

    let other = MetadataServer::start_as_somebody_else(&asking.authority).await;
    other.now(Behaviour::serve("<a/>"));
    let problem = asking.source(&other.url(), Outbound::direct()).read(None).await.unwrap_err().to_string();
    assert!(problem.contains("not valid for name") || problem.contains("NotValidForName"), "{problem}");
}

#[tokio::test]
async fn a_known_version_is_asked_for_and_not_sent_again() {
    let asking = Asking::new().await;
    asking.server.now(Behaviour::serve_as("one", "<a/>"));
    let source = asking.source(&asking.server.url(), Outbound::direct());
    let Ok(Reading::Document { version, .. }) = source.read(None).await else { panic!("a document") };
    assert_eq!(version.etag.as_deref(), Some("\"one\""));
    assert_eq!(source.read(Some(&version)).await, Ok(Reading::Unchanged));
    asking.server.now(Behaviour::serve_as("two", "<b/>"));
    assert_eq!(text(source.read(Some(&version)).await).as_deref(), Ok("<b/>"));
    // Nobody asked for a difference.
    asking.server.now(Behaviour::Answer { status: 304, headers: Vec::new(), body: Vec::new() });
    assert!(source.read(None).await.unwrap_err().to_string().contains("304"));
    assert!(source.read(Some(&Version::default())).await.is_err());
}

#[tokio::test]
async fn it_is_sent_on_within_https_a_few_times() {
    let asking = Asking::new().await;
    let goal = MetadataServer::start(&asking.authority).await;
    goal.now(Behaviour::serve("<goal/>"));
    for status in [301, 302, 303, 307, 308] {
        assert_eq!(
            asking.read(Behaviour::redirect(status, &goal.url())).await.as_deref(),
            Ok("<goal/>"),
            "{status}"
        );
    }
    let before = asking.server.requests().len();
    let problem = asking.read(Behaviour::redirect(302, "/again")).await.unwrap_err();
    assert!(problem.contains("more than 2 times"), "{problem}");
    assert_eq!(asking.server.requests().len() - before, 3);
    assert!(asking.server.requests().last().unwrap().starts_with("GET /again HTTP/1.1\r\n"));
}

#[tokio::test]
async fn it_is_never_sent_from_https_to_http_or_to_something_else() {
    let asking = Asking::new().await;
    let plain = MetadataServer::start_plain().await;
    plain.now(Behaviour::serve("<evil/>"));
    for to in [
        plain.url().as_str(),
        "http://idp.example.com/",
        "file:///etc/passwd",
        "ftp://x/",
        "https://u:p@localhost/",
    ] {
        let problem = asking.read(Behaviour::redirect(302, to)).await.unwrap_err();
        assert!(problem.contains("sent on"), "{to}: {problem}");
    }
    assert!(plain.requests().is_empty());
}

#[tokio::test]
async fn http_is_for_this_machine_alone() {
    let plain = MetadataServer::start_plain().await;
    plain.now(Behaviour::serve("<a/>"));
    let source = HttpSource::new(&plain.url(), None, Outbound::direct()).unwrap();
    assert_eq!(text(source.read(None).await).as_deref(), Ok("<a/>"));
    for good in
        ["https://idp.example.com/x?y", "http://127.0.0.1:8080/", "http://[::1]/", "http://localhost/m"]
    {
        assert!(may_be_asked(good).is_ok(), "{good}");
    }
    for bad in [
        "http://idp.example.com/",
        "http://10.0.0.1/",
        "ftp://localhost/",
        "file:///x",
        "idp",
        "https://u@h/",
        "",
    ] {
        assert!(may_be_asked(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn compressed_documents_are_opened_within_the_limit() {
    let asking = Asking::new().await;
    let document = "<a/>".repeat(1000);
    let read = asking.read(encoded(gzip(document.as_bytes()), "gzip")).await;
    assert_eq!(read.as_deref(), Ok(document.as_str()));

    // A megabyte is the limit here; this has sixty-four in some sixty thousand octets.
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < PATIENCE.octets);
    let problem = asking.read(encoded(bomb, "gzip")).await.unwrap_err();
    assert!(problem.contains("larger than 1 MiB"), "{problem}");
    let mut cut = gzip(document.as_bytes());
    cut.truncate(cut.len() - 9);
    assert!(asking.read(encoded(cut, "gzip")).await.is_err());
    assert!(asking.read(encoded(b"<a/>".to_vec(), "br")).await.unwrap_err().contains("Content-Encoding"));
    assert!(asking.read(encoded(b"<a/>".to_vec(), "gzip")).await.is_err());
}

#[tokio::test]
async fn a_document_larger_than_the_limit_is_not_taken() {
    let asking = Asking::new().await;
    let problem = asking.read(Behaviour::serve(vec![b' '; PATIENCE.octets + 1])).await.unwrap_err();
    assert!(problem.contains("larger than 1 MiB"), "{problem}");
    assert!(asking.read(Behaviour::serve(vec![b' '; PATIENCE.octets])).await.is_ok());
}

#[tokio::test]
async fn a_slow_server_is_not_waited_for() {
    let asking = Asking::new().await;
    for behaviour in [Behaviour::Silent, Behaviour::Stalls { octets: 10, body: vec![b'x'; 100] }] {
        let problem = asking.read(behaviour).await.unwrap_err();
        assert!(problem.contains("within 0.3 s"), "{problem}");
    }
    let problem = asking.read(Behaviour::CutAfter { octets: 10, body: vec![b'x'; 100] }).await.unwrap_err();
    assert!(problem.contains("ends early"), "{problem}");
}

#[tokio::test]
async fn the_proxy_of_the_environment_is_used_and_sees_nothing() {
    let asking = Asking::new().await;
    asking.server.now(Behaviour::serve("<a/>"));
    let proxy = Proxy::start(asking.server.address).await;
    let environment = |no: &str, at: SocketAddr| {
        let value = |name: &str, value: String| (name.to_owned(), value);
        Outbound::from_environment(&[
            value("HTTPS_PROXY", format!("http://me:secret@{at}")),
            value("NO_PROXY", no.to_owned()),
        ])
    };
    let source = asking.source(&asking.server.url(), environment("", proxy.address));
    assert_eq!(text(source.read(None).await).as_deref(), Ok("<a/>"));
    let seen = proxy.requests();
    assert!(
        seen[0].starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", asking.server.address.port())),
        "{seen:?}"
    );
    assert!(seen[0].to_lowercase().contains("proxy-authorization: basic bwu6c2vjcmv0"), "{seen:?}");
    assert!(!seen[0].contains("/metadata"), "{seen:?}");

    let source = asking.source(&asking.server.url(), environment("localhost", proxy.address));
    assert_eq!(text(source.read(None).await).as_deref(), Ok("<a/>"));
    assert_eq!(proxy.requests().len(), 1, "NO_PROXY names the host");

    let plain = MetadataServer::start_plain().await;
    plain.now(Behaviour::Answer { status: 407, headers: Vec::new(), body: Vec::new() });
    let source = asking.source(&asking.server.url(), environment("", plain.address));
    let problem = source.read(None).await.unwrap_err().to_string();
    assert!(problem.contains("407") && !problem.contains("secret"), "{problem}");
}
