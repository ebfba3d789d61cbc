//! STUB of the gateway room; the login room's file wins.
use crate::access::RequestPath;
use crate::gate::Gate;
use crate::site::Site;
use bytes::Bytes;
use std::net::IpAddr;

pub fn is_own(_site: &Site, _path: &RequestPath) -> bool {
    todo!()
}
pub fn body_limit(_site: &Site, _path: &RequestPath) -> usize {
    todo!()
}
pub async fn answer(
    _gate: &Gate,
    _site: &Site,
    _request: http::Request<Bytes>,
    _path: &RequestPath,
    _client: IpAddr,
) -> http::Response<Bytes> {
    todo!()
}
