//! An event as it is written: its members, bounded and made visible.

use super::event::{Changed, Event, SignIn};
use super::terms::{Name, Terms};
use super::{MAX_DETAIL, MAX_DIFFERENCES, MAX_FINGERPRINTS, MAX_ROLES, MAX_VALUE, names};
use crate::observe::traces;
use crate::observe::visible::visible;
use crate::reason::{Reason, Refusal};
use serde::Serialize;
use std::borrow::Cow;
use std::net::IpAddr;

/// The version of the members and of what they mean. Members may be added to it; one that changes or goes makes a new one.
pub(super) const SCHEMA: u32 = 1;

/// The members of an event, in the order in which they are written: docs/audit.md.
#[derive(Default, Serialize)]
pub(super) struct Record<'a> {
    pub(super) event: &'static str,
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) idp: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name_id_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_ends: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_names: Option<Vec<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authn_request: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authn_instant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authn_context: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<Vec<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypted: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    danger: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsolicited: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_idp: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_opinion: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint_before: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificates_added: Option<Vec<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificates_removed: Option<Vec<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    differences: Option<Vec<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_next_start: Option<Vec<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    likely_cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    what_to_change: Option<&'static str>,
}

impl<'a> Record<'a> {
    pub(super) fn of(event: &Event<'a>, terms: &Terms) -> Self {
        let trace_id = traces::current().map(|context| context.trace.to_string());
        let mut record = Self { schema: SCHEMA, trace_id, ..Self::written(event, terms) };
        match *event {
            Event::SignedIn(SignIn { idp, user, name_id, .. })
            | Event::SignedOut { idp, user, name_id, .. }
            | Event::SessionReplaced { idp, user, name_id, .. }
            | Event::SessionEnded { idp, user, name_id, .. } => {
                terms.tell(Some(idp), Name::User(user), &mut record);
                terms.tell(Some(idp), Name::NameId(name_id), &mut record);
            }
            Event::SignInRefused { idp, user, name_id, .. } => {
                for name in user.map(Name::User).into_iter().chain(name_id.map(Name::NameId)) {
                    terms.tell(idp, name, &mut record);
                }
            }
            Event::RequestRefused { visitor: Some(visitor), .. } => {
                terms.tell(Some(visitor.idp), Name::User(visitor.user), &mut record);
            }
            _ => {}
        }
        record
    }

    /// Everything but who it was.
    fn written(event: &Event<'a>, terms: &Terms) -> Self {
        match *event {
            Event::SignedIn(sign_in) => Self::signed_in(sign_in, terms),
            Event::TestSignIn { site, idp, reference, refusal, client } => {
                let record = Self { idp: value(idp), client, ..Self::at("test-sign-in", site) };
                record.tried(reference, refusal)
            }
            Event::DangerUsed { site, idp, danger, client } => Self {
                idp: value(idp),
                danger: value(danger),
                client,
                what_to_change: Some(DANGER_CHANGE),
                ..Self::at("danger-used", site)
            },
            Event::SignInRefused { site, idp, authn_request, reference, refusal, client, .. } => Self {
                idp: idp.and_then(value),
                authn_request: authn_request.and_then(value),
                client,
                ..Self::at("sign-in-refused", site).refused(reference, refusal)
            },
            Event::RequestRefused { site, reference, refusal, client, face, method, path, visitor } => Self {
                idp: visitor.and_then(|visitor| value(visitor.idp)),
                session: visitor.and_then(|visitor| value(visitor.session)),
                client,
                face: Some(face),
                method: value(method),
                path: value(without_query(path)),
                ..Self::at("request-refused", site).refused(reference, refusal)
            },
            Event::SessionReplaced { site, idp, session, client, .. } => {
                Self::of_session("session-replaced", site, idp, session, client)
            }
            Event::SignedOut { site, idp, session, way, at_idp, client, .. } => {
                Self { way: Some(way), at_idp, ..Self::of_session("sign-out", site, idp, session, client) }
            }
            Event::SessionEnded { site, idp, session, why, .. } => {
                Self { why: Some(why), ..Self::of_session("session-ended", site, idp, session, None) }
            }
            Event::SessionsEnded { sessions } => {
                Self { event: "sessions-ended", sessions: Some(sessions), ..Self::default() }
            }
            Event::SessionsRevoked { detail, sessions, by, client } => Self {
                event: "sessions-revoked",
                detail: Some(visible(detail, MAX_DETAIL)),
                sessions: Some(sessions),
                by: value(by),
                client,
                ..Self::default()
            },
            Event::LogoutRequested { site, idp, sessions, outcome, client } => Self {
                idp: value(idp),
                sessions: Some(sessions),
                outcome: Some(outcome),
                client,
                ..Self::at("logout-request", site)
            },
            Event::LogoutAnswered { site, idp, session, outcome, detail, client } => Self {
                outcome: Some(outcome),
                detail: Some(visible(detail, MAX_DETAIL)).filter(|detail| !detail.is_empty()),
                ..Self::of_session("logout-response", site, idp, session, client)
            },
            Event::LogoutRefused { site, idp, reference, refusal, client } => Self {
                idp: idp.and_then(value),
                client,
                ..Self::at("logout-refused", site).refused(reference, refusal)
            },
            Event::MetadataChanged { site, idp, source, how, by, changed } => Self {
                how: value(how),
                by: by.and_then(value),
                ..Self::of_metadata("metadata-changed", site, idp, source).with(changed)
            },
            Event::MetadataHeld { site, idp, source, reason, detail, changed } => {
                Self::of_metadata("metadata-held", site, idp, source).because(reason, detail).with(changed)
            }
            Event::MetadataRefused { site, idp, source, reason, detail } => {
                Self::of_metadata("metadata-refused", site, idp, source).because(reason, detail)
            }
            Event::CertificateEnding { site, idp, certificate, fingerprint, ends, days_left } => Self {
                idp: idp.and_then(value),
                certificate: value(certificate),
                fingerprint: value(fingerprint),
                ends: Some(ends.to_string()),
                days_left: Some(days_left),
                ..Self::at("certificate-ending", site)
            },
            Event::TlsCertificateChanged { source, fingerprint, fingerprint_before } => Self {
                event: "tls-certificate-changed",
                source: value(source),
                fingerprint: value(fingerprint),
                fingerprint_before: value(fingerprint_before),
                ..Self::default()
            },
            Event::GateStarted { version } => {
                Self { event: "gate-started", version: value(version), ..Self::default() }
            }
            Event::GateStopped { signal, sessions } => Self {
                event: "gate-stopped",
                signal: Some(signal),
                sessions: Some(sessions),
                ..Self::default()
            },
            Event::ConfigLoaded { source, fingerprint } => Self {
                event: "config-loaded",
                source: value(source),
                fingerprint: value(fingerprint),
                ..Self::default()
            },
            Event::ConfigRefused { source, differences, detail } => Self {
                event: "config-refused",
                source: value(source),
                differences: Some(names(differences, MAX_DIFFERENCES)),
                detail: Some(visible(detail, MAX_DETAIL)).filter(|detail| !detail.is_empty()),
                ..Self::default()
            },
            Event::SessionsTakenUp { source, sessions } => Self {
                event: "sessions-taken-up",
                source: value(source),
                sessions: Some(sessions),
                ..Self::default()
            },
            Event::SessionsRefused { source, detail } => Self {
                event: "sessions-refused",
                source: value(source),
                detail: Some(visible(detail, MAX_DETAIL)).filter(|detail| !detail.is_empty()),
                ..Self::default()
            },
            Event::ConfigChanged { source, fingerprint, fingerprint_before, differences, at_next_start } => {
                Self {
                    event: "config-changed",
                    source: value(source),
                    fingerprint: value(fingerprint),
                    fingerprint_before: value(fingerprint_before),
                    differences: Some(names(differences, MAX_DIFFERENCES)),
                    at_next_start: Some(names(at_next_start, MAX_ROLES)).filter(|keys| !keys.is_empty()),
                    ..Self::default()
                }
            }
            Event::EventsLost { lost } => Self { event: "events-lost", lost: Some(lost), ..Self::default() },
        }
    }

    fn signed_in(sign_in: SignIn<'a>, terms: &Terms) -> Self {
        let SignIn { site, idp, session, client, .. } = sign_in;
        Self {
            groups: Some(sign_in.groups.len()),
            group_names: terms.group_names(sign_in.groups),
            roles: Some(names(sign_in.roles, MAX_ROLES)),
            session_ends: Some(sign_in.ends.to_string()),
            authn_request: sign_in.authn_request.and_then(value),
            authn_instant: Some(sign_in.authn_instant.to_string()),
            authn_context: sign_in.authn_context.and_then(value),
            signed: value(sign_in.signed),
            signed_by: Some(names(sign_in.signed_by, MAX_FINGERPRINTS)),
            encrypted: sign_in.encrypted.and_then(value),
            unsolicited: sign_in.authn_request.is_none().then_some(true),
            second_opinion: sign_in.second_opinion.and_then(|(opinion, _)| value(opinion)),
            ..Self::of_session("sign-in", site, idp, session, client)
        }
    }

    /// Of a test sign-in: nobody was shown a refusal but whoever tries, and the page shows the values; but for those that
    /// nobody is shown.
    fn tried(self, reference: &'a str, refusal: Option<&'a Refusal>) -> Self {
        let Some(refusal) = refusal else {
            return Self { outcome: Some("accepted"), reference: value(reference), ..self };
        };
        Self {
            outcome: Some("refused"),
            status: None,
            detail: refusal.is_behind_decryption().then(|| visible(&refusal.detail, MAX_DETAIL)),
            ..self.refused(reference, refusal)
        }
    }

    fn at(event: &'static str, site: &'a str) -> Self {
        Self { event, site: value(site), ..Self::default() }
    }

    fn of_session(
        event: &'static str,
        site: &'a str,
        idp: &'a str,
        session: &'a str,
        client: Option<IpAddr>,
    ) -> Self {
        Self { idp: value(idp), session: value(session), client, ..Self::at(event, site) }
    }

    fn of_metadata(event: &'static str, site: &'a str, idp: &'a str, source: &'a str) -> Self {
        Self { idp: value(idp), source: value(source), ..Self::at(event, site) }
    }

    fn with(self, changed: &'a Changed) -> Self {
        Self {
            certificates_added: Some(names(&changed.certificates_added, MAX_FINGERPRINTS)),
            certificates_removed: Some(names(&changed.certificates_removed, MAX_FINGERPRINTS)),
            differences: Some(names(&changed.differences, MAX_DIFFERENCES)),
            ..self
        }
    }

    fn because(self, reason: Reason, detail: &'a str) -> Self {
        Self {
            code: Some(reason.code()),
            meaning: Some(reason.meaning()),
            detail: Some(visible(detail, MAX_DETAIL)).filter(|detail| !detail.is_empty()),
            likely_cause: Some(reason.likely_cause()),
            what_to_change: Some(reason.what_to_change()),
            ..self
        }
    }

    fn refused(self, reference: &'a str, refusal: &'a Refusal) -> Self {
        Self {
            reference: value(reference),
            status: Some(refusal.public_reason().status()),
            ..self.because(refusal.reason, &refusal.detail)
        }
    }
}

/// What every use of an exception says.
const DANGER_CHANGE: &str = "Let the IdP sign with SHA-256 or better, and remove the `danger_` key: after its date every \
                              sign-in of this IdP is refused.";

#[expect(clippy::unnecessary_wraps, reason = "members are optional, and nearly every one is made by this")]
fn value(text: &str) -> Option<Cow<'_, str>> {
    Some(visible(text, MAX_VALUE))
}

fn without_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}
