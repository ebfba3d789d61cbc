//! An application that says what it received: one line a header, the body last; WebSockets are echoed.

use base64::Engine as _;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub(crate) async fn start() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(
                        TokioIo::new(stream),
                        service_fn(move |request| async move {
                            let mut response = answer(request).await;
                            let own = address.to_string().parse().unwrap();
                            response.headers_mut().insert("x-served-by", own);
                            Ok::<_, Infallible>(response)
                        }),
                    )
                    .with_upgrades();
                drop(connection.await);
            });
        }
    });
    address
}

async fn answer(mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    if request.headers().contains_key("upgrade") {
        return echo(&mut request);
    }
    // What an application that can be talked into anything sends nginx to.
    let accel =
        (request.uri().path() == "/accel").then(|| request.uri().query().unwrap_or_default().to_owned());
    // Some applications show what they were told, to their own pages too.
    let repeated = (request.uri().path() == "/repeats").then(|| request.headers().clone());
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    text.push_str(&format!(
        "\n{} bytes: {}",
        body.len(),
        String::from_utf8_lossy(&body[..body.len().min(100)])
    ));
    let mut response = Response::new(Full::new(Bytes::from(text)));
    if let Some(accel) = accel {
        response.headers_mut().insert("x-accel-redirect", accel.parse().unwrap());
    }
    if let Some(repeated) = repeated {
        let told = repeated.into_iter().filter_map(|(name, value)| Some((name?, value)));
        response.headers_mut().extend(told.filter(|(name, _)| name.as_str().starts_with("x-")));
        response.headers_mut().insert("x-repeats", http::HeaderValue::from_static("yes"));
    }
    response
        .headers_mut()
        .insert("content-type", http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Accepts the upgrade and sends back every byte.
fn echo(request: &mut Request<Incoming>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("connection", http::HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert("upgrade", request.headers()["upgrade"].clone());
    // HAProxy passes on no upgrade without it (RFC 6455, 4.2.2).
    if let Some(key) = request.headers().get("sec-websocket-key") {
        let seen = [key.as_bytes(), b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &seen);
        let accept = base64::engine::general_purpose::STANDARD.encode(digest);
        response.headers_mut().insert("sec-websocket-accept", accept.parse().unwrap());
    }
    if let Some(user) = request.headers().get("x-forwarded-user") {
        response.headers_mut().insert("x-seen-user", user.clone());
    }
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            if stream.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
    });
    response
}
