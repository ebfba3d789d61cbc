//! Text from outside made safe to print: bounded, one line, nothing that a terminal would obey.

use std::borrow::Cow;
use std::fmt::Write as _;

/// At most `max` bytes of `text`, with every character that moves the cursor, turns the writing direction or starts a
/// terminal command written out as `\u{…}`. What was cut off shows as `…`.
pub(super) fn visible(text: &str, max: usize) -> Cow<'_, str> {
    let cut = floor_char_boundary(text, max);
    let (kept, whole) = (text.get(..cut).unwrap_or(""), cut == text.len());
    if whole && !kept.chars().any(is_hidden) {
        return Cow::Borrowed(kept);
    }
    let mut shown = String::with_capacity(kept.len() + 16);
    for c in kept.chars() {
        if is_hidden(c) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    if !whole {
        shown.push('…');
    }
    Cow::Owned(shown)
}

fn is_hidden(c: char) -> bool {
    // C0, DEL and C1; line and paragraph separators; marks, embeddings and isolates of writing direction; BOM.
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn floor_char_boundary(text: &str, max: usize) -> usize {
    if text.len() <= max {
        return text.len();
    }
    (0..=max).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(visible("Ada Lovelace, Ωμέγα", 100), Cow::Borrowed(_)));
    }

    #[test]
    fn nothing_breaks_the_line_or_steers_the_terminal() {
        assert_eq!(visible("a\nb\r\u{1b}[2J\u{9b}x", 100), "a\\u{a}b\\u{d}\\u{1b}[2J\\u{9b}x");
        assert_eq!(visible("a\u{202e}b\u{2028}", 100), "a\\u{202e}b\\u{2028}");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(visible("aéé", 2), "a…");
        assert_eq!(visible("aéé", 3), "aé…");
        assert_eq!(visible("aéé", 5), "aéé");
        assert_eq!(visible("é", 0), "…");
    }
}
