//! Our own answers on a pingora connection, and the requests' bodies that are meant for us.

use super::limits::{MAX_DISCARDED_AFTER, MAX_DISCARDED_BEFORE, Patience};
use crate::reason::{Reason, Refusal};
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use std::time::Duration;

/// How long an unwanted body is waited for, before the answer and after it.
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// Answers. What the client sends as a body is read and thrown away: a little before the answer, so that the
/// connection stays of use after a refused form; more after it, while the client is reading. Closing a connection
/// with unread octets makes the kernel reset it, and the answer is lost.
pub(super) async fn send(session: &mut Session, response: Response<Bytes>) -> pingora::Result<()> {
    // A client that waits for permission to send its body gets its answer first.
    if session.get_header(header::EXPECT).is_none() {
        discard(session, MAX_DISCARDED_BEFORE).await;
    }
    write(session, response).await?;
    discard(session, MAX_DISCARDED_AFTER).await;
    Ok(())
}

async fn write(session: &mut Session, response: Response<Bytes>) -> pingora::Result<()> {
    let (mut parts, body) = response.into_parts();
    parts.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let bodiless = parts.status == StatusCode::NO_CONTENT || parts.status == StatusCode::NOT_MODIFIED;
    if !bodiless {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let no_body = bodiless || body.is_empty() || session.req_header().method == Method::HEAD;
    // A browser that is gone is no defect of ours.
    session
        .write_response_header(Box::new(ResponseHeader::from(parts)), no_body)
        .await
        .map_err(pingora::Error::into_down)?;
    session
        .write_response_body(if no_body { None } else { Some(body) }, true)
        .await
        .map_err(pingora::Error::into_down)
}

async fn discard(session: &mut Session, most: usize) {
    let reading = async {
        let mut read = 0;
        while read <= most {
            match session.downstream_session.read_request_body().await {
                Ok(Some(some)) => read += some.len(),
                Ok(None) | Err(_) => return,
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIME, reading).await;
}

/// What is said of a body that was waited for too long.
pub(super) const NOT_IN_TIME: &str = "it did not arrive in time";

/// The same of a question, before its answer.
pub(super) async fn discard_body(mut body: Incoming) {
    let reading = async {
        let mut read = 0;
        while read <= MAX_DISCARDED_BEFORE {
            match body.frame().await {
                Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) | None => return,
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIME, reading).await;
}

/// The whole body of a request, of at most `limit` octets; the outer error is the client's disappearance.
pub(super) async fn body(
    session: &mut Session,
    limit: usize,
    patience: &Patience,
) -> pingora::Result<Result<Bytes, Refusal>> {
    let too_large =
        || Refusal::new(Reason::MessageTooLarge, format!("the body is larger than {limit} octets"));
    let announced = session.get_header(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > limit) {
        return Ok(Err(too_large()));
    }
    if session.get_header(header::EXPECT).is_some() && limit > 0 {
        let go_on = ResponseHeader::build_no_case(StatusCode::CONTINUE, Some(0))?;
        session.write_response_header(Box::new(go_on), false).await?;
    }
    let reading = async {
        let mut whole = BytesMut::new();
        loop {
            match session.downstream_session.read_request_body().await {
                Ok(Some(some)) if whole.len() + some.len() > limit => return Err(too_large()),
                Ok(Some(some)) => whole.extend_from_slice(&some),
                Ok(None) => return Ok(whole.freeze()),
                // The client's doing, and to be told as such: it is no defect of ours.
                Err(problem) => {
                    return Err(Refusal::new(Reason::BodyIncomplete, problem.etype().as_str().to_owned()));
                }
            }
        }
    };
    Ok(tokio::time::timeout(patience.body, reading)
        .await
        .unwrap_or_else(|_| Err(Refusal::new(Reason::BodyIncomplete, NOT_IN_TIME))))
}
