//! How two texts differ that should be the same, in the words of whoever has to change one of them.

use url::Url;

/// What is different about `found`, in words; `None` when nothing is.
pub(super) fn difference(found: &str, wanted: &str) -> Option<String> {
    if found == wanted {
        return None;
    }
    Some(
        in_white_space(found, wanted)
            .or_else(|| in_final_slash(found, wanted))
            .or_else(|| between_urls(found, wanted))
            .or_else(|| in_case(found, wanted))
            .unwrap_or_else(|| from_character(found, wanted)),
    )
}

/// The one of several texts that is nearest to the wanted one.
pub(super) fn nearest<'a>(found: &'a [String], wanted: &str) -> Option<&'a String> {
    found.iter().max_by_key(|one| common_start(one, wanted) + common_end(one, wanted))
}

/// `found` in three pieces: as wanted, differing, as wanted again.
pub(super) fn pieces<'a>(found: &'a str, wanted: &str) -> (&'a str, &'a str, &'a str) {
    let start = common_start(found, wanted);
    let rest = found.get(start..).unwrap_or_default();
    let end = common_end(rest, wanted.get(start..).unwrap_or_default());
    let (differing, end) = rest.split_at_checked(rest.len() - end).unwrap_or((rest, ""));
    (found.get(..start).unwrap_or_default(), differing, end)
}

fn in_white_space(found: &str, wanted: &str) -> Option<String> {
    (found.trim() == wanted).then(|| "there is white space around it".to_owned())
}

fn in_final_slash(found: &str, wanted: &str) -> Option<String> {
    if found.strip_suffix('/') == Some(wanted) {
        return Some("it has a slash at its end that the wanted one has not".to_owned());
    }
    (wanted.strip_suffix('/') == Some(found)).then(|| "the slash at its end is missing".to_owned())
}

/// Part by part, when both are URLs.
fn between_urls(found: &str, wanted: &str) -> Option<String> {
    let url = |text| Url::parse(text).ok().filter(Url::has_host);
    let (found, wanted) = (url(found)?, url(wanted)?);
    let mut parts = Vec::new();
    if found.scheme() != wanted.scheme() {
        parts.push(format!("it begins with {}:// instead of {}://", found.scheme(), wanted.scheme()));
    }
    let host = |url: &Url| url.host_str().unwrap_or_default().to_owned();
    if host(&found) != host(&wanted) {
        parts.push(format!("the host is {} instead of {}", host(&found), host(&wanted)));
    }
    // The default ports of http and https differ, and that is said above.
    if found.port() != wanted.port() {
        let port = |url: &Url| url.port().map_or_else(|| "not named".to_owned(), |port| port.to_string());
        parts.push(format!("the port is {} instead of {}", port(&found), port(&wanted)));
    }
    if found.path() != wanted.path() {
        parts.push(match in_final_slash(found.path(), wanted.path()) {
            Some(slash) => slash,
            None if found.path().eq_ignore_ascii_case(wanted.path()) => {
                "the path differs in upper and lower case".to_owned()
            }
            None => format!("the path is {} instead of {}", found.path(), wanted.path()),
        });
    }
    if found.query() != wanted.query() || found.fragment() != wanted.fragment() {
        parts.push("what follows the path (query or fragment) differs".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn in_case(found: &str, wanted: &str) -> Option<String> {
    (found.to_lowercase() == wanted.to_lowercase()).then(|| "it differs in upper and lower case".to_owned())
}

fn from_character(found: &str, wanted: &str) -> String {
    let start = common_start(found, wanted);
    if start == 0 {
        return "it is another text altogether".to_owned();
    }
    let same = found.get(..start).map_or(0, |text| text.chars().count());
    format!("it differs from its character {} on", same + 1)
}

/// How many octets both begin with, in whole characters.
fn common_start(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

/// How many octets both end with, in whole characters.
fn common_end(one: &str, other: &str) -> usize {
    let both = one.chars().rev().zip(other.chars().rev());
    both.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACS: &str = "https://app.example.com/vestibule/saml/acs";

    #[test]
    fn what_differs_between_addresses_is_named() {
        for (found, expected) in [
            ("https://app.example.com/vestibule/saml/acs/", "it has a slash at its end"),
            ("https://app.example.com/vestibule/saml/acs ", "white space around it"),
            ("http://app.example.com/vestibule/saml/acs", "begins with http:// instead of https://"),
            ("https://app.example.com:8443/vestibule/saml/acs", "the port is 8443 instead of not named"),
            ("https://www.example.com/vestibule/saml/acs", "the host is www.example.com instead of app"),
            ("https://app.example.com/Vestibule/saml/ACS", "the path differs in upper and lower case"),
            ("https://app.example.com/saml/acs", "the path is /saml/acs instead of"),
            ("https://app.example.com/vestibule/saml/acs?x=1", "query"),
            ("HTTPS://app.example.com/vestibule/saml/acs", "upper and lower case"),
            ("urn:example:app", "another text altogether"),
        ] {
            let said = difference(found, ACS).unwrap();
            assert!(said.contains(expected), "{found}: {said}");
        }
        assert_eq!(difference(ACS, ACS), None);
        let all = difference("http://www.example.com:1/x", ACS).unwrap();
        assert_eq!(all.matches("; ").count(), 3, "{all}");
    }

    #[test]
    fn the_differing_piece_is_cut_out_whole() {
        assert_eq!(pieces("https://b.example/x", "https://app.example/x"), ("https://", "b", ".example/x"));
        assert_eq!(pieces("ab", "abc"), ("ab", "", ""));
        assert_eq!(pieces("abc", "ab"), ("ab", "c", ""));
        assert_eq!(pieces("aaa", "aa"), ("aa", "a", ""));
        assert_eq!(pieces("é1ö", "é2ö"), ("é", "1", "ö"));
        assert_eq!(pieces("", "a"), ("", "", ""));
    }

    #[test]
    fn the_nearest_of_several_is_compared() {
        let found = ["urn:other".to_owned(), "https://app.example.com/".to_owned()];
        assert_eq!(nearest(&found, "https://app.example.com").unwrap(), "https://app.example.com/");
    }
}
