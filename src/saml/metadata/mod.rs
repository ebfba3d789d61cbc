//! Metadata (SAML 2.0 Metadata): reads an identity provider's, judges what has changed in it, writes ours.
//!
//! # The way of a document
//!
//! ```text
//! octets ──stream──> the one entity that is wanted, in the elements around it ──read──> Described ──judge──> Change
//!  limits, encoding   select.rs: one pass, whatever the size; with a pinned     entity.rs           change.rs
//!                     key the very octets that are kept are those digested
//! ```
//!
//! A document may be an aggregate of thousands of entities. It is never held as a tree: one pass over it finds the
//! entity, refuses a second one of that name, and puts aside its canonical octets inside the start tags that stand
//! around it. Where a signer is pinned, that pass digests what it renders, so that what is kept, and read, are
//! octets under the pinned key's signature and nothing else. The pass and the tree that is read in the end come from
//! one tokenizer: there are no two opinions about where an element begins.
//!
//! # Whom it trusts
//!
//! Without a pinned key the document is trusted because the owner chose where it comes from, and a signature on it
//! is not looked at. With one, it must be signed by it: the document element, as a whole, in the one shape that
//! `signature.rs` knows. What it says is believed, except where it would weaken us: unsuitable keys are skipped with
//! a warning, expired metadata is an error, and so is a document type declaration.

mod canonical;
pub mod change;
mod duration;
mod entity;
mod events;
mod problem;
mod query;
mod select;
mod signed;
mod validity;
mod write;

pub use problem::MetadataProblem;
pub use query::{QueryForm, mdq_url};
pub use select::{Listed, index};
pub use validity::Issue;
pub use write::write_service_provider;

use super::markup;
use super::parties::{IdentityProvider, Scope, TrustedKeys};
use super::xml::{self, Element};
use crate::clock::Moment;
use crate::reason::Reason;
use std::time::Duration;

/// What the owner says about where a document comes from.
#[derive(Debug, Clone, Default)]
pub struct Source<'a> {
    /// The entity that is wanted; needed when the document holds several identity providers.
    pub entity_id: Option<&'a str>,
    /// The keys of which one must have signed the document. None: a signature is not looked at.
    pub pinned: Option<&'a TrustedKeys>,
    /// Where given, the document must say until when it is valid, and may not say more than this from now: else
    /// somebody who can hold back newer ones keeps an old one alive (Metadata 2.3.1; what federations demand).
    pub require_valid_until: Option<Duration>,
    /// How much there may be.
    pub limits: Limits,
}

/// Limits on metadata documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the whole document.
    pub document: usize,
    /// Octets of the one entity that is wanted, with the start tags and extensions around it.
    pub entity: usize,
}

impl Limits {
    /// Nested elements; nobody nests more than a dozen.
    const DEPTH: u32 = 64;
}

impl Default for Limits {
    /// 128 MiB, as the largest federations' aggregates have some 100 MB; 4 MiB for an entity.
    fn default() -> Self {
        Self { document: 128 << 20, entity: 4 << 20 }
    }
}

/// One identity provider as a document describes it.
#[derive(Debug, Clone)]
pub struct Described {
    /// What the document says. What the configuration decides (`require_signed`, an `sso_binding`) is at its default.
    pub identity_provider: IdentityProvider,
    /// Until when this may be used: the earliest of all that say so, around the entity and in it.
    pub valid_until: Option<Moment>,
    /// How long to wait before it is fetched again: the smallest of all that say so.
    pub cache_duration: Option<Duration>,
    /// When it was made, as far as it says so: to tell an older document from a newer one.
    pub issue: Issue,
    /// Whether it was signed by the pinned key. False whenever nothing is pinned.
    pub signed: bool,
    /// What the owner should know: skipped keys, certificates that have ended.
    pub warnings: Vec<String>,
    /// SHA-256 over the facts (not over the document): the same until something about the identity provider changes.
    pub fingerprint: [u8; 32],
}

impl Described {
    /// The scopes that the identity provider may speak for.
    pub fn scopes(&self) -> &[Scope] {
        &self.identity_provider.scopes
    }
}

/// Reads the one identity provider that is wanted.
///
/// # Errors
/// The first rule that the document breaks; those of the signature before those of what it says.
pub fn describe(xml: &[u8], source: &Source<'_>, now: Moment) -> Result<Described, MetadataProblem> {
    let text = text_of(xml, &source.limits)?;
    let selected = select::select(text, source)?;
    let document =
        xml::parse_again(&selected.octets, Limits::DEPTH).map_err(|r| MetadataProblem::of_xml(&r))?;
    let root = Element::root(&document).map_err(|r| MetadataProblem::of_xml(&r))?;
    let described = entity::read(root, selected.signed, now)?;
    validity::check_required(described.valid_until, source.require_valid_until, now)?;
    Ok(described)
}

/// [`describe`] of a document that the owner chose, in short: the party and the warnings.
///
/// # Errors
/// A sentence for the owner.
pub fn read_identity_provider(
    xml: &[u8],
    entity_id: Option<&str>,
    now: Moment,
) -> Result<(IdentityProvider, Vec<String>), String> {
    let source = Source { entity_id, ..Source::default() };
    let described = describe(xml, &source, now).map_err(|problem| problem.sentence)?;
    Ok((described.identity_provider, described.warnings))
}

/// The document as text that can be streamed: within the limit, UTF-8, no page for people, no element too crowded.
fn text_of<'a>(xml: &'a [u8], limits: &Limits) -> Result<&'a str, MetadataProblem> {
    if xml.len() > limits.document {
        let sentence = format!("the metadata is larger than {} octets", limits.document);
        return Err(MetadataProblem::new(Reason::MetadataTooLarge, sentence));
    }
    let text = std::str::from_utf8(xml).map_err(|_| {
        MetadataProblem::new(Reason::MetadataEncoding, "the metadata is not UTF-8; let it be served as UTF-8")
    })?;
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if start.is_empty() {
        return Err(MetadataProblem::new(Reason::MetadataMalformed, "the metadata is empty"));
    }
    let begins = |with: &str| start.get(..with.len()).is_some_and(|b| b.eq_ignore_ascii_case(with));
    if begins("<!doctype html") || begins("<html") {
        let sentence = "an HTML page came instead of metadata: the address shows a page for people (an error, a \
                        sign-in); open it in a browser without being signed in";
        return Err(MetadataProblem::new(Reason::MetadataForeign, sentence));
    }
    markup::refuse_crowded(text).map_err(|r| MetadataProblem::of_xml(&r))?;
    Ok(text)
}

#[cfg(test)]
mod attack_tests;
#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod read_tests;
#[cfg(test)]
mod select_tests;
#[cfg(test)]
mod testing;
