//! STUB of the gateway room; the login room's file wins.
use crate::gate::Gate;
use crate::login::return_to::ReturnTo;
use crate::reason::Refusal;
use crate::session::Session;
use crate::site::Site;
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use std::net::IpAddr;

pub fn is_navigation(_method: &Method, _headers: &HeaderMap) -> bool {
    todo!()
}
pub fn sign_in_url(_site: &Site, _return_to: &ReturnTo) -> String {
    todo!()
}
pub fn for_proxy(_site: &Site, _method: &Method, _headers: &HeaderMap, _target: &str) -> Response<Bytes> {
    todo!()
}
#[expect(clippy::too_many_arguments)]
pub fn refused(
    _gate: &Gate,
    _site: &Site,
    _refusal: &Refusal,
    _method: &Method,
    _path: &str,
    _client: IpAddr,
    _session: Option<&Session>,
    _html: bool,
) -> Response<Bytes> {
    todo!()
}
