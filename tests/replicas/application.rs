//! An application that answers everything with what it was told of the identity, and takes every upgrade.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

/// Starts one; its address. It ends with the runtime.
pub async fn start(at: Ipv4Addr) -> SocketAddr {
    let listener = TcpListener::bind((at, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .with_upgrades();
                drop(serving.await);
            });
        }
    });
    address
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    if request.headers().contains_key(header::UPGRADE) {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            if let Ok(open) = upgrade.await {
                // Until the other side has enough.
                drop(TokioIo::new(open).read_to_end(&mut Vec::new()).await);
            }
        });
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
        return Ok(response);
    }
    let mut told = String::new();
    for (name, value) in request.headers() {
        if name.as_str().starts_with("x-") {
            told.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
        }
    }
    let length = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
    told.push_str(&format!("{length} octets\n"));
    *response.body_mut() = Full::new(told.into());
    Ok(response)
}
