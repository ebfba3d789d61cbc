//! A gate with a network: the real listeners, started from a configuration file, with an application behind the proxy
//! face. Visitors speak HTTP to it and keep a jar of cookies for each host, as browsers do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]
#![allow(dead_code, reason = "each test program uses its own part")]

use crate::browser::Answered;
use crate::idp::{Answer, Asked, FakeIdp};
use crate::world::{Audit, START};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tracing_subscriber::layer::SubscriberExt as _;
use vestibule::clock::{Clock, ManualClock, Moment};
use vestibule::config::{Config, ConsoleAddress, load};
use vestibule::gateway::Gateway;

/// A running gate of several sites.
pub struct Town {
    pub clock: Arc<ManualClock>,
    pub gateway: Gateway,
    folder: tempfile::TempDir,
}

impl Town {
    /// `yaml` without listeners. Each identity provider's metadata is there as `{name}.xml`; `APPn` is the address of the
    /// nth application.
    pub fn open(yaml: &str, idps: &[(&str, &FakeIdp)], applications: &[&Application]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Self::read(folder.path(), yaml, idps, applications);
        let clock = Arc::new(ManualClock::at(START));
        audit();
        let gateway = Gateway::start(config, Arc::<ManualClock>::clone(&clock)).unwrap();
        Self { clock, gateway, folder }
    }

    /// Gives it another configuration while it runs.
    pub fn reload(&self, yaml: &str, idps: &[(&str, &FakeIdp)], applications: &[&Application]) {
        let config = Self::read(self.folder.path(), yaml, idps, applications);
        self.gateway.reloader().reload(config).unwrap();
    }

    fn read(folder: &Path, yaml: &str, idps: &[(&str, &FakeIdp)], applications: &[&Application]) -> Config {
        for (name, idp) in idps {
            std::fs::write(folder.join(format!("{name}.xml")), idp.metadata()).unwrap();
        }
        let mut text = format!(
            "listen: {{public: \"127.0.0.1:0\", authz: \"127.0.0.1:0\"}}\nadmin: {{listen: \"127.0.0.1:0\"}}\n\
             shutdown: {{delay: 0s, drain: 1s}}\n{yaml}"
        );
        for (number, application) in applications.iter().enumerate() {
            text = text.replace(&format!("APP{number}"), &application.0.to_string());
        }
        let file = folder.join("config.yaml");
        std::fs::write(&file, text).unwrap();
        load(&file, &[], START).unwrap_or_else(|problems| panic!("{problems}"))
    }

    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The code under which the owner finds what this answer refers to.
    pub fn code(&self, answer: &Answered) -> String {
        let events = audit().events();
        let reference = |event: &&serde_json::Value| {
            event["reference"].as_str().is_some_and(|reference| answer.body.contains(reference))
        };
        let found = events.iter().find(reference);
        let found = found.unwrap_or_else(|| panic!("no event for {}: {}", answer.status, answer.body));
        found["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Every audit event of this program so far.
    pub fn events(&self) -> Vec<serde_json::Value> {
        audit().events()
    }

    /// A gateway's question on the authz listener.
    pub fn question(&self, path: &str, headers: &[(&str, &str)]) -> Answered {
        exchange(self.gateway.bound().authz.unwrap(), "GET", "gate.internal", path, headers, "")
    }

    /// nginx's question about an address, with somebody's cookies.
    pub fn asks_nginx(&self, path: &str, url: &str, cookies: &str) -> Answered {
        let headers = [("x-original-url", url), ("x-original-method", "GET"), ("cookie", cookies)];
        self.question(path, &headers[..if cookies.is_empty() { 2 } else { 3 }])
    }

    /// A question at the owner's console, where it listens at an address.
    pub fn console(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        let Some(ConsoleAddress::Tcp(at)) = self.gateway.bound().console else { panic!("no console") };
        exchange(at, method, "console", target, headers, body)
    }

    /// A figure of the metrics, by parts of its line.
    pub fn metric(&self, words: &[&str]) -> Option<f64> {
        let text = exchange(self.gateway.bound().admin.unwrap(), "GET", "x", "/metrics", &[], "").body;
        let mut figures = text.lines().filter(|line| !line.starts_with('#'));
        figures.find(|line| words.iter().all(|word| line.contains(word)))?.rsplit(' ').next()?.parse().ok()
    }
}

/// What the gate records, wherever its threads run.
fn audit() -> &'static Audit {
    static AUDIT: OnceLock<Audit> = OnceLock::new();
    AUDIT.get_or_init(|| {
        let audit = Audit::default();
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(audit.clone())).unwrap();
        audit
    })
}

/// An application that answers every request with its own name and the lines that it was sent.
pub struct Application(pub SocketAddr);

impl Application {
    pub fn named(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut head = Vec::new();
                let mut octet = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut octet).is_ok_and(|read| read == 1) {
                    head.push(octet[0]);
                }
                let body = format!("{name}\n{}", String::from_utf8_lossy(&head));
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Self(address)
    }
}

/// A browser.
#[derive(Default)]
pub struct Visitor {
    /// host -> name -> value.
    pub jar: BTreeMap<String, BTreeMap<String, String>>,
}

impl Visitor {
    pub fn get(&mut self, town: &Town, url: &str) -> Answered {
        self.send(town, "GET", url, &[], "")
    }

    /// A form that a page of another site posts.
    pub fn post(&mut self, town: &Town, url: &str, fields: &[(String, String)]) -> Answered {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://idp.test")];
        self.send(town, "POST", url, &headers, &body)
    }

    /// A navigation with all cookies of the host.
    pub fn send(
        &mut self,
        town: &Town,
        method: &str,
        url: &str,
        extra: &[(&str, &str)],
        body: &str,
    ) -> Answered {
        let address = url::Url::parse(url).unwrap();
        let host = address.host_str().unwrap().to_owned();
        let authority = &url[address.scheme().len() + 3..][..address.authority().len()];
        let target = &address[url::Position::BeforePath..];
        let cookies = self.cookies(&host);
        let mut headers = vec![
            ("accept", "text/html,*/*;q=0.8"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        headers.retain(|(name, _)| extra.iter().all(|(other, _)| other != name));
        headers.extend_from_slice(extra);
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        // As it was written: a library would normalise it.
        let written = url.splitn(4, '/').nth(3).map_or(target.to_owned(), |rest| format!("/{rest}"));
        let answer = exchange(town.gateway.bound().public, method, authority, &written, &headers, body);
        self.keep(&host, &answer.headers);
        answer
    }

    /// The Cookie line that goes to a host.
    pub fn cookies(&self, host: &str) -> String {
        let jar = self.jar.get(host);
        let pairs = jar.into_iter().flatten().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, host: &str, headers: &HeaderMap) {
        let jar = self.jar.entry(host.to_owned()).or_default();
        for line in headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            assert!(!line.contains("Domain"), "{line}");
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if line.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Copies all cookies of one host to another, under the names that are read there, as no browser does.
    pub fn carry(&mut self, (from, named): (&str, &str), (to, as_named): (&str, &str)) {
        let carried = self.jar.get(from).cloned().unwrap_or_default();
        let renamed = carried.into_iter().map(|(name, value)| (name.replacen(named, as_named, 1), value));
        self.jar.entry(to.to_owned()).or_default().extend(renamed);
    }

    /// Opens a sign-in address that leads to an identity provider.
    pub fn begin(&mut self, town: &Town, url: &str) -> Asked {
        let away = self.get(town, url);
        assert_eq!(away.status, StatusCode::FOUND, "{}", away.body);
        Asked::from_redirect(&away.location())
    }

    /// Brings an answer to this address, and posts it once more if the page there says so.
    pub fn bring(&mut self, town: &Town, url: &str, asked: &Asked, answer: &Answer<'_>) -> Answered {
        let mut fields = vec![("SAMLResponse".to_owned(), answer.form_value())];
        fields.extend(asked.relay_state.clone().map(|state| ("RelayState".to_owned(), state)));
        let first = self.post(town, url, &fields);
        if first.status != StatusCode::OK {
            return first;
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(first.fields()).finish();
        let action = first.action();
        let origin = action.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        self.send(town, "POST", &action, &headers, &body)
    }

    /// The whole way at `site` with the identity provider `id`.
    pub fn sign_in(&mut self, town: &Town, site: &str, (id, idp): (&str, &FakeIdp), user: &str) -> Answered {
        let asked = self.begin(town, &format!("{site}/vestibule/sign-in?rd=/after&idp={id}"));
        let answer = idp.answer(&asked, user, town.now()).with("mail", &[&format!("{user}@{id}.test")]);
        let answered = self.bring(town, &asked.acs_url, &asked, &answer);
        assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body);
        assert_eq!(answered.location(), format!("{site}/after"));
        answered
    }
}

/// The claims of a JWT; its signature is another test's business.
pub fn claims(jwt: &str) -> serde_json::Value {
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The value of a header line in what an application was sent.
pub fn line<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    body.lines().find_map(|line| {
        let (own, value) = line.split_once(':')?;
        own.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn exchange(
    to: SocketAddr,
    method: &str,
    host: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answered {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).unwrap();
    let text = String::from_utf8(octets).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {target}: {text}"));
    let mut lines = head.lines();
    let status: u16 = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
    let mut response = Response::new(Bytes::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        response.headers_mut().append(name, HeaderValue::from_str(value.trim()).unwrap());
    }
    assert!(!response.headers().contains_key("transfer-encoding"), "{head}");
    Answered::of(response)
}
