//! What a site asks of its sign-on host, sealed, by way of the browser.

use crate::clock::Moment;
use crate::observe::traces::TraceContext;
use crate::saml::response::NameId;
use crate::seal::{KeyRing, Purpose};
use crate::session::Session;
use crate::site::Site;
use serde::{Deserialize, Serialize};

/// To sign somebody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignIn {
    /// Host and port of the site's address.
    pub(super) site: String,
    /// Which of its attempts is to be answered.
    pub(super) attempt: String,
    /// When it was begun.
    pub(super) created: Moment,
    /// The rule of the site that asks for more than an ordinary sign-in brings.
    pub(super) step_up: Option<u16>,
    /// The trace in which it was begun.
    pub(super) trace: Option<TraceContext>,
}

/// To end somebody's session at the identity provider, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignOut {
    /// Host and port of the site's address.
    pub(super) site: String,
    /// The identity provider, by its `id`.
    pub(super) idp: String,
    /// Who it was, in its words: a user has another name at each site, perhaps.
    pub(super) name_id: NameId,
    /// The identity provider's name for its session.
    pub(super) session_index: Option<String>,
    /// The public name of the session that has ended.
    pub(super) session: String,
    /// When it ended.
    pub(super) created: Moment,
    /// Where the person wants to go afterwards, on the site.
    pub(super) return_to: Option<String>,
}

impl SignIn {
    pub(super) fn seal(&self, keys: &KeyRing, host: &Site) -> String {
        let wire = SignInWire {
            v: VERSION,
            s: self.site.clone(),
            a: self.attempt.clone(),
            c: self.created.millis(),
            u: self.step_up,
            w: self.trace.map(TraceContext::to_short),
        };
        sealed(keys, host, "sign-in", &wire)
    }

    /// None: not ours, or not for this host.
    pub(super) fn open(keys: &KeyRing, host: &Site, errand: &str) -> Option<Self> {
        let bytes = keys.open(Purpose::Errand, &context(host, "sign-in"), errand)?;
        let wire: SignInWire = serde_json::from_slice(&bytes).ok()?;
        let SignInWire { v, s, a, c, u, w } = wire;
        let trace = w.as_deref().and_then(TraceContext::from_short);
        let created = Moment::from_millis(c);
        (v == VERSION).then_some(Self { site: s, attempt: a, created, step_up: u, trace })
    }
}

impl SignOut {
    /// After this session has ended.
    pub(super) fn of(
        session: &Session,
        name_id: NameId,
        site: &Site,
        return_to: Option<String>,
        now: Moment,
    ) -> Self {
        use crate::identity::Person as _;
        Self {
            site: site.public_url.authority().to_owned(),
            idp: session.idp().to_owned(),
            name_id,
            session_index: session.session_index().map(str::to_owned),
            session: session.key().public_name(),
            created: now,
            return_to,
        }
    }

    pub(super) fn seal(&self, keys: &KeyRing, host: &Site) -> String {
        let NameId { value, format, name_qualifier, sp_name_qualifier } = self.name_id.clone();
        let wire = SignOutWire {
            v: VERSION,
            s: self.site.clone(),
            i: self.idp.clone(),
            n: value,
            f: format,
            q: name_qualifier,
            p: sp_name_qualifier,
            x: self.session_index.clone(),
            k: self.session.clone(),
            c: self.created.millis(),
            t: self.return_to.clone(),
        };
        sealed(keys, host, "sign-out", &wire)
    }

    /// None: not ours, or not for this host.
    pub(super) fn open(keys: &KeyRing, host: &Site, errand: &str) -> Option<Self> {
        let bytes = keys.open(Purpose::Errand, &context(host, "sign-out"), errand)?;
        let wire: SignOutWire = serde_json::from_slice(&bytes).ok()?;
        (wire.v == VERSION).then(|| Self {
            site: wire.s,
            idp: wire.i,
            name_id: NameId {
                value: wire.n,
                format: wire.f,
                name_qualifier: wire.q,
                sp_name_qualifier: wire.p,
            },
            session_index: wire.x,
            session: wire.k,
            created: Moment::from_millis(wire.c),
            return_to: wire.t,
        })
    }
}

fn sealed(keys: &KeyRing, host: &Site, what: &str, wire: &impl Serialize) -> String {
    // Strings and numbers only: cannot fail, and an empty value would not open again.
    let bytes = serde_json::to_vec(wire).unwrap_or_default();
    keys.seal(Purpose::Errand, &context(host, what), &bytes)
}

/// Opens at the one host, for the one thing.
fn context(host: &Site, what: &str) -> Vec<u8> {
    format!("{what} {}", host.name).into_bytes()
}

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInWire {
    v: u8,
    s: String,
    a: String,
    c: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    u: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    w: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignOutWire {
    v: u8,
    s: String,
    i: String,
    n: String,
    f: Option<String>,
    q: Option<String>,
    p: Option<String>,
    x: Option<String>,
    k: String,
    c: i64,
    t: Option<String>,
}
