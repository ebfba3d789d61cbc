//! Domains of e-mail addresses, and which of them an identity provider may speak for.
//!
//! Compared as A-labels (RFC 5890): what looks like `example.com` and is written with a Cyrillic letter is
//! `xn--…` here, and another domain. A name that could be written in two ways is none: A-labels beside letters of other
//! alphabets, or letters that IDNA (UTS 46) would fold into others, such as full-width ones.

use std::fmt;

/// `example.com`; or `*.example.com`, which is every domain below it and not itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// In A-labels and lower case.
    name: String,
    below: bool,
}

impl Domain {
    /// Reads it as a configuration writes it.
    ///
    /// # Errors
    /// The end of a sentence that begins with the key: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let wrong = || {
            format!("is not a domain: `{text}`; write it as example.com, or *.example.com for all below it")
        };
        if !is_domain(name) {
            return Err(wrong());
        }
        let name = in_ascii(name).ok_or_else(wrong)?;
        Ok(Self { name, below })
    }

    /// Whether this domain, in A-labels, is meant.
    pub fn covers(&self, domain: &str) -> bool {
        if !self.below {
            return domain.eq_ignore_ascii_case(&self.name);
        }
        let at = domain.len().checked_sub(self.name.len() + 1);
        at.and_then(|at| domain.split_at_checked(at)).is_some_and(|(label, rest)| {
            !label.is_empty()
                && rest.strip_prefix('.').is_some_and(|rest| rest.eq_ignore_ascii_case(&self.name))
        })
    }

    /// Whether there is a domain that both cover.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self.below, other.below) {
            (true, true) => self == other || self.covers(&other.name) || other.covers(&self.name),
            (_, false) => self.covers(&other.name),
            (false, true) => other.covers(&self.name),
        }
    }

    /// Whether the name is one label, or a country's second level that is sold to everybody (`co.uk`), as far as that can be
    /// told without a list: no one's own.
    pub fn is_common(&self) -> bool {
        const SOLD: &[&str] =
            &["ac", "co", "com", "edu", "gob", "gouv", "gov", "mil", "ne", "net", "nom", "or", "org", "sch"];
        match self.name.split_once('.') {
            None => true,
            Some((second, country)) => country.len() == 2 && SOLD.contains(&second),
        }
    }

    /// The name in A-labels, without `*.`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it stands for what is below it.
    pub const fn is_below(&self) -> bool {
        self.below
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

/// Labels of letters, digits, `-` and `_`, or of anything that is not ASCII.
pub(super) fn is_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| {
                c.is_ascii_alphanumeric()
                    || matches!(c, '-' | '_')
                    || !c.is_ascii() && !c.is_whitespace() && !c.is_control()
            })
    })
}

/// The name in A-labels and lower case; None when it could be written in two ways, or is none.
pub(super) fn in_ascii(domain: &str) -> Option<String> {
    let lower = lowered(domain)?;
    let labelled = lower.split('.').any(|label| label.starts_with("xn--"));
    if lower.is_ascii() && !labelled {
        return Some(lower);
    }
    if !lower.is_ascii() && labelled {
        return None;
    }
    let ascii = idna::domain_to_ascii(&lower).ok()?;
    let (unicode, valid) = idna::domain_to_unicode(&ascii);
    valid.ok()?;
    let round = if labelled { &ascii } else { &unicode };
    (*round == lower).then_some(ascii)
}

/// In lower case; None when a letter of another alphabet would become an ASCII one (the Kelvin sign a k).
fn lowered(domain: &str) -> Option<String> {
    let mut lower = String::with_capacity(domain.len());
    for c in domain.chars() {
        let start = lower.len();
        lower.extend(c.to_lowercase());
        if !c.is_ascii() && lower.get(start..)?.bytes().any(|b| b.is_ascii()) {
            return None;
        }
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(own: &str, domain: &str) -> bool {
        Domain::parse(own).unwrap().covers(domain)
    }

    #[test]
    fn a_domain_is_itself_and_a_star_is_what_is_below() {
        assert!(covers("Example.com", "example.COM"));
        assert!(!covers("example.com", "a.example.com"));
        assert!(covers("*.example.com", "a.example.com") && covers("*.example.com", "a.b.Example.com"));
        for foreign in ["example.com", ".example.com", "notexample.com", "a.example.com.evil.test", "", "com"]
        {
            assert!(!covers("*.example.com", foreign), "{foreign}");
        }
        assert_eq!(Domain::parse("*.Example.com").unwrap().to_string(), "*.example.com");
    }

    #[test]
    fn what_is_nobodys_own_is_known() {
        for (common, domain) in [
            (true, "com"),
            (true, "*.com"),
            (true, "*.co.uk"),
            (true, "com.au"),
            (false, "example.com"),
            (false, "*.example.co.uk"),
            (false, "co.example"),
            (false, "t.co"),
        ] {
            assert_eq!(Domain::parse(domain).unwrap().is_common(), common, "{domain}");
        }
    }

    #[test]
    fn two_overlap_where_a_domain_is_of_both() {
        let overlap = |one: &str, other: &str| {
            let (one, other) = (Domain::parse(one).unwrap(), Domain::parse(other).unwrap());
            assert_eq!(one.overlaps(&other), other.overlaps(&one), "{one} {other}");
            one.overlaps(&other)
        };
        for (one, other) in [
            ("a.test", "A.test"),
            ("*.a.test", "b.a.test"),
            ("*.a.test", "*.a.test"),
            ("*.a.test", "*.b.a.test"),
        ] {
            assert!(overlap(one, other), "{one} {other}");
        }
        for (one, other) in [("a.test", "b.test"), ("*.a.test", "a.test"), ("*.a.test", "*.ba.test")] {
            assert!(!overlap(one, other), "{one} {other}");
        }
    }

    #[test]
    fn names_of_other_alphabets_are_compared_as_a_labels() {
        assert_eq!(in_ascii("exämple.com").as_deref(), Some("xn--exmple-cua.com"));
        assert_eq!(in_ascii("EXÄMPLE.com").as_deref(), Some("xn--exmple-cua.com"));
        assert_eq!(in_ascii("XN--exmple-cua.com").as_deref(), Some("xn--exmple-cua.com"));
        assert_eq!(in_ascii("a_b.example.com").as_deref(), Some("a_b.example.com"));
        assert!(covers("exämple.com", "xn--exmple-cua.com"));
        // The first letter is Cyrillic.
        let alike = in_ascii("\u{435}xample.com").unwrap();
        assert!(alike.starts_with("xn--") && !covers("example.com", &alike), "{alike}");
    }

    #[test]
    fn what_could_be_written_in_two_ways_is_no_domain() {
        for twofold in [
            "\u{ff45}xample.com",
            "example\u{3002}com",
            "\u{212a}elvin.test",
            "xn--exmple-cua.exämple.com",
            "xn--a\u{e4}.com",
            "xn--zzzzzzzzz--.com",
            "xn--example-.com",
            "e\u{301}xample.com",
            "exam\u{ad}ple.com",
            "exam\u{200b}ple.com",
        ] {
            assert_eq!(in_ascii(twofold), None, "{twofold:?}");
        }
        for none in
            ["", "*.", "*", "*example.com", "a.*.com", "-a.com", "a..b", "a b.com", "http://a.com", "a@b.com"]
        {
            assert!(Domain::parse(none).is_err(), "{none}");
        }
    }
}
