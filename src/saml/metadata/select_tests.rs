use super::canonical::Canonicalizer;
use super::events::{Event, Events};
use super::testing::{aggregate, entity, plain, read, reason};
use super::*;
use crate::saml::testing::{IDP, NOW};
use crate::saml::{signature, xml};
use std::fmt::Write;

const ONE: &str = "https://one.example.org";
const TWO: &str = "https://two.example.org";

fn choose(xml: &str, entity_id: Option<&str>) -> Result<String, MetadataProblem> {
    let source = Source { entity_id, ..Source::default() };
    describe(xml.as_bytes(), &source, NOW).map(|found| found.identity_provider.entity_id.0)
}

fn sp(id: &str) -> String {
    entity(id, "", "<md:SPSSODescriptor/>")
}

#[test]
fn one_entity_of_an_aggregate_is_chosen_by_name() {
    let both = aggregate(
        "",
        &format!(
            "<md:Extensions/>{}{}{}",
            sp("https://sp.example.org"),
            plain(ONE, ""),
            aggregate("", &plain(TWO, ""))
        ),
    );
    assert_eq!(choose(&both, Some(ONE)).unwrap(), ONE);
    assert_eq!(choose(&both, Some(TWO)).unwrap(), TWO);
    let problem = choose(&both, None).unwrap_err();
    assert_eq!(problem.reason, Reason::MetadataEntityAmbiguous);
    assert!(problem.sentence.contains("several") && problem.sentence.contains(ONE), "{problem}");
    let problem = choose(&both, Some("https://sp.example.org")).unwrap_err();
    assert_eq!(problem.reason, Reason::MetadataEntityMissing);
    assert!(problem.sentence.contains("no identity provider \"https://sp.example.org\""), "{problem}");
    assert_eq!(
        choose(&both, Some("https://TWO.example.org")).unwrap_err().reason,
        Reason::MetadataEntityMissing
    );
    let single = aggregate("", &format!("{}{}", sp(ONE), plain(TWO, "")));
    assert_eq!(choose(&single, None).unwrap(), TWO);
    assert_eq!(choose(&single.replace(TWO, " https://two.example.org\n"), Some(TWO)).unwrap(), TWO);
}

#[test]
fn an_entity_that_is_there_twice_is_nobody() {
    for content in [
        plain(ONE, "") + &plain(ONE, ""),
        plain(ONE, "") + &aggregate("", &plain(ONE, "")),
        sp(ONE) + &plain(ONE, ""),
        plain(ONE, "") + &sp(ONE),
    ] {
        let document = aggregate("", &content);
        assert_eq!(choose(&document, Some(ONE)).unwrap_err().reason, Reason::MetadataEntityDuplicate);
    }
}

#[test]
fn only_entities_of_the_aggregate_count() {
    // An entity inside of extensions or of another entity is somebody's word about it and not its description.
    let hidden = format!("<md:Extensions>{}</md:Extensions>", plain(TWO, ""));
    let document = aggregate("", &format!("{hidden}<x>{}</x>{}", plain(TWO, ""), plain(ONE, "")));
    assert_eq!(choose(&document, None).unwrap(), ONE);
    assert_eq!(choose(&document, Some(TWO)).unwrap_err().reason, Reason::MetadataEntityMissing);
    let inside = plain(ONE, "").replace("<md:Organization/>", &plain(TWO, ""));
    assert_eq!(choose(&inside, None).unwrap(), ONE);
    assert_eq!(choose(&inside, Some(TWO)).unwrap_err().reason, Reason::MetadataEntityMissing);
}

#[test]
fn what_stands_around_the_entity_is_read_and_what_stands_beside_it_is_not() {
    let other = aggregate("validUntil=\"2020-01-01T00:00:00Z\" cacheDuration=\"PT1M\"", &plain(TWO, ""));
    let document = aggregate(
        "validUntil=\"2026-02-03T00:00:00Z\"",
        &format!("{other}{}{other}", aggregate("cacheDuration=\"PT2H\"", &plain(ONE, ""))),
    );
    let source = Source { entity_id: Some(ONE), ..Source::default() };
    let found = describe(document.as_bytes(), &source, NOW).unwrap();
    assert_eq!(found.valid_until.unwrap().to_string(), "2026-02-03T00:00:00.000Z");
    assert_eq!(found.cache_duration, Some(Duration::from_secs(7200)));
}

#[test]
fn namespaces_of_far_ancestors_reach_the_entity() {
    let inner = plain(IDP, "")
        .replace(" xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\"", "")
        .replace(" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"", "")
        .replace("md:", "")
        .replace("ds:", "d:");
    let document = format!(
        "<EntitiesDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\">\
         <x:other xmlns:x=\"urn:x\" xmlns=\"urn:y\"/>{inner}</EntitiesDescriptor>"
    );
    let found = read(&document).unwrap();
    assert_eq!(found.fingerprint, read(&plain(IDP, "")).unwrap().fingerprint);
}

#[test]
fn limits_hold_for_the_document_and_for_the_entity() {
    let document = aggregate("", &format!("{}{}", sp(TWO).repeat(50), plain(ONE, "")));
    let with = |document_limit, entity_limit| Source {
        entity_id: Some(ONE),
        limits: Limits { document: document_limit, entity: entity_limit },
        ..Source::default()
    };
    let length = document.len();
    assert_eq!(reason(&document, &with(length, 4000)), None);
    assert_eq!(reason(&document, &with(length - 1, 4000)), Some(Reason::MetadataTooLarge));
    assert_eq!(reason(&document, &with(length, 400)), Some(Reason::MetadataTooLarge));
}

#[test]
fn an_index_names_identity_providers_and_their_places() {
    let document =
        aggregate("", &format!("{}\n{}{}", plain(ONE, ""), sp("x:"), aggregate("", &plain(TWO, ""))));
    let listed = index(document.as_bytes(), &Limits::default()).unwrap();
    let names: Vec<_> = listed.iter().map(|listed| listed.entity_id.as_str()).collect();
    assert_eq!(names, [ONE, TWO]);
    for Listed { entity_id, octets } in &listed {
        assert_eq!(document[octets.clone()], plain(entity_id, ""));
    }
}

fn streamed(text: &str, prefixes: &[String]) -> String {
    let (mut canonical, mut out) = (Canonicalizer::new(prefixes), String::new());
    let mut events = Events::new(text);
    while let Some(event) = events.next().unwrap() {
        match event {
            Event::Start(element, ..) => canonical.start(element, &mut out),
            Event::End(..) => canonical.end(&mut out),
            Event::Text(text) => Canonicalizer::text(&text, &mut out),
        }
    }
    out
}

/// Both ways to canonical form, with several lists of prefixes.
fn assert_canonical(text: &str) {
    for prefixes in
        [&[][..], &["#default"], &["a", "b", "xs", "xml"], &["#default", "md", "ds", "saml", "not-there"]]
    {
        let prefixes: Vec<String> = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        let normal = markup::normalize_attributes(text.to_owned());
        let document = xml::parse(&normal, 64).unwrap();
        let whole = signature::canonical_for_tests(&document, &prefixes);
        assert_eq!(streamed(text, &prefixes), whole, "{prefixes:?} {text}");
    }
}

#[test]
fn the_stream_and_the_tree_have_one_canonical_form() {
    for text in [
        "<a/>",
        "<?xml version='1.0'?><!-- c --><?pi x?><a b='1' a='2'>x<!-- c -->y<![CDATA[<&>]]>&#13;&#10;\r\n</a><!-- c -->\n",
        "<a xmlns='u:1'><b xmlns=''><c xmlns='u:1'/><d/></b><b/></a>",
        "<a:a xmlns:a='u:1' xmlns:b='u:2'><b xmlns:a='u:3'><a:c a:x='1' b:x='2' x='3'/></b><a:a/></a:a>",
        "<a xmlns:b='u:2' xmlns:a='u:1' xml:lang='en' b:z='1' a:z='2' z='&#9;&#10;&#13; \"&lt;&amp;>'/>",
        "<a xmlns='u:1' xmlns:xs='u:xs'><b xmlns='u:2'><c xmlns='u:1' xs:type='xs:string'/></b></a>",
        "<a b='1\n2\r\n3\t4&#10;&amp;' \n xmlns:c='u:\nc' c:d='\r\r'><c:e/></a>",
        "<a xmlns=''><b xmlns:a='u:a'><a:c xmlns:a='u:a'/><a:c xmlns:a='u:b'/></b></a>",
        "<\u{e9}l\u{e9}ment \u{e9}='\u{1f600}'>\u{85}\u{2028}\u{feff}</\u{e9}l\u{e9}ment>",
    ] {
        assert_canonical(text);
    }
    let folder = format!("{}/src/saml/fixtures", env!("CARGO_MANIFEST_DIR"));
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "xml") {
            assert_canonical(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn made_up_documents_have_one_canonical_form_too() {
    let mut random = Random(7);
    for _ in 0..400 {
        let mut text = String::new();
        random.element(&mut text, 0, &[]);
        assert_canonical(&text);
    }
}

/// Enough of chance for a document.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn element(&mut self, out: &mut String, depth: u32, declared: &[&'static str]) {
        const PREFIXES: [&str; 3] = ["a", "b", "xs"];
        let mut declared = declared.to_vec();
        let mut attributes = String::new();
        for prefix in PREFIXES {
            if self.below(4) == 0 {
                write!(attributes, " xmlns:{prefix}='u:{}'", self.below(3)).unwrap();
                declared.push(prefix);
            }
        }
        match self.below(6) {
            0 => attributes.push_str(" xmlns=''"),
            1 => write!(attributes, " xmlns='u:{}'", self.below(3)).unwrap(),
            _ => {}
        }
        // No prefixed attributes of one local name: two prefixes may be one namespace.
        for name in ["z", "y", "x"] {
            match (self.below(3), declared.last()) {
                (0, Some(prefix)) => write!(attributes, " {prefix}:p{name}='{}'", self.below(9)).unwrap(),
                (1, _) => write!(attributes, " {name}='&#{};'", 9 + self.below(2)).unwrap(),
                _ => {}
            }
        }
        let name = match declared.get(usize::try_from(self.below(4)).unwrap()) {
            Some(prefix) => format!("{prefix}:e"),
            None => "e".to_owned(),
        };
        write!(out, "<{name}{attributes}>").unwrap();
        for _ in 0..self.below(4) {
            match self.below(4) {
                0 => out.push_str("t&amp;\r\n"),
                1 => out.push_str("<!-- c -->"),
                _ if depth < 5 => self.element(out, depth + 1, &declared),
                _ => {}
            }
        }
        write!(out, "</{name}>").unwrap();
    }
}
