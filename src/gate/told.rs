//! What an application would be told, for whoever tries a sign-in.

use super::Gate;
use crate::clock::Moment;
use crate::headers::Source;
use crate::session::Session;
use crate::site::Site;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::iter::zip;

/// One header as the application would get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// Its value; empty for an identity JWT.
    pub value: String,
    /// What an identity JWT claims, as indented JSON. The token itself is good for five minutes at the application, and
    /// is not for showing.
    pub claims: Option<String>,
}

impl Gate {
    /// The identity headers that this session would bring, whether or not it is in the store. Signs.
    pub fn told(&self, site: &Site, session: &Session, now: Moment) -> Vec<Told> {
        let rendered = self.render(site, session, now);
        zip(&rendered.headers, site.headers.specs())
            .map(|((name, value), spec)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                let (value, claims) = match spec.source {
                    Source::Jwt => (String::new(), claims(&value)),
                    _ => (value, None),
                };
                Told { name: name.to_string(), value, claims }
            })
            .collect()
    }
}

fn claims(token: &str) -> Option<String> {
    let octets = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&octets).ok()?;
    serde_json::to_string_pretty(&claims).ok()
}
