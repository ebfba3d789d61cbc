//! What happens, as it is told to the audit.

use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use std::net::IpAddr;

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// Somebody came in.
    SignedIn {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// Who.
        user: &'a str,
        /// The session's public name.
        session: &'a str,
        /// How many groups the IdP named.
        groups: usize,
        /// The roles that follow from them.
        roles: &'a [String],
        /// From where.
        client: Option<IpAddr>,
        /// Which parts were signed: `response`, `assertion`, `both`.
        signed: &'a str,
        /// How the assertion was encrypted, when it was: `aes128-gcm`.
        encrypted: Option<&'a str>,
        /// Whether nobody here had asked for it.
        unsolicited: bool,
        /// What the second opinion was, in words, and whether it disagreed.
        second_opinion: Option<(&'a str, bool)>,
    },
    /// An identity provider's answer rests on something that only a `danger_` key of the configuration allows.
    DangerUsed {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// Which exception: `sha1`.
        danger: &'a str,
        /// From where.
        client: Option<IpAddr>,
    },
    /// A sign-in ended in a refusal.
    SignInRefused {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`, where an attempt named one.
        idp: Option<&'a str>,
        /// What the page showed.
        reference: &'a str,
        /// Why.
        refusal: &'a Refusal,
        /// From where.
        client: Option<IpAddr>,
    },
    /// A test sign-in came to its end. Nobody became anybody.
    TestSignIn {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// What the page showed.
        reference: &'a str,
        /// Why it was refused; none: it was accepted.
        refusal: Option<&'a Refusal>,
        /// From where.
        client: Option<IpAddr>,
    },
    /// A request was refused.
    RequestRefused {
        /// The site's name; empty when there is none for the host.
        site: &'a str,
        /// What the page showed.
        reference: &'a str,
        /// Why.
        refusal: &'a Refusal,
        /// From where.
        client: Option<IpAddr>,
        /// The request's method.
        method: &'a str,
        /// The request's path; a query is cut off here, should one be handed in.
        path: &'a str,
        /// Who, when somebody is signed in.
        user: Option<&'a str>,
    },
    /// A session ended because the same browser signed in anew.
    SessionReplaced {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// Who had been signed in.
        user: &'a str,
        /// The old session's public name.
        session: &'a str,
        /// From where.
        client: Option<IpAddr>,
    },
    /// Metadata that says something new is in use.
    MetadataChanged {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// The address or file that it came from.
        source: &'a str,
        /// What let it in.
        how: &'a str,
        /// What is different, a line each.
        differences: &'a [String],
    },
    /// Metadata that says something new waits for the owner.
    MetadataHeld {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// The address or file that it came from.
        source: &'a str,
        /// Which rule holds it.
        reason: Reason,
        /// The values that disagreed.
        detail: &'a str,
        /// What is different, a line each.
        differences: &'a [String],
    },
    /// A metadata document is not used.
    MetadataRefused {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// The address or file that it came from.
        source: &'a str,
        /// Which rule it breaks.
        reason: Reason,
        /// The values that disagreed.
        detail: &'a str,
    },
    /// A certificate ends soon, or has ended.
    CertificateEnding {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`; none: it is our own.
        idp: Option<&'a str>,
        /// Its subject.
        certificate: &'a str,
        /// SHA-256 of its DER form, in hex.
        fingerprint: &'a str,
        /// When it ends.
        ends: Moment,
        /// Whole days until then; -1 once it has ended.
        days_left: i64,
    },
    /// Somebody left.
    SignedOut {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// Who.
        user: &'a str,
        /// The session's public name.
        session: &'a str,
        /// Who began it: `user` or `idp`.
        way: &'static str,
        /// What follows at the IdP, when the user began it: `asked`, `sign-out-url`, `not-asked`.
        at_idp: Option<&'static str>,
        /// From where.
        client: Option<IpAddr>,
    },
    /// An IdP asked us to end sessions, and was answered.
    LogoutRequested {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// How many sessions ended.
        sessions: usize,
        /// `ended`, `partly` or `failed`.
        outcome: &'static str,
        /// From where.
        client: Option<IpAddr>,
    },
    /// An IdP answered our request to end its session.
    LogoutAnswered {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// The public name of the session that had ended here.
        session: &'a str,
        /// `ended`, `partly` or `failed`.
        outcome: &'static str,
        /// The IdP's status, when it is not success.
        detail: &'a str,
        /// From where.
        client: Option<IpAddr>,
    },
    /// A logout message was refused.
    LogoutRefused {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`, where it is known.
        idp: Option<&'a str>,
        /// What the page showed.
        reference: &'a str,
        /// Why.
        refusal: &'a Refusal,
        /// From where.
        client: Option<IpAddr>,
    },
}
