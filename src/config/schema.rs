//! What can be written where: enough to find an environment twin's key and the nearest key to a misspelt one.
//!
//! Nobody writes a schema by hand: the declarations of [`super::file`] make it, through [`section!`].

use super::file;
use super::reader::Slot;
use strsim::normalized_damerau_levenshtein;

/// What may stand under a key.
pub(super) enum Shape {
    /// One text, which the key reads.
    Scalar,
    /// A list of such items.
    List(fn() -> Shape),
    /// Known keys.
    Section(&'static Keys),
    /// Keys of the owner's own choice, such as group names.
    Table(fn() -> Shape),
    /// One text as the short form of what is inside.
    Short(fn() -> Shape),
}

/// The keys of a section.
pub(super) struct Keys {
    /// Can be written.
    pub(super) known: &'static [Key],
    /// Are named by the product's contract and do nothing yet.
    pub(super) later: &'static [Later],
}

/// One key.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: fn() -> Shape,
}

/// A key that is not in this release.
pub(super) struct Later {
    pub(super) name: &'static str,
    /// The one value that asks for what happens anyway; empty when there is none.
    pub(super) only: &'static str,
    /// What to do meanwhile.
    pub(super) meanwhile: &'static str,
}

impl Shape {
    /// What one level of an environment variable's name means here: the step and what stands there. None when nothing
    /// of this name can.
    pub(super) fn step(&self, level: &str) -> Option<(String, Option<Self>)> {
        match self {
            Self::Scalar => None,
            Self::Short(long) => long().step(level),
            Self::List(item) => {
                let index = level.bytes().all(|b| b.is_ascii_digit()).then(|| level.parse().ok())??;
                Some((super::path::item_key(index), Some(item())))
            }
            // The one place where case matters: groups are compared exactly.
            Self::Table(value) => Some((level.to_owned(), Some(value()))),
            Self::Section(keys) => {
                let name = level.to_ascii_lowercase();
                let known = keys.known.iter().find(|key| key.name == name).map(|key| (key.shape)());
                let later = keys.later.iter().any(|later| later.name == name);
                (known.is_some() || later).then_some((name, known))
            }
        }
    }
}

/// The shape of the whole file.
pub(super) fn root() -> Shape {
    file::File::shape()
}

/// See [`super::known_keys`]. A section that contains itself (the terms of a rule) is listed once; so is what stands in a
/// site, or in one of its tenants, under the name that it has at the top level.
pub(super) fn known_keys() -> Vec<String> {
    let mut keys = Vec::new();
    list(&root(), "", &mut keys);
    keys
}

fn list(shape: &Shape, path: &str, keys: &mut Vec<String>) {
    match shape {
        Shape::Scalar => {}
        Shape::Short(long) => list(&long(), path, keys),
        Shape::List(item) => list(&item(), &format!("{path}[]"), keys),
        Shape::Table(value) => {
            keys.push(format!("{path}.*"));
            list(&value(), &format!("{path}.*"), keys);
        }
        Shape::Section(section) => {
            for key in section.known {
                // Read for their refusals only.
                if matches!((key.shape)(), Shape::Section(inner) if inner.known.is_empty()) {
                    continue;
                }
                let below =
                    if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
                keys.push(below.clone());
                let recursive = matches!(key.name, "any" | "all" | "not");
                if !recursive && !overrides(path, key.name) {
                    list(&(key.shape)(), &below, keys);
                }
            }
        }
    }
}

/// Whether the key of a site, of a tenant or of a sign-on host says what a key of the top level says.
fn overrides(path: &str, name: &str) -> bool {
    let Shape::Section(top) = root() else { return false };
    matches!(path, "sites[]" | "sites[].tenants[]" | "sign_on[]")
        && top.known.iter().any(|key| key.name == name)
}

/// What an unknown key was probably meant to be.
pub(super) enum Nearest {
    /// A key of the same section, alike enough to be a slip of the finger.
    Slip(&'static str),
    /// The very name, in another place of the file.
    Elsewhere(String),
    /// The least different key of the section.
    Far(&'static str),
}

/// The nearest known key to `unknown` in its section.
pub(super) fn nearest(unknown: &str, keys: &Keys) -> Option<Nearest> {
    let folded = unknown.to_lowercase().replace('-', "_");
    let neighbour = closest(&folded, keys.known.iter().map(|key| key.name));
    // One that lacks a letter is meant, even where what was written is a key somewhere else.
    if let Some((name, _)) = neighbour.filter(|(_, likeness)| *likeness >= 0.9) {
        return Some(Nearest::Slip(name));
    }
    if let Some(elsewhere) =
        known_keys().into_iter().find(|key| key.rsplit(['.', ']']).next() == Some(&folded))
    {
        let here = keys.known.iter().any(|key| key.name == folded);
        if !here {
            return Some(Nearest::Elsewhere(elsewhere));
        }
    }
    let (name, likeness) = neighbour?;
    Some(if likeness >= 0.5 { Nearest::Slip(name) } else { Nearest::Far(name) })
}

/// The word most like `unknown`, with the likeness between 0 and 1.
pub(super) fn closest<'w>(unknown: &str, words: impl Iterator<Item = &'w str>) -> Option<(&'w str, f64)> {
    words
        .map(|word| (word, normalized_damerau_levenshtein(unknown, word)))
        .max_by(|(_, left), (_, right)| left.total_cmp(right))
}

/// Declares a section of the file: a struct whose fields are its keys, how it is read, and its shape. Under `later`
/// stand the keys that the contract names and this release refuses, each with the one harmless value, or `""`.
macro_rules! section {
    (
        $(#[$doc:meta])*
        $name:ident { $( $(#[$key_doc:meta])* $key:ident: $slot:ty, )* }
        $( later { $( $later:ident = $only:literal: $meanwhile:literal, )* } )?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(in crate::config) struct $name {
            /// Where the section stands, or would.
            #[allow(dead_code, reason = "every section has it, not every section is spoken of")]
            pub(in crate::config) place: $crate::config::reader::Place,
            /// Whether it is no section, or has a key that does not belong: that has been said.
            #[allow(dead_code, reason = "every section has it, not every section asks")]
            pub(in crate::config) faulty: bool,
            /// Whether anybody wrote the section at all.
            #[allow(dead_code, reason = "every section has it, not every section asks")]
            pub(in crate::config) written: bool,
            $( $(#[$key_doc])* pub(in crate::config) $key: $slot, )*
        }

        impl $name {
            const KEYS: $crate::config::schema::Keys = $crate::config::schema::Keys {
                known: &[ $( $crate::config::schema::Key {
                    name: stringify!($key),
                    shape: <$slot as $crate::config::reader::Slot>::shape,
                }, )* ],
                later: &[ $( $( $crate::config::schema::Later {
                    name: stringify!($later),
                    only: $only,
                    meanwhile: $meanwhile,
                }, )* )? ],
            };
        }

        impl $crate::config::reader::Slot for $name {
            fn shape() -> $crate::config::schema::Shape {
                $crate::config::schema::Shape::Section(&Self::KEYS)
            }

            fn fill(
                found: $crate::config::reader::Found<'_>,
                place: $crate::config::reader::Place,
                reader: &mut $crate::config::reader::Reader<'_>,
            ) -> Self {
                let section = reader.open(found, &place, &Self::KEYS);
                $( let $key = section.slot(stringify!($key), &place, reader); )*
                Self { place, faulty: section.is_faulty(), written: section.is_written(), $( $key, )* }
            }

            fn over(&self, below: &Self) -> Self {
                Self {
                    place: if self.written { self.place.clone() } else { below.place.clone() },
                    faulty: self.faulty || below.faulty,
                    written: self.written || below.written,
                    $( $key: $crate::config::reader::Slot::over(&self.$key, &below.$key), )*
                }
            }
        }
    };
}
pub(super) use section;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_listed_once() {
        let keys = known_keys();
        for key in ["session.idle_timeout", "identity_providers[].label", "roles.*", "rules[].access.any"] {
            assert!(keys.iter().any(|known| known == key), "{key} in {keys:#?}");
        }
        let mut once = keys.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), keys.len());
    }

    #[test]
    fn a_misspelt_key_finds_its_neighbour_and_a_misplaced_one_its_place() {
        let Shape::Section(keys) = root() else { panic!("the file is a section") };
        assert!(matches!(nearest("public_ulr", keys), Some(Nearest::Slip("public_url"))));
        assert!(matches!(nearest("trusted-proxies", keys), Some(Nearest::Slip("trusted_proxies"))));
        assert!(
            matches!(nearest("idle_timeout", keys), Some(Nearest::Elsewhere(key)) if key == "session.idle_timeout")
        );
        assert!(matches!(nearest("xyzzy", keys), Some(Nearest::Far(_))));
        let idps = root().step("IDENTITY_PROVIDERS").and_then(|(_, shape)| shape).expect("a key");
        let Some((_, Some(Shape::Section(keys)))) = idps.step("0") else { panic!("an item is a section") };
        // A rule's `email_domain` is a key too; here a letter is missing.
        assert!(matches!(nearest("email_domain", keys), Some(Nearest::Slip("email_domains"))));
    }

    #[test]
    fn a_level_of_a_variable_finds_its_key() {
        let idps = root().step("IDENTITY_PROVIDERS").and_then(|(_, shape)| shape).expect("a key");
        let (step, item) = idps.step("0").expect("an item");
        assert_eq!(step, "[0]");
        assert!(item.expect("a section").step("LABEL").is_some());
        assert!(idps.step("LABEL").is_none());
        let roles = root().step("ROLES").and_then(|(_, shape)| shape).expect("a key");
        assert_eq!(roles.step("Ops").expect("any name").0, "Ops");
        assert!(root().step("NO_SUCH_KEY").is_none());
        assert!(root().step("TRACING").is_some(), "a later key is found, so that it is refused as such");
    }
}
