//! Undoing the escapes of a path, once, and refusing what could be undone twice or seen in two ways.

/// Stands for an allowed `%2F` while a path is taken apart; it cannot come from the request, where control characters
/// are refused.
pub(super) const ENCODED_SLASH: char = '\0';

pub(super) struct Decoded {
    /// Every escape undone, an allowed `%2F` as [`ENCODED_SLASH`].
    pub(super) full: String,
    /// The same with escapes of letters, digits and `-._` left as they are, where there are any: nobody needs to
    /// write those, and some servers do not undo them.
    pub(super) written: Option<String>,
}

/// The path with its escapes undone, or what is wrong with it.
pub(super) fn decode(raw: &str, allow_encoded_slash: bool) -> Result<Decoded, &'static str> {
    if !raw.starts_with('/') {
        return Err("not an absolute path");
    }
    let mut full = Vec::with_capacity(raw.len());
    let mut written = Vec::with_capacity(raw.len());
    let mut spelled_out = false;
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let decoded = match byte {
            b'%' => {
                let (Some(high), Some(low)) =
                    (bytes.next().and_then(hex_value), bytes.next().and_then(hex_value))
                else {
                    return Err("`%` without two hexadecimal digits");
                };
                match high << 4 | low {
                    b'/' if allow_encoded_slash => ENCODED_SLASH as u8,
                    b'/' => return Err("an encoded slash"),
                    0..0x20 | 0x7f => return Err("an encoded control character"),
                    other => other,
                }
            }
            b'?' | b'#' => return Err("a raw `?` or `#`"),
            0..=0x20 | 0x7f => return Err("a raw space or control character"),
            other => other,
        };
        if decoded == b'\\' {
            return Err("a backslash");
        }
        full.push(decoded);
        if byte == b'%' && is_unreserved(decoded) {
            spelled_out = true;
            written.extend_from_slice(&[b'%', hex_digit(decoded >> 4), hex_digit(decoded & 15)]);
        } else {
            written.push(decoded);
        }
    }
    let full = String::from_utf8(full).map_err(|_| "not UTF-8 once decoded")?;
    // Only an allowed %2F may be a control character here; C1 controls come as two octets and show only now.
    if full.chars().any(|c| c.is_control() && c != ENCODED_SLASH) {
        return Err("a control character");
    }
    if would_decode_again(full.as_bytes()) {
        return Err("double encoding");
    }
    check_dot_segments(raw, &full)?;
    let written = if spelled_out { String::from_utf8(written).ok() } else { None };
    Ok(Decoded { full, written })
}

/// Whether something is left that a second decoding (`%2e`, or `%u002e` with IIS) would change.
fn would_decode_again(decoded: &[u8]) -> bool {
    let all_hex = |digits: Option<&[u8]>| digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit));
    decoded.iter().enumerate().filter(|(_, byte)| **byte == b'%').any(|(at, _)| {
        let unicode = matches!(decoded.get(at + 1), Some(b'u' | b'U'));
        all_hex(decoded.get(at + 1..at + 3)) || unicode && all_hex(decoded.get(at + 2..at + 6))
    })
}

fn check_dot_segments(raw: &str, full: &str) -> Result<(), &'static str> {
    let (mut plain, mut encoded) = (false, false);
    for (raw, segment) in raw.split('/').zip(full.split('/')) {
        for piece in segment.split(ENCODED_SLASH) {
            let core = significant(piece);
            if matches!(core, "." | "..") {
                if core.len() != piece.len() {
                    return Err("a dot segment with parameters");
                }
                if piece.len() != segment.len() {
                    return Err("a dot segment beside an encoded slash");
                }
                if raw == segment {
                    plain = true;
                } else {
                    encoded = true;
                }
            } else if core.contains('.') && is_hollow(core) {
                return Err("a segment of dots and spaces only");
            }
        }
    }
    if plain && encoded {
        return Err("raw and encoded dot segments in one path");
    }
    Ok(())
}

/// What nobody has a reason to escape. The tilde is not among them: encoders older than RFC 3986 escape it.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'A' + value - 10 }
}

/// A segment up to its parameters or an encoded `?` or `#`.
pub(super) fn significant(segment: &str) -> &str {
    segment.find([';', '?', '#']).map_or(segment, |end| &segment[..end])
}

/// Nothing, or dots and spaces only.
pub(super) fn is_hollow(core: &str) -> bool {
    core.bytes().all(|b| matches!(b, b'.' | b' ' | b'+'))
}
