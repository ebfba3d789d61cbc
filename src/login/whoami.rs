//! Who is signed in, as JSON for the pages of the application.

use super::answers::json;
use super::ask;
use super::return_to::ReturnTo;
use crate::clock::Moment;
use crate::gate::Gate;
use crate::identity::Person as _;
use crate::reason::{Reason, Refusal};
use crate::session::Session;
use crate::site::Site;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

/// Answers `GET whoami`: the session, or 401. Who somebody is can be read by pages of this site only; that nobody is signed
/// in, also by those of the origins that `cors` lists, as everywhere.
///
/// # Errors
/// `store-unavailable`.
pub(super) async fn whoami(
    gate: &Gate,
    site: &Site,
    headers: &HeaderMap,
    now: Moment,
) -> Result<Response<Bytes>, Refusal> {
    Ok(match gate.resume(site, headers, now).await? {
        Some(session) => json(StatusCode::OK, &Whoami::of(site, &session)),
        None => {
            let sign_in = ask::sign_in_url(site, &ReturnTo::root());
            let mut response = ask::unauthenticated(&sign_in, Reason::SessionMissing);
            site.cors.let_read(headers, response.headers_mut());
            response
        }
    })
}

#[derive(Serialize)]
struct Whoami<'a> {
    user: &'a str,
    email: Option<&'a str>,
    name: Option<&'a str>,
    /// `null` when the identity provider did not say: that is something else than no groups.
    groups: Option<Vec<String>>,
    roles: Vec<String>,
    idp: &'a str,
    /// The tenant, where the site is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
    /// When the session ends if it is not used again, RFC 3339.
    expiry: String,
}

impl<'a> Whoami<'a> {
    fn of(site: &'a Site, session: &'a Session) -> Self {
        let (mut groups, mut roles) = (Vec::new(), Vec::new());
        session.each_group(&mut |group| groups.push(group.to_owned()));
        session.each_role(&mut |role| roles.push(role.to_owned()));
        Self {
            user: session.user(),
            email: session.email(),
            name: session.name(),
            groups: session.in_group("").map(|_| groups),
            roles,
            idp: session.idp(),
            organization: site.organization.as_deref(),
            expiry: session.expires_at().to_string(),
        }
    }
}
