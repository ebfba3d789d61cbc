//! SAML 2.0, pure: bytes and a moment in, a verdict out. No HTTP, no YAML, no clock of its own.
//!
//! # The way of an answer
//!
//! ```text
//! ResponseText ──parse──> RawResponse ──verify(idp)──> VerifiedResponse ──accept(expected, policy, now)──> AcceptedAssertion
//!   xml.rs                 structure.rs                 signature.rs                  accept.rs
//!   limits, encoding       pre-check, shape of          keys, digest; assertion.rs    the Web Browser SSO
//!                          signatures: no key needed    reads the digested octets     profile, paragraph by paragraph
//! ```
//!
//! Each step takes what stands before it by value and is the only maker of what comes after it. Nothing can be read
//! before [`AcceptedAssertion`](response::AcceptedAssertion) but the request that an answer claims to answer.
//! [`validate`] is the whole way in one call.
//!
//! The other files: [`parties`] says who talks, `keys.rs` holds theirs and ours, [`authn_request`] asks, [`metadata`]
//! reads theirs and writes ours, `algorithms.rs` is the list of what is accepted, `instant.rs` reads times.
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
//! | The key comes from the message (KeyInfo) | CVE-2021-21239 | `KeyInfo` is never read; [`parties::TrustedKeys`] is the only source of keys and cannot be empty |
//! | The public key as an HMAC secret; a truncated HMAC | CVE-2009-0217 | `SignatureAlgorithm` has no HMAC; keys are prepared for the algorithms of their own kind; parameters are refused |
//! | Weak algorithms and keys | SHA-1 collisions, RSA under 2048 bits | their names do not parse; `keys.rs` skips such keys when they are configured |
//! | XSLT, XPath and remote references, carried out before the signature is checked | Hill, "Command Injection in XML Signatures and Encryption" (2007) | the transforms are exactly two names; there is no code for any other; the value over SignedInfo is verified before anything is digested |
//! | Several references, of which another one counts | CVE-2026-33487 | SignedInfo has exactly one |
//! | Entities: external files, billion laughs, default attributes | CVE-2003-1564 and ever since | a document type declaration is refused (`xml.rs`) |
//! | Unsigned accepted when a key or a setting is missing | (a shape, not one case) | required is not `Option`: no key, no `TrustedKeys`; no signature, no `VerifiedResponse`; no audience, recipient or expiry, no `Assertion` |
//! | Another known IdP speaks for this one | (several gateways with many IdPs) | a `VerifiedResponse` remembers under whose keys it was verified, and `accept` compares |
//! | A stolen answer: replayed, for another service, another browser, another time | (the reason for Profiles 4.1.4.3) | `accept.rs`: audience, recipient, destination, InResponseTo twice, times; the store claims the ID once |
//! | Work without bounds before the signature is checked | 1,500 references; 40,000 attributes on one element | limits before decoding and parsing; one pass of pre-check; SignedInfo is of fixed shape |
//!
//! # What does not compile
//!
//! The four central ones; the un-attacked twin is [`validate`].
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
//! # use vestibule::saml::{parties::IdentityProvider, response::RawResponse};
//! fn twice(raw: RawResponse<'_>, one: &IdentityProvider, other: &IdentityProvider) {
//!     let _ = raw.verify(one);
//!     let _ = raw.verify(other);
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

mod accept;
#[cfg(test)]
mod accept_tests;
#[cfg(test)]
mod accepted_tests;
mod algorithms;
mod assertion;
pub mod authn_request;
mod envelope;
mod instant;
mod keys;
mod markup;
pub mod metadata;
#[cfg(test)]
mod mutation_tests;
mod one_or_more;
pub mod parties;
pub mod response;
pub mod second_opinion;
mod signature;
pub mod signed_by;
mod structure;
mod subject;
#[cfg(test)]
pub(crate) mod testing;
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
///     let verified = raw.verify(expected.identity_provider)?;
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
    RawResponse::parse(text, limits)?.verify(expected.identity_provider)?.accept(expected, policy, now)
}
