//! The form of an e-mail address: the small part of RFC 5321 that directories use.

use super::domain::{in_ascii, is_domain};

/// RFC 5321 4.5.3.1: 256 octets for the path, two of which are `<` and `>`.
const LONGEST: usize = 254;
const LONGEST_LOCAL: usize = 64;

/// `local@domain`, with exactly one `@` and no quoting, spaces or control characters. In the local part ASCII letters are
/// lowered and others stay: lowering them would make one address of two (the Kelvin sign is a k in lower case). The
/// domain is written in A-labels.
pub fn normalised(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    if local.is_empty() || local.len() > LONGEST_LOCAL || !is_local(local) || !is_domain(domain) {
        return None;
    }
    let address = format!("{}@{}", local.to_ascii_lowercase(), in_ascii(domain)?);
    (address.len() <= LONGEST).then_some(address)
}

/// What follows the last `@`.
pub(super) fn domain(text: &str) -> Option<&str> {
    text.rsplit_once('@').map(|(_, domain)| domain)
}

fn is_local(local: &str) -> bool {
    local.chars().all(|c| !c.is_whitespace() && !c.is_control() && !r#"()<>[]:;@\,""#.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lowered_in_ascii_only() {
        assert_eq!(normalised("Ada.Lovelace+x@Example.COM").as_deref(), Some("ada.lovelace+x@example.com"));
        assert_eq!(normalised("ÄDA@exämple.com").as_deref(), Some("Äda@xn--exmple-cua.com"));
        assert_eq!(normalised("\u{212a}im@example.com").as_deref(), Some("\u{212a}im@example.com"));
        assert_eq!(normalised("root@localhost").as_deref(), Some("root@localhost"));
        assert_eq!(normalised("o'hara/x=y@a_b.c-d").as_deref(), Some("o'hara/x=y@a_b.c-d"));
    }

    #[test]
    fn anything_else_is_not_an_address() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}.com", "b".repeat(254));
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example.com@evil.test",
            "ada@@example.com",
            "\"ada@evil.test\"@example.com",
            "ada@example..com",
            "ada@.example.com",
            "ada@example.com.",
            "ada@-example.com",
            "ada@example-.com",
            "ada @example.com",
            "ada@exam ple.com",
            "ada@example.com ",
            "ada@example.com,eve@evil.test",
            "ada@[127.0.0.1]",
            "ada@example.com\n",
            "ada\u{a0}b@example.com",
            "ada@example\u{2028}com",
            "Ada <ada@example.com>",
            "<ada@example.com>",
            "ada@\u{ff45}xample.com",
            "ada@example\u{3002}com",
            "ada@xn--a\u{e4}.com",
            &long_local,
            &long,
        ] {
            assert_eq!(normalised(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_domain_is_what_follows_the_last_at() {
        assert_eq!(domain("a@b@c"), Some("c"));
        assert_eq!(domain("a"), None);
    }
}
