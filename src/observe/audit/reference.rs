//! What a page shows and an event carries, so that the one can be found by the other.

use std::fmt;

/// A short random reference such as `7f3a-91c2`, on the page and in the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(String);

impl Reference {
    /// 32 random bits: enough to find one event among a day's, short enough to be read out on the telephone.
    pub fn random() -> Self {
        let mut bytes = [0_u8; 4];
        // Without randomness nothing else here works either; a reference is no secret, so zeros will do.
        let _ = aws_lc_rs::rand::fill(&mut bytes);
        let [a, b, c, d] = bytes;
        Self(format!("{a:02x}{b:02x}-{c:02x}{d:02x}"))
    }

    /// The reference as shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_short_and_differ() {
        let one = Reference::random();
        assert_eq!(one.as_str().len(), 9);
        assert_eq!(one.as_str().as_bytes()[4], b'-');
        assert!(one.as_str().bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()));
        // Four in a row that are all alike would be chance once in 2^96.
        assert!((0..4).any(|_| Reference::random() != one));
    }
}
