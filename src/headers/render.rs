//! The header values of one session.

use super::encode::{Joined, alone, has_control, single};
use super::jwt::{Claims, JwtKeys, Payload};
use super::plan::{HeaderPlan, HeaderSpec, Pick, Source};
use crate::clock::Moment;
use crate::identity::Person;
use crate::session::Rendered;
use bytes::Bytes;
use http::HeaderValue;
use std::ops::Range;

/// Whose headers: what is known of a live session.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Who it is.
    pub person: &'a dyn Person,
    /// The session's public name; never the secret in the cookie.
    pub sid: &'a str,
    /// The NameID's value.
    pub name_id: &'a str,
    /// The entity ID of the identity provider, where it is known.
    pub idp_entity_id: Option<&'a str>,
    /// When the person authenticated at the IdP.
    pub authn_instant: Moment,
    /// How (AuthnContextClassRef).
    pub authn_context_class: Option<&'a str>,
    /// The session's absolute end; no JWT outlives it.
    pub ends_at: Moment,
}

/// Who signs, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// Our keys.
    pub keys: &'a JwtKeys,
    /// `iss`: the site's public origin.
    pub issuer: &'a str,
    /// `aud`: the site's name.
    pub audience: &'a str,
    /// `org`: the tenant, where the site is one's.
    pub organization: Option<&'a str>,
}

/// What is left out to keep the budget; each step leaves out what the one before does too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leave {
    Nothing,
    Groups,
    Names,
    Roles,
}

impl HeaderPlan {
    /// Every configured header for this session, within the budget (see the module's header), with the JWT signed at
    /// `now` when the plan has one. All values share one buffer, so that setting them copies nothing.
    pub fn render(&self, subject: &Subject<'_>, token: &Token<'_>, now: Moment) -> Rendered {
        let mut draft = self.draft(subject, token, now, Leave::Nothing);
        for leave in [Leave::Groups, Leave::Names, Leave::Roles] {
            if draft.size <= self.budget {
                break;
            }
            draft = self.draft(subject, token, now, leave);
        }
        self.finish(draft, token, now)
    }

    fn draft(&self, subject: &Subject<'_>, token: &Token<'_>, now: Moment, leave: Leave) -> Draft {
        let mut text = Vec::with_capacity(512);
        let mut values = Vec::with_capacity(self.specs.len());
        let mut size = 0;
        let mut payload = None;
        for spec in &self.specs {
            let start = text.len();
            if spec.source == Source::Jwt {
                let payload = payload.get_or_insert_with(|| self.payload_of(subject, token, now, leave));
                size += token.keys.token_length(payload);
            } else if leave < Leave::Names || spec.pick == Pick::All || spec.source.is_many() {
                put(&mut text, spec, |each| self.each_value(spec.source, (subject, token), leave, each));
            }
            size += spec.name.as_str().len() + text.len() - start + ": \r\n".len();
            values.push((spec.source != Source::Jwt).then_some(start..text.len()));
        }
        Draft { text, values, payload, size }
    }

    /// What a header's source says of somebody, value by value, as far as it does not stay out.
    fn each_value(
        &self,
        source: Source,
        (subject, token): (&Subject<'_>, &Token<'_>),
        leave: Leave,
        each: &mut dyn FnMut(&str),
    ) {
        let person = subject.person;
        let mut one = |value: Option<&str>| value.into_iter().for_each(&mut *each);
        match source {
            Source::User => one(Some(person.user())),
            Source::Email => one(person.email()),
            Source::Idp => one(Some(person.idp())),
            Source::Session => one(Some(subject.sid)),
            Source::AuthnInstant => one(Some(&subject.authn_instant.to_string())),
            Source::Organization => one(token.organization),
            Source::NameId if leave < Leave::Names => one(Some(subject.name_id)),
            Source::IdpEntityId if leave < Leave::Names => one(subject.idp_entity_id),
            Source::AuthnContext if leave < Leave::Names => one(subject.authn_context_class),
            Source::Name if leave < Leave::Names => one(person.name()),
            Source::PreferredUsername if leave < Leave::Names => one(person.preferred_username()),
            Source::Carried(part) if leave < Leave::Names => one(person.carried(part)),
            Source::Groups if leave < Leave::Groups => self.each_group(person, each),
            Source::Roles if leave < Leave::Roles => person.each_role(each),
            Source::FirstRole(known) => {
                one(known.iter().copied().find(|role| person.has_role(role) == Some(true)));
            }
            Source::GroupsOmitted => {
                one((leave >= Leave::Groups && self.has_groups(person)).then_some("true"));
            }
            Source::NameId | Source::IdpEntityId | Source::AuthnContext => {}
            Source::Name | Source::PreferredUsername | Source::Carried(_) => {}
            Source::Groups | Source::Roles => {}
            // Signed once the rest is settled.
            Source::Jwt => {}
        }
    }

    fn finish(&self, draft: Draft, token: &Token<'_>, now: Moment) -> Rendered {
        let Draft { mut text, values, payload, .. } = draft;
        let start = text.len();
        let mut renew_at = Moment::from_millis(i64::MAX);
        if let Some(payload) = payload {
            renew_at = payload.renew_at(now);
            // Empty when it cannot be signed: the application that verifies refuses, and nobody panics.
            text.extend_from_slice(token.keys.sign(&payload).unwrap_or_default().as_bytes());
        }
        let jwt = start..text.len();
        let text = Bytes::from(text);
        let headers = self
            .specs
            .iter()
            .zip(values)
            .map(|(spec, value)| (spec.name.clone(), slice(&text, value.unwrap_or_else(|| jwt.clone()))))
            .collect();
        Rendered::new(headers, renew_at)
    }
}

struct Draft {
    text: Vec<u8>,
    /// Where in `text` each header's value is; none for the JWT, which is signed once the rest is settled.
    values: Vec<Option<Range<usize>>>,
    payload: Option<Payload>,
    /// What counts against the budget.
    size: usize,
}

impl HeaderPlan {
    fn payload_of(&self, subject: &Subject<'_>, token: &Token<'_>, now: Moment, leave: Leave) -> Payload {
        let person = subject.person;
        let mut claims = Claims::new(token, subject, now);
        if leave < Leave::Groups && person.in_group("").is_some() {
            claims.groups = Some(listed(|each| self.each_group(person, each)));
        }
        if leave < Leave::Names {
            claims.name = person.name().map(str::to_owned);
        }
        if leave < Leave::Roles {
            claims.roles = Some(listed(|each| person.each_role(each)));
        }
        claims.payload()
    }

    /// The groups that may leave.
    fn each_group(&self, person: &dyn Person, f: &mut dyn FnMut(&str)) {
        person.each_group(&mut |group| {
            if self.groups.includes(group) {
                f(group);
            }
        });
    }

    fn has_groups(&self, person: &dyn Person) -> bool {
        let mut any = false;
        self.each_group(person, &mut |_| any = true);
        any
    }
}

/// Writes what a header carries of the values that `all` tells.
fn put(out: &mut Vec<u8>, spec: &HeaderSpec, all: impl FnOnce(&mut dyn FnMut(&str))) {
    let mut joined = Joined::new(spec);
    let mut place = 0_usize;
    all(&mut |value| {
        // What has no place in a header has none among the numbered ones either.
        if value.is_empty() || has_control(value) {
            return;
        }
        match spec.pick {
            Pick::All if spec.source.is_many() => joined.push(value),
            Pick::All => single(out, value, spec.encoding),
            Pick::Nth(wanted) if usize::from(wanted) == place => alone(out, value, spec.encoding),
            Pick::Nth(_) | Pick::Count => {}
        }
        place += 1;
    });
    match spec.pick {
        Pick::All if spec.source.is_many() => joined.write(out),
        Pick::Count if place > 0 => out.extend_from_slice(place.to_string().as_bytes()),
        Pick::All | Pick::Nth(_) | Pick::Count => {}
    }
}

/// What stays out of headers stays out of the JWT, so that the two never disagree.
fn listed(each: impl FnOnce(&mut dyn FnMut(&str))) -> Vec<String> {
    let mut list = Vec::new();
    each(&mut |value| {
        if !value.is_empty() && !has_control(value) {
            list.push(value.to_owned());
        }
    });
    list
}

fn slice(text: &Bytes, range: Range<usize>) -> HeaderValue {
    // Control characters were kept out; if one ever was not, an empty value is the safe one.
    HeaderValue::from_maybe_shared(text.slice(range)).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
