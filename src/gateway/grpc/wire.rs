//! Protocol Buffers as octets, as far as the few messages here need them
//! (protobuf.dev, "Encoding").
//!
//! A generated reader takes the last of two values where one belongs. Here two are seen, because whoever reads the first
//! and whoever reads the last would judge different requests; and nothing is copied.

/// What stands in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// A number, as it is written.
    Number(u64),
    /// A text, octets or a message.
    Octets(&'a [u8]),
    /// A number of four or eight octets, which no field here has.
    Fixed,
}

/// The octets are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// The fields of a message, in their order. Ends after the first fault.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn next_field(&mut self) -> Result<(u64, Content<'a>), Malformed> {
        let tag = self.number()?;
        let content = match tag & 7 {
            0 => Content::Number(self.number()?),
            1 => self.take(8).map(|_| Content::Fixed)?,
            2 => {
                let length = usize::try_from(self.number()?).map_err(|_| Malformed)?;
                Content::Octets(self.take(length)?)
            }
            5 => self.take(4).map(|_| Content::Fixed)?,
            _ => return Err(Malformed),
        };
        match tag >> 3 {
            0 => Err(Malformed),
            field => Ok((field, content)),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for place in 0..10 {
            let octet = u64::from(*self.take(1)?.first().ok_or(Malformed)?);
            // The tenth octet has room for one bit.
            if place == 9 && octet > 1 {
                return Err(Malformed);
            }
            number |= (octet & 0x7f) << (7 * place);
            if octet < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Content<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.next_field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// How many octets a number takes.
pub(super) const fn number_length(number: u64) -> usize {
    let mut length = 1;
    let mut rest = number >> 7;
    while rest > 0 {
        length += 1;
        rest >>= 7;
    }
    length
}

/// How many octets a field of octets takes, with its tag. Fields below 16 have tags of one octet.
pub(super) const fn octets_length(length: usize) -> usize {
    1 + number_length(length as u64) + length
}

/// Writes a number without a tag.
pub(super) fn put_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Writes the number of a field below 16.
pub(super) fn put_number_field(to: &mut Vec<u8>, field: u8, number: u64) {
    to.push(field << 3);
    put_number(to, number);
}

/// Writes the tag and the length of a field below 16 that holds `length` octets.
pub(super) fn put_start(to: &mut Vec<u8>, field: u8, length: usize) {
    to.push(field << 3 | 2);
    put_number(to, length as u64);
}

/// Writes a text.
pub(super) fn put_octets(to: &mut Vec<u8>, field: u8, octets: &[u8]) {
    put_start(to, field, octets.len());
    to.extend_from_slice(octets);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(message: &[u8]) -> Result<Vec<(u64, Content<'_>)>, Malformed> {
        Fields::of(message).collect()
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        assert_eq!(all(&[0x08, 0x96, 0x01]), Ok(vec![(1, Content::Number(150))]));
        assert_eq!(all(b"\x12\x07testing"), Ok(vec![(2, Content::Octets(b"testing"))]));
        assert_eq!(all(&[0x1a, 0x03, 0x08, 0x96, 0x01]), Ok(vec![(3, Content::Octets(&[8, 0x96, 1]))]));
        assert_eq!(all(&[0x0d, 1, 2, 3, 4, 0x11, 1, 2, 3, 4, 5, 6, 7, 8]), {
            Ok(vec![(1, Content::Fixed), (2, Content::Fixed)])
        });
        assert_eq!(all(&[]), Ok(Vec::new()));
        let largest = [&[0x08][..], &[0xff; 9], &[0x01]].concat();
        assert_eq!(all(&largest), Ok(vec![(1, Content::Number(u64::MAX))]));
    }

    #[test]
    fn what_is_cut_off_too_long_or_of_no_kind_is_malformed() {
        for message in [
            &[0x08][..],
            &[0x08, 0x80],
            &[0x12, 0x07, b't'],
            &[0x12],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x0d, 1, 2, 3],
            &[0x11, 1, 2, 3, 4, 5, 6, 7],
            &[0x0b, 0x0c],
            &[0x0e, 0x00],
            &[0x0f, 0x00],
            &[0x00, 0x00],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
        ] {
            assert_eq!(all(message), Err(Malformed), "{message:?}");
        }
        assert_eq!(Fields::of(&[0x08, 0x01, 0x08]).count(), 2, "it ends after the fault");
    }

    #[test]
    fn what_is_written_is_read() {
        for number in [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut written = Vec::new();
            put_number_field(&mut written, 3, number);
            assert_eq!(written.len(), 1 + number_length(number));
            assert_eq!(all(&written), Ok(vec![(3, Content::Number(number))]));
        }
        for length in [0, 1, 127, 128, 20_000] {
            let text = vec![b'x'; length];
            let mut written = Vec::new();
            put_octets(&mut written, 5, &text);
            assert_eq!(written.len(), octets_length(length));
            assert_eq!(all(&written), Ok(vec![(5, Content::Octets(&text))]));
        }
    }
}
