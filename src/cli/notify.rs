//! What the service manager is told (`Type=notify`, `notify-reload`): that the gate is ready, reads its configuration again,
//! and goes. Where there is none (`NOTIFY_SOCKET`), nobody is told.

use sd_notify::NotifyState;

/// It takes requests.
pub(super) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("takes requests")]);
}

/// The configuration is being read again.
pub(super) fn reloading() {
    let mut told = vec![NotifyState::Reloading];
    // `notify-reload` compares it with when it asked.
    told.extend(NotifyState::monotonic_usec_now().ok());
    tell(&told);
}

/// It was, and is in use or not.
pub(super) fn reloaded(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// It goes.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishes what is under way")]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(problem) = sd_notify::notify(states) {
        tracing::warn!(%problem, "the service manager cannot be told");
    }
}
