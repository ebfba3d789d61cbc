//! Who asks over one connection, and says what became of it instead of panicking.

use crate::visitor::Answer;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longer than anybody looks at an empty page.
const TOO_LONG: Duration = Duration::from_secs(20);

/// A connection, made anew when it was closed after an answer.
pub struct Caller {
    pub to: SocketAddr,
    site: String,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Caller {
    /// Asks there for this site (`https://app.example.com`).
    pub fn new(to: SocketAddr, site: &str) -> Self {
        Self { to, site: site.to_owned(), open: None }
    }

    pub async fn ask(
        &mut self,
        method: Method,
        target: &str,
        lines: &[(&str, &str)],
        body: String,
    ) -> Result<Answer, String> {
        let answer = tokio::time::timeout(TOO_LONG, self.asked(method, target, lines, body)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer in {TOO_LONG:?}")));
        if answer.is_err() {
            self.open = None;
        }
        answer
    }

    async fn asked(
        &mut self,
        method: Method,
        target: &str,
        lines: &[(&str, &str)],
        body: String,
    ) -> Result<Answer, String> {
        let kept = match self.open.take() {
            Some(mut open) => open.ready().await.is_ok().then_some(open),
            None => None,
        };
        let mut open = match kept {
            Some(open) => open,
            None => self.connect().await?,
        };
        let mut request = Request::builder().method(method).uri(target);
        request = request.header("host", self.site.split("://").nth(1).unwrap());
        request = request.header("accept", "text/html,*/*;q=0.8").header("sec-fetch-mode", "navigate");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let answer = open.send_request(request).await.map_err(|problem| format!("{problem:?}"))?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|problem| format!("{problem:?}"))?.to_bytes();
        self.open = Some(open);
        Ok(Answer {
            url: format!("{}{target}", self.site),
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream =
            TcpStream::connect(self.to).await.map_err(|problem| format!("{}: {problem}", self.to))?;
        stream.set_nodelay(true).map_err(|problem| problem.to_string())?;
        let (open, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|problem| format!("{problem:?}"))?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(open)
    }
}
