//! What a configuration says, so that another one can be compared with it: never a value, only digests.

use super::path::KeyPath;
use super::reader::is_list;
use aws_lc_rs::digest::{SHA256, digest};
use figment::value::{Dict, Value};
use std::collections::BTreeMap;
use std::fmt;

/// A digest of each value by its key, from the file and the environment together, as they were written: a default that is
/// written out is a difference, and so is another order in a list. Small files that values name (keys, certificates, secrets,
/// pictures) have a digest of what they hold.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fingerprints(BTreeMap<String, [u8; 32]>);

impl Fingerprints {
    pub(super) fn of(top: &Dict) -> Self {
        let mut all = Self::default();
        all.take(top, &KeyPath::default());
        all
    }

    /// Something that no value says, because it lies in a file: by a name of its own.
    pub(super) fn note(&mut self, name: String, octets: &[u8]) {
        self.0.insert(name, sha256(octets));
    }

    fn take(&mut self, section: &Dict, path: &KeyPath) {
        for (key, value) in section {
            let at = path.join(key.as_str());
            match value {
                Value::Dict(_, below) => self.take(below, &at),
                // Nothing is said by a key without a value.
                Value::Empty(..) => {}
                Value::Array(..) if is_list(value) => self.keep(&at, b"[]"),
                other => self.keep(&at, other.as_str().unwrap_or_default().as_bytes()),
            }
        }
    }

    fn keep(&mut self, at: &KeyPath, value: &[u8]) {
        let at = at.to_string();
        // Under its key, so that nobody sees which keys have the same value.
        let sum = sha256(&[at.as_bytes(), &[0], value].concat());
        self.0.insert(at, sum);
    }

    /// One for everything: 32 hexadecimal digits. A secret that stands in the file has 32 octets, so that nobody finds
    /// it by trying.
    pub fn whole(&self) -> String {
        let all: Vec<u8> = self.0.values().flatten().copied().collect();
        sha256(&all).iter().take(16).map(|octet| format!("{octet:02x}")).collect()
    }

    /// The keys that are different from `before`, `+`, `-` or `~` in front.
    pub fn differences(&self, before: &Self) -> Vec<String> {
        let new = self.0.iter().filter_map(|(key, sum)| match before.0.get(key) {
            None => Some(format!("+ {key}")),
            Some(was) if was != sum => Some(format!("~ {key}")),
            Some(_) => None,
        });
        let gone = before.0.keys().filter(|key| !self.0.contains_key(*key)).map(|key| format!("- {key}"));
        new.chain(gone).collect()
    }

    /// For keeping, sealed.
    pub fn to_octets(&self) -> Vec<u8> {
        // Strings and lists of numbers: cannot fail, and nothing is compared with nothing.
        serde_json::to_vec(&self.0).unwrap_or_default()
    }

    /// What was kept; none when it is something else.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        serde_json::from_slice(octets).ok().map(Self)
    }
}

/// How many keys, and nothing of them.
impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprints({} keys)", self.0.len())
    }
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, octets).as_ref());
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use figment::value::Tag;

    fn text(value: &str) -> Value {
        Value::String(Tag::Default, value.to_owned())
    }

    fn of(level: &str, more: &[(&str, Value)]) -> Fingerprints {
        let log = Dict::from([("level".to_owned(), text(level))]);
        let mut top = Dict::from([("log".to_owned(), Value::Dict(Tag::Default, log))]);
        top.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        Fingerprints::of(&top)
    }

    #[test]
    fn what_is_different_is_named_by_its_key_and_not_by_its_value() {
        let before = of("info", &[("a", text("s3cret")), ("b", text("x"))]);
        let after = of("debug", &[("b", text("x")), ("c", text("0ther"))]);
        assert_eq!(after.differences(&before), ["+ c", "~ log.level", "- a"]);
        assert_eq!(after.differences(&after), Vec::<String>::new());
        assert_ne!(after.whole(), before.whole());
        assert_eq!(after.whole().len(), 32);
    }

    #[test]
    fn they_come_back_as_they_were_kept() {
        let some = of("info", &[("a", text("x"))]);
        assert_eq!(Fingerprints::from_octets(&some.to_octets()), Some(some));
        assert_eq!(Fingerprints::from_octets(b"{"), None);
    }

    #[test]
    fn equal_values_under_two_keys_are_not_seen_to_be_equal() {
        let some = of("x", &[("a", text("x"))]);
        let sums: Vec<_> = some.0.values().collect();
        assert_ne!(sums[0], sums[1]);
    }
}
