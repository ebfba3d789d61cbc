//! `envoy.service.auth.v3.CheckResponse`, and how gRPC carries a message.
//!
//! Every header replaces the client's (`append` false, for Envoys of before 2021 that know nothing else, and
//! `OVERWRITE_IF_EXISTS_OR_ADD`), also where it is empty: a header that is left out would leave the client's.

use super::FRAME_HEAD;
use super::wire::{number_length, octets_length, put_number_field, put_octets, put_start};
use crate::gateway::authz::Removals;
use crate::site::Site;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode, Version};
use http_body::{Body, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// google.rpc.Code.
const PERMISSION_DENIED: u64 = 7;
const UNAUTHENTICATED: u64 = 16;

/// HeaderAppendAction.
const APPEND_IF_EXISTS_OR_ADD: u64 = 0;
const OVERWRITE_IF_EXISTS_OR_ADD: u64 = 2;

/// What the client must not have sent to a site, in the form of an answer.
pub(in crate::gateway) struct Removed {
    /// As fields, made once.
    fields: Vec<u8>,
}

impl Removed {
    pub(super) fn at(removals: &Removals) -> Self {
        let mut fields = Vec::new();
        for name in removals.names() {
            put_octets(&mut fields, 5, name.as_bytes());
        }
        Self { fields }
    }
}

/// What is removed of a client's headers at a site, and the headers as they came.
pub(super) struct Taken<'a> {
    pub(super) removed: &'a Removed,
    pub(super) removals: &'a Removals,
    pub(super) site: &'a Site,
    pub(super) sent: &'a HeaderMap,
}

/// The answer in Envoy's words, with room for what gRPC puts before it.
pub(super) fn check_response(response: &Response<Bytes>, taken: Option<&Taken<'_>>) -> Vec<u8> {
    if response.status() == StatusCode::OK { allowed(response.headers(), taken) } else { denied(response) }
}

/// `{status: {}, ok_response: {headers, headers_to_remove}}`
fn allowed(answer: &HeaderMap, taken: Option<&Taken<'_>>) -> Vec<u8> {
    // What is said about the answer itself is not for the application.
    let identity = || answer.iter().filter(|(name, _)| **name != CACHE_CONTROL);
    let listed = taken.map_or(&[][..], |taken| &taken.removed.fields);
    let further = || taken.into_iter().flat_map(|taken| taken.removals.further(taken.site, taken.sent));
    let inside: usize = identity()
        .map(|(name, value)| octets_length(option_length(name, value)))
        .chain(further().map(|name| octets_length(name.len())))
        .sum::<usize>()
        + listed.len();
    let mut message = begun(inside + 16);
    put_start(&mut message, 1, 0);
    put_start(&mut message, 3, inside);
    for (name, value) in identity() {
        put_option(&mut message, name, value, OVERWRITE_IF_EXISTS_OR_ADD);
    }
    message.extend_from_slice(listed);
    for name in further() {
        put_octets(&mut message, 5, name.as_bytes());
    }
    message
}

/// `{status: {code}, denied_response: {status: {code}, headers, body}}`
fn denied(response: &Response<Bytes>) -> Vec<u8> {
    let status = u64::from(response.status().as_u16());
    let code = if response.status() == StatusCode::FORBIDDEN { PERMISSION_DENIED } else { UNAUTHENTICATED };
    let mut inside = Vec::with_capacity(response.body().len() + 1024);
    put_start(&mut inside, 1, 1 + number_length(status));
    put_number_field(&mut inside, 1, status);
    let headers = response.headers();
    for name in headers.keys().filter(|name| **name != CONTENT_LENGTH) {
        for (place, value) in headers.get_all(name).iter().enumerate() {
            let action = if place == 0 { OVERWRITE_IF_EXISTS_OR_ADD } else { APPEND_IF_EXISTS_OR_ADD };
            put_option(&mut inside, name, value, action);
        }
    }
    put_octets(&mut inside, 3, response.body());
    let mut message = begun(inside.len() + 16);
    put_start(&mut message, 1, 2);
    put_number_field(&mut message, 1, code);
    put_octets(&mut message, 2, &inside);
    message
}

/// Values of ours are UTF-8; one that were not would make the whole message unreadable.
fn text(value: &HeaderValue) -> &[u8] {
    if str::from_utf8(value.as_bytes()).is_ok() { value.as_bytes() } else { b"" }
}

/// `HeaderValue {key, value}`
fn header_length(name: &HeaderName, value: &HeaderValue) -> usize {
    octets_length(name.as_str().len()) + octets_length(text(value).len())
}

/// `HeaderValueOption {header, append: {} or {value: true}, append_action}`
fn option_length(name: &HeaderName, value: &HeaderValue) -> usize {
    octets_length(header_length(name, value)) + 2 + 2
}

fn put_option(to: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue, action: u64) {
    let appends = action == APPEND_IF_EXISTS_OR_ADD;
    put_start(to, 2, option_length(name, value) + if appends { 2 } else { 0 });
    put_start(to, 1, header_length(name, value));
    put_octets(to, 1, name.as_str().as_bytes());
    put_octets(to, 2, text(value));
    put_start(to, 2, if appends { 2 } else { 0 });
    if appends {
        put_number_field(to, 1, 1);
    }
    put_number_field(to, 3, action);
}

/// `grpc.health.v1.HealthCheckResponse`
pub(super) fn health_response(serving: bool) -> Vec<u8> {
    let mut message = begun(2);
    put_number_field(&mut message, 1, if serving { 1 } else { 2 });
    message
}

/// The status of a call, as gRPC counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    NotFound,
    Unimplemented,
}

impl Status {
    const fn number(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Ok => "0",
            Self::NotFound => "5",
            Self::Unimplemented => "12",
        })
    }
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// A message and the status after it.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Reply {
    message: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

/// A message of so many octets is to follow.
fn begun(room: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(FRAME_HEAD + room);
    message.extend_from_slice(&[0; FRAME_HEAD]);
    message
}

/// The answer to a call that went well: a message that [`begun`] began.
pub(super) fn reply(mut message: Vec<u8>) -> Response<Reply> {
    // Messages of ours are far smaller than 4 GiB.
    let length = u32::try_from(message.len().saturating_sub(FRAME_HEAD)).unwrap_or(u32::MAX);
    if let Some(place) = message.get_mut(1..FRAME_HEAD) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, Status::Ok.number());
    let mut response = Response::new(Reply { message: Some(message.into()), trailers: Some(trailers) });
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

/// The answer to a call that did not.
pub(super) fn failed(status: Status) -> Response<Reply> {
    let mut response = Response::new(Reply::default());
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response.headers_mut().insert(GRPC_STATUS, status.number());
    response
}

/// The answer to what is no call at all.
pub(super) fn no_call(version: Version) -> Response<Reply> {
    let mut response = Response::new(Reply::default());
    *response.status_mut() = if version == Version::HTTP_2 {
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    } else {
        StatusCode::HTTP_VERSION_NOT_SUPPORTED
    };
    response
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = match self.message.take() {
            Some(message) => Some(Frame::data(message)),
            None => self.trailers.take().map(Frame::trailers),
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.message.is_none() && self.trailers.is_none()
    }
}
