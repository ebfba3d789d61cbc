//! The record of who came in, who was refused and why, and who left: one event for each.
//!
//! Each event is one log line under the target `audit`, written at every `log.level`. In JSON its members stand at the
//! top of the line, beside `timestamp`, `level` and `target`:
//!
//! | member | in | what |
//! |---|---|---|
//! | `event` | all | `sign-in`, `sign-in-refused`, `request-refused`, `sign-out`, `session-replaced` (ended by a new sign-in in the same browser), `test-sign-in` (somebody with a test link tried an IdP; `outcome` says how it ended), `danger-used` (an answer was accepted that only a `danger_` key lets in), `logout-request` (an IdP asked us to end sessions), `logout-response` (an IdP answered ours), `logout-refused`; and those below |
//! | `site` | all | the site's name |
//! | `idp` | sign-in, sign-out, session-replaced; refused sign-ins where known | the IdP's `id` |
//! | `user` | where known | the user, as the headers name it |
//! | `session` | sign-in, sign-out, session-replaced | the session's public name (the JWT's `sid`), never its secret |
//! | `groups`, `roles` | sign-in | the number of groups; the roles |
//! | `way` | sign-out | `user` (the person left here), `idp` (the IdP asked for it) |
//! | `at_idp` | sign-out by the user | `asked` (single logout goes on there), `sign-out-url`, `not-asked` |
//! | `sessions`, `outcome` | logout-request, logout-response | how many sessions ended here; `ended`, `partly`, `failed` |
//! | `outcome` | test-sign-in | `accepted`, `refused` |
//! | `signed` | sign-in | which parts the IdP signed |
//! | `encrypted` | sign-in, where it was | the cipher of the assertion |
//! | `danger` | danger-used | which exception: `sha1` |
//! | `unsolicited` | sign-ins that nobody here asked for | `true` |
//! | `second_opinion` | sign-in, where one was asked | `agrees`, `not comparable: …`, or `disagrees: …` while that is only reported; then the event is a warning |
//! | `client` | where known | the client's address, as `trusted_proxies` allow it to be known; the gateway's own where it named no client |
//! | `reference` | refusals | what the page showed |
//! | `code`, `status`, `meaning` | refusals | the reason: docs/reason-codes.md |
//! | `detail` | refusals, where there is more to say | the values that disagreed |
//! | `likely_cause`, `what_to_change` | refusals | where to look, and the setting |
//! | `method`, `path` | refused requests | what was asked for, without its query |
//! | `source` | metadata | the address or file that the metadata came from |
//! | `differences` | metadata-changed, metadata-held | what is different from what ran, a line each, `+`, `-` or `~` in front |
//! | `how` | metadata-changed | what let it in: `the first reading`, `the rules`, `vestibule metadata apply`, `apply_held_after` |
//! | `certificate`, `fingerprint`, `ends`, `days_left` | certificate-ending | subject, SHA-256, when, in how many whole days (negative once it has ended). Without `idp` it is our own |
//!
//! Events of the gate itself: `metadata-changed` (an identity provider's metadata is in use that says something new),
//! `metadata-held` (it waits for the owner), `metadata-refused` (a document that is not used), `certificate-ending`.
//!
//! Values are bounded, and characters that would break a line or steer a terminal are written out, so that nobody can
//! forge an event by what they send.

mod event;

pub use event::Event;

use super::visible::visible;

use crate::reason::{Reason, Refusal};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// The target of audit events.
pub const TARGET: &str = "audit";

/// The field that carries the record; the formatter spreads it over the line.
pub(super) const RECORD: &str = "record";

/// Bounds in bytes: of a refusal's detail, and of every other value.
const MAX_DETAIL: usize = 1024;
const MAX_VALUE: usize = 512;
const MAX_ROLES: usize = 32;
const MAX_DIFFERENCES: usize = 64;

/// A short random reference such as `7f3a-91c2`, on the page and in the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(String);

impl Reference {
    /// 32 random bits: enough to find one event among a day's, short enough to be read out on the telephone.
    pub fn random() -> Self {
        let mut bytes = [0_u8; 4];
        // Without randomness nothing else here works either; a reference is no secret, so zeros will do.
        let _ = aws_lc_rs::rand::fill(&mut bytes);
        let [a, b, c, d] = bytes;
        Self(format!("{a:02x}{b:02x}-{c:02x}{d:02x}"))
    }

    /// The reference as shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes the event.
pub fn record(event: &Event<'_>) {
    let record = Record::of(event);
    // A struct of strings and numbers always has a JSON form; were it not so, the name of the event remains.
    let json = serde_json::to_string(&record).unwrap_or_else(|_| "{}".to_string());
    match event {
        Event::SignedIn { second_opinion: Some((_, true)), .. } => {
            tracing::warn!(target: TARGET, record = json.as_str(), "{}", record.event);
        }
        Event::SignedIn { .. }
        | Event::SessionReplaced { .. }
        | Event::SignedOut { .. }
        | Event::MetadataChanged { .. }
        | Event::TestSignIn { .. }
        | Event::LogoutRequested { .. }
        | Event::LogoutAnswered { .. } => {
            tracing::info!(target: TARGET, record = json.as_str(), "{}", record.event);
        }
        Event::SignInRefused { .. }
        | Event::RequestRefused { .. }
        | Event::LogoutRefused { .. }
        | Event::DangerUsed { .. }
        | Event::MetadataHeld { .. }
        | Event::MetadataRefused { .. }
        | Event::CertificateEnding { .. } => {
            tracing::warn!(target: TARGET, record = json.as_str(), "{}", record.event);
        }
    }
}

/// The members of an event, in the order in which they are written.
#[derive(Default, Serialize)]
struct Record<'a> {
    event: &'static str,
    site: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idp: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<Cow<'a, str>>,
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
    sessions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_opinion: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    differences: Option<Vec<Cow<'a, str>>>,
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
    fn of(event: &Event<'a>) -> Self {
        let value = |text: &'a str| Some(visible(text, MAX_VALUE));
        match *event {
            Event::SignedIn {
                site,
                idp,
                user,
                session,
                groups,
                roles,
                client,
                signed,
                encrypted,
                unsolicited,
                second_opinion,
            } => Self {
                event: "sign-in",
                site: visible(site, MAX_VALUE),
                idp: value(idp),
                user: value(user),
                session: value(session),
                groups: Some(groups),
                roles: Some(roles.iter().take(MAX_ROLES).map(|role| visible(role, MAX_VALUE)).collect()),
                signed: value(signed),
                encrypted: encrypted.and_then(value),
                unsolicited: unsolicited.then_some(true),
                second_opinion: second_opinion.and_then(|(opinion, _)| value(opinion)),
                client,
                ..Self::default()
            },
            Event::DangerUsed { site, idp, danger, client } => Self {
                event: "danger-used",
                site: visible(site, MAX_VALUE),
                idp: value(idp),
                danger: value(danger),
                client,
                what_to_change: Some(DANGER_CHANGE),
                ..Self::default()
            },
            Event::SignInRefused { site, idp, reference, refusal, client } => Self {
                event: "sign-in-refused",
                site: visible(site, MAX_VALUE),
                idp: idp.and_then(value),
                client,
                ..Self::refused(reference, refusal)
            },
            Event::TestSignIn { site, idp, reference, refusal, client } => Self {
                event: "test-sign-in",
                site: visible(site, MAX_VALUE),
                idp: value(idp),
                outcome: Some(if refusal.is_some() { "refused" } else { "accepted" }),
                client,
                // The page shows the values to whoever tries, and to nobody else; but for those that nobody is shown.
                detail: refusal
                    .filter(|refusal| refusal.is_behind_decryption())
                    .map(|refusal| visible(&refusal.detail, MAX_DETAIL)),
                status: None,
                ..refusal.map_or_else(
                    || Self { reference: value(reference), ..Self::default() },
                    |refusal| Self::refused(reference, refusal),
                )
            },
            Event::RequestRefused { site, reference, refusal, client, method, path, user } => Self {
                event: "request-refused",
                site: visible(site, MAX_VALUE),
                user: user.and_then(value),
                client,
                method: value(method),
                path: value(without_query(path)),
                ..Self::refused(reference, refusal)
            },
            Event::SessionReplaced { site, idp, user, session, client } => {
                Self::ended("session-replaced", site, idp, user, session, client)
            }
            Event::SignedOut { site, idp, user, session, way, at_idp, client } => {
                Self { way: Some(way), at_idp, ..Self::ended("sign-out", site, idp, user, session, client) }
            }
            Event::LogoutRequested { site, idp, sessions, outcome, client } => Self {
                event: "logout-request",
                site: visible(site, MAX_VALUE),
                idp: value(idp),
                sessions: Some(sessions),
                outcome: Some(outcome),
                client,
                ..Self::default()
            },
            Event::LogoutAnswered { site, idp, session, outcome, detail, client } => Self {
                event: "logout-response",
                site: visible(site, MAX_VALUE),
                idp: value(idp),
                session: value(session),
                outcome: Some(outcome),
                detail: Some(visible(detail, MAX_DETAIL)).filter(|detail| !detail.is_empty()),
                client,
                ..Self::default()
            },
            Event::LogoutRefused { site, idp, reference, refusal, client } => Self {
                event: "logout-refused",
                site: visible(site, MAX_VALUE),
                idp: idp.and_then(value),
                client,
                ..Self::refused(reference, refusal)
            },
            Event::MetadataChanged { site, idp, source, how, differences } => Self {
                event: "metadata-changed",
                how: value(how),
                differences: Some(lines(differences)),
                ..Self::of_metadata(site, idp, source)
            },
            Event::MetadataHeld { site, idp, source, reason, detail, differences } => Self {
                event: "metadata-held",
                differences: Some(lines(differences)),
                ..Self::of_metadata(site, idp, source).because(reason, detail)
            },
            Event::MetadataRefused { site, idp, source, reason, detail } => Self {
                event: "metadata-refused",
                ..Self::of_metadata(site, idp, source).because(reason, detail)
            },
            Event::CertificateEnding { site, idp, certificate, fingerprint, ends, days_left } => Self {
                event: "certificate-ending",
                site: visible(site, MAX_VALUE),
                idp: idp.and_then(value),
                certificate: value(certificate),
                fingerprint: value(fingerprint),
                ends: Some(ends.to_string()),
                days_left: Some(days_left),
                ..Self::default()
            },
        }
    }

    fn of_metadata(site: &'a str, idp: &'a str, source: &'a str) -> Self {
        let value = |text: &'a str| visible(text, MAX_VALUE);
        Self { site: value(site), idp: Some(value(idp)), source: Some(value(source)), ..Self::default() }
    }

    fn because(self, reason: Reason, detail: &'a str) -> Self {
        Self {
            code: Some(reason.code()),
            meaning: Some(reason.meaning()),
            detail: Some(visible(detail, MAX_DETAIL)),
            likely_cause: Some(reason.likely_cause()),
            what_to_change: Some(reason.what_to_change()),
            ..self
        }
    }

    fn ended(
        event: &'static str,
        site: &'a str,
        idp: &'a str,
        user: &'a str,
        session: &'a str,
        client: Option<IpAddr>,
    ) -> Self {
        let value = |text: &'a str| Some(visible(text, MAX_VALUE));
        Self {
            event,
            site: visible(site, MAX_VALUE),
            idp: value(idp),
            user: value(user),
            session: value(session),
            client,
            ..Self::default()
        }
    }

    fn refused(reference: &'a str, refusal: &'a Refusal) -> Self {
        let reason = refusal.reason;
        Self {
            reference: Some(visible(reference, MAX_VALUE)),
            code: Some(reason.code()),
            status: Some(refusal.public_reason().status()),
            meaning: Some(reason.meaning()),
            detail: Some(visible(&refusal.detail, MAX_DETAIL)).filter(|detail| !detail.is_empty()),
            likely_cause: Some(reason.likely_cause()),
            what_to_change: Some(reason.what_to_change()),
            ..Self::default()
        }
    }
}

/// What every use of an exception says.
const DANGER_CHANGE: &str = "Let the IdP sign with SHA-256 or better, and remove the `danger_` key: after its date every \
                              sign-in of this IdP is refused.";

fn lines(differences: &[String]) -> Vec<Cow<'_, str>> {
    differences.iter().take(MAX_DIFFERENCES).map(|line| visible(line, MAX_VALUE)).collect()
}

fn without_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::observe::log::LogFormat;
    use crate::observe::log::tests::{captured, settings_as};
    use serde_json::Value;

    fn line(event: &Event<'_>) -> Value {
        let out = captured(&settings_as(LogFormat::Json), || record(event));
        assert_eq!(out.matches('\n').count(), 1, "{out}");
        serde_json::from_str(&out).unwrap()
    }

    fn names(line: &Value) -> Vec<&str> {
        line.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn a_sign_in_is_one_line_with_its_members_at_the_top() {
        let line = line(&Event::SignedIn {
            site: "wiki",
            idp: "corp",
            user: "ada",
            session: "c2Vzc2lvbg",
            groups: 3,
            roles: &["admin".into(), "a, b".into()],
            client: Some([192, 0, 2, 7].into()),
            signed: "assertion",
            encrypted: None,
            unsolicited: false,
            second_opinion: None,
        });
        assert_eq!(line["target"], "audit");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["event"], "sign-in");
        assert_eq!(line["user"], "ada");
        assert_eq!(line["groups"], 3);
        assert_eq!(line["roles"], serde_json::json!(["admin", "a, b"]));
        assert_eq!(line["client"], "192.0.2.7");
        assert!(!names(&line).contains(&"code") && !names(&line).contains(&"record"), "{line}");
        assert!(!names(&line).contains(&"unsolicited"), "{line}");
        assert!(!names(&line).contains(&"second_opinion"), "{line}");
    }

    #[test]
    fn a_sign_in_about_which_opinions_differ_is_a_warning() {
        let with = |opinion| {
            line(&Event::SignedIn {
                site: "wiki",
                idp: "corp",
                user: "ada",
                session: "c2Vzc2lvbg",
                groups: 0,
                roles: &[],
                client: None,
                signed: "assertion",
                encrypted: None,
                unsolicited: false,
                second_opinion: opinion,
            })
        };
        let agreed = with(Some(("agrees", false)));
        assert_eq!((&agreed["level"], &agreed["second_opinion"]), (&"INFO".into(), &"agrees".into()));
        let differed = with(Some(("disagrees: it reads another NameID", true)));
        assert_eq!(differed["level"], "WARN");
        assert_eq!(differed["second_opinion"], "disagrees: it reads another NameID");
    }

    #[test]
    fn a_refusal_behind_a_decryption_has_its_own_code_and_the_status_that_was_shown() {
        let refusal = Refusal::from(Reason::XmlDoctype).behind_decryption();
        let line = line(&Event::SignInRefused {
            site: "wiki",
            idp: Some("corp"),
            reference: "7f3a-91c2",
            refusal: &refusal,
            client: None,
        });
        assert_eq!(line["code"], "xml-doctype");
        assert_eq!(line["status"], 403);
    }

    #[test]
    fn a_refusal_says_why_and_what_to_change() {
        let refusal = Refusal::new(Reason::AudienceMismatch, "the assertion is for https://other");
        let line = line(&Event::SignInRefused {
            site: "wiki",
            idp: Some("corp"),
            reference: "7f3a-91c2",
            refusal: &refusal,
            client: None,
        });
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["event"], "sign-in-refused");
        assert_eq!(line["reference"], "7f3a-91c2");
        assert_eq!(line["code"], "audience-mismatch");
        assert_eq!(line["status"], 403);
        assert_eq!(line["detail"], "the assertion is for https://other");
        assert_eq!(line["likely_cause"], Reason::AudienceMismatch.likely_cause());
        assert_eq!(line["what_to_change"], Reason::AudienceMismatch.what_to_change());
        assert!(!names(&line).contains(&"client"), "{line}");
    }

    #[test]
    fn a_refused_request_is_named_without_its_query() {
        let refusal = Refusal::from(Reason::AccessDenied);
        let line = line(&Event::RequestRefused {
            site: "wiki",
            reference: "7f3a-91c2",
            refusal: &refusal,
            client: None,
            method: "GET",
            path: "/admin?token=s3cr3t",
            user: Some("ada"),
        });
        assert_eq!(line["path"], "/admin");
        assert_eq!(line["user"], "ada");
        assert!(!names(&line).contains(&"detail"), "{line}");
    }

    #[test]
    fn metadata_that_waits_shows_what_is_different() {
        let line = line(&Event::MetadataHeld {
            site: "wiki",
            idp: "corp",
            source: "https://idp.example.com/metadata",
            reason: Reason::MetadataKeysSwapped,
            detail: "all signing keys are new",
            differences: &["+ signing key CN=new\u{1b}[2J".into(), "- signing key CN=old".into()],
        });
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["event"], "metadata-held");
        assert_eq!(line["code"], "metadata-keys-swapped");
        assert_eq!(line["source"], "https://idp.example.com/metadata");
        assert_eq!(line["differences"][0], "+ signing key CN=new\\u{1b}[2J");
        assert_eq!(line["what_to_change"], Reason::MetadataKeysSwapped.what_to_change());
        assert!(!names(&line).contains(&"status"), "nobody was answered");
    }

    #[test]
    fn a_certificate_that_ends_is_theirs_or_ours() {
        let line = line(&Event::CertificateEnding {
            site: "wiki",
            idp: None,
            certificate: "CN=vestibule",
            fingerprint: "AB:CD",
            ends: Moment::from_seconds(1_800_000_000),
            days_left: 7,
        });
        assert_eq!(line["event"], "certificate-ending");
        assert_eq!(line["days_left"], 7);
        assert_eq!(line["ends"], "2027-01-15T08:00:00.000Z");
        assert!(!names(&line).contains(&"idp"), "{line}");
    }

    #[test]
    fn nobody_forges_an_event_by_what_they_send() {
        let evil = "x\n{\"target\":\"audit\",\"event\":\"sign-in\",\"user\":\"root\"}\u{1b}[2J\u{202e}\",\"user\":\"root";
        let event = Event::SignedOut {
            site: "wiki",
            idp: "corp",
            user: evil,
            session: "s",
            way: "user",
            at_idp: None,
            client: None,
        };
        let line = line(&event);
        assert_eq!(line["event"], "sign-out");
        let user = line["user"].as_str().unwrap();
        assert!(user.contains("\\u{a}") && user.contains("\\u{1b}") && user.contains("\\u{202e}"), "{user}");

        let text = captured(&settings_as(LogFormat::Text), || record(&event));
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    }

    #[test]
    fn details_are_bounded() {
        let refusal = Refusal::new(Reason::StatusNotSuccess, "x".repeat(5000));
        let line = line(&Event::SignInRefused {
            site: &"s".repeat(5000),
            idp: None,
            reference: "r",
            refusal: &refusal,
            client: None,
        });
        assert_eq!(line["detail"].as_str().unwrap().chars().count(), MAX_DETAIL + 1);
        assert_eq!(line["site"].as_str().unwrap().chars().count(), MAX_VALUE + 1);
    }

    #[test]
    fn references_are_short_and_differ() {
        let one = Reference::random();
        assert_eq!(one.as_str().len(), 9);
        assert_eq!(one.as_str().as_bytes()[4], b'-');
        assert!(one.as_str().bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()));
        // Four in a row that are all alike would be chance once in 2^96.
        assert!((0..4).any(|_| Reference::random() != one));
    }
}
