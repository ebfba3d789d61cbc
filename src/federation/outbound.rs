//! The way out of this network, as the environment says it: `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl reads
//! them.

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use std::fmt;
use std::sync::Arc;
use url::Url;

/// Which addresses are reached through a proxy.
#[derive(Clone)]
pub struct Outbound(Arc<Matcher>);

impl Outbound {
    /// No proxy for anything.
    pub fn direct() -> Self {
        Self(Arc::new(Matcher::builder().build()))
    }

    /// From variables by name and value; capitals win over small letters. A value that is no address of a proxy counts
    /// as none, as everywhere.
    pub fn from_environment(environment: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let names = [name.to_owned(), name.to_ascii_lowercase()];
            let found = names.iter().find_map(|name| environment.iter().find(|(known, _)| known == name));
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let matcher = Matcher::builder()
            .https(value("HTTPS_PROXY"))
            .all(value("ALL_PROXY"))
            .no(value("NO_PROXY"))
            .build();
        Self(Arc::new(matcher))
    }

    /// The proxy for this address, if it has one.
    pub(super) fn proxy_for(&self, url: &Url) -> Result<Option<Intercept>, String> {
        let uri: http::Uri =
            url.as_str().parse().map_err(|problem| format!("the address cannot be asked for: {problem}"))?;
        Ok(self.0.intercept(&uri))
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self::direct()
    }
}

/// Proxies have passwords in their addresses.
impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbound(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(environment: &[(&str, &str)], url: &str) -> Option<String> {
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let outbound = Outbound::from_environment(&environment);
        let found = outbound.proxy_for(&Url::parse(url).unwrap()).unwrap();
        found.map(|proxy| proxy.uri().to_string())
    }

    #[test]
    fn the_environment_says_which_addresses_go_through_a_proxy() {
        let idp = "https://idp.example.com/metadata?a=b";
        assert_eq!(proxy(&[], idp), None);
        assert_eq!(proxy(&[("HTTPS_PROXY", "http://p:3128")], idp).as_deref(), Some("http://p:3128/"));
        assert_eq!(proxy(&[("https_proxy", "p:3128")], idp).as_deref(), Some("http://p:3128/"));
        assert_eq!(proxy(&[("ALL_PROXY", "http://p:3128")], idp).as_deref(), Some("http://p:3128/"));
        let except = [("HTTPS_PROXY", "http://p:3128"), ("NO_PROXY", "other.test, .example.com")];
        assert_eq!(proxy(&except, idp), None);
        assert_eq!(proxy(&except, "https://idp.test/").as_deref(), Some("http://p:3128/"));
        assert_eq!(proxy(&[("HTTP_PROXY", "http://p:3128")], idp), None, "that is for http addresses");
    }

    #[test]
    fn the_password_of_a_proxy_is_not_shown() {
        let outbound =
            Outbound::from_environment(&[("HTTPS_PROXY".to_owned(), "http://me:secret@p:1".to_owned())]);
        assert!(!format!("{outbound:?}").contains("secret"));
    }
}
