//! One of each event, for the tests of all.

use super::*;
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use std::net::IpAddr;

pub(super) const CLIENT: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)));
const NOON: Moment = Moment::from_seconds(1_800_000_000);

/// What a sample is made of, each with something hostile in it where the test wants that.
pub(super) struct Words {
    pub(super) word: String,
    pub(super) words: Vec<String>,
    pub(super) refusal: Refusal,
    pub(super) hidden: Refusal,
    pub(super) changed: Changed,
    pub(super) certificates: Vec<String>,
}

impl Words {
    pub(super) fn of(word: &str) -> Self {
        let certificate = vec!["AB"; 32].join(":");
        let words = vec![word.to_owned(), "admin".to_owned()];
        Self {
            word: word.to_owned(),
            refusal: Refusal::new(Reason::AudienceMismatch, word.to_owned()),
            hidden: Refusal::new(Reason::AudienceMismatch, word.to_owned()).behind_decryption(),
            changed: Changed {
                differences: words.clone(),
                certificates_added: vec![certificate.clone()],
                certificates_removed: Vec::new(),
            },
            certificates: vec![certificate],
            words,
        }
    }

    pub(super) fn sign_in(&self) -> Event<'_> {
        Event::SignedIn(SignIn {
            site: &self.word,
            idp: &self.word,
            user: &self.word,
            name_id: &self.word,
            session: "c2Vzc2lvbg",
            ends: NOON,
            groups: &self.words,
            roles: &self.words,
            authn_request: Some(&self.word),
            authn_instant: NOON,
            authn_context: Some(&self.word),
            client: CLIENT,
            signed: "assertion",
            signed_by: &self.certificates,
            encrypted: None,
            second_opinion: None,
        })
    }

    pub(super) fn unsolicited(&self) -> Event<'_> {
        Event::SignedIn(SignIn {
            site: &self.word,
            idp: &self.word,
            user: &self.word,
            name_id: &self.word,
            session: "c2Vzc2lvbg",
            ends: NOON,
            groups: &[],
            roles: &[],
            authn_request: None,
            authn_instant: NOON,
            authn_context: None,
            client: None,
            signed: "both",
            signed_by: &self.certificates,
            encrypted: Some("aes128-gcm"),
            second_opinion: Some((&self.word, true)),
        })
    }

    /// Every event at least once.
    pub(super) fn all(&self) -> Vec<Event<'_>> {
        let Self { word, words, refusal, hidden, changed, .. } = self;
        let (site, idp, user, name_id, source) = (word, word, word, word, word);
        let session = "c2Vzc2lvbg";
        let (reference, reason) = ("7f3a-91c2", Reason::MetadataKeysSwapped);
        let visitor = Some(Visitor { idp, user, session });
        vec![
            self.sign_in(),
            self.unsolicited(),
            Event::DangerUsed { site, idp, danger: "sha1", client: CLIENT },
            Event::TestSignIn { site, idp, reference, refusal: None, client: CLIENT },
            Event::TestSignIn { site, idp, reference, refusal: Some(refusal), client: None },
            Event::TestSignIn { site, idp, reference, refusal: Some(hidden), client: None },
            Event::SignInRefused {
                site,
                idp: Some(idp),
                authn_request: Some(word),
                user: Some(word),
                name_id: Some(name_id),
                reference,
                refusal,
                client: CLIENT,
            },
            Event::SignInRefused {
                site,
                idp: None,
                authn_request: None,
                user: None,
                name_id: None,
                reference,
                refusal,
                client: None,
            },
            Event::RequestRefused {
                site,
                reference,
                refusal,
                client: CLIENT,
                face: "proxy",
                method: word,
                path: word,
                visitor,
            },
            Event::SessionReplaced { site, idp, user, name_id, session, client: CLIENT },
            Event::SessionEnded { site, idp, user, name_id, session, why: "idle" },
            Event::SessionsEnded { sessions: 7 },
            Event::SessionsRevoked { detail: word, sessions: 2, by: word, client: None },
            Event::SessionsRevoked { detail: word, sessions: 2, by: word, client: CLIENT },
            Event::MetadataChanged { site, idp, source, how: "the rules", by: Some(word), changed },
            Event::MetadataHeld { site, idp, source, reason, detail: word, changed },
            Event::MetadataRefused { site, idp, source, reason, detail: word },
            Event::CertificateEnding {
                site,
                idp: Some(idp),
                certificate: word,
                fingerprint: word,
                ends: NOON,
                days_left: -1,
            },
            Event::SignedOut {
                site,
                idp,
                user,
                name_id,
                session,
                way: "user",
                at_idp: Some("asked"),
                client: CLIENT,
            },
            Event::LogoutRequested { site, idp, sessions: 2, outcome: "ended", client: CLIENT },
            Event::LogoutAnswered { site, idp, session, outcome: "failed", detail: word, client: CLIENT },
            Event::LogoutRefused { site, idp: Some(idp), reference, refusal, client: CLIENT },
            Event::TlsCertificateChanged { source, fingerprint: word, fingerprint_before: word },
            Event::GateStarted { version: word },
            Event::GateStopped { signal: "SIGTERM", sessions: 3 },
            Event::ConfigLoaded { source, fingerprint: word },
            Event::ConfigChanged {
                source,
                fingerprint: word,
                fingerprint_before: word,
                differences: words,
                at_next_start: words,
            },
            Event::ConfigRefused { source, differences: words, detail: word },
            Event::SessionsTakenUp { source, sessions: 3 },
            Event::SessionsRefused { source, detail: word },
            Event::EventsLost { lost: 3 },
        ]
    }
}

/// A number for each variant: who adds one must add it here, and a sample of it above.
pub(super) const fn number(event: &Event<'_>) -> usize {
    match event {
        Event::SignedIn(_) => 0,
        Event::DangerUsed { .. } => 1,
        Event::SignInRefused { .. } => 2,
        Event::RequestRefused { .. } => 3,
        Event::SessionReplaced { .. } => 4,
        Event::SessionEnded { .. } => 5,
        Event::SessionsEnded { .. } => 6,
        Event::MetadataChanged { .. } => 7,
        Event::MetadataHeld { .. } => 8,
        Event::MetadataRefused { .. } => 9,
        Event::CertificateEnding { .. } => 10,
        Event::SignedOut { .. } => 11,
        Event::LogoutRequested { .. } => 12,
        Event::LogoutAnswered { .. } => 13,
        Event::LogoutRefused { .. } => 14,
        Event::GateStarted { .. } => 15,
        Event::GateStopped { .. } => 16,
        Event::ConfigLoaded { .. } => 17,
        Event::ConfigChanged { .. } => 18,
        Event::EventsLost { .. } => 19,
        Event::TlsCertificateChanged { .. } => 20,
        Event::TestSignIn { .. } => 21,
        Event::SessionsRevoked { .. } => 22,
        Event::ConfigRefused { .. } => 23,
        Event::SessionsTakenUp { .. } => 24,
        Event::SessionsRefused { .. } => 25,
    }
}

/// How many there are.
pub(super) const VARIANTS: usize = 26;
