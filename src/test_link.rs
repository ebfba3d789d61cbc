//! The permission to try an identity provider: a link that the owner makes at the command line and hands to whoever shall
//! try it.
//!
//! The link is sealed under the keys of `session.secret`: who has it can try this one identity provider at this one site
//! until it is over, and can do nothing else with it. Nobody becomes anybody by a trial, so it may be used more than once.

use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use crate::seal::{KeyRing, Purpose};
use crate::site::{Idp, Site};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where a trial begins, below the site's prefix.
pub const PATH: &str = "/test-sign-in";

/// The name of the parameter that carries the link.
pub const PARAMETER: &str = "link";

/// A permission that has been looked at and is good.
#[derive(Debug)]
pub struct TestLink {
    /// Whom it lets somebody try.
    pub idp: Arc<Idp>,
    /// Until when.
    pub until: Moment,
}

/// The address that lets somebody try this identity provider at this site until then.
pub fn address(site: &Site, idp: &Idp, until: Moment, keys: &KeyRing) -> String {
    let wire = Wire { v: VERSION, s: site.name.clone(), i: idp.id.clone(), u: until.millis() };
    // Strings and numbers only: cannot fail, and an empty value would not open again.
    let bytes = serde_json::to_vec(&wire).unwrap_or_default();
    let sealed = keys.seal(Purpose::TestLink, CONTEXT, &bytes);
    format!("{}{}{PATH}?{PARAMETER}={sealed}", site.public_url.origin(), site.path_prefix)
}

impl TestLink {
    /// Opens what stands in the address.
    ///
    /// # Errors
    /// `test-link-invalid`, `test-link-expired`, `idp-unknown`, `idp-retired`.
    pub fn open(sealed: &str, site: &Site, keys: &KeyRing, now: Moment) -> Result<Self, Refusal> {
        let invalid = |detail| Refusal::new(Reason::TestLinkInvalid, detail);
        let wire = keys
            .open(Purpose::TestLink, CONTEXT, sealed)
            .and_then(|bytes| serde_json::from_slice::<Wire>(&bytes).ok())
            .filter(|wire| wire.v == VERSION)
            .ok_or_else(|| invalid("the link does not open with `session.secret`".to_owned()))?;
        if wire.s != site.name {
            return Err(invalid(format!("the link is for the site {:?}", wire.s)));
        }
        let until = Moment::from_millis(wire.u);
        if now >= until {
            return Err(Refusal::new(Reason::TestLinkExpired, format!("the link was good until {until}")));
        }
        let idp = site.identity_providers.iter().find(|idp| idp.id == wire.i).cloned().ok_or_else(|| {
            Refusal::new(Reason::IdpUnknown, format!("the link is for {:?}, which is gone", wire.i))
        })?;
        idp.admits_trials()?;
        Ok(Self { idp, until })
    }
}

/// The same for every site: a link of another site is refused by name, not mistaken for rubbish.
const CONTEXT: &[u8] = b"";

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u8,
    s: String,
    i: String,
    u: i64,
}
