//! Somebody was let in: what that leaves behind.

use super::attempt::Attempt;
use crate::admission::Admitted;
use crate::gate::{Gate, presented_key};
use crate::identity::Person as _;
use crate::observe::audit::{self, Event};
use crate::reason::{Reason, Refusal};
use crate::session::{Browser, SessionKey};
use crate::site::Site;
use http::HeaderMap;
use http::header::USER_AGENT;
use std::net::IpAddr;

/// What is to be remembered of them is on the disk before they have a session. Most leave nothing to remember.
///
/// # Errors
/// `account-not-linked` when somebody else has taken up the invitation meanwhile; `store-unavailable`.
pub(super) async fn remembered(gate: &Gate, site: &Site, admitted: Admitted) -> Result<(), Refusal> {
    if !admitted.is_news() {
        return Ok(());
    }
    let lost = |why: String| Refusal::new(Reason::Internal, why);
    let site = gate.shared(site).ok_or_else(|| lost("the site is not one of this gate's".to_owned()))?;
    // A disk may take its time.
    let settled = tokio::task::spawn_blocking(move || site.admission.settle(admitted)).await;
    settled.map_err(|problem| lost(problem.to_string())).flatten()
}

/// The sessions in whose place a new one comes: the one that the browser presents, and the one that it had when the attempt
/// began.
pub(super) fn replaced(site: &Site, headers: &HeaderMap, attempt: Option<&Attempt>) -> Vec<SessionKey> {
    let at_beginning = attempt.and_then(|attempt| attempt.replaces);
    presented_key(site, headers).into_iter().chain(at_beginning).collect()
}

/// Which browser it is, as far as it says.
pub(super) fn browser(headers: &HeaderMap) -> Browser {
    headers.get(USER_AGENT).map_or_else(Browser::default, |said| Browser::of(said.as_bytes()))
}

/// Ends a session in whose place a new one has come. That it could not be ended is no reason to turn away somebody who
/// has signed in: the browser forgets it now, and its time is limited.
pub(super) async fn replace(gate: &Gate, site: &Site, old: &SessionKey, client: IpAddr) {
    match gate.store.remove(old).await {
        Ok(None) => {}
        Ok(Some(session)) => audit::record(&Event::SessionReplaced {
            site: &site.name,
            idp: session.idp(),
            user: session.user(),
            name_id: session.name_id(),
            session: &session.key().public_name(),
            client: Some(client),
        }),
        Err(problem) => tracing::warn!(
            site = site.name,
            session = %old.public_name(),
            %problem,
            "a replaced session could not be ended; it lasts until its time is over"
        ),
    }
}
