//! What an explanation says, as values: `render.rs` makes text of it, serde makes JSON.
//!
//! Everything that could name or describe a person has been redacted by the time it stands here, unless the caller
//! asked for it.

use crate::clock::Moment;
use crate::saml::parties::SigningCertificate;
use serde::Serialize;

/// Everything that was found in the input.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The SAML messages, in their order.
    pub messages: Vec<Explained>,
    /// What was noticed about the input as a whole.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether some rule or check refuses some message.
    pub fn refuses(&self) -> bool {
        self.messages.iter().any(Explained::is_refused)
    }
}

/// One message.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// `Response`, `AuthnRequest`, `LogoutRequest`, `LogoutResponse`, or the name of another root.
    pub kind: String,
    /// Where in the input it was.
    pub found: String,
    /// How it was carried: `post`, `redirect`, `xml`.
    pub carried: &'static str,
    /// What was noticed about how it was carried.
    pub notes: Vec<String>,
    /// What it says about itself and about its subject.
    pub says: Vec<Fact>,
    /// Its signatures.
    pub signatures: Vec<SignatureSeen>,
    /// Its encrypted parts.
    pub encrypted: Vec<EncryptedSeen>,
    /// What it was held against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// What other code says of what ours accepts, where it is asked: `agrees`, `disagrees: …`, `not comparable: …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_opinion: Option<String>,
    /// What the gate would answer; only for responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Every rule or check, in order.
    pub rules: Vec<RuleSeen>,
    /// What the mapping makes of the attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentitySeen>,
}

impl Explained {
    /// Whether some rule or check refuses it.
    pub fn is_refused(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.refused.is_some())
            || self.rules.iter().any(|rule| rule.state == State::Failed)
    }
}

/// One thing that a message says.
#[derive(Debug, Serialize)]
pub struct Fact {
    /// What it is about, in words.
    pub name: String,
    /// What is said.
    pub value: String,
}

/// One signature.
#[derive(Debug, Serialize)]
pub struct SignatureSeen {
    /// What it stands in: `response`, `assertion`, `message`.
    pub over: String,
    /// The name of its algorithm.
    pub algorithm: String,
    /// The name of its digest.
    pub digest: String,
    /// The name of its canonicalisation.
    pub canonicalization: String,
    /// The certificates that the message itself shows. Nothing is ever trusted by them.
    pub shown: Vec<CertificateSeen>,
    /// The configured certificate whose key made it.
    pub made_by: Option<CertificateSeen>,
    /// Whether what it is over is as it was signed, whoever signed it; none: that could not be told.
    pub unaltered: Option<bool>,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateSeen {
    /// Its subject.
    pub subject: String,
    /// Its fingerprint, as `openssl x509 -fingerprint -sha256` prints it.
    pub sha256: String,
    /// What kind of key it holds.
    pub key: String,
    /// When it ends; nothing is refused by that.
    pub not_after: String,
    /// Whether it is one of the configured ones.
    pub configured: bool,
}

impl CertificateSeen {
    pub(super) fn new(certificate: &SigningCertificate, configured: &[SigningCertificate]) -> Self {
        Self {
            subject: certificate.subject.clone(),
            sha256: certificate.fingerprint(),
            key: certificate.key.clone(),
            not_after: certificate.not_after.to_string(),
            configured: configured.iter().any(|known| known.sha256 == certificate.sha256),
        }
    }
}

/// One encrypted part.
#[derive(Debug, Serialize)]
pub struct EncryptedSeen {
    /// `EncryptedAssertion`, `EncryptedID` or `EncryptedAttribute`.
    pub part: String,
    /// How the content is encrypted.
    pub content: String,
    /// How its key is encrypted.
    pub key: String,
    /// For which certificates, where it says so.
    pub recipients: Vec<CertificateSeen>,
    /// What came of opening it.
    pub opened: String,
}

/// What a message was held against.
#[derive(Debug, Serialize)]
pub struct Against {
    /// The site.
    pub site: String,
    /// Our entity ID.
    pub entity_id: String,
    /// Where answers to us go.
    pub acs_url: String,
    /// The `id` of the identity provider.
    pub idp: String,
    /// Its entity ID.
    pub idp_entity_id: String,
    /// The certificates whose keys may sign for it.
    pub certificates: Vec<CertificateSeen>,
    /// How far clocks may differ, in seconds.
    pub clock_skew_seconds: u64,
    /// At which moment the rules were applied.
    pub at: String,
    /// Why at that one.
    pub at_because: &'static str,
    /// The request that it had to answer, where that is known.
    pub request_id: Option<String>,
    /// Whether it was judged as an answer that nobody asked for.
    pub unsolicited: bool,
}

/// What the gate would answer.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// In a word.
    pub outcome: Outcome,
    /// Why it refuses; none: every rule is passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Cause>,
    /// The code by which it would be refused at the present moment; none: it would pass now too.
    pub refused_now: Option<String>,
    /// What else was noticed about clocks.
    pub clocks: Vec<String>,
}

/// The verdict in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every rule that can be applied here is passed.
    Passes,
    /// One refuses.
    Refused,
}

impl Outcome {
    /// By whether something refuses.
    pub(super) const fn of(refused: bool) -> Self {
        if refused { Self::Refused } else { Self::Passes }
    }
}

/// A rule that refuses, and what to do.
#[derive(Debug, Clone, Serialize)]
pub struct Cause {
    /// Its stable code, as the audit log has it.
    pub code: &'static str,
    /// What it found.
    pub meaning: &'static str,
    /// The values that disagreed.
    pub detail: String,
    /// What most often lies behind it.
    pub likely_cause: &'static str,
    /// What to change, and on which side.
    pub what_to_change: &'static str,
    /// What can be said about this very message.
    pub hints: Vec<String>,
}

/// One rule or check.
#[derive(Debug, Serialize)]
pub struct RuleSeen {
    /// Where on the way it is applied.
    pub part: &'static str,
    /// The code that it refuses with, or the name of a check that has none.
    pub code: &'static str,
    /// What became of it.
    pub state: State,
    /// It was applied to what no signature vouches for.
    #[serde(skip_serializing_if = "is_false")]
    pub unverified: bool,
    /// What it compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Values>,
    /// Why it refuses and what to do; only where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// serde asks with a reference.
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It holds.
    Passed,
    /// It refuses.
    Failed,
    /// An earlier one left nothing to apply it to.
    NotReached,
    /// Only the running gate knows what it compares with.
    CannotBeToldHere,
}

/// What a rule compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Values {
    /// Texts of which one must be the wanted one.
    Texts {
        /// What the message says.
        found: Vec<String>,
        /// What it should say.
        wanted: String,
        /// How the nearest of them differs, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        difference: Option<String>,
    },
    /// Two moments.
    Times {
        /// What happened, or is allowed until or from, at the first.
        what: &'static str,
        /// The message's.
        then: String,
        /// What it is compared with.
        compared_with: String,
        /// How much later the first is, in seconds; negative when it is earlier.
        seconds_later: i64,
    },
    /// In words.
    Words {
        /// Them.
        words: String,
    },
}

/// What the mapping makes of an answer.
#[derive(Debug, Serialize)]
pub struct IdentitySeen {
    /// Whether a configured key vouches for what it is made of.
    pub verified: bool,
    /// The NameID's format.
    pub name_id_format: String,
    /// What the application would be told, by name.
    pub told: Vec<Fact>,
    /// Every attribute that was sent.
    pub attributes: Vec<AttributeSeen>,
}

/// One attribute.
#[derive(Debug, Serialize)]
pub struct AttributeSeen {
    /// Its name.
    pub name: String,
    /// Its friendly name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// Its values.
    pub values: Vec<String>,
    /// What the mapping reads from it; nothing: it is not used.
    pub read_as: Vec<String>,
}

/// A moment in seconds after another, negative before it.
pub(super) fn seconds_after(then: Moment, other: Moment) -> i64 {
    then.millis().saturating_sub(other.millis()) / 1000
}
