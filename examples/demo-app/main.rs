//! A "legacy application" for the demo: it knows nothing of SAML and shows what the gate handed to it.
//!
//! It does the one thing that an application behind the gate should do: it verifies the identity JWT against the gate's
//! published keys instead of trusting plain headers.
//!
//! ```text
//! demo-app --listen 127.0.0.1:4191 --gate http://127.0.0.1:4180
//! ```

mod verify;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::sync::Arc;

const USAGE: &str = "\
A small application for the demo: shows the headers that the gate hands over and verifies the identity JWT.

  demo-app --listen ADDRESS --gate URL

  --listen ADDRESS   where to listen, such as 127.0.0.1:4191
  --gate URL         the gate's public_url, such as http://127.0.0.1:4180: the JWT's issuer, and where its keys are";

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return Ok(());
    }
    let option = |name: &str| {
        let at = words.iter().position(|word| word == name).ok_or_else(|| format!("{name} is missing"))?;
        words.get(at + 1).cloned().ok_or_else(|| format!("{name} needs a value"))
    };
    let gate = Arc::new(option("--gate")?.trim_end_matches('/').to_owned());
    let address = option("--listen")?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("demo application: http://{address} (reach it through the gate, not here)");
    loop {
        let (stream, _) = listener.accept().await?;
        let gate = Arc::clone(&gate);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let gate = Arc::clone(&gate);
                async move { Ok::<_, Infallible>(answer(&request, &gate).await) }
            });
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(request: &Request<Incoming>, gate: &str) -> Response<Full<Bytes>> {
    let verdict = match request.headers().get("x-vestibule-jwt-assertion").and_then(|v| v.to_str().ok()) {
        None | Some("") => "<p class=\"quiet\">No identity was handed over (a public page).</p>".to_owned(),
        Some(token) => match verify::keys(gate).await.map(|keys| verify::verify(token, gate, &keys)) {
            Err(error) => format!(
                "<p class=\"bad\">The identity JWT could not be checked: {}</p>",
                escape(&error.to_string())
            ),
            Ok(Ok(claims)) => format!(
                "<p class=\"good\">The identity JWT is genuine.</p><details><summary>Claims</summary><pre>{}</pre></details>",
                escape(&claims)
            ),
            Ok(Err(error)) => format!(
                "<p class=\"bad\">The identity JWT is not genuine: {}</p>",
                escape(&error.to_string())
            ),
        },
    };
    let mut rows = String::new();
    // What the gate says first.
    let mut received: Vec<_> = request.headers().iter().collect();
    received.sort_by_key(|(name, _)| (!name.as_str().starts_with("x-"), name.as_str()));
    for (name, value) in received {
        let value = String::from_utf8_lossy(value.as_bytes());
        let ours = name.as_str().starts_with("x-");
        let class = if ours { " class=\"ours\"" } else { "" };
        rows.push_str(&format!("<tr{class}><th>{name}</th><td>{}</td></tr>", escape(&value)));
    }
    let who = request.headers().get("x-forwarded-user").and_then(|v| std::str::from_utf8(v.as_bytes()).ok());
    let greeting = match who {
        None | Some("") => "Hello, whoever you are".to_owned(),
        Some(user) => format!("Hello, {}", escape(user)),
    };
    let path = escape(request.uri().path());
    page(format!(
        "<h1>{greeting}</h1><p>You asked for <code>{path}</code>.</p><nav><a href=\"/\">Home</a> \
         <a href=\"/admin/\">Admin (group admins)</a> <a href=\"/public/\">Public</a> \
         <a href=\"/vestibule/whoami\">Who am I</a> <a href=\"/vestibule/sign-out\">Sign out</a></nav>{verdict}\
         <h2>What this application received</h2><table>{rows}</table>"
    ))
}

fn page(body: String) -> Response<Full<Bytes>> {
    const STYLE: &str = ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;\
        margin:6vh auto;padding:0 1rem}h1{overflow-wrap:anywhere}a{color:#0b57d0}nav a{margin-right:1rem;\
        display:inline-block}table{border-collapse:collapse;width:100%}\
        th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8884;\
        overflow-wrap:anywhere}th{font-weight:500;white-space:nowrap}.ours{background:#2a81}\
        .good{color:#197a3d}.bad{color:#b3261e}.quiet{opacity:.7}pre{overflow:auto}\
        @media(max-width:40rem){th{white-space:normal;width:40%}}\
        @media(prefers-color-scheme:dark){a{color:#a8c7fa}.good{color:#6ddb93}.bad{color:#ff8a80}}";
    let document = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>Demo application</title><style>{STYLE}</style>{body}</html>"
    );
    let mut response = Response::new(Full::new(Bytes::from(document)));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
