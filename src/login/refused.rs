//! The page behind a gateway's 403.
//!
//! nginx drops the body of a 403 and shows what `error_page` names: our `refused` endpoint. So that page and audit
//! event carry the same reference, the gateway's answer holds a sealed note ([`note`], header [`NOTE_HEADER`]), which
//! the recipe hands to the page as the request header of the same name. Without a note the page still says who is
//! signed in and how to sign out, under a reference and an event of its own.

use super::ask;
use crate::clock::Moment;
use crate::gate::Gate;
use crate::observe::audit::Reference;
use crate::reason::{Reason, Refusal};
use crate::seal::Purpose;
use crate::site::Site;
use bytes::Bytes;
use http::{HeaderMap, Response};
use std::net::IpAddr;
use std::time::Duration;

/// Carries the note from the gate's 403 to the page.
pub const NOTE_HEADER: &str = "x-vestibule-refusal";

/// A sealed note of a refusal that has been audited under this reference.
pub fn note(gate: &Gate, site: &Site, reason: Reason, reference: &Reference, now: Moment) -> String {
    let plain = format!("{} {} {}", now.millis(), reason.code(), reference.as_str());
    gate.keys.seal(Purpose::Refusal, site.name.as_bytes(), plain.as_bytes())
}

/// Answers `GET refused`, with 403 as everywhere.
///
/// # Errors
/// `store-unavailable`.
pub(super) async fn page(
    gate: &Gate,
    site: &Site,
    request: &http::Request<Bytes>,
    client: IpAddr,
    now: Moment,
) -> Result<Response<Bytes>, Refusal> {
    let session = gate.resume(site, request.headers(), now).await?;
    if let Some(noted) = Noted::read(gate, site, request.headers(), now) {
        return Ok(ask::refusal_page(gate, site, noted.reason, &noted.reference, session.as_deref()));
    }
    let refusal =
        Refusal::new(Reason::AccessDenied, "the page of refusals was shown without a note of the gate's own");
    let path = request.uri().path();
    Ok(ask::refused(gate, site, &refusal, request.method(), path, client, session.as_deref(), true))
}

struct Noted {
    reason: Reason,
    reference: String,
}

impl Noted {
    fn read(gate: &Gate, site: &Site, headers: &HeaderMap, now: Moment) -> Option<Self> {
        let sealed = headers.get(NOTE_HEADER)?.to_str().ok()?;
        let plain = gate.keys.open(Purpose::Refusal, site.name.as_bytes(), sealed)?;
        let mut words = std::str::from_utf8(&plain).ok()?.splitn(3, ' ');
        let at = Moment::from_millis(words.next()?.parse().ok()?);
        let code = words.next()?;
        let reason = Reason::ALL.iter().copied().find(|reason| reason.code() == code)?;
        let reference = words.next()?.to_owned();
        (now.since(at) < NOTE_LIFETIME).then_some(Self { reason, reference })
    }
}

/// The gateway shows the page at once.
const NOTE_LIFETIME: Duration = Duration::from_secs(5 * 60);
