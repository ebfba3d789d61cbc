//! What happens beside the requests: addresses of applications, certificates, metadata, figures for the metrics.

use super::forward::Edge;
use super::live::{Live, Plan};
use super::seats::Seats;
use super::tls::LiveCertificate;
use crate::admission::InvitedList;
use crate::clock::Moment;
use crate::federation::{Endings, Watch};
use crate::gate::Gate;
use crate::observe::traces::Tracer;
use crate::site::each_idp;
use std::sync::{Arc, Weak, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

/// How often an application's name is asked for. Long enough not to bother a resolver, short enough to follow a
/// container that came back under another address.
const RESOLVE_EVERY: Duration = Duration::from_secs(15);

/// The same while the name has no address at all: the gate was probably started before the application.
const RESOLVE_SOON: Duration = Duration::from_secs(1);

/// How often the gate is asked to forget a part of what has ended.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// How often somebody looks whether what lasts has outlived its session.
const LOOK_AT_SEATS_EVERY: Duration = Duration::from_secs(1);

/// How often the certificate files are looked at.
pub(super) const LOOK_AT_CERTIFICATE_EVERY: Duration = Duration::from_secs(5);

/// How often the lists of invited people are looked at.
const LOOK_AT_LISTS_EVERY: Duration = Duration::from_secs(2);

/// How often somebody looks whether metadata is to be read again, or an agreement of the owner's has come.
const LOOK_AT_METADATA_EVERY: Duration = Duration::from_secs(2);

/// How often somebody looks whether a certificate ends soon.
const LOOK_AT_ENDINGS_EVERY: Duration = Duration::from_secs(60);

/// Keeps the addresses of an application fresh. Lets go of `first` when they were asked for once.
pub(super) async fn keep_resolved(
    edges: Arc<[Edge]>,
    (site, part): (usize, usize),
    first: Option<mpsc::Sender<()>>,
) {
    let part = edges.get(site).and_then(|edge| edge.parts.get(part));
    let Some(application) = part.map(|part| &part.application) else { return };
    let mut first = first;
    loop {
        application.resolve().await;
        first.take();
        let pause = if application.addresses() == 0 { RESOLVE_SOON } else { RESOLVE_EVERY };
        tokio::time::sleep(pause).await;
    }
}

/// Takes over a new certificate when its files change.
pub(super) async fn keep_certificate(certificate: Arc<LiveCertificate>, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let certificate = certificate.clone();
        // Files on a network volume may block.
        let _ = tokio::task::spawn_blocking(move || certificate.look_again()).await;
    }
}

/// Takes over new lists of invited people when their files change.
pub(super) async fn keep_invited(lists: impl Fn() -> Vec<Arc<InvitedList>>) {
    let mut ticks = interval(LOOK_AT_LISTS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let lists = lists();
        if lists.is_empty() {
            continue;
        }
        // Files on a network volume may block.
        let _ = tokio::task::spawn_blocking(move || lists.iter().for_each(|list| list.look_again())).await;
    }
}

/// Every list of every site, each once.
pub(super) fn invited_lists(gate: &Gate) -> Vec<Arc<InvitedList>> {
    let mut lists: Vec<Arc<InvitedList>> = Vec::new();
    for list in gate.sites.iter().flat_map(|site| site.admission.lists()) {
        if !lists.iter().any(|known| Arc::ptr_eq(known, list)) {
            lists.push(Arc::clone(list));
        }
    }
    lists
}

/// Keeps the metadata of one identity provider up to date. Lets go of `first` when its source was asked once. Gives back
/// what it knows when `stop` goes, also in the middle of a reading.
pub(super) async fn keep_metadata(
    mut watch: Watch,
    (gate, tracer): (Arc<Gate>, Option<Arc<Tracer>>),
    first: Option<mpsc::Sender<()>>,
    mut stop: oneshot::Receiver<()>,
    give_back: mpsc::Sender<Watch>,
) {
    let mut first = first;
    let mut ticks = interval(LOOK_AT_METADATA_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let round = async {
            ticks.tick().await;
            let round = watch.round(&*gate.clock, &gate.metrics);
            match &tracer {
                Some(tracer) => tracer.unasked(round).await,
                None => round.await,
            }
        };
        tokio::select! {
            biased;
            _ = &mut stop => break,
            () = round => {}
        }
        first.take();
    }
    // An error says that nobody wants it any more.
    let _ = give_back.send(watch);
}

/// Tells, when it is dropped, that something is settled.
pub(super) struct Settled(
    #[expect(dead_code, reason = "its end is what is told")] pub(super) mpsc::Sender<()>,
);

/// How long after a change of the configuration the sessions are looked at that have no place any more. A sign-in takes less
/// than all of it; whoever holds the old configuration for longer is a stream.
const LOOK_AT_GONE_AFTER: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(25), Duration::from_secs(90)];

/// The same while the store cannot be reached.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Ends the sessions that had a place by the old configuration and have none by the one in use: now, and again until nobody
/// is left who has begun by the old one, since that may have been a sign-in, and until the store has answered.
pub(super) async fn end_what_is_gone(live: Arc<Live>, old: Arc<Gate>, before: Weak<Plan>, first: Settled) {
    let mut all_ended = tell_ended(&live, &old).await;
    drop(first);
    let mut pauses = LOOK_AT_GONE_AFTER.into_iter();
    loop {
        let pause = match pauses.next() {
            Some(pause) => pause,
            None if all_ended => break,
            None => LOOK_AGAIN_AFTER,
        };
        // Asked before the look, so that the last look is after the last of them.
        let nobody_is_left = before.strong_count() == 0;
        tokio::time::sleep(pause).await;
        all_ended = tell_ended(&live, &old).await;
        if all_ended && nobody_is_left {
            break;
        }
    }
}

/// Whether the store has answered. What has come back with a later configuration is not gone.
async fn tell_ended(live: &Live, old: &Gate) -> bool {
    let new = live.load().gate.clone();
    let gone = new.end_sessions_of_what_is_gone(old).await;
    let retired = new.end_sessions_of_retired().await;
    match gone.and_then(|gone| Ok(gone + retired?)) {
        Ok(0) => true,
        Ok(sessions) => {
            tracing::info!(sessions, "ended what has no place in the new configuration");
            true
        }
        Err(problem) => {
            tracing::warn!(%problem, "sessions without a place in the new configuration could not all be ended yet");
            false
        }
    }
}

/// Tells the owner of certificates that end, theirs and ours.
pub(super) async fn keep_told(live: Arc<Live>) {
    let mut endings = Endings::default();
    let mut ticks = interval(LOOK_AT_ENDINGS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let gate = &live.load().gate;
        endings.look(&gate.sites, gate.clock.now());
    }
}

/// Lets the gate forget what has ended, also while nobody comes.
pub(super) async fn keep_tidy(live: Arc<Live>) {
    let gate = live.load().gate.clone();
    match gate.end_sessions_of_retired().await {
        Ok(0) => {}
        Ok(sessions) => tracing::info!(sessions, "ended what came by a retired identity provider"),
        Err(problem) => {
            tracing::warn!(%problem, "sessions of a retired identity provider end when they are looked at");
        }
    }
    drop(gate);
    let mut ticks = interval(TIDY_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let gate = live.load().gate.clone();
        gate.tidy(gate.clock.now());
    }
}

/// Ends what lasts when its session has ended.
pub(super) async fn keep_seats(live: Arc<Live>, seats: Arc<Seats>) {
    let mut ticks = interval(LOOK_AT_SEATS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let gate = live.load().gate.clone();
        seats.look(&gate, gate.clock.now()).await;
    }
}

/// Figures that are counted when somebody asks for them.
pub(super) fn refresh_figures(gate: &Gate) {
    let size = gate.store.size();
    gate.metrics.set_store(size.sessions, size.bytes, size.evicted, size.claims);
    let now = gate.clock.now();
    gate.metrics.clear_certificates();
    for (site, idp) in each_idp(&gate.sites) {
        let known = idp.known();
        for certificate in known.iter().flat_map(|saml| saml.keys.certificates()) {
            let fingerprint = short(&certificate.sha256);
            let days = days_until(certificate.not_after, now);
            gate.metrics.set_certificate_days_left(site, &idp.id, &fingerprint, days);
        }
    }
    for site in gate.sites.iter().filter(|site| site.sign_on.is_none()) {
        for key in &site.service_provider.signing_keys {
            let certificate = key.certificate();
            let days = days_until(certificate.not_after, now);
            gate.metrics.set_own_certificate_days_left(&site.name, &short(&certificate.sha256), days);
        }
    }
}

/// The beginning of a fingerprint, as a label.
fn short(sha256: &[u8; 32]) -> String {
    sha256.iter().take(8).map(|octet| format!("{octet:02x}")).collect()
}

/// Negative when it is past.
fn days_until(then: Moment, now: Moment) -> f64 {
    const DAY: f64 = 86_400_000.0;
    let left = then.since(now).as_secs_f64() * 1000.0;
    let past = now.since(then).as_secs_f64() * 1000.0;
    (left - past) / DAY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Invitation, Invitations, Who};

    #[tokio::test(start_paused = true)]
    async fn a_list_that_changes_counts_without_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people");
        let read = |octets: &[u8]| {
            let mut invitations = Invitations::default();
            for name in std::str::from_utf8(octets).unwrap().lines() {
                invitations.add(Invitation { who: Who::User(name.to_owned()), idp: None, roles: None })?;
            }
            Ok(invitations)
        };
        std::fs::write(&file, "ada").unwrap();
        let list = Arc::new(InvitedList::load(&file, Box::new(read)).unwrap());
        let kept = tokio::spawn(keep_invited({
            let list = list.clone();
            move || vec![list.clone()]
        }));
        tokio::time::sleep(2 * LOOK_AT_LISTS_EVERY).await;
        assert_eq!(list.current().len(), 1);
        std::fs::write(&file, "ada\neve\n").unwrap();
        tokio::time::sleep(2 * LOOK_AT_LISTS_EVERY).await;
        assert_eq!(list.current().len(), 2);
        kept.abort();
    }

    #[test]
    fn days_left_turn_negative() {
        let now = Moment::from_seconds(1_700_000_000);
        let day = Duration::from_secs(86_400);
        assert!((days_until(now.plus(3 * day), now) - 3.0).abs() < 1e-9);
        assert!((days_until(now.minus(day), now) + 1.0).abs() < 1e-9);
    }
}
