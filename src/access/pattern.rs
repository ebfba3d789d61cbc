//! Which paths a rule is about.

use super::path::{Reading, RequestPath, loosened, parse_plain};
use std::fmt;

/// A pattern of `paths:`. Only a final `*` is special:
///
/// - `/x/*` is everything under `/x`, and `/x` itself; `/*` is everything;
/// - `/x*` is every path that begins with these characters: `/x`, `/xy`, `/x/y`, `/x.json`;
/// - anything else is that one path: `/x` is not `/x/` and not `/x.json`.
///
/// It is written like a path in a browser's address bar; escapes are undone, so that `/über` and `/%C3%BCber` are one.
/// Dot segments, `//`, `?`, `#` and a `*` elsewhere are mistakes and refused; a literal `*` is written `%2A`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// As it stands in the configuration.
    written: String,
    kind: Kind,
    /// Without the star, and for [`Kind::Tree`] without the slash before it.
    name: String,
    loose: String,
}

/// What the star means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// There is none.
    Exact,
    /// It stands behind a slash.
    Tree,
    /// It stands behind something else.
    Prefix,
}

impl PathPattern {
    /// Reads a pattern as the configuration has it.
    ///
    /// # Errors
    /// A sentence for the owner.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err("a path begins with `/`".into());
        }
        let (kind, stem) = if let Some(stem) = text.strip_suffix("/*") {
            (Kind::Tree, stem)
        } else if let Some(stem) = text.strip_suffix('*') {
            (Kind::Prefix, stem)
        } else {
            (Kind::Exact, text)
        };
        if stem.contains('*') {
            return Err(
                "only a final `*` is special: `/x/*` is everything under /x (a literal `*` is `%2A`)".into(),
            );
        }
        let (name, loose) = if stem.is_empty() {
            (String::new(), String::new())
        } else {
            let name = parse_plain(stem)?;
            if kind == Kind::Tree && name.ends_with('/') {
                return Err("`//` is never seen by rules".into());
            }
            let loose = loosened(&name).into_owned();
            (name, loose)
        };
        Ok(Self { written: text.to_owned(), kind, name, loose })
    }

    /// Whether it is about the path's name.
    pub fn matches(&self, path: &RequestPath) -> bool {
        self.selects(Reading { text: path.as_str(), loose: false })
    }

    /// Whether every path that the other is about is one that this is about.
    pub fn covers(&self, other: &Self) -> bool {
        let (own, others) = (self.name.as_str(), other.name.as_str());
        let under =
            |name: &str| name.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        match (self.kind, other.kind) {
            (Kind::Exact, Kind::Exact) => own == others,
            (Kind::Exact, _) => false,
            (Kind::Prefix, _) => others.starts_with(own),
            (Kind::Tree, Kind::Exact | Kind::Tree) => under(others),
            (Kind::Tree, Kind::Prefix) => others.strip_prefix(own).is_some_and(|rest| rest.starts_with('/')),
        }
    }

    pub(super) fn parts(&self, loose: bool) -> (Kind, &str) {
        (self.kind, if loose { &self.loose } else { &self.name })
    }

    pub(super) fn selects(&self, reading: Reading<'_>) -> bool {
        let (kind, own) = self.parts(reading.loose);
        match kind {
            Kind::Exact => reading.text == own,
            Kind::Prefix => reading.text.starts_with(own),
            Kind::Tree => {
                // Only the root's loose form ends with a slash, and a stem that is loosely the root is everything.
                let own = own.strip_suffix('/').unwrap_or(own);
                reading.text.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }
}

/// As it was written.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::parse(pattern).unwrap().matches(&RequestPath::parse(path, true).unwrap())
    }

    #[test]
    fn a_final_star_after_a_slash_is_a_tree_and_includes_its_root() {
        for path in ["/x", "/x/", "/x/y", "/x/y/z", "/a/../x/y", "//x", "/%78/y"] {
            assert!(matches("/x/*", path), "{path}");
        }
        for path in ["/", "/xy", "/x.json", "/y/x", "/X", "/x%2Fy"] {
            assert!(!matches("/x/*", path), "{path}");
        }
    }

    #[test]
    fn a_slash_and_a_star_are_everything() {
        for path in ["/", "/x", "/x/y", "/%2F"] {
            assert!(matches("/*", path), "{path}");
        }
    }

    #[test]
    fn a_final_star_elsewhere_is_a_prefix_of_characters() {
        for path in ["/x", "/xy", "/x.json", "/x/y"] {
            assert!(matches("/x*", path), "{path}");
        }
        assert!(!matches("/x*", "/y"));
        assert!(matches("/x/v*", "/x/v1/z"));
        assert!(!matches("/x/v*", "/x"));
    }

    #[test]
    fn without_a_star_it_is_one_path() {
        assert!(matches("/x", "/x"));
        assert!(!matches("/x", "/x/"));
        assert!(!matches("/x/", "/x"));
        assert!(!matches("/x", "/xy"));
        assert!(matches("/", "/"));
        assert!(!matches("/", "/x"));
        assert!(matches("/a%2Ab", "/a*b"));
        assert!(matches("/über", "/%C3%BCber"));
        assert!(matches("/%c3%bcber", "/über"));
        assert!(matches("/a%2fb", "/a%2Fb"));
    }

    #[test]
    fn patterns_that_no_path_could_match_are_refused() {
        for text in [
            "", "x", "*", "x/*", "/x/**", "/*/x", "/x*/y", "/x//*", "/x//y", "//*", "/a/../b", "/a/./b/*",
            "/x?y", "/x#y", "/x\\y", "/x%5cy", "/x%00", "/x%2*", "/x%252e", "/..", "/..;/x", "/a b",
            "/a/...",
        ] {
            assert!(PathPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn prints_as_it_was_written() {
        assert_eq!(PathPattern::parse("/%c3%bc/*").unwrap().to_string(), "/%c3%bc/*");
    }
}
