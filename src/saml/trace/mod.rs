//! The way of an answer, written down rule by rule, for explanations.
//!
//! The verdict is the gate's own: [`trace`] sends the answer the same way, `parse`, `verify`, `accept`. Beside it, it
//! listens to every rule of the profile (`witness.rs`) and lets them go on where the gate would have stopped. Where the
//! gate stops earlier, at the shape of the message or at a signature, the rest is judged as if it had been signed and
//! marked [`Rule::unverified`]: good for finding the cause, worth nothing otherwise. What is read there leaves this room
//! as words to show; no identity can be made of them.

mod notes;
mod part;

use super::accept::rules;
use super::assertion::Assertion;
use super::decryption::Decryption;
use super::envelope::Envelope;
use super::markup;
use super::parties::{CryptographyPolicy, IdentityProvider, Limits, Policy, SigningCertificate, TrustedKeys};
use super::response::{
    AcceptedAssertion, Attribute, Expected, NameId, RawResponse, ResponseText, demand_signatures,
};
use super::signature::Signature;
use super::structure::{Kind, Structure};
use super::xml::{self, ASSERTION, Element, SIGNATURE};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use notes::Notes;
use uppsala::{Document, NodeId};

pub use super::witness::Compared;
pub use part::Part;

/// Everything that happened to an answer.
#[derive(Debug)]
pub struct Trace {
    /// What the gate says.
    pub verdict: Result<AcceptedAssertion, Refusal>,
    /// Every rule, in the order of the parts.
    pub rules: Vec<Rule>,
    /// The signatures that have an acceptable shape.
    pub signatures: Vec<Signer>,
    /// Whom the assertion names and what it says about them, where it can be read.
    pub said: Option<Said>,
}

/// One rule and what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Where on the way it is applied.
    pub part: Part,
    /// The code by which it refuses.
    pub reason: Reason,
    /// What became of it.
    pub state: State,
    /// What it compared, where there is something to show.
    pub compared: Option<Compared>,
    /// It was applied to what no signature vouches for.
    pub unverified: bool,
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It holds, or has nothing to say about this message.
    Passed,
    /// It refuses.
    Failed,
    /// An earlier one left nothing to apply it to.
    NotReached,
}

/// A signature and its maker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// `response` or `assertion`.
    pub over: &'static str,
    /// The configured certificate whose key made it; none: nobody's whom we know.
    pub made_by: Option<SigningCertificate>,
    /// Whether what it is over is what was digested, whoever did that.
    pub unaltered: bool,
}

/// What the assertion says about its subject.
#[derive(Debug, Clone)]
pub struct Said {
    /// Whether a configured key vouches for it.
    pub verified: bool,
    /// The name.
    pub name_id: NameId,
    /// The attributes, in their order.
    pub attributes: Vec<Attribute>,
}

/// Sends an answer on its way and writes down what happens.
pub fn trace(
    text: &ResponseText,
    expected: &Expected<'_>,
    policy: &Policy,
    limits: &Limits,
    now: Moment,
) -> Trace {
    let idp = expected.identity_provider;
    let mut notes = Notes::default();
    notes.passed([Part::Encoding]);
    let message = Message::look(text, limits);
    let signatures = message.as_ref().map_or_else(|_| Vec::new(), |message| message.signers(idp, now));

    let verified =
        RawResponse::parse(text, limits).and_then(|raw| raw.verify(idp, expected.service_provider, now));
    let (verdict, said) = match verified {
        Ok(verified) => {
            notes.passed(Part::ALL);
            // What was signed is asked of what was verified: inside a ciphertext no signature can be seen.
            let parts = verified.protection.signed_parts;
            let signed = (parts != "assertion", parts != "response");
            notes.listen(Part::Presence, |notes| demand_signatures(signed, idp.require_signed, notes));
            if let Ok(message) = &message {
                message.listen_to_signatures(idp, now, &mut notes);
            }
            notes.listen(Part::Profile, |notes| {
                rules(
                    &verified.envelope,
                    &verified.assertion,
                    &verified.verified_as,
                    expected,
                    policy,
                    now,
                    notes,
                )
            });
            let said = Said::of(&verified.assertion, true);
            (verified.accept(expected, policy, now), Some(said))
        }
        Err(refusal) => {
            let said = match &message {
                Ok(message) => {
                    notes.unverified = !message.is_vouched_for(&signatures);
                    message.listen(expected, policy, limits, now, &mut notes)
                }
                // Whatever could not be looked at refused the message itself.
                Err(part) => {
                    notes.passed(Part::ALL.into_iter().filter(|earlier| earlier < part));
                    notes.failed(*part, refusal.clone());
                    None
                }
            };
            (Err(refusal), said)
        }
    };
    Trace { rules: notes.rules(verdict.as_ref().err()), verdict, signatures, said }
}

/// The signature over the whole of another message (a request, a logout message), by whoever of these keys made it;
/// `None` when its root is not signed.
///
/// # Errors
/// The reasons of reading XML and of the shape of signatures.
pub fn signature_of_root(
    text: &str,
    keys: &TrustedKeys,
    limits: &Limits,
    now: Moment,
) -> Result<Option<Signer>, Refusal> {
    let text = markup::normalize_attributes(text.to_owned());
    let document = xml::parse(&text, limits.max_depth)?;
    let root = Element::root(&document)?;
    let Some(element) = root.children().find(|child| child.is(SIGNATURE, "Signature")) else {
        return Ok(None);
    };
    let signature = Signature::parse(&document, element.node())?;
    let strict = CryptographyPolicy::default();
    let allowed = strict.at(now);
    Ok(Some(Signer {
        over: "message",
        made_by: signature.signer(&document, keys, &allowed).ok().cloned(),
        unaltered: signature.digested(&document).is_ok(),
    }))
}

impl Trace {
    /// Of an answer that could not even be decoded.
    pub fn undecoded(refusal: Refusal) -> Self {
        let mut notes = Notes::default();
        notes.failed(Part::Encoding, refusal.clone());
        Self { rules: notes.rules(Some(&refusal)), verdict: Err(refusal), signatures: Vec::new(), said: None }
    }
}

impl Said {
    fn of(assertion: &Assertion, verified: bool) -> Self {
        Self { verified, name_id: assertion.name_id.clone(), attributes: assertion.attributes.clone() }
    }
}

/// A message as it stands there: read for showing, verified by nobody.
struct Message<'a> {
    document: Document<'a>,
    structure: Structure,
    signatures: Vec<(&'static str, Result<Signature, Refusal>)>,
}

impl<'a> Message<'a> {
    /// Which part refuses to be looked at is the error.
    fn look(text: &'a ResponseText, limits: &Limits) -> Result<Self, Part> {
        let document = xml::parse(text.as_str(), limits.max_depth).map_err(|_| Part::Xml)?;
        let structure = Structure::inspect(&document, Kind::Response).map_err(|_| Part::Structure)?;
        let parsed = |over, node: Option<NodeId>| Some((over, Signature::parse(&document, node?)));
        let signatures = [
            parsed("response", structure.response_signature),
            parsed("assertion", structure.assertion_signature),
        ];
        Ok(Self { signatures: signatures.into_iter().flatten().collect(), structure, document })
    }

    fn signers(&self, idp: &IdentityProvider, now: Moment) -> Vec<Signer> {
        let allowed = idp.cryptography.at(now);
        let signer = |(over, signature): &(&'static str, Result<Signature, Refusal>)| {
            let signature = signature.as_ref().ok()?;
            Some(Signer {
                over,
                made_by: signature.signer(&self.document, &idp.keys, &allowed).ok().cloned(),
                unaltered: signature.digested(&self.document).is_ok(),
            })
        };
        self.signatures.iter().filter_map(signer).collect()
    }

    /// Whether it is signed, and every signature is good: then its refusal has nothing to do with who says what.
    fn is_vouched_for(&self, signers: &[Signer]) -> bool {
        let good = |signer: &Signer| signer.made_by.is_some() && signer.unaltered;
        !signers.is_empty() && signers.len() == self.signatures.len() && signers.iter().all(good)
    }

    /// Everything after the structure, for a message that is not accepted.
    fn listen(
        &self,
        expected: &Expected<'_>,
        policy: &Policy,
        limits: &Limits,
        now: Moment,
        notes: &mut Notes,
    ) -> Option<Said> {
        notes.passed([Part::Encoding, Part::Xml, Part::Structure]);
        let idp = expected.identity_provider;
        for (_, signature) in &self.signatures {
            notes.read(Part::SignatureShape, signature.as_ref().map_err(Clone::clone));
        }
        let assertion = Element::at(&self.document, self.structure.assertion)?;
        // Whether an encrypted assertion is signed will only be seen inside.
        let signed = (
            self.structure.response_signature.is_some(),
            self.structure.assertion_signature.is_some() || !assertion.is(ASSERTION, "Assertion"),
        );
        notes.listen(Part::Presence, |notes| demand_signatures(signed, idp.require_signed, notes));
        self.listen_to_signatures(idp, now, notes);

        let root = notes.read(Part::Response, Element::root(&self.document))?;
        let signed = self.structure.response_signature.is_some();
        let envelope = notes.read(Part::Response, Envelope::parse(root, signed));
        if !assertion.is(ASSERTION, "Assertion") {
            return None;
        }
        notes.passed([Part::Encryption]);
        let ours = Decryption::new(expected.service_provider, &idp.cryptography, limits.max_depth);
        let assertion = notes.read(Part::Assertion, Assertion::read(assertion, ours));
        if let (Some(envelope), Some(assertion)) = (&envelope, &assertion) {
            notes.listen(Part::Profile, |notes| {
                rules(envelope, assertion, &idp.entity_id, expected, policy, now, notes)
            });
        }
        assertion.map(|assertion| Said::of(&assertion, false))
    }

    /// Who made each signature, and whether it still fits, in the order in which `RawResponse` verifies them.
    fn listen_to_signatures(&self, idp: &IdentityProvider, now: Moment, notes: &mut Notes) {
        let allowed = idp.cryptography.at(now);
        for (over, signature) in &self.signatures {
            let Ok(signature) = signature else { continue };
            match signature.signer(&self.document, &idp.keys, &allowed) {
                Ok(by) => {
                    let by = &by.subject;
                    notes.found(Part::Signature, Reason::SignatureInvalid, format!("{over}: signed by {by}"));
                }
                Err(refusal) => notes.failed(Part::Signature, refusal),
            }
            match signature.digested(&self.document) {
                Ok(_) => {
                    notes.found(Part::Signature, Reason::DigestMismatch, format!("{over}: as it was signed"));
                }
                Err(refusal) => notes.failed(Part::Signature, refusal),
            }
        }
        if self.signatures.iter().any(|(_, signature)| signature.is_ok()) {
            notes.passed([Part::Signature]);
        }
    }
}

#[cfg(test)]
mod tests;
