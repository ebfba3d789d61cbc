//! What a sign-on host hands over to a site, sealed, by way of the browser.

use crate::clock::Moment;
use crate::saml::authn_request::RequestId;
use crate::seal::{KeyRing, Purpose};
use crate::session::SessionKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long it is good for: one redirect, over a slow line.
pub(super) const LIFETIME: Duration = Duration::from_secs(60);

/// A hand-over on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    /// Host and port of the address that it goes to.
    pub(super) site: String,
    /// The site's attempt that it answers.
    attempt: String,
    /// The session of the host that it stands for, by its name in the store: no secret.
    pub(super) session: SessionKey,
    /// When it was made.
    pub(super) created: Moment,
}

impl Ticket {
    pub(super) fn new(site: &str, attempt: &str, session: SessionKey, now: Moment) -> Self {
        Self { site: site.to_owned(), attempt: attempt.to_owned(), session, created: now }
    }

    /// Whether it answers this attempt; takes the same time whatever differs.
    pub(super) fn answers(&self, attempt: &RequestId) -> bool {
        let (own, other) = (self.attempt.as_bytes(), attempt.as_str().as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(own, other).is_ok()
    }

    /// From this moment on it comes too late.
    pub(super) fn expires_at(&self) -> Moment {
        self.created.plus(LIFETIME)
    }

    pub(super) fn seal(&self, keys: &KeyRing) -> String {
        let wire = Wire {
            v: VERSION,
            s: self.site.clone(),
            a: self.attempt.clone(),
            k: URL_SAFE_NO_PAD.encode(self.session.0),
            c: self.created.millis(),
        };
        // Strings and numbers only: cannot fail, and an empty value would not open again.
        keys.seal(Purpose::HandOver, CONTEXT, &serde_json::to_vec(&wire).unwrap_or_default())
    }

    /// None: not ours, or not whole.
    pub(super) fn open(keys: &KeyRing, sealed: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(&keys.open(Purpose::HandOver, CONTEXT, sealed)?).ok()?;
        if wire.v != VERSION {
            return None;
        }
        let session = SessionKey(URL_SAFE_NO_PAD.decode(wire.k).ok()?.try_into().ok()?);
        Some(Self { site: wire.s, attempt: wire.a, session, created: Moment::from_millis(wire.c) })
    }
}

/// The same for every site: one for another site is to be recognised, spent and refused by name.
const CONTEXT: &[u8] = b"";

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u8,
    s: String,
    a: String,
    k: String,
    c: i64,
}
