//! What a mapping would make of what an assertion says, for explanations. A [`Preview`] is words to show: it is no
//! [`Identity`](super::Identity), and no session can be made of it.

use super::said::Said;
use super::{Domain, Groups, Mapping, Part};
use crate::clock::Moment;
use crate::reason::Refusal;
use crate::saml::parties::Scope;
use crate::saml::response::{Attribute, NameId};

/// What an application would be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The user.
    pub user: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// The name for display.
    pub name: Option<String>,
    /// The short name for display.
    pub preferred_username: Option<String>,
    /// Given name, family name and the owner's own parts, by their keys, whether a header carries them or not.
    pub others: Vec<(String, Option<String>)>,
    /// The groups.
    pub groups: Groups,
    /// The roles.
    pub roles: Vec<String>,
}

/// Who speaks of somebody, and to whom.
#[derive(Debug, Clone, Copy, Default)]
pub struct Speakers<'a> {
    /// The `id` of the identity provider.
    pub idp: &'a str,
    /// The domains that it may speak for; none: any.
    pub email_domains: Option<&'a [Domain]>,
    /// The domains whose people the site is for; none: anybody's.
    pub site_domains: Option<&'a [Domain]>,
}

/// Reads it exactly as a sign-in would.
///
/// # Errors
/// The reasons of [`Identity::from_accepted`](super::Identity::from_accepted).
pub fn preview(
    name_id: &NameId,
    attributes: &[Attribute],
    scopes: &[Scope],
    speakers: &Speakers<'_>,
    mapping: &Mapping,
) -> Result<Preview, Refusal> {
    let said = said(name_id, attributes, scopes);
    let identity = said.identify(speakers.idp, speakers.email_domains, mapping)?;
    let identity = identity.held_to(speakers.site_domains)?;
    let is_other = |part: &Part| matches!(part, Part::GivenName | Part::FamilyName | Part::Custom(_));
    let others = mapping.parts().filter(is_other);
    Ok(Preview {
        others: others.map(|part| (part.to_string(), said.display(&part, mapping))).collect(),
        user: identity.user,
        email: identity.email,
        name: identity.name,
        preferred_username: identity.preferred_username,
        groups: identity.groups,
        roles: identity.roles,
    })
}

/// What the mapping reads from that attribute: the keys of `identity` that name it in one of its spellings.
pub fn read_as(
    attribute: &Attribute,
    name_id: &NameId,
    attributes: &[Attribute],
    mapping: &Mapping,
) -> Vec<String> {
    let said = said(name_id, attributes, &[]);
    let named = |candidates: &[String]| {
        let names = candidates.iter().flat_map(|candidate| candidate.split(" + "));
        let mut found = names.flat_map(|name| said.attributes_named(name.trim()));
        found.any(|found| std::ptr::eq(found, attribute) || found == attribute)
    };
    let parts = mapping.parts().filter(|part| named(mapping.candidates(part)));
    parts.map(|part| part.to_string()).collect()
}

fn said<'a>(name_id: &'a NameId, attributes: &'a [Attribute], scopes: &'a [Scope]) -> Said<'a> {
    Said {
        name_id,
        attributes,
        session_index: None,
        // Nobody looks at it: a preview has no session.
        authn_instant: Moment::from_seconds(0),
        authn_context_class: None,
        forced: false,
        session_not_on_or_after: None,
        scopes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;

    fn attribute(name: &str, values: &[&str]) -> Attribute {
        Attribute {
            name: name.to_owned(),
            friendly_name: None,
            name_format: None,
            values: values.iter().map(|&value| value.to_owned()).collect(),
        }
    }

    fn name_id(value: &str, format: &str) -> NameId {
        NameId {
            value: value.to_owned(),
            format: Some(format.to_owned()),
            name_qualifier: None,
            sp_name_qualifier: None,
        }
    }

    #[test]
    fn a_preview_is_what_a_sign_in_would_make() {
        let ada = name_id("ada", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent");
        let mapping = Mapping { roles: vec![("ops".into(), "admin".into())], ..Mapping::default() };
        let sent = [
            attribute("urn:oid:0.9.2342.19200300.100.1.3", &["Ada@X.example"]),
            attribute("groups", &["ops"]),
        ];
        let preview =
            preview(&ada, &sent, &[], &Speakers { idp: "corp", ..Speakers::default() }, &mapping).unwrap();
        assert_eq!(preview.user, "ada");
        assert_eq!(preview.email.as_deref(), Some("ada@x.example"));
        assert_eq!(preview.roles, ["admin"]);
        assert_eq!(read_as(&sent[0], &ada, &sent, &mapping), ["email"]);
        assert_eq!(read_as(&sent[1], &ada, &sent, &mapping), ["groups"]);
        let unused = attribute("shoe-size", &["38"]);
        assert_eq!(read_as(&unused, &ada, std::slice::from_ref(&unused), &mapping), [] as [String; 0]);
    }

    #[test]
    fn what_a_sign_in_refuses_a_preview_refuses() {
        let passing = name_id("x", "urn:oasis:names:tc:SAML:2.0:nameid-format:transient");
        let refused = preview(&passing, &[], &[], &Speakers::default(), &Mapping::default()).unwrap_err();
        assert_eq!(refused.reason, Reason::NameIdTransient);
    }
}
