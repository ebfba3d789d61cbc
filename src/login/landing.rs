//! The last step of a sign-in that an identity provider's answer brought: the session is in the store, and from here on
//! nothing can refuse it.

use super::admitted::{replace, replaced};
use super::begun::Begun;
use super::evidence::Evidence;
use super::rounds::Answered;
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::Gate;
use crate::saml::second_opinion::Opinion;
use crate::session::{Session, SessionId};
use crate::site::Site;
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, Response};
use std::net::IpAddr;

/// Who lands where.
pub(super) struct Landing<'a> {
    pub(super) gate: &'a Gate,
    pub(super) site: &'a Site,
    /// Of the request that brought the answer.
    pub(super) headers: &'a HeaderMap,
    pub(super) client: IpAddr,
    pub(super) now: Moment,
}

impl Landing<'_> {
    /// Ends what the new session takes the place of, tells the audit, and lets the browser go on.
    pub(super) async fn of(
        &self,
        begun: &Begun,
        (id, session): (&SessionId, &Session),
        evidence: &Evidence,
        opinion: Option<&Opinion>,
    ) -> Response<Bytes> {
        let Self { gate, site, client, now, .. } = *self;
        // Only now: without a new session the old one stays.
        for old in &replaced(site, self.headers, begun.attempt()) {
            replace(gate, site, old, client).await;
        }
        let authn_request = begun.attempt().map(|attempt| attempt.request_id.as_str());
        evidence.record(gate, (site, session), authn_request, opinion, client);

        let mut response = begun.landing(site);
        let of_attempt = begun.attempt().map(|attempt| {
            [
                site.cookies.clear(&Kind::Attempt(attempt.suffix())),
                Answered::from_attempt(attempt, now).cookie(&gate.keys, site),
            ]
        });
        let session_cookie = site.cookies.set(&Kind::Session, &id.to_cookie(), None);
        for cookie in [session_cookie].into_iter().chain(of_attempt.into_iter().flatten()) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}
