//! Reads an IdP's metadata, writes ours (SKELETON).

use super::parties::{IdentityProvider, ServiceProvider};
use crate::clock::Moment;

/// An IdP from metadata, with warnings (skipped keys, expired validUntil, ...).
/// `entity_id` selects one entity of an aggregate; needed when there are several IdPs in the document.
pub fn read_identity_provider(
    _xml: &[u8],
    _entity_id: Option<&str>,
    _now: Moment,
) -> Result<(IdentityProvider, Vec<String>), String> {
    todo!()
}

/// Our metadata: signing keys only, no logout endpoint.
pub fn write_service_provider(_sp: &ServiceProvider) -> String {
    todo!()
}
