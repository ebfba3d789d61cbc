//! Which of the client's headers a gateway is to take away: Envoy's dialects can say so in the answer.

use crate::site::Site;
use http::{HeaderMap, HeaderValue};

/// What is to be removed at a site; made once.
pub(in crate::gateway) struct Removals {
    /// Sorted.
    names: Vec<String>,
    /// The same as Envoy's HTTP dialect wants them.
    joined: HeaderValue,
}

impl Removals {
    pub(super) fn of(site: &Site) -> Self {
        let mut names = site.headers.aliases();
        names.sort();
        // Letters, digits and the three separators always make a value.
        let joined = HeaderValue::from_str(&names.join(",")).unwrap_or(HeaderValue::from_static(""));
        Self { names, joined }
    }

    /// What is removed whatever the client sent: the gate may not have been shown everything.
    pub(in crate::gateway) fn names(&self) -> &[String] {
        &self.names
    }

    /// What the client sent that an application could fold to one of ours, in spellings that are not listed.
    pub(in crate::gateway) fn further<'a>(
        &'a self,
        site: &'a Site,
        sent: &'a HeaderMap,
    ) -> impl Iterator<Item = &'a str> {
        let plan = &site.headers;
        sent.keys().map(http::HeaderName::as_str).filter(|name| {
            plan.reserves(name)
                && !plan.names().any(|own| own.as_str() == *name)
                && self.names.binary_search_by(|listed| listed.as_str().cmp(name)).is_err()
        })
    }

    /// All of it in one value.
    pub(super) fn joined(&self, site: &Site, sent: &HeaderMap) -> HeaderValue {
        let mut further = self.further(site, sent).peekable();
        if further.peek().is_none() {
            return self.joined.clone();
        }
        let all: Vec<&str> = self.names.iter().map(String::as_str).chain(further).collect();
        HeaderValue::from_str(&all.join(",")).unwrap_or_else(|_| self.joined.clone())
    }
}
