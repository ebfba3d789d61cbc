//! Sessions that came from one sign-in end together.

use crate::gate::Gate;
use crate::identity::Person as _;
use crate::observe::audit::{self, Event};
use crate::session::{Session, SessionKey, StoreError};
use crate::site::Site;
use std::net::IpAddr;

/// After a session has ended: the one at the sign-on host that it came from, and all others that came from there. So does
/// what came from a session of the same person there that is gone, because a newer one took its place or nobody used it:
/// which browser it lies in nobody can say any more, and what outlives a sign-out is worse than what ends with it. What
/// cannot be ended lasts until its time is over; that is no reason to keep the person from leaving.
pub(in crate::login) async fn end_with(gate: &Gate, site: &Site, ended: &Session, client: IpAddr) {
    let host = match gate.sign_on_of(site) {
        Some(host) => host.as_ref(),
        None => site,
    };
    let keys = gate.keys_under(host);
    if keys.len() < 2 {
        return;
    }
    let root = ended.came_from().unwrap_or_else(|| *ended.key());
    if let Err(problem) = end_all(gate, host, &keys, (&root, ended), client).await {
        tracing::warn!(
            site = site.name,
            %problem,
            "not all sessions of one sign-in could be ended; the others last until their time is over"
        );
    }
}

/// Whether the session at the host is there.
async fn lives(gate: &Gate, origin: &SessionKey) -> Result<bool, StoreError> {
    let now = gate.clock.now();
    Ok(gate.store.load(origin).await?.is_some_and(|session| session.is_alive(now)))
}

async fn end_all(
    gate: &Gate,
    host: &Site,
    keys: &[crate::session::SiteKey],
    (root, ended): (&SessionKey, &Session),
    client: IpAddr,
) -> Result<(), StoreError> {
    for key in keys {
        for found in gate.store.by_name_id(*key, ended.idp(), ended.name_id(), None).await? {
            let Some(session) = gate.store.load(&found).await? else { continue };
            let belongs = match session.came_from() {
                Some(origin) => origin == *root || !lives(gate, &origin).await?,
                None => session.key() == root,
            };
            if !belongs {
                continue;
            }
            let Some(session) = gate.store.remove(&found).await? else { continue };
            let site = gate.sites.iter().find(|site| site.key == session.site());
            audit::record(&Event::SignedOut {
                site: site.map_or(host.name.as_str(), |site| &site.name),
                idp: session.idp(),
                user: session.user(),
                name_id: session.name_id(),
                session: &session.key().public_name(),
                way: "user",
                at_idp: None,
                client: Some(client),
            });
            gate.metrics.sign_out(site.map_or(host.id, |site| site.id));
        }
    }
    Ok(())
}
