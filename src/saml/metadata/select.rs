//! One pass over a document of any size, for the one entity that is wanted.

use super::canonical::Canonicalizer;
use super::events::{Event, Events, attribute};
use super::signed::Promise;
use super::{Limits, MetadataProblem, Source, text_of};
use crate::reason::Reason;
use crate::saml::structure;
use crate::saml::xml::{self, METADATA, PROTOCOL, SIGNATURE, shown};
use std::ops::Range;
use uppsala::Element;

/// As many names as fit into a sentence.
const MAX_NAMES: usize = 5;

/// The wanted entity in canonical form, inside the start tags (and extensions) of the aggregates around it.
pub(super) struct Selected {
    pub(super) octets: String,
    /// Whether these octets were digested under the pinned key's signature.
    pub(super) signed: bool,
}

/// Finds the entity; verifies the signature first and says so first, where a signer is pinned.
pub(super) fn select(text: &str, source: &Source<'_>) -> Result<Selected, MetadataProblem> {
    let promise = source.pinned.map(|pinned| Promise::of(text, pinned)).transpose()?;
    let signed = promise.is_some();
    let mut pass = Pass::new(source, promise);
    let mut events = Events::new(text);
    while let Some(event) = events.next()? {
        pass.take(event)?;
    }
    let octets = pass.finish(source.entity_id)?;
    Ok(Selected { octets, signed })
}

/// An identity provider of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub entity_id: String,
    /// Where its description stands in the document.
    pub octets: Range<usize>,
}

/// The identity providers of a document, in its order, by name and place; for a chooser.
///
/// # Errors
/// The first rule of reading that the document breaks. Signatures are not looked at: [`super::describe`] does.
pub fn index(xml: &[u8], limits: &Limits) -> Result<Vec<Listed>, MetadataProblem> {
    let text = text_of(xml, limits)?;
    let source = Source { entity_id: Some(""), limits: *limits, ..Source::default() };
    let mut pass = Pass { listed: Some(Vec::new()), ..Pass::new(&source, None) };
    let mut events = Events::new(text);
    while let Some(event) = events.next()? {
        pass.take(event)?;
    }
    Ok(pass.listed.unwrap_or_default())
}

struct Pass<'a, 's> {
    wanted: Option<&'s str>,
    limit: usize,
    promise: Option<Promise>,
    root_id: Option<String>,
    canonical: Canonicalizer<'a>,
    /// What the last event was rendered as.
    rendered: String,
    /// What is put aside.
    kept: String,
    /// The open `EntitiesDescriptor`s.
    aggregates: Vec<Aggregate>,
    entity: Option<Entity>,
    /// The depth of an open `Extensions` of an aggregate.
    extensions: Option<usize>,
    /// Whether the document element's own signature is open.
    in_signature: bool,
    /// The names of the first identity providers, and how many there are.
    names: Vec<String>,
    identity_providers: usize,
    /// Entities of the wanted name, and whether one was put aside.
    matching: usize,
    found: bool,
    listed: Option<Vec<Listed>>,
}

struct Aggregate {
    /// How much was put aside before it.
    mark: usize,
    /// Whether the wanted entity is in it.
    holds: bool,
}

struct Entity {
    depth: usize,
    mark: usize,
    begin: usize,
    name: String,
    /// Whether it may be the wanted one, as far as its name goes.
    candidate: bool,
    is_identity_provider: bool,
}

impl<'a, 's> Pass<'a, 's> {
    fn new(source: &Source<'s>, promise: Option<Promise>) -> Self {
        let canonical = promise.as_ref().map_or_else(|| Canonicalizer::new(&[]), Promise::canonicalizer);
        Self {
            wanted: source.entity_id,
            limit: source.limits.entity,
            promise,
            root_id: None,
            canonical,
            rendered: String::new(),
            kept: String::new(),
            aggregates: Vec::new(),
            entity: None,
            extensions: None,
            in_signature: false,
            names: Vec::new(),
            identity_providers: 0,
            matching: 0,
            found: false,
            listed: None,
        }
    }

    fn take(&mut self, event: Event<'a>) -> Result<(), MetadataProblem> {
        match event {
            Event::Start(element, depth, at) => {
                if self.in_signature {
                    return Ok(());
                }
                self.start(element, depth, &at)
            }
            Event::End(depth, end) => {
                if self.in_signature {
                    self.in_signature = depth != 1;
                    return Ok(());
                }
                self.end(depth, end)
            }
            Event::Text(text) => {
                if self.in_signature {
                    return Ok(());
                }
                let keep = match &self.entity {
                    Some(entity) => entity.candidate,
                    None => self.extensions.is_some(),
                };
                self.render(keep, |_, out| Canonicalizer::text(&text, out))
            }
        }
    }

    fn start(
        &mut self,
        element: Element<'a>,
        depth: usize,
        at: &Range<usize>,
    ) -> Result<(), MetadataProblem> {
        if depth == 1 && element.matches_name_ns(SIGNATURE, "Signature") {
            if self.promise.as_ref().is_some_and(|promise| promise.at != at.start) {
                let sentence = "the metadata's document element has a second signature";
                return Err(MetadataProblem::new(Reason::MetadataSignatureRefused, sentence));
            }
            self.in_signature = true;
            return Ok(());
        }
        if self.promise.is_some() {
            self.check_signed(&element, depth)?;
        }
        let keep = self.place(&element, depth, at.start)?;
        self.render(keep, |canonical, out| canonical.start(element, out))
    }

    /// What would let another reader see another document under the same signature.
    fn check_signed(&mut self, element: &Element<'_>, depth: usize) -> Result<(), MetadataProblem> {
        structure::check_namespaces(element).map_err(|r| MetadataProblem::of_xml(&r))?;
        if depth == 0 {
            self.root_id = attribute(element, "ID").map(str::to_owned);
            return Ok(());
        }
        let same = |a: &uppsala::Attribute<'_>| {
            structure::is_id(&a.name.local_name) && self.root_id.as_deref() == Some(&*a.value)
        };
        if element.attributes.iter().any(same) {
            let sentence = "another element carries the ID that the metadata's signature names";
            return Err(MetadataProblem::new(Reason::MetadataSignatureRefused, sentence));
        }
        Ok(())
    }

    /// What the element is to us by where it stands; whether it is put aside.
    fn place(&mut self, element: &Element<'_>, depth: usize, begin: usize) -> Result<bool, MetadataProblem> {
        if let Some(entity) = &mut self.entity {
            entity.is_identity_provider |= depth == entity.depth + 1 && is_identity_provider(element);
            return Ok(entity.candidate);
        }
        if self.extensions.is_some() {
            return Ok(true);
        }
        // Not in an aggregate, but in something else inside one.
        if depth != self.aggregates.len() {
            return Ok(false);
        }
        if element.matches_name_ns(METADATA, "EntityDescriptor") {
            let name = xml::trim(attribute(element, "entityID").unwrap_or("")).to_owned();
            let candidate = self.wanted.is_none_or(|wanted| wanted == name);
            let mark = self.kept.len();
            self.entity = Some(Entity { depth, mark, begin, name, candidate, is_identity_provider: false });
            return Ok(candidate);
        }
        if element.matches_name_ns(METADATA, "EntitiesDescriptor") {
            self.aggregates.push(Aggregate { mark: self.kept.len(), holds: false });
            return Ok(true);
        }
        if depth == 0 {
            let sentence = format!(
                "{} is not SAML 2.0 metadata: EntityDescriptor or EntitiesDescriptor is",
                shown(&element.name.local_name)
            );
            return Err(MetadataProblem::new(Reason::MetadataForeign, sentence));
        }
        if element.matches_name_ns(METADATA, "Extensions") {
            self.extensions = Some(depth);
            return Ok(true);
        }
        Ok(false)
    }

    fn end(&mut self, depth: usize, end: usize) -> Result<(), MetadataProblem> {
        if let Some(entity) = self.entity.take_if(|entity| entity.depth == depth) {
            self.render(entity.candidate, Canonicalizer::end)?;
            self.close_entity(entity, end);
            return Ok(());
        }
        if let Some(entity) = &self.entity {
            let keep = entity.candidate;
            return self.render(keep, Canonicalizer::end);
        }
        if self.extensions.is_some() {
            self.extensions.take_if(|extensions| *extensions == depth);
            return self.render(true, Canonicalizer::end);
        }
        if depth + 1 != self.aggregates.len() {
            return self.render(false, Canonicalizer::end);
        }
        self.render(true, Canonicalizer::end)?;
        if let Some(aggregate) = self.aggregates.pop() {
            if !aggregate.holds {
                self.kept.truncate(aggregate.mark);
            } else if let Some(outer) = self.aggregates.last_mut() {
                outer.holds = true;
            }
        }
        Ok(())
    }

    fn close_entity(&mut self, entity: Entity, end: usize) {
        if entity.is_identity_provider {
            self.identity_providers += 1;
            if self.names.len() < MAX_NAMES {
                self.names.push(entity.name.clone());
            }
        }
        let matches = if self.wanted.is_some() { entity.candidate } else { entity.is_identity_provider };
        self.matching += usize::from(matches);
        if matches && entity.is_identity_provider && !self.found {
            self.found = true;
            if let Some(aggregate) = self.aggregates.last_mut() {
                aggregate.holds = true;
            }
        } else if entity.candidate {
            self.kept.truncate(entity.mark);
        }
        if let Some(listed) = self.listed.as_mut().filter(|_| entity.is_identity_provider) {
            listed.push(Listed { entity_id: entity.name, octets: entity.begin..end });
        }
    }

    /// Renders when anybody wants it, so that what is put aside is what is digested.
    fn render(
        &mut self,
        keep: bool,
        with: impl FnOnce(&mut Canonicalizer<'a>, &mut String),
    ) -> Result<(), MetadataProblem> {
        if !keep && self.promise.is_none() {
            return Ok(());
        }
        self.rendered.clear();
        with(&mut self.canonical, &mut self.rendered);
        if let Some(promise) = &mut self.promise {
            promise.update(&self.rendered);
        }
        if keep {
            if self.kept.len() + self.rendered.len() > self.limit {
                let sentence = format!("one entity of the metadata has more than {} octets", self.limit);
                return Err(MetadataProblem::new(Reason::MetadataTooLarge, sentence));
            }
            self.kept.push_str(&self.rendered);
        }
        Ok(())
    }

    /// What was put aside, when the signature holds and it is the one entity that was wanted.
    fn finish(self, wanted: Option<&str>) -> Result<String, MetadataProblem> {
        if let Some(promise) = self.promise {
            promise.kept()?;
        }
        let names: Vec<_> = self.names.iter().map(|name| shown(name)).collect();
        let names = names.join(", ");
        let more = if self.identity_providers > MAX_NAMES { ", …" } else { "" };
        let problem = |reason, sentence| Err(MetadataProblem::new(reason, sentence));
        match (wanted, self.matching, self.found) {
            (_, 1, true) => Ok(self.kept),
            (None, 0, _) => problem(
                Reason::MetadataEntityMissing,
                "no entity in the metadata is a SAML 2.0 identity provider".to_owned(),
            ),
            (None, ..) => problem(
                Reason::MetadataEntityAmbiguous,
                format!("the metadata has several identity providers; name one by entity_id: {names}{more}"),
            ),
            (Some(wanted), 2.., _) => problem(
                Reason::MetadataEntityDuplicate,
                format!(
                    "the metadata has {} several times; which one is meant nobody can tell",
                    shown(wanted)
                ),
            ),
            (Some(wanted), ..) => problem(
                Reason::MetadataEntityMissing,
                format!("no identity provider {} in the metadata; it has: {names}{more}", shown(wanted)),
            ),
        }
    }
}

/// A role that is a SAML 2.0 identity provider (Metadata 2.4.3; 2.4.1 protocolSupportEnumeration).
fn is_identity_provider(element: &Element<'_>) -> bool {
    element.matches_name_ns(METADATA, "IDPSSODescriptor")
        && speaks_saml2(attribute(element, "protocolSupportEnumeration").unwrap_or(""))
}

pub(super) fn speaks_saml2(protocols: &str) -> bool {
    protocols.split([' ', '\t', '\r', '\n']).any(|protocol| protocol == PROTOCOL)
}
