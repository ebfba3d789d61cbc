//! Where the browser goes after a sign-in: an address on the site itself, or nowhere.
//!
//! The address comes from a query that anybody can write, and ends in a `Location`. Browsers and URL libraries
//! disagree about what a crafted address means (`/\evil.test`, a tab after the first slash, `@` in the authority), so
//! nothing is repaired here: an address is the site's own, written plainly, or it is refused. The redirect itself
//! later puts the site's origin in front, so that not even a mistake here would lead to another host.

use crate::reason::{Reason, Refusal};
use crate::site::PublicUrl;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// A path with its query (and fragment, if `rd` brought one) on the site's own origin: visible ASCII, begins with
/// exactly one slash, holds no backslash and no control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// From `rd`: an absolute URL of the site's origin, or a path. Nothing, and more than 1500 bytes, mean `/`: the
    /// address travels in a cookie.
    ///
    /// # Errors
    /// `return-address-foreign` for everything else.
    pub fn parse(text: &str, site: &PublicUrl) -> Result<Self, Refusal> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Ok(Self::root());
        }
        // Browsers strip tabs and newlines wherever they stand: `/<tab>/evil.test` is `//evil.test` to them.
        if text.chars().any(char::is_control) {
            return Err(foreign("the return address holds a control character"));
        }
        let local = if text.starts_with('/') { text } else { after_own_origin(text, site)? };
        let (path, tail) = local.split_at(local.find(['?', '#']).unwrap_or(local.len()));
        if path.contains('\\') {
            return Err(foreign("the return address holds a backslash, which browsers read as a slash"));
        }
        if names_a_host(path) {
            return Err(foreign("the return address begins with two slashes, which means another host"));
        }
        // A path may be empty only after the origin: `https://app.example.com?page=1`.
        let slash = if path.is_empty() { "/" } else { "" };
        let address = format!(
            "{slash}{}{}",
            utf8_percent_encode(path, NOT_PLAIN),
            utf8_percent_encode(tail, NOT_PLAIN)
        );
        if address.len() > MAX_BYTES { Ok(Self::root()) } else { Ok(Self(address)) }
    }

    /// The start page of the site.
    pub fn root() -> Self {
        Self("/".into())
    }

    /// `/path?query#fragment`; always begins with exactly one slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        self.0.split(['?', '#']).next().unwrap_or("/")
    }

    /// The whole address, for a `Location`.
    pub fn absolute(&self, site: &PublicUrl) -> String {
        format!("{}{}", site.origin(), self.0)
    }
}

/// Longer ones would not fit into an attempt's cookie beside four others.
const MAX_BYTES: usize = 1500;

/// What is written as `%XX` in a `Location`: everything but visible ASCII, and the characters that mark-up and
/// careless parsers trip over. An existing `%` stays: the address is already encoded.
const NOT_PLAIN: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The part after `https://app.example.com`. Compared as text, not as parsed URL: what is not written exactly as the
/// site's origin (user names, other spellings of the port, Unicode hosts) is not the site's.
fn after_own_origin<'a>(text: &'a str, site: &PublicUrl) -> Result<&'a str, Refusal> {
    let (scheme, default_port) = if site.is_secure() { ("https", "443") } else { ("http", "80") };
    let Some((written_scheme, rest)) = text.split_once("://") else {
        return Err(foreign("the return address is neither a path nor an absolute URL"));
    };
    if !written_scheme.eq_ignore_ascii_case(scheme) {
        return Err(foreign("the return address has another scheme than the site"));
    }
    let (authority, local) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let own = authority.eq_ignore_ascii_case(site.authority())
        || authority
            .rsplit_once(':')
            .is_some_and(|(host, port)| port == default_port && host.eq_ignore_ascii_case(site.authority()));
    if own { Ok(local) } else { Err(foreign("the return address names another host or port than the site")) }
}

/// Whether anything that decodes the path, even several times, could see `//host` at its beginning.
fn names_a_host(path: &str) -> bool {
    let mut rest = path.strip_prefix('/').unwrap_or(path).to_owned();
    for _ in 0..4 {
        if rest.starts_with(|c: char| c == '/' || c == '\\' || c.is_control() || c.is_whitespace()) {
            return true;
        }
        let decoded = percent_decode_str(&rest).decode_utf8_lossy().into_owned();
        if decoded == rest {
            return false;
        }
        rest = decoded;
    }
    // Encoded more often than any honest address.
    true
}

fn foreign(detail: &'static str) -> Refusal {
    // The address itself is not repeated: it may hold what somebody else wanted to see in the log.
    Refusal::new(Reason::ReturnAddressForeign, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> PublicUrl {
        PublicUrl::parse("https://app.example.com").unwrap()
    }

    fn parsed(text: &str) -> String {
        ReturnTo::parse(text, &site()).unwrap_or_else(|r| panic!("{text:?}: {r}")).as_str().to_owned()
    }

    #[test]
    fn addresses_of_the_site_keep_path_and_query() {
        for (given, kept) in [
            ("/", "/"),
            ("", "/"),
            ("/deep/link?x=1&y=2", "/deep/link?x=1&y=2"),
            ("https://app.example.com", "/"),
            ("https://app.example.com/", "/"),
            ("https://app.example.com?page=1", "/?page=1"),
            ("https://app.example.com#top", "/#top"),
            ("https://app.example.com/deep?x=1#part", "/deep?x=1#part"),
            ("HTTPS://App.Example.COM/Deep", "/Deep"),
            ("https://app.example.com:443/deep", "/deep"),
            ("/app#/inbox/7", "/app#/inbox/7"),
            ("/search?q=a\\b", "/search?q=a%5Cb"),
            ("/search?next=//evil.test/", "/search?next=//evil.test/"),
            ("/search?next=https://evil.test/", "/search?next=https://evil.test/"),
            ("/mail/@ada", "/mail/@ada"),
            ("/already%20encoded?q=%26", "/already%20encoded?q=%26"),
            ("/with space?q=\"<x>\"", "/with%20space?q=%22%3Cx%3E%22"),
            ("/straße?stadt=Köln", "/stra%C3%9Fe?stadt=K%C3%B6ln"),
            ("/a//b", "/a//b"),
            ("/a/../b", "/a/../b"),
            ("/.", "/."),
        ] {
            assert_eq!(parsed(given), kept, "{given:?}");
        }
    }

    #[test]
    fn nothing_leads_to_another_host() {
        for attack in [
            "//evil.test",
            "///evil.test",
            "////evil.test",
            "/\\evil.test",
            "/\\/evil.test",
            "\\\\evil.test",
            "\\/evil.test",
            "/a\\b",
            "/\t/evil.test",
            "/\n/evil.test",
            "/\r\n/evil.test",
            "\t//evil.test",
            "/\u{0}/evil.test",
            "/\u{85}/evil.test",
            "/x\r\nSet-Cookie: a=b",
            "/ /evil.test",
            " //evil.test",
            " /path",
            "/\u{a0}/evil.test",
            "/\u{3000}/evil.test",
            "/%2fevil.test",
            "/%2Fevil.test",
            "/%5cevil.test",
            "/%5Cevil.test",
            "/%09/evil.test",
            "/%0d%0a/evil.test",
            "/%252fevil.test",
            "/%25252fevil.test",
            "/%2525252525252fevil.test",
            "%2f%2fevil.test",
            "evil.test",
            "evil.test/path",
            "?x=1",
            "#x",
            "https:/evil.test",
            "https:evil.test",
            "https:///evil.test",
            "https:\\\\evil.test",
            "https://evil.test",
            "https://evil.test/",
            "https://evil.test#app.example.com",
            "https://evil.test?https://app.example.com/",
            "https://app.example.com.evil.test",
            "https://app.example.com.",
            "https://app.example.com@evil.test",
            "https://app.example.com:443@evil.test/",
            "https://user@app.example.com/",
            "https://user:secret@app.example.com/",
            "https://app.example.com\\@evil.test",
            "https://app.example.com\\.evil.test/",
            "https://evil.test\\app.example.com",
            "https://evilapp.example.com/",
            "https://sub.app.example.com/",
            "https://example.com/",
            "https://app.example.com:8443/",
            "https://app.example.com:80/",
            "https://app.example.com:/",
            "https://app.example.com:0443/",
            "https://app.example.com:443:443/",
            "https://app.example.com%2eevil.test/",
            "https://app.example.com%00.evil.test/",
            "https://ａpp.example.com/",
            "http://app.example.com/",
            "http://app.example.com:443/",
            "ftp://app.example.com/",
            "wss://app.example.com/",
            "javascript:alert(1)",
            "javascript://app.example.com/%0aalert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://app.example.com/1",
            "view-source:https://app.example.com/",
            "https://app.example.com//evil.test",
            "https://app.example.com/\\evil.test",
            "https://app.example.com/%2fevil.test",
            "https://[::1]/",
            "https://127.0.0.1/",
        ] {
            match ReturnTo::parse(attack, &site()) {
                Err(refusal) => assert_eq!(refusal.reason, Reason::ReturnAddressForeign, "{attack:?}"),
                Ok(address) => panic!("{attack:?} became {address:?}"),
            }
        }
    }

    #[test]
    fn the_port_belongs_to_the_origin() {
        let site = PublicUrl::parse("http://localhost:4180").unwrap();
        assert_eq!(ReturnTo::parse("http://localhost:4180/x", &site).unwrap().as_str(), "/x");
        for other in [
            "http://localhost/x",
            "http://localhost:80/x",
            "http://localhost:4181/x",
            "https://localhost:4180/x",
        ] {
            assert!(ReturnTo::parse(other, &site).is_err(), "{other}");
        }
    }

    #[test]
    fn what_does_not_fit_into_a_cookie_becomes_the_start_page() {
        let fits = format!("/{}", "a".repeat(MAX_BYTES - 1));
        assert_eq!(parsed(&fits), fits);
        assert_eq!(parsed(&format!("/{}", "a".repeat(MAX_BYTES))), "/");
        // Short as given, too long as written.
        assert_eq!(parsed(&format!("/{}", "ö".repeat(700))), "/");
    }

    #[test]
    fn what_was_parsed_parses_to_itself() {
        for given in ["/deep?x=1#y", "/with space?q=\\", "https://app.example.com/ß"] {
            let once = parsed(given);
            assert_eq!(parsed(&once), once);
        }
    }

    #[test]
    fn the_absolute_address_begins_with_the_origin() {
        let address = ReturnTo::parse("/deep?x=1", &site()).unwrap();
        assert_eq!(address.absolute(&site()), "https://app.example.com/deep?x=1");
        assert_eq!(address.path(), "/deep");
    }
}
