//! The names that applications and their makers already know.
//!
//! Every preset sends the default set too: what applications read beside one another differs, and what a client must
//! never send under a well-known name is then the same everywhere. All names have hyphens: nginx drops a client's header
//! with an underscore and many servers fold one into the other, so that `Mellon-mail` is what a CGI, WSGI or Rack
//! application reads as `HTTP_MELLON_MAIL`. An environment variable without `HTTP_` (`REMOTE_USER`, `MELLON_mail`) can be
//! set by no header; docs/headers.md says what to write in its stead.

use super::plan::{HeaderSpec, Pick, Separator, Source};
use http::HeaderName;

/// A set of headers by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// What the gate sends always.
    Default,
    /// What oauth2-proxy answers gateways with.
    OAuth2Proxy,
    /// `Remote-*`, as Authelia and many applications have them.
    Remote,
    /// What mod_auth_mellon puts into the environment, as headers.
    Mellon,
    /// What the Shibboleth SP puts into headers with `ShibUseHeaders On`, under the names of its attribute map.
    Shibboleth,
    /// Grafana's `auth.proxy`.
    Grafana,
    /// Jenkins' Reverse Proxy Auth plugin.
    Jenkins,
}

/// What a header of a preset carries.
enum Value {
    /// What every identity has.
    Known(Source),
    /// A part beside, and the attribute that it is looked for in where the owner's mapping does not name it.
    Part(&'static str, &'static str),
}

use Value::{Known, Part};

/// A name, what it carries, what stands between several values, and how many of these have a header of their own.
type Row = (&'static str, Value, Joint, u8);

/// What stands between several values.
#[derive(Clone, Copy)]
enum Joint {
    Comma,
    Semicolon,
    Bar,
    Json,
}

use Joint::{Bar, Comma, Json, Semicolon};

const DEFAULT: &[Row] = &[
    ("x-forwarded-user", Known(Source::User), Comma, 0),
    ("x-forwarded-email", Known(Source::Email), Comma, 0),
    ("x-forwarded-groups", Known(Source::Groups), Comma, 0),
    ("x-forwarded-preferred-username", Known(Source::PreferredUsername), Comma, 0),
    ("x-vestibule-roles", Known(Source::Roles), Comma, 0),
    ("x-vestibule-jwt-assertion", Known(Source::Jwt), Comma, 0),
    ("x-vestibule-groups-omitted", Known(Source::GroupsOmitted), Comma, 0),
    ("x-vestibule-organization", Known(Source::Organization), Comma, 0),
];

const OAUTH2_PROXY: &[Row] = &[
    ("x-auth-request-user", Known(Source::User), Comma, 0),
    ("x-auth-request-email", Known(Source::Email), Comma, 0),
    ("x-auth-request-groups", Known(Source::Groups), Comma, 0),
    ("x-auth-request-preferred-username", Known(Source::PreferredUsername), Comma, 0),
];

const REMOTE: &[Row] = &[
    ("remote-user", Known(Source::User), Comma, 0),
    ("remote-email", Known(Source::Email), Comma, 0),
    ("remote-name", Known(Source::Name), Comma, 0),
    ("remote-groups", Known(Source::Groups), Comma, 0),
];

/// `MellonMergeEnvVars On` for the plain name, the default for the numbered ones, `MellonEnvVarsSetCount On`.
const MELLON: &[Row] = &[
    ("remote-user", Known(Source::User), Comma, 0),
    ("mellon-name-id", Known(Source::NameId), Semicolon, 1),
    ("mellon-idp", Known(Source::IdpEntityId), Semicolon, 0),
    ("mellon-mail", Known(Source::Email), Semicolon, 1),
    ("mellon-uid", Known(Source::PreferredUsername), Semicolon, 1),
    ("mellon-displayname", Known(Source::Name), Semicolon, 1),
    ("mellon-givenname", Part("given_name", "givenName"), Semicolon, 1),
    ("mellon-sn", Part("family_name", "sn"), Semicolon, 1),
    ("mellon-groups", Known(Source::Groups), Semicolon, 8),
];

const SHIBBOLETH: &[Row] = &[
    ("remote-user", Known(Source::User), Semicolon, 0),
    ("eppn", Part("custom.eppn", "eppn"), Semicolon, 0),
    ("mail", Known(Source::Email), Semicolon, 0),
    ("uid", Known(Source::PreferredUsername), Semicolon, 0),
    ("displayname", Known(Source::Name), Semicolon, 0),
    ("givenname", Part("given_name", "givenName"), Semicolon, 0),
    ("sn", Part("family_name", "sn"), Semicolon, 0),
    ("ismemberof", Known(Source::Groups), Semicolon, 0),
    ("shib-session-id", Known(Source::Session), Semicolon, 0),
    ("shib-identity-provider", Known(Source::IdpEntityId), Semicolon, 0),
    ("shib-authncontext-class", Known(Source::AuthnContext), Semicolon, 0),
    ("shib-authentication-instant", Known(Source::AuthnInstant), Semicolon, 0),
];

/// Grafana takes one role and no list; it splits groups at commas and at blanks, unless they are a JSON list.
const GRAFANA: &[Row] = &[
    ("x-webauth-user", Known(Source::User), Comma, 0),
    ("x-webauth-email", Known(Source::Email), Comma, 0),
    ("x-webauth-name", Known(Source::Name), Comma, 0),
    ("x-webauth-groups", Known(Source::Groups), Json, 0),
    ("x-webauth-role", Known(Source::FirstRole(GRAFANA_ROLES)), Comma, 0),
];

/// Who has several of them is the first.
const GRAFANA_ROLES: &[&str] = &["Admin", "Editor", "Viewer", "None"];

const JENKINS: &[Row] = &[
    ("x-forwarded-user", Known(Source::User), Comma, 0),
    ("x-forwarded-mail", Known(Source::Email), Comma, 0),
    ("x-forwarded-displayname", Known(Source::Name), Comma, 0),
    ("x-forwarded-groups", Known(Source::Groups), Bar, 0),
];

impl Preset {
    /// Every one, by the word for it.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("default", Self::Default),
        ("oauth2-proxy", Self::OAuth2Proxy),
        ("remote", Self::Remote),
        ("mellon", Self::Mellon),
        ("shibboleth", Self::Shibboleth),
        ("grafana", Self::Grafana),
        ("jenkins", Self::Jenkins),
    ];

    /// Its own headers, without the default set. `part` finds what carries a part beside those that every identity has,
    /// by its name and the attribute to look for; what it does not find is left out.
    pub fn specs(self, part: &mut dyn FnMut(&str, &str) -> Option<Source>) -> Vec<HeaderSpec> {
        let rows = match self {
            Self::Default => DEFAULT,
            Self::OAuth2Proxy => OAUTH2_PROXY,
            Self::Remote => REMOTE,
            Self::Mellon => MELLON,
            Self::Shibboleth => SHIBBOLETH,
            Self::Grafana => GRAFANA,
            Self::Jenkins => JENKINS,
        };
        let mut specs = Vec::new();
        for (name, value, joint, numbered) in rows {
            let source = match value {
                Known(source) => Some(*source),
                Part(name, attribute) => part(name, attribute),
            };
            let Some(source) = source else { continue };
            let separator = match joint {
                Comma => Separator::from(","),
                Semicolon => Separator::from(";"),
                Bar => Separator::from("|"),
                Json => Separator::Json,
            };
            let spec = HeaderSpec { separator, ..HeaderSpec::new(HeaderName::from_static(name), source) };
            specs.extend(spec.and_numbered(*numbered));
        }
        specs
    }
}

/// Lays headers over others: one of the same name takes the place of the earlier one.
pub fn lay_over(specs: &mut Vec<HeaderSpec>, further: impl IntoIterator<Item = HeaderSpec>) {
    for spec in further {
        match specs.iter_mut().find(|earlier| earlier.name == spec.name) {
            Some(earlier) => *earlier = spec,
            None => specs.push(spec),
        }
    }
}

impl HeaderSpec {
    /// The header, and where `count` is not 0 one for each of the first values (`NAME-0`, `NAME-1`, …) and one that says
    /// how many values there are (`NAME-N`). A name that would be too long for a header gives none.
    pub fn and_numbered(self, count: u8) -> Vec<Self> {
        let mut specs = vec![self.clone()];
        if count == 0 {
            return specs;
        }
        let beside = |ending: &str, pick| {
            let name = HeaderName::from_bytes(format!("{}-{ending}", self.name).as_bytes()).ok()?;
            Some(Self { name, pick, ..self.clone() })
        };
        specs.extend((0..count).filter_map(|n| beside(&n.to_string(), Pick::Nth(n))));
        specs.extend(beside("n", Pick::Count));
        specs
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::HeaderPlan;
    use super::*;

    fn specs(presets: &[Preset]) -> Vec<HeaderSpec> {
        let mut part = |_: &str, _: &str| Some(Source::Name);
        let mut specs = Preset::Default.specs(&mut part);
        for preset in presets {
            lay_over(&mut specs, preset.specs(&mut part));
        }
        specs
    }

    fn separator_of(name: &str, specs: &[HeaderSpec]) -> Separator {
        specs.iter().find(|spec| spec.name == name).unwrap().separator.clone()
    }

    #[test]
    fn every_preset_and_every_pair_of_them_would_pass_as_a_configuration() {
        for (_, one) in Preset::WORDS {
            for (_, other) in Preset::WORDS {
                let specs = specs(&[*one, *other]);
                assert!(HeaderPlan::new(specs, 3072).is_ok(), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn presets_agree_on_what_they_have_in_common() {
        let mut part = |_: &str, _: &str| Some(Source::Name);
        for (_, one) in &Preset::WORDS[1..] {
            for (_, other) in &Preset::WORDS[1..] {
                for spec in one.specs(&mut part) {
                    let same = other.specs(&mut part).into_iter().find(|theirs| theirs.name == spec.name);
                    assert!(same.is_none_or(|theirs| theirs.source == spec.source), "{}", spec.name);
                }
            }
        }
    }

    #[test]
    fn a_preset_adds_to_the_default_set_and_may_write_one_of_it_in_its_own_way() {
        let default: Vec<_> = specs(&[]).into_iter().map(|spec| spec.name).collect();
        for (_, preset) in Preset::WORDS {
            let with: Vec<_> = specs(&[*preset]).into_iter().map(|spec| spec.name).collect();
            assert_eq!(with[..default.len()], default, "{preset:?}");
        }
        assert_eq!(separator_of("x-forwarded-groups", &specs(&[])), Separator::from(","));
        assert_eq!(separator_of("x-forwarded-groups", &specs(&[Preset::Jenkins])), Separator::from("|"));
        assert_eq!(separator_of("x-webauth-groups", &specs(&[Preset::Grafana])), Separator::Json);
    }

    #[test]
    fn all_headers_of_a_preset_without_anybody_leave_room_in_the_budget() {
        for (_, preset) in Preset::WORDS {
            let empty: usize = specs(&[*preset]).iter().map(|spec| spec.name.as_str().len() + 4).sum();
            assert!(empty < 1200, "{preset:?}: {empty} octets");
        }
    }

    #[test]
    fn no_name_has_an_underscore() {
        for (_, preset) in Preset::WORDS {
            assert!(specs(&[*preset]).iter().all(|spec| !spec.name.as_str().contains('_')), "{preset:?}");
        }
    }
}
