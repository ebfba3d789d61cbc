//! What happens, as it is told to the audit.

use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use std::net::IpAddr;

/// Who came in, how, and as what.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// The site's name.
    pub site: &'a str,
    /// The IdP's `id`.
    pub idp: &'a str,
    /// Who.
    pub user: &'a str,
    /// Who, in the IdP's words.
    pub name_id: &'a str,
    /// The session's public name.
    pub session: &'a str,
    /// The latest moment at which it ends.
    pub ends: Moment,
    /// The groups that the IdP named.
    pub groups: &'a [String],
    /// The roles that follow from them.
    pub roles: &'a [String],
    /// The ID of the AuthnRequest that was answered; none: nobody here had asked.
    pub authn_request: Option<&'a str>,
    /// When the person signed in at the IdP.
    pub authn_instant: Moment,
    /// How, in the IdP's words.
    pub authn_context: Option<&'a str>,
    /// From where.
    pub client: Option<IpAddr>,
    /// Which parts were signed: `response`, `assertion`, `both`; `handed-over`: the sign-on host has said it.
    pub signed: &'a str,
    /// SHA-256 of the certificates whose keys verified them, in hex.
    pub signed_by: &'a [String],
    /// How the assertion was encrypted, when it was: `aes128-gcm`.
    pub encrypted: Option<&'a str>,
    /// What the second opinion was, in words, and whether it disagreed.
    pub second_opinion: Option<(&'a str, bool)>,
}

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// Somebody came in.
    SignedIn(SignIn<'a>),
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
        /// The ID of the AuthnRequest, as the attempt or, without one, the answer itself says.
        authn_request: Option<&'a str>,
        /// Who, once the mapping has said so.
        user: Option<&'a str>,
        /// Who, in the IdP's words, once its word has been accepted.
        name_id: Option<&'a str>,
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
        /// How it came: `proxy` (the public listener), or the dialect of a gateway's question.
        face: &'static str,
        /// The request's method.
        method: &'a str,
        /// The request's path; a query is cut off here, should one be handed in.
        path: &'a str,
        /// Who, when somebody is signed in.
        visitor: Option<Visitor<'a>>,
    },
    /// A session ended because the same browser signed in anew.
    SessionReplaced {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// Who had been signed in.
        user: &'a str,
        /// Who, in the IdP's words.
        name_id: &'a str,
        /// The old session's public name.
        session: &'a str,
        /// From where.
        client: Option<IpAddr>,
    },
    /// A session ended by itself.
    SessionEnded {
        /// The site's name.
        site: &'a str,
        /// The IdP's `id`.
        idp: &'a str,
        /// Who had been signed in.
        user: &'a str,
        /// Who, in the IdP's words.
        name_id: &'a str,
        /// The session's public name.
        session: &'a str,
        /// `idle`, `max-age`, `no-room`, `retired`, `revoked`, `ended-by-user`, `session-limit`, `idp-gone` or `site-gone`.
        why: &'static str,
    },
    /// More sessions ended by themselves at the same time than are told of one by one.
    SessionsEnded {
        /// How many more.
        sessions: usize,
    },
    /// The owner ended sessions, or somebody their own in other browsers.
    SessionsRevoked {
        /// Which were meant, in words.
        detail: &'a str,
        /// How many ended.
        sessions: usize,
        /// Who gave the command; `self` and the session that did.
        by: &'a str,
        /// From where, where it came from a browser.
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
        /// Who let it in, where somebody did: the user of the machine.
        by: Option<&'a str>,
        /// What is different.
        changed: &'a Changed,
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
        /// What is different.
        changed: &'a Changed,
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
        /// Who, in the IdP's words.
        name_id: &'a str,
        /// The session's public name.
        session: &'a str,
        /// Who began it: `user` or `idp`.
        way: &'static str,
        /// What follows at the IdP, when the user began it: `asked`, `sign-out-url`, `sign-on-host`, `not-asked`.
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
    /// The public listener presents another certificate.
    TlsCertificateChanged {
        /// The file.
        source: &'a str,
        /// SHA-256 of the certificate's DER form, in hex.
        fingerprint: &'a str,
        /// The same of the one before.
        fingerprint_before: &'a str,
    },
    /// The gate serves.
    GateStarted {
        /// The program's version.
        version: &'a str,
    },
    /// The gate has gone, in good order.
    GateStopped {
        /// What it was asked by: `SIGTERM`, `SIGINT`.
        signal: &'static str,
        /// How many sessions ended with it.
        sessions: usize,
    },
    /// A configuration was taken over.
    ConfigLoaded {
        /// The file.
        source: &'a str,
        /// Of every key and value.
        fingerprint: &'a str,
    },
    /// It says something else than the one before.
    ConfigChanged {
        /// The file.
        source: &'a str,
        /// Of every key and value.
        fingerprint: &'a str,
        /// The same of the one before.
        fingerprint_before: &'a str,
        /// The keys that are different, without their values, a line each.
        differences: &'a [String],
        /// Those that count from the next start only.
        at_next_start: &'a [String],
    },
    /// One that was read while the gate runs is not used.
    ConfigRefused {
        /// The file.
        source: &'a str,
        /// The keys with which something is wrong, a line each.
        differences: &'a [String],
        /// What is wrong, where it is no key.
        detail: &'a str,
    },
    /// The sessions that the process before has left go on.
    SessionsTakenUp {
        /// The file.
        source: &'a str,
        /// How many.
        sessions: usize,
    },
    /// They do not.
    SessionsRefused {
        /// The file.
        source: &'a str,
        /// Why.
        detail: &'a str,
    },
    /// Events could not be written.
    EventsLost {
        /// How many.
        lost: u64,
    },
}

/// Somebody with a session.
#[derive(Debug, Clone, Copy)]
pub struct Visitor<'a> {
    /// The IdP's `id`.
    pub idp: &'a str,
    /// Who.
    pub user: &'a str,
    /// The session's public name.
    pub session: &'a str,
}

/// What is different about metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Everything, in words, a line each.
    pub differences: Vec<String>,
    /// SHA-256 of the certificates that are new, in hex.
    pub certificates_added: Vec<String>,
    /// SHA-256 of the certificates that are gone.
    pub certificates_removed: Vec<String>,
}
