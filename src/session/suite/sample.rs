//! People to sign in.

use super::super::record::{FIELDS, Field};
use super::super::{Facts, Limits, Session, SessionKey, SiteKey};
use crate::clock::Moment;
use aws_lc_rs::digest;
use std::time::Duration;

/// A session for tests: user, e-mail, name, NameID, SessionIndex and ten groups of twelve characters, all different for
/// different `n`.
pub fn sample(n: u64, now: Moment) -> Session {
    Sample::new(n).session(now)
}

/// The key of the `n`th site.
pub fn site(n: usize) -> SiteKey {
    SiteKey::of(&n.to_string())
}

/// A session to be; every field may be changed.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The key is made from it.
    pub n: u64,
    /// See [`Session::site`].
    pub site: SiteKey,
    /// The IdP's id.
    pub idp: &'static str,
    /// The user.
    pub user: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// The NameID's value.
    pub name_id: String,
    /// The SessionIndex.
    pub index: Option<String>,
    /// The groups; None: unknown.
    pub groups: Option<Vec<String>>,
    /// The roles.
    pub roles: Vec<String>,
    /// How long it lives.
    pub limits: Limits,
}

impl Sample {
    /// The `n`th person's session on site 0, signed in by the IdP `corp`.
    pub fn new(n: u64) -> Self {
        Self {
            n,
            site: site(0),
            idp: "corp",
            user: format!("u{n:08}@corp.example.com"),
            email: Some(format!("firstname.lastname{n:08}@corp.example.com")),
            name_id: format!("{n:043}"),
            index: Some(format!("_{n:032x}")),
            groups: Some((0..10).map(|g| format!("group-{:06}", (n * 7 + g * 13) % 2000)).collect()),
            roles: vec!["reader".into(), "editor".into()],
            limits: Limits { idle_timeout: HOUR, max_age: HOUR * 12 },
        }
    }

    /// Establishes it.
    pub fn session(&self, now: Moment) -> Session {
        let name = format!("Firstname Lastname {}", self.n);
        let mut strings = [None; FIELDS];
        for (field, string) in [
            (Field::User, Some(self.user.as_str())),
            (Field::Email, self.email.as_deref()),
            (Field::Name, Some(name.as_str())),
            (Field::Idp, Some(self.idp)),
            (Field::NameId, Some(self.name_id.as_str())),
            (Field::SessionIndex, self.index.as_deref()),
        ] {
            strings[field as usize] = string;
        }
        let facts = Facts {
            strings,
            groups: self.groups.as_deref(),
            roles: &self.roles,
            qualifiers: [
                Some("https://idp.example.com/metadata"),
                Some("https://app.example.com/saml/metadata"),
            ],
            carried: &[],
            authn_instant: now,
            forced: false,
            session_not_on_or_after: None,
        };
        let mut key = [0; 32];
        let hash = digest::digest(&digest::SHA256, &self.n.to_be_bytes());
        key.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        Session::of(&facts, self.site, SessionKey(key), &self.limits, now)
    }
}

const HOUR: Duration = Duration::from_secs(3600);
