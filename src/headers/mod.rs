//! The headers that the application may trust: removed in every spelling, then set (SKELETON).

pub mod jwt;

use crate::clock::Moment;
use crate::session::Session;
use http::{HeaderMap, HeaderName, HeaderValue};

/// What one header carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    User,
    Email,
    Name,
    PreferredUsername,
    Groups,
    Roles,
    Jwt,
    Idp,
    GroupsOmitted,
}

/// How non-ASCII values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    #[default]
    Utf8,
    Percent,
    Rfc8187,
}

/// One configured header.
#[derive(Debug, Clone)]
pub struct HeaderSpec {
    pub name: HeaderName,
    pub source: Source,
    pub separator: String,
    pub encoding: Encoding,
}

/// The headers of a site, in order.
#[derive(Debug, Clone)]
pub struct HeaderPlan {
    pub specs: Vec<HeaderSpec>,
    /// 3072
    pub budget: usize,
}

impl HeaderPlan {
    /// The default set of product.md; with the `oauth2-proxy` preset also X-Auth-Request-*.
    pub fn default_set() -> Self {
        todo!()
    }
    pub fn oauth2_proxy_preset() -> Self {
        todo!()
    }
    /// Removes every configured name in every spelling that an upstream may fold (`-`, `_`, `.`, case), also all
    /// `X-Vestibule-*`.
    pub fn strip(&self, _headers: &mut HeaderMap) {
        todo!()
    }
    /// Values for a session; with every spec present (empty when unset). Over budget: groups left out.
    pub fn render(&self, _session: &Session, _jwt: Option<(&str, Moment)>) -> crate::session::Rendered {
        todo!()
    }
    /// Every configured header, empty: for anonymous passage.
    pub fn anonymous(&self) -> &[(HeaderName, HeaderValue)] {
        todo!()
    }
}
