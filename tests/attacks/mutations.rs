//! Random, repeatable damage: whatever is still let in is still the person whom the identity provider signed.

use crate::scene::{Scene, Seen};
use crate::table::{Message, Table, World};

/// Mutants of accepted messages, and as many of wrapping attacks.
const MUTANTS: usize = 3_000;

/// Markup that has confused readers before.
const SNIPPETS: &[&str] = &[
    "<!---->",
    "<!-- x -->",
    "<![CDATA[x]]>",
    "&#x41;",
    "&amp;",
    " ID=\"_assertion\"",
    " x:ID=\"_assertion\" xmlns:x=\"urn:x\"",
    "admin@example.com",
    "<?pi x?>",
    "\u{0}",
    "\r\n",
    "\t",
    " xmlns=\"urn:e\"",
    " xmlns:saml=\"urn:e\"",
    "</saml:Assertion>",
    "<saml:NameID>admin@example.com</saml:NameID>",
    "<saml:Assertion ID=\"_a2\">",
    "]]>",
    "-->",
    "<!--",
    "/>",
    "\"",
    "'",
    "<",
    ">",
    "&",
    "</",
    "\u{feff}",
    "\u{200d}",
    "<saml:Subject>",
    "</saml:Subject>",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
];

/// Words whose exchange changes what a document means.
const EXCHANGES: &[(&str, &str)] = &[
    ("_assertion", "_other"),
    ("alice@", "admin@"),
    ("saml:", "x:"),
    ("_response", "_assertion"),
    ("ds:", "dsx:"),
    ("Assertion", "Assertionx"),
    ("sha256", "sha1"),
    ("2026", "2036"),
];

#[test]
fn whatever_of_a_damaged_message_is_let_in_is_what_was_signed() {
    let mut chance = Chance(0x5eed_0001_cafe_f00d);
    let originals: Vec<(String, Scene, String, Seen)> = Table::read()
        .accepted
        .into_iter()
        .filter_map(|case| {
            let text = Message::of(&case.name).text()?;
            let scene = Scene::of(&case.world());
            let seen =
                scene.judge_xml(text.clone()).unwrap_or_else(|refusal| panic!("{}: {refusal}", case.name));
            Some((case.name, scene, text, seen))
        })
        .collect();
    let (mut let_in, mut refused) = (0, 0);
    for _ in 0..MUTANTS {
        let (name, scene, text, seen) = chance.one_of(&originals);
        let mutant = chance.damage(text);
        match scene.judge_xml(mutant.clone()) {
            Ok(read) => {
                assert_eq!(&read, seen, "a mutant of {name}:\n{mutant}");
                let_in += 1;
            }
            Err(_) => refused += 1,
        }
    }
    // Damage that hits nothing signed is harmless; damage that never hits anything would show nothing.
    assert!(let_in > MUTANTS / 100, "only {let_in} mutants were let in");
    assert!(refused > MUTANTS / 2, "only {refused} mutants were refused");
}

#[test]
fn no_damage_turns_a_wrapping_attack_into_a_success() {
    let mut chance = Chance(0x5eed_0002_cafe_f00d);
    let scene = Scene::of(&World::default());
    let attacks: Vec<(String, String)> = Table::read()
        .attack
        .into_iter()
        .filter(|case| {
            ["xsw-", "hidden-", "id-", "signed-info-"].iter().any(|kind| case.name.starts_with(kind))
        })
        .filter_map(|case| Some((Message::of(&case.name).text()?, case.name)))
        .collect();
    for _ in 0..MUTANTS {
        let (text, name) = chance.one_of(&attacks);
        let mutant = chance.damage(text);
        if let Ok(read) = scene.judge_xml(mutant.clone()) {
            assert_eq!(read.name_id, "alice@example.com", "a mutant of {name}:\n{mutant}");
        }
    }
}

/// A xorshift generator: the same mutants on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// One to three injuries.
    fn damage(&mut self, text: &str) -> String {
        let mut octets = text.as_bytes().to_vec();
        for _ in 0..=self.below(3) {
            octets = match self.below(7) {
                0 => self.change_one_octet(octets),
                1 => self.insert_anywhere(octets),
                2 | 3 => self.insert_between_markup(octets),
                4 => self.copy_a_piece(octets),
                5 => self.cut_a_piece(octets),
                _ => self.exchange_a_word(octets),
            };
        }
        String::from_utf8_lossy(&octets).into_owned()
    }

    fn change_one_octet(&mut self, mut octets: Vec<u8>) -> Vec<u8> {
        let position = self.below(octets.len());
        octets[position] = u8::try_from(32 + self.below(95)).unwrap();
        octets
    }

    fn insert_anywhere(&mut self, octets: Vec<u8>) -> Vec<u8> {
        let position = self.below(octets.len());
        self.insert(octets, position)
    }

    fn insert_between_markup(&mut self, octets: Vec<u8>) -> Vec<u8> {
        let edges: Vec<usize> = octets
            .iter()
            .enumerate()
            .filter_map(|(at, octet)| match octet {
                b'<' => Some(at),
                b'>' => Some(at + 1),
                _ => None,
            })
            .collect();
        if edges.is_empty() {
            return octets;
        }
        let position = *self.one_of(&edges);
        self.insert(octets, position)
    }

    fn insert(&mut self, mut octets: Vec<u8>, position: usize) -> Vec<u8> {
        let snippet = self.one_of(SNIPPETS);
        octets.splice(position..position, snippet.bytes());
        octets
    }

    /// Copies what stands between two tags to a third, sometimes with the attacker's name in it.
    fn copy_a_piece(&mut self, mut octets: Vec<u8>) -> Vec<u8> {
        let tags = tags(&octets);
        if tags.len() < 2 {
            return octets;
        }
        let (a, b, to) = (*self.one_of(&tags), *self.one_of(&tags), *self.one_of(&tags));
        let piece = String::from_utf8_lossy(&octets[a.min(b)..a.max(b)]).into_owned();
        let piece = if self.below(2) == 0 { piece.replace("alice@", "admin@") } else { piece };
        octets.splice(to..to, piece.into_bytes());
        octets
    }

    fn cut_a_piece(&mut self, mut octets: Vec<u8>) -> Vec<u8> {
        let tags = tags(&octets);
        if tags.len() < 2 {
            return octets;
        }
        let first = self.below(tags.len() - 1);
        let last = (first + 1 + self.below(3)).min(tags.len() - 1);
        octets.drain(tags[first]..tags[last]);
        octets
    }

    fn exchange_a_word(&mut self, octets: Vec<u8>) -> Vec<u8> {
        let text = String::from_utf8_lossy(&octets).into_owned();
        let (old, new) = *self.one_of(EXCHANGES);
        let places: Vec<usize> = text.match_indices(old).map(|(at, _)| at).collect();
        if places.is_empty() {
            return octets;
        }
        let at = *self.one_of(&places);
        format!("{}{new}{}", &text[..at], &text[at + old.len()..]).into_bytes()
    }
}

/// Where tags begin.
fn tags(octets: &[u8]) -> Vec<usize> {
    octets.iter().enumerate().filter(|(_, octet)| **octet == b'<').map(|(at, _)| at).collect()
}
