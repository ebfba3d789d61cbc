//! SAML 2.0, pure: bytes and a moment in, a verdict out. No HTTP, no YAML, no clock of its own.
//!
//! # The way of an answer
//!
//! ```text
//! ResponseText ──parse──> RawResponse ──verify(idp, sp, now)──> VerifiedResponse ──accept(expected, policy, now)──> AcceptedAssertion
//!   xml.rs                 structure.rs                 signature.rs                  accept.rs
//!   limits, encoding       pre-check, shape of          keys, digest; decryption.rs   the Web Browser SSO
//!                          signatures and ciphertexts:  opens, assertion.rs reads     profile, paragraph by paragraph
//!                          no key needed                the digested octets
//! ```
//!
//! Each step takes what stands before it by value and is the only maker of what comes after it. Nothing can be read
//! before [`AcceptedAssertion`](response::AcceptedAssertion) but the request that an answer claims to answer.
//! [`validate`] is the whole way in one call.
//!
//! The other files: [`parties`] says who talks, `keys.rs` holds theirs, `own_keys.rs` ours, [`authn_request`] asks what [`demand`]
//! says, [`logout`] is single logout in both directions, `redirect.rs` the binding of queries, [`metadata`] reads theirs
//! and writes ours, `algorithms.rs` and `encryption.rs` are the lists of what is accepted, `ciphertext.rs` is the shape of
//! what is encrypted, `instant.rs` reads times, `enveloping.rs` signs what is ours, [`signed_by`] says whose signature was
//! good, [`second_opinion`] asks somebody else. [`trace`] and [`reading`] are for explanations: the same rules with
//! somebody who writes them down, and what a message says whoever sent it; nothing leads from there to an identity.
//!
//! # What has gone wrong elsewhere, and what rules it out here
//!
//! | attack | where it worked | why it does not here |
//! |---|---|---|
//! | Signature wrapping: a signed part is kept for the verifier, an evil one is put where the reader looks (XSW 1 to 8) | most SAML libraries in 2012 (Somorovsky et al., "On Breaking SAML"); CVE-2024-45409, CVE-2025-47949 | `structure.rs`: one assertion in the whole document, a child of the response; unique IDs; `signature.rs`: a reference can only name its own parent; `SignedXml`: the reader gets the digested octets and nothing else |
//! | The verified element is forgotten and the document read instead | CVE-2025-54419, CVE-2022-41912 (a second assertion) | `Assertion::parse` takes a `SignedDocument`, which only `Signature::verify` leads to |
//! | Two parsers see two documents | CVE-2025-25291, CVE-2025-25292, CVE-2025-66567; CVE-2020-27846 | one parser, one document; what is read is parsed from canonical octets, where comments, CDATA, entities and prefixes have no second meaning, and checked again |
//! | A comment cuts a name: `admin@example.com<!---->.evil.net` | CVE-2017-11427, CVE-2018-0489 | canonical octets have no comments; `Element::text` is the whole text or nothing |
//! | A comment or a second SignedInfo inside the signature | CVE-2025-29774, CVE-2025-29775 | `Signature::parse`: one shape, no comments, no qualified attributes, each element once |
//! | Canonicalisation gives nothing, and nothing has a known digest | CVE-2025-66568 | `canonical` refuses empty octets; relative namespace names, which cause it, are refused before |
//! | The key comes from the message (KeyInfo) | CVE-2021-21239 | the `KeyInfo` of a signature is never read; [`parties::TrustedKeys`] is the only source of keys and cannot be empty |
//! | The public key as an HMAC secret; a truncated HMAC | CVE-2009-0217 | `SignatureAlgorithm` has no HMAC; keys are prepared for the algorithms of their own kind; parameters are refused |
//! | Weak algorithms and keys | SHA-1 collisions, RSA under 2048 bits | their names do not parse, SHA-1 is nothing without an `Allowed`; `keys.rs` skips such keys when they are configured |
//! | XSLT, XPath and remote references, carried out before the signature is checked | Hill, "Command Injection in XML Signatures and Encryption" (2007) | the transforms are exactly two names; there is no code for any other; the value over SignedInfo is verified before anything is digested |
//! | Padding oracles: whoever can tell how a decryption failed can decrypt, and encrypt for us anyway | Jager and Somorovsky, "How to Break XML Encryption" (2011); Bleichenbacher's attack on rsa-1_5 (2012) | a signature over the ciphertext is verified before it is opened; PKCS #1 v1.5 and 3DES do not parse; every failure from the opening to the inner signature is marked and looks alike outside, comes at a fixed time, and three of them end the sign-in (`login/tries.rs`) |
//! | What was decrypted is trusted because it was encrypted, although anybody can encrypt for us | (a shape, not one case) | `Plaintext` passes the same structure and signature checks as a document from outside; only octets under a verified signature become `SignedXml` |
//! | The decrypted text reaches out of its place, or brings a second assertion | (a shape, not one case) | it is parsed as a document of its own, in which the assertion is the only element |
//! | Keys and content are fetched from where the message says | CipherReference, RetrievalMethod | `ciphertext.rs` reads what stands inside the element, and has no code that fetches |
//! | Several references, of which another one counts | CVE-2026-33487 | SignedInfo has exactly one |
//! | Entities: external files, billion laughs, default attributes | CVE-2003-1564 and ever since | a document type declaration is refused (`xml.rs`) |
//! | Unsigned accepted when a key or a setting is missing | (a shape, not one case) | required is not `Option`: no key, no `TrustedKeys`; no signature, no `VerifiedResponse`; no audience, recipient or expiry, no `Assertion` |
//! | Another known IdP speaks for this one | (several gateways with many IdPs) | a `VerifiedResponse` remembers under whose keys it was verified, and `accept` compares |
//! | A stolen answer: replayed, for another service, another browser, another time | (the reason for Profiles 4.1.4.3) | `accept.rs`: audience, recipient, destination, InResponseTo twice, times; the store claims the ID once |
//! | Metadata whose signer is known is wrapped, stripped or signed inside only; an aggregate's entity is read beside what was signed | the attacks on assertions, carried over to metadata | `metadata/signed.rs`: only the document element's own signature counts; `metadata/select.rs`: what is put aside to be read is what went into the digest, in the same pass |
//! | Metadata brings the attacker's key | CVE-2021-21239; sources in the wrong hands | a pinned signature; `metadata/change.rs` holds a swap of all keys and a move to another host |
//! | An answer that nobody asked for signs a victim in as the attacker | login CSRF; [`Answers::Nobody`](response::Answers) | a response without InResponseTo is accepted only where a caller says so by type, and then neither it nor its confirmation may name a request |
//! | Work without bounds before the signature is checked | 1,500 references; 40,000 attributes on one element | limits before decoding and parsing; one pass of pre-check; SignedInfo is of fixed shape |
//!
//! # What does not compile
//!
//! The un-attacked twin is [`validate`].
//!
//! Reading an answer that is not verified:
//!
//! ```compile_fail,E0616
//! fn read(raw: vestibule::saml::response::RawResponse<'_>) {
//!     let _ = raw.document;
//! }
//! ```
//!
//! Reading one that is verified and not judged:
//!
//! ```compile_fail,E0616
//! fn read(verified: vestibule::saml::response::VerifiedResponse) {
//!     let _ = verified.assertion;
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn read(verified: vestibule::saml::response::VerifiedResponse) {
//!     let _ = verified.name_id();
//! }
//! ```
//!
//! Judging one that is not verified:
//!
//! ```compile_fail,E0599
//! # use vestibule::saml::{parties::Policy, response::{Expected, RawResponse}};
//! # use vestibule::clock::Moment;
//! fn skip(raw: RawResponse<'_>, expected: &Expected<'_>, policy: &Policy, now: Moment) {
//!     let _ = raw.accept(expected, policy, now);
//! }
//! ```
//!
//! Using one twice:
//!
//! ```compile_fail,E0382
//! # use vestibule::saml::{parties::{IdentityProvider, ServiceProvider}, response::RawResponse};
//! # use vestibule::clock::Moment;
//! fn twice(raw: RawResponse<'_>, one: &IdentityProvider, other: &IdentityProvider, us: &ServiceProvider, now: Moment) {
//!     let _ = raw.verify(one, us, now);
//!     let _ = raw.verify(other, us, now);
//! }
//! ```
//!
//! ```compile_fail,E0382
//! # use vestibule::saml::{parties::Policy, response::{Expected, VerifiedResponse}};
//! # use vestibule::clock::Moment;
//! fn twice(verified: VerifiedResponse, expected: &Expected<'_>, policy: &Policy, now: Moment) {
//!     let _ = verified.accept(expected, policy, now);
//!     let _ = verified.accept(expected, policy, now);
//! }
//! ```
//!
//! Leaving out whose question is answered:
//!
//! ```compile_fail,E0063
//! # use vestibule::saml::{demand::Demand, parties::{IdentityProvider, ServiceProvider}, response::Expected};
//! fn forgetful<'a>(sp: &'a ServiceProvider, idp: &'a IdentityProvider, demand: &'a Demand) -> Expected<'a> {
//!     Expected { service_provider: sp, identity_provider: idp, acs_url: "https://app.example.org/acs", demand }
//! }
//! ```
//!
//! Making one up, or an identity provider without keys:
//!
//! ```compile_fail,E0451
//! # use vestibule::saml::response::{AcceptedAssertion, NameId};
//! fn forge(known: AcceptedAssertion) -> AcceptedAssertion {
//!     AcceptedAssertion { id: String::new(), ..known }
//! }
//! ```
//!
//! ```compile_fail,E0599
//! let nobody = vestibule::saml::parties::TrustedKeys::default();
//! ```
//!
//! Reading a logout message that is not judged, or judging one that is not verified:
//!
//! ```compile_fail,E0616
//! fn read(verified: vestibule::saml::logout::VerifiedLogout) {
//!     let _ = verified.message;
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use vestibule::saml::{logout::RawLogout, parties::{IdentityProvider, Policy, ServiceProvider}};
//! # use vestibule::clock::Moment;
//! fn skip(raw: RawLogout<'_>, idp: &IdentityProvider, sp: &ServiceProvider, policy: &Policy, now: Moment) {
//!     let _ = raw.accept_request(idp, sp, policy, now);
//! }
//! ```

mod accept;
#[cfg(test)]
mod accept_tests;
#[cfg(test)]
mod accepted_tests;
mod algorithms;
mod assertion;
pub mod authn_request;
mod ciphertext;
mod decryption;
#[cfg(test)]
mod decryption_tests;
pub mod demand;
#[cfg(test)]
mod demand_tests;
mod encryption;
mod envelope;
mod enveloping;
mod instant;
mod keys;
pub mod logout;
mod markup;
pub mod metadata;
#[cfg(test)]
mod mutation_tests;
mod one_or_more;
mod own_keys;
pub mod parties;
pub mod reading;
mod redirect;
pub mod response;
mod response_text;
pub mod second_opinion;
mod signature;
pub mod signed_by;
mod structure;
mod subject;
#[cfg(test)]
pub(crate) mod testing;
pub mod trace;
mod witness;
mod xml;

use crate::clock::Moment;
use crate::reason::Refusal;
use parties::{Limits, Policy};
use response::{AcceptedAssertion, Expected, RawResponse, ResponseText};

/// The whole way of an answer: parsed, verified with the keys of the identity provider that was asked, judged.
///
/// # Errors
/// The first rule that it breaks.
///
/// ```
/// use vestibule::clock::Moment;
/// use vestibule::reason::Refusal;
/// use vestibule::saml::parties::{Limits, Policy};
/// use vestibule::saml::response::{AcceptedAssertion, Expected, RawResponse, ResponseText};
///
/// fn the_same_by_hand(
///     text: &ResponseText,
///     expected: &Expected<'_>,
///     policy: &Policy,
///     limits: &Limits,
///     now: Moment,
/// ) -> Result<AcceptedAssertion, Refusal> {
///     let raw = RawResponse::parse(text, limits)?;
///     let verified = raw.verify(expected.identity_provider, expected.service_provider, now)?;
///     verified.accept(expected, policy, now)
/// }
/// ```
pub fn validate(
    text: &ResponseText,
    expected: &Expected<'_>,
    policy: &Policy,
    limits: &Limits,
    now: Moment,
) -> Result<AcceptedAssertion, Refusal> {
    RawResponse::parse(text, limits)?
        .verify(expected.identity_provider, expected.service_provider, now)?
        .accept(expected, policy, now)
}
