//! How values are written into a header line.

use super::plan::{Encoding, HeaderSpec};

/// Puts the one value of a header at the end of `out`. A value with control characters stays out.
pub(super) fn single(out: &mut Vec<u8>, value: &str, encoding: Encoding) {
    if has_control(value) {
        return;
    }
    match encoding {
        Encoding::Utf8 => out.extend_from_slice(value.as_bytes()),
        Encoding::Percent => escaped(out, value, |b| b == b'%' || !b.is_ascii()),
        Encoding::Rfc8187 => rfc8187(out, value),
    }
}

/// The values of a header in their order, joined; values with control characters stay out.
pub(super) struct Joined<'a> {
    spec: &'a HeaderSpec,
    joined: Vec<u8>,
    first: bool,
    only_spaces: bool,
}

impl<'a> Joined<'a> {
    pub(super) fn new(spec: &'a HeaderSpec) -> Self {
        let only_spaces = spec.separator.bytes().all(|b| b == b' ');
        Self { spec, joined: Vec::new(), first: true, only_spaces }
    }

    pub(super) fn push(&mut self, value: &str) {
        if value.is_empty() || has_control(value) {
            return;
        }
        if !std::mem::replace(&mut self.first, false) {
            self.joined.extend_from_slice(self.spec.separator.as_bytes());
        }
        let separator = self.spec.separator.as_bytes();
        let percent = self.spec.encoding == Encoding::Percent;
        // The space of `, ` may stay inside a value: whoever splits, splits at the comma. At the ends it would be lost, and
        // so would be any other that an application trims: a group ` ops` must not become `ops`.
        let start = value.trim_start();
        let body = start.trim_end();
        let (before, _) = value.split_at(value.len() - start.len());
        let (_, after) = start.split_at(body.len());
        escaped(&mut self.joined, before, |_| true);
        escaped(&mut self.joined, body, |b| {
            b == b'%' || percent && !b.is_ascii() || separator.contains(&b) && (b != b' ' || self.only_spaces)
        });
        escaped(&mut self.joined, after, |_| true);
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        match (self.spec.encoding, std::str::from_utf8(&self.joined)) {
            (Encoding::Rfc8187, Ok(joined)) => rfc8187(out, joined),
            _ => out.extend_from_slice(&self.joined),
        }
    }
}

/// Whether a value must stay out of headers.
pub(super) fn has_control(value: &str) -> bool {
    value.chars().any(char::is_control)
}

/// RFC 8187, 3.2.1: only where it is needed, or where the plain value could be taken for it.
fn rfc8187(out: &mut Vec<u8>, value: &str) {
    const MARK: &[u8] = b"UTF-8''";
    let looks_like_it =
        value.as_bytes().get(..MARK.len()).is_some_and(|start| start.eq_ignore_ascii_case(MARK));
    if value.is_ascii() && !looks_like_it {
        out.extend_from_slice(value.as_bytes());
    } else {
        out.extend_from_slice(MARK);
        escaped(out, value, |b| !(b.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&b)));
    }
}

fn escaped(out: &mut Vec<u8>, value: &str, must: impl Fn(u8) -> bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if must(byte) {
            out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        } else {
            out.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::Source;
    use super::*;
    use http::HeaderName;

    fn one(value: &str, encoding: Encoding) -> String {
        let mut out = Vec::new();
        single(&mut out, value, encoding);
        String::from_utf8(out).unwrap()
    }

    fn many(values: &[&str], separator: &str, encoding: Encoding) -> String {
        let spec = HeaderSpec {
            name: HeaderName::from_static("x-groups"),
            source: Source::Groups,
            separator: separator.into(),
            encoding,
        };
        let mut joined = Joined::new(&spec);
        for value in values {
            joined.push(value);
        }
        let mut out = Vec::new();
        joined.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// What an application does.
    fn read(line: &str, separator: char) -> Vec<String> {
        line.split(separator)
            .map(|part| percent_encoding::percent_decode_str(part.trim()).decode_utf8().unwrap().into_owned())
            .collect()
    }

    #[test]
    fn single_values_are_raw_unless_another_encoding_is_asked_for() {
        for (value, utf8, percent, rfc8187) in [
            ("ada", "ada", "ada", "ada"),
            ("Zoë, 100%", "Zoë, 100%", "Zo%C3%AB, 100%25", "UTF-8''Zo%C3%AB%2C%20100%25"),
            ("100%", "100%", "100%25", "100%"),
            ("utf-8''x", "utf-8''x", "utf-8''x", "UTF-8''utf-8%27%27x"),
            ("", "", "", ""),
            ("a\r\nb", "", "", ""),
        ] {
            assert_eq!(one(value, Encoding::Utf8), utf8);
            assert_eq!(one(value, Encoding::Percent), percent);
            assert_eq!(one(value, Encoding::Rfc8187), rfc8187);
        }
    }

    #[test]
    fn joined_values_split_into_what_they_were() {
        let groups = [
            "Domain Users",
            "Sales, EMEA",
            "100%",
            "%2C",
            "a|b;c",
            "Zoë",
            " edge ",
            "\u{a0}edge\u{3000}",
            "CN=x,OU=y",
        ];
        for (separator, at) in
            [(",", ','), (", ", ','), ("|", '|'), (";", ';'), ("; ", ';'), (" ", ' '), (",,", ',')]
        {
            for encoding in [Encoding::Utf8, Encoding::Percent] {
                let line = many(&groups, separator, encoding);
                let parts: Vec<_> = read(&line, at).into_iter().filter(|part| !part.is_empty()).collect();
                assert_eq!(parts, groups, "{separator:?} {line}");
                assert!(encoding == Encoding::Utf8 || line.is_ascii());
            }
        }
        assert_eq!(many(&["Sales, EMEA", "ops"], ",", Encoding::Utf8), "Sales%2C EMEA,ops");
        assert_eq!(many(&["a b", "c"], ", ", Encoding::Utf8), "a b, c");
        assert_eq!(many(&["a b", "c"], " ", Encoding::Utf8), "a%20b c");
    }

    #[test]
    fn joined_values_are_joined_before_rfc_8187() {
        let line = many(&["Zoë", "a,b"], ",", Encoding::Rfc8187);
        let inner = line.strip_prefix("UTF-8''").unwrap();
        let joined = percent_encoding::percent_decode_str(inner).decode_utf8().unwrap();
        assert_eq!(read(&joined, ','), ["Zoë", "a,b"]);
        assert_eq!(many(&["x", "a,b"], ",", Encoding::Rfc8187), "x,a%2Cb");
    }

    #[test]
    fn control_characters_stay_out() {
        assert_eq!(many(&["a", "b\nc", "", "d\u{85}", "e"], ",", Encoding::Utf8), "a,e");
    }
}
