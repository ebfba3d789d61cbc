//! An Envoy that asks over gRPC. Its messages are written and read here with code of their own.

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use tokio::net::TcpStream;

pub(super) const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// What is asked about.
#[derive(Debug, Clone)]
pub(super) struct Question<'a> {
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) host: &'a str,
    /// The client's, `Name: value`.
    pub(super) lines: &'a [&'a str],
    /// As `header_map`, not as `headers`.
    pub(super) raw: bool,
    pub(super) site: Option<&'a str>,
    pub(super) source: Option<&'a str>,
}

/// What comes back of a call.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) message: Vec<u8>,
    pub(super) trailers: HeaderMap,
}

/// What Envoy makes of the answer.
#[derive(Debug)]
pub(super) struct Checked {
    /// 200: it may pass.
    pub(super) status: u16,
    /// To be set, in the client's request or in the answer to it.
    pub(super) headers: Vec<(String, String)>,
    pub(super) removed: Vec<String>,
    pub(super) body: String,
}

impl Checked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(at, _)| at == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

impl Question<'_> {
    pub(super) fn message(&self) -> Vec<u8> {
        let pseudo = [(":method", self.method), (":path", self.target), (":authority", self.host)];
        let lines = self.lines.iter().map(|line| line.split_once(':').unwrap());
        let lines = lines.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        let all = pseudo.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).chain(lines);
        let mut http =
            [text(2, self.method), text(4, self.target), text(5, self.host), text(6, "http")].concat();
        let mut map: Vec<(String, String)> = Vec::new();
        for (name, value) in all {
            match map.iter_mut().find(|(at, _)| !self.raw && *at == name) {
                // A map has each name once: Envoy joins the values.
                Some((_, values)) => *values += &format!(",{value}"),
                None => map.push((name, value)),
            }
        }
        if self.raw {
            let values = map.iter().map(|(name, value)| [text(1, name), text(3, value)].concat());
            http.extend(field(13, &values.flat_map(|value| field(1, &value)).collect::<Vec<u8>>()));
        } else {
            for (name, value) in map {
                http.extend(field(3, &[text(1, &name), text(2, &value)].concat()));
            }
        }
        let source = self.source.map(|address| field(1, &field(1, &field(1, &text(2, address)))));
        let site = self.site.map(|site| field(10, &[text(1, "site"), text(2, site)].concat()));
        let request = field(4, &field(2, &http));
        field(1, &[source.unwrap_or_default(), request, site.unwrap_or_default()].concat())
    }
}

/// Asks with what the gateway says of itself beside.
pub(super) fn check(at: SocketAddr, question: &Question<'_>, metadata: &[(&str, &str)]) -> Checked {
    checked(&call(at, CHECK, metadata, &framed(&question.message())))
}

/// Reads an answer that must be one.
pub(super) fn checked(called: &Called) -> Checked {
    assert_eq!(called.status, 200, "{called:?}");
    assert_eq!(called.headers["content-type"], "application/grpc");
    assert_eq!(called.trailers["grpc-status"], "0", "{called:?}");
    let message = &called.message;
    assert_eq!(message[0], 0);
    assert_eq!(u32::from_be_bytes(message[1..5].try_into().unwrap()) as usize, message.len() - 5);
    let response = fields(&message[5..]);
    let code = number(&sub(&response, 1).unwrap(), 1).unwrap_or(0);
    let header = |option: &[u8]| {
        let option = fields(option);
        let header = sub(&option, 1).unwrap();
        assert!(sub(&option, 2).unwrap().is_empty(), "it does not append");
        assert_eq!(number(&option, 3), Some(2), "it overwrites");
        (string(&header, 1), string(&header, 2))
    };
    let of = |message: &[Field], number: u64| -> Vec<Vec<u8>> {
        message.iter().filter(|(at, _)| *at == number).map(|(_, found)| found.clone().unwrap()).collect()
    };
    if code == 0 {
        let allowed = sub(&response, 3).unwrap();
        let removed = of(&allowed, 5).into_iter().map(|name| String::from_utf8(name).unwrap()).collect();
        let headers = of(&allowed, 2).iter().map(|option| header(option)).collect();
        return Checked { status: 200, headers, removed, body: String::new() };
    }
    let denied = sub(&response, 2).unwrap();
    let status = number(&sub(&denied, 1).unwrap(), 1).unwrap();
    assert_eq!(code, if status == 403 { 7 } else { 16 });
    Checked {
        status: u16::try_from(status).unwrap(),
        headers: of(&denied, 2).iter().map(|option| header(option)).collect(),
        removed: Vec::new(),
        body: string(&denied, 3),
    }
}

pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// One call on a connection of its own.
pub(super) fn call(at: SocketAddr, path: &str, metadata: &[(&str, &str)], body: &[u8]) -> Called {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut sender, connection) = connect(at).await;
        tokio::spawn(connection);
        call_on(&mut sender, path, metadata, body).await
    })
}

pub(super) type Sender = http2::SendRequest<Full<Bytes>>;

pub(super) async fn connect(at: SocketAddr) -> (Sender, impl Future<Output = hyper::Result<()>> + Send) {
    let stream = TcpStream::connect(at).await.unwrap();
    http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap()
}

/// A message of which nothing comes.
struct Never;

impl http_body::Body for Never {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

/// One call whose message does not arrive.
pub(super) fn call_that_never_ends(at: SocketAddr, path: &str) -> Called {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = TcpStream::connect(at).await.unwrap();
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request =
            Request::post(format!("http://vestibule{path}")).header("content-type", "application/grpc");
        called(sender.send_request(request.body(Never).unwrap()).await.unwrap()).await
    })
}

async fn called(response: http::Response<hyper::body::Incoming>) -> Called {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    Called {
        status: head.status.as_u16(),
        headers: head.headers,
        message: body.to_bytes().to_vec(),
        trailers,
    }
}

pub(super) async fn call_on(
    sender: &mut Sender,
    path: &str,
    metadata: &[(&str, &str)],
    body: &[u8],
) -> Called {
    let mut request = Request::post(format!("http://vestibule{path}")).header("te", "trailers");
    if !metadata.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/grpc");
    }
    for (name, value) in metadata {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
    called(sender.send_request(request).await.unwrap()).await
}

pub(super) fn varint(mut value: u64) -> Vec<u8> {
    let mut octets = Vec::new();
    loop {
        let low = u8::try_from(value % 128).unwrap();
        value /= 128;
        octets.push(if value > 0 { low + 128 } else { low });
        if value == 0 {
            return octets;
        }
    }
}

pub(super) fn field(number: u64, octets: &[u8]) -> Vec<u8> {
    [varint(number * 8 + 2), varint(octets.len() as u64), octets.to_vec()].concat()
}

fn text(number: u64, text: &str) -> Vec<u8> {
    field(number, text.as_bytes())
}

type Field = (u64, Result<Vec<u8>, u64>);

fn fields(mut message: &[u8]) -> Vec<Field> {
    let take = |message: &mut &[u8]| {
        let mut value = 0;
        for place in 0.. {
            let octet = message[0];
            *message = &message[1..];
            value += u64::from(octet % 128) << (7 * place);
            if octet < 128 {
                break;
            }
        }
        value
    };
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = take(&mut message);
        let value = take(&mut message);
        match tag % 8 {
            0 => found.push((tag / 8, Err(value))),
            2 => {
                let (octets, rest) = message.split_at(usize::try_from(value).unwrap());
                found.push((tag / 8, Ok(octets.to_vec())));
                message = rest;
            }
            kind => panic!("a field of kind {kind}"),
        }
    }
    found
}

fn sub(message: &[Field], number: u64) -> Option<Vec<Field>> {
    let found = message.iter().find(|(at, _)| *at == number)?.1.clone();
    Some(fields(&found.unwrap()))
}

fn number(message: &[Field], number: u64) -> Option<u64> {
    message.iter().find(|(at, _)| *at == number).map(|(_, value)| *value.as_ref().unwrap_err())
}

fn string(message: &[Field], number: u64) -> String {
    let found = message.iter().find(|(at, _)| *at == number).map(|(_, value)| value.clone().unwrap());
    String::from_utf8(found.unwrap_or_default()).unwrap()
}
