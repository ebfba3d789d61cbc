//! Values that must not be printed and do not outlive their use.

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes that are wiped when dropped and never shown by `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes over the bytes.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves; the name is long so that each use is seen in a review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether somebody said exactly this. The time tells at most the length.
    pub fn is(&self, said: &[u8]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, said).is_ok()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_says_nothing() {
        assert_eq!(format!("{:?}", Secret::from("hunter2".to_string())), "Secret(…)");
    }

    #[test]
    fn only_the_same_bytes_are_the_secret() {
        let secret = Secret::from("hunter2".to_string());
        assert!(secret.is(b"hunter2"));
        for other in [&b""[..], b"hunter", b"hunter3", b"hunter22"] {
            assert!(!secret.is(other));
        }
    }
}
