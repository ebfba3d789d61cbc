//! Everything that is said about a person, in one piece of memory.
//!
//! A million sessions of a dozen strings each would be a million times a dozen allocations, most of them longer in their
//! bookkeeping than in their text. A record is one: the strings one after another, each behind a number that says how
//! long it is, or that it is absent, the same as an earlier one (NameID, user and e-mail often are), or one of the long
//! names that the SAML standards give; then the groups, the roles and the NameID's qualifiers, which
//! an IdP's sessions have in common, as numbers of [`super::names`]; then the parts of the owner's own that headers
//! carry, if there are any. Numbers are
//! LEB128: seven bits a byte, the last byte's top bit clear.

use super::names::NAMES;
use crate::identity::PartKey;
use std::sync::Arc;

/// The strings, in the record's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    User,
    Email,
    Name,
    PreferredUsername,
    Idp,
    NameId,
    NameIdFormat,
    SessionIndex,
    AuthnContextClass,
}

impl Field {
    /// In the record's order.
    pub(super) const ALL: [Self; FIELDS] = ORDER;
}

/// How many there are.
pub(super) const FIELDS: usize = Field::AuthnContextClass as usize + 1;

/// The NameID's qualifiers: NameQualifier, SPNameQualifier.
pub(super) type Qualifiers<'a> = [Option<&'a str>; 2];

/// A person's record. It holds the names of its groups, roles and qualifiers until it is dropped.
pub(super) struct Record(Box<[u8]>);

impl Record {
    /// Writes down `strings` in the order of [`Field`]; `groups` None: unknown.
    pub(super) fn new(
        strings: [Option<&str>; FIELDS],
        groups: Option<&[String]>,
        roles: &[String],
        qualifiers: Qualifiers<'_>,
        carried: &[(PartKey, String)],
    ) -> Self {
        let mut bytes = Vec::new();
        for (index, string) in strings.iter().enumerate() {
            write_string(&mut bytes, *string, strings.get(..index).unwrap_or_default());
        }
        match groups {
            None => write_number(&mut bytes, 0),
            Some(groups) => {
                write_number(&mut bytes, groups.len() as u64 + 1);
                NAMES.hold(groups).into_iter().for_each(|number| write_number(&mut bytes, number.into()));
            }
        }
        write_number(&mut bytes, roles.len() as u64);
        NAMES.hold(roles).into_iter().for_each(|number| write_number(&mut bytes, number.into()));
        for qualifier in qualifiers {
            let held = NAMES.hold(qualifier.map(str::to_owned).as_slice());
            write_number(&mut bytes, held.first().map_or(0, |number| u64::from(*number) + 1));
        }
        for (part, string) in carried {
            write_number(&mut bytes, part.0.into());
            write_string(&mut bytes, Some(string), &[]);
        }
        // Copied, because an allocator may shrink in place and keep the room that the vector had to grow.
        Self(bytes.as_slice().into())
    }

    /// One of the strings.
    pub(super) fn string(&self, field: Field) -> Option<&str> {
        let mut reader = Reader(&self.0);
        for _ in 0..field as usize {
            reader.string()?;
        }
        match reader.string()? {
            Text::Absent => None,
            Text::Own(text) => str::from_utf8(text).ok(),
            Text::Known(text) => Some(text),
            // Always an earlier one, so this ends.
            Text::SameAs(earlier) if (earlier as usize) < field as usize => self.string(earlier),
            Text::SameAs(_) => None,
        }
    }

    /// The groups' numbers; None: unknown.
    pub(super) fn groups(&self) -> Option<Numbers<'_>> {
        let mut reader = self.after_strings();
        let count = reader.number()?.checked_sub(1)?;
        Some(Numbers { left: count, reader })
    }

    /// The roles' numbers.
    pub(super) fn roles(&self) -> Numbers<'_> {
        let mut reader = self.after_strings();
        for _ in 1..reader.number().unwrap_or(0) {
            reader.number();
        }
        Numbers { left: reader.number().unwrap_or(0), reader }
    }

    /// The NameQualifier.
    pub(super) fn name_qualifier(&self) -> Option<Arc<str>> {
        let [name_qualifier, _] = self.qualifiers();
        NAMES.name(name_qualifier?)
    }

    /// The SPNameQualifier.
    pub(super) fn sp_name_qualifier(&self) -> Option<Arc<str>> {
        let [_, sp_name_qualifier] = self.qualifiers();
        NAMES.name(sp_name_qualifier?)
    }

    /// What headers carry beside, of this part.
    pub(super) fn carried(&self, part: PartKey) -> Option<&str> {
        self.each_carried().find(|(own, _)| *own == part).map(|(_, text)| text)
    }

    /// All of it.
    pub(super) fn each_carried(&self) -> impl Iterator<Item = (PartKey, &str)> {
        let mut reader = self.after_roles();
        for _ in 0..2 {
            reader.number();
        }
        std::iter::from_fn(move || {
            let part = PartKey(u32::try_from(reader.number()?).ok()?);
            match reader.string()? {
                Text::Own(text) => Some((part, str::from_utf8(text).ok()?)),
                Text::Known(text) => Some((part, text)),
                Text::Absent | Text::SameAs(_) => None,
            }
        })
    }

    fn after_roles(&self) -> Reader<'_> {
        let mut roles = self.roles();
        roles.by_ref().for_each(drop);
        roles.reader
    }

    fn qualifiers(&self) -> [Option<u32>; 2] {
        let mut reader = self.after_roles();
        let mut next = || u32::try_from(reader.number()?.checked_sub(1)?).ok();
        [next(), next()]
    }

    /// Bytes of the record itself.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    fn after_strings(&self) -> Reader<'_> {
        let mut reader = Reader(&self.0);
        for _ in 0..FIELDS {
            reader.string();
        }
        reader
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let qualifiers = self.qualifiers().into_iter().flatten();
        NAMES.release(self.groups().into_iter().flatten().chain(self.roles()).chain(qualifiers));
    }
}

/// The numbers of some names.
pub(super) struct Numbers<'a> {
    left: u64,
    reader: Reader<'a>,
}

impl Iterator for Numbers<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        u32::try_from(self.reader.number()?).ok()
    }
}

/// What stands at the place of a string.
enum Text<'a> {
    Absent,
    SameAs(Field),
    Known(&'static str),
    Own(&'a [u8]),
}

/// Reads on from where it stands.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn string(&mut self) -> Option<Text<'a>> {
        let head = self.number()?;
        let Some(head) = head.checked_sub(FIRST_SAME) else { return Some(Text::Absent) };
        let Some(known) = head.checked_sub(FIELDS as u64) else {
            return ORDER.get(usize::try_from(head).ok()?).copied().map(Text::SameAs);
        };
        let Some(length) = known.checked_sub(KNOWN.len() as u64) else {
            return KNOWN.get(usize::try_from(known).ok()?).copied().map(Text::Known);
        };
        let (text, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(Text::Own(text))
    }
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn write_string(bytes: &mut Vec<u8>, string: Option<&str>, earlier: &[Option<&str>]) {
    let Some(text) = string else { return write_number(bytes, 0) };
    if let Some(same) = earlier.iter().position(|other| *other == Some(text)) {
        return write_number(bytes, FIRST_SAME + same as u64);
    }
    if let Some(known) = KNOWN.iter().position(|other| *other == text) {
        return write_number(bytes, FIRST_KNOWN + known as u64);
    }
    write_number(bytes, FIRST_LENGTH + text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

// The head of a string: 0 absent, then "the same as field n", then "known string n", then "n bytes follow".
const FIRST_SAME: u64 = 1;
const FIRST_KNOWN: u64 = FIRST_SAME + FIELDS as u64;
const FIRST_LENGTH: u64 = FIRST_KNOWN + KNOWN.len() as u64;

const ORDER: [Field; FIELDS] = [
    Field::User,
    Field::Email,
    Field::Name,
    Field::PreferredUsername,
    Field::Idp,
    Field::NameId,
    Field::NameIdFormat,
    Field::SessionIndex,
    Field::AuthnContextClass,
];

/// Long names that most assertions carry: NameID formats (Core 8.3) and authentication context classes (SAML
/// Authentication Context 3.4, and what ADFS, Entra and the REFEDS federations send).
const KNOWN: [&str; 17] = [
    "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:WindowsDomainQualifiedName",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:Kerberos",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:X509",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken",
    "urn:federation:authentication:windows",
    "http://schemas.microsoft.com/claims/multipleauthn",
    "https://refeds.org/profile/sfa",
    "https://refeds.org/profile/mfa",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn names(numbers: Numbers<'_>) -> Vec<String> {
        numbers.map(|number| NAMES.name(number).unwrap().to_string()).collect()
    }

    #[test]
    fn every_field_is_read_back() {
        let texts: Vec<String> = (0..FIELDS).map(|n| format!("{n}").repeat(n * n * 20)).collect();
        let strings: [Option<&str>; FIELDS] = std::array::from_fn(|n| (n % 4 != 3).then_some(&*texts[n]));
        let record = Record::new(strings, None, &[], [None; 2], &[]);
        for field in ORDER {
            assert_eq!(record.string(field), strings[field as usize], "{field:?}");
        }
        assert!(record.groups().is_none());
        assert_eq!(record.roles().count(), 0);
    }

    #[test]
    fn the_order_of_fields_is_the_order_of_the_record() {
        for (index, field) in ORDER.iter().enumerate() {
            assert_eq!(*field as usize, index);
        }
    }

    #[test]
    fn equal_and_well_known_strings_take_one_byte() {
        let mut strings = [None; FIELDS];
        let empty = Record::new(strings, None, &[], [None; 2], &[]).len();
        strings[Field::User as usize] = Some("ada@example.com");
        let with_user = Record::new(strings, None, &[], [None; 2], &[]).len();
        assert_eq!(with_user, empty + 15);
        strings[Field::Email as usize] = Some("ada@example.com");
        strings[Field::NameId as usize] = Some("ada@example.com");
        strings[Field::NameIdFormat as usize] =
            Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress");
        let record = Record::new(strings, None, &[], [None; 2], &[]);
        assert_eq!(record.len(), with_user);
        assert_eq!(record.string(Field::NameId), Some("ada@example.com"));
        assert_eq!(record.string(Field::NameIdFormat), strings[Field::NameIdFormat as usize]);
        assert_eq!(record.string(Field::Name), None);
    }

    #[test]
    fn an_empty_string_is_not_an_absent_one() {
        let mut strings = [None; FIELDS];
        strings[Field::Name as usize] = Some("");
        let record = Record::new(strings, None, &[], [None; 2], &[]);
        assert_eq!(record.string(Field::Name), Some(""));
        assert_eq!(record.string(Field::Email), None);
    }

    #[test]
    fn groups_and_roles_keep_their_order() {
        let many: Vec<String> = (0..300).map(|n| format!("record-test-{n}")).collect();
        let record =
            Record::new([None; FIELDS], Some(&many), &owned(&["record-b", "record-a"]), [None; 2], &[]);
        assert_eq!(names(record.groups().unwrap()), many);
        assert_eq!(names(record.roles()), ["record-b", "record-a"]);

        let none = Record::new([None; FIELDS], Some(&[]), &owned(&["record-c"]), [None; 2], &[]);
        assert_eq!(none.groups().unwrap().count(), 0, "known to be none");
        assert_eq!(names(none.roles()), ["record-c"]);

        let unknown = Record::new([None; FIELDS], None, &owned(&["record-c"]), [None; 2], &[]);
        assert!(unknown.groups().is_none());
        assert_eq!(names(unknown.roles()), ["record-c"]);
    }

    #[test]
    fn the_names_go_with_the_record() {
        let record = Record::new(
            [None; FIELDS],
            Some(&owned(&["record-gone"])),
            &owned(&["record-gone-role"]),
            [Some("record-gone-idp"), Some("record-gone-sp")],
            &[],
        );
        assert!(NAMES.number("record-gone").is_some());
        drop(record);
        assert_eq!(NAMES.number("record-gone"), None);
        assert_eq!(NAMES.number("record-gone-role"), None);
        assert_eq!(NAMES.number("record-gone-idp"), None);
        assert_eq!(NAMES.number("record-gone-sp"), None);
    }

    #[test]
    fn qualifiers_are_kept_once_for_all_records() {
        let long = "https://idp.example.com/a/name/that/all/of/its/sessions/have";
        let with = |qualifiers| Record::new([None; FIELDS], None, &owned(&["record-q"]), qualifiers, &[]);
        let (plain, one) = (with([None; 2]), with([Some(long), None]));
        assert!(one.len() <= plain.len() + 2, "{} {}", one.len(), plain.len());
        assert_eq!((one.name_qualifier().as_deref(), one.sp_name_qualifier()), (Some(long), None));
        let other = with([None, Some(long)]);
        assert_eq!((other.name_qualifier(), other.sp_name_qualifier().as_deref()), (None, Some(long)));
        let both = with([Some("record-q"), Some(long)]);
        assert_eq!(both.name_qualifier().as_deref(), Some("record-q"));
        assert_eq!(both.sp_name_qualifier().as_deref(), Some(long));
        assert_eq!(names(both.roles()), ["record-q"]);
        drop((plain, one, other));
        assert_eq!(both.sp_name_qualifier().as_deref(), Some(long), "held as long as somebody needs it");
    }

    #[test]
    fn what_headers_carry_beside_costs_nothing_where_they_carry_nothing() {
        let of = |carried: &[(u32, &str)]| {
            let carried: Vec<_> =
                carried.iter().map(|(part, text)| (PartKey(*part), (*text).to_owned())).collect();
            Record::new(
                [None; FIELDS],
                Some(&owned(&["record-c"])),
                &owned(&["record-r"]),
                [None; 2],
                &carried,
            )
        };
        let long = "x".repeat(300);
        let record = of(&[(7, "Sales"), (u32::MAX, &long), (0, KNOWN[3])]);
        assert_eq!(record.carried(PartKey(7)), Some("Sales"));
        assert_eq!(record.carried(PartKey(1)), None);
        assert_eq!(record.carried(PartKey(u32::MAX)), Some(long.as_str()));
        assert_eq!(record.carried(PartKey(0)), Some(KNOWN[3]));
        assert_eq!(names(record.roles()), ["record-r"]);
        let empty = of(&[]);
        assert_eq!(empty.carried(PartKey(0)), None);
        assert_eq!(of(&[(7, "Sales")]).len(), empty.len() + 7);
    }
}
