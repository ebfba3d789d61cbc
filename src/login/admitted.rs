//! Somebody was let in: what that leaves behind.

use crate::admission::Admitted;
use crate::gate::Gate;
use crate::reason::{Reason, Refusal};
use crate::site::Site;

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
