//! The whole corpus before two judges: our core, and samael over xmlsec1.
//!
//! Asked as the gate asks it, the second opinion must agree with every message that we accept. Asked alone, as a
//! service provider of its own that is told everything in its favour, samael lets in what we refuse; each such rule of
//! ours stands in second-opinion.toml with the reason, and nothing stands there that does not happen. We never let in
//! what it refuses, except what it cannot judge, by name.
//!
//! Then samael as an identity provider: what it builds and xmlsec1 signs, we accept.

use crate::scene::{ACS, IDP, NOW, REQUEST, SP, Scene, Seen, certificates, here};
use crate::table::{Message, Table, World};
use samael::crypto::{AllowedSignatureAlgorithm, CertificateDer, Crypto, CryptoProvider as _, ReduceMode};
use samael::idp::response_builder::{ResponseAttribute, build_response_template};
use samael::idp::sp_extractor::RequiredAttribute;
use samael::metadata::EntityDescriptor;
use samael::schema::Response;
use samael::service_provider::ServiceProvider;
use samael::signature::{DigestAlgorithm, SignatureAlgorithm};
use samael::traits::ToXml as _;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use vestibule::saml::second_opinion::{Opinion, SecondOpinion, Weight};

/// second-opinion.toml.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Explained {
    not_comparable: Vec<Named>,
    beyond_samael: Vec<Named>,
    stricter: Vec<Stricter>,
}

/// Messages that we accept and that are beyond samael: for the second opinion, or alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    names: Vec<String>,
    why: String,
}

/// A rule of ours that samael does not have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stricter {
    code: String,
    why: String,
}

impl Explained {
    fn read() -> Self {
        let path = here().join("second-opinion.toml");
        toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|e| panic!("{e}"))
    }
}

/// Why, for each message.
fn by_name(rows: impl IntoIterator<Item = Named>) -> BTreeMap<String, String> {
    let each = |row: Named| row.names.into_iter().map(move |name| (name, row.why.clone()));
    let rows: Vec<_> = rows.into_iter().flat_map(each).collect();
    let count = rows.len();
    let by_name: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(by_name.len(), count, "a message is explained twice");
    by_name
}

/// Larger messages are floods: samael works for seconds on one of half a megabyte before it looks at a signature.
const LARGEST_SHOWN: usize = 64 * 1024;

#[test]
fn the_second_opinion_agrees_with_every_accepted_message() {
    let judge = SecondOpinion::seek(Weight::Report).unwrap().unwrap();
    let mut explained = by_name(Explained::read().not_comparable);
    let (mut agrees, mut unexplained) = (0, Vec::new());
    for case in Table::read().accepted {
        let (text, accepted) =
            Scene::of(&case.world()).accepted(&Message::of(&case.name).form_value()).unwrap();
        match (judge.of(&text, &accepted), explained.remove(&case.name)) {
            (Opinion::Agrees, None) => agrees += 1,
            (Opinion::NotComparable(what), Some(why)) => {
                println!("{}: not comparable ({what}): {why}", case.name)
            }
            (opinion, _) => unexplained.push(format!("{}: {opinion}", case.name)),
        }
    }
    println!("{agrees} of the accepted messages are agreed about");
    assert!(unexplained.is_empty(), "\n{}", unexplained.join("\n"));
    assert!(explained.is_empty(), "explained, but no such case: {explained:?}");
}

#[test]
fn our_verdict_is_never_looser_than_samaels() {
    let table = Table::read();
    let explained = Explained::read();
    let reasons: BTreeMap<_, _> =
        explained.stricter.iter().map(|row| (row.code.as_str(), row.why.as_str())).collect();
    assert_eq!(reasons.len(), explained.stricter.len(), "a code is explained twice");
    let (mut both, mut not_shown, mut as_the_attacker_wants) = (0, 0, Vec::new());
    let mut stricter: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for case in &table.attack {
        let Some(xml) = shown(&case.name) else {
            not_shown += 1;
            continue;
        };
        match samael_accepts(&xml, &case.world()) {
            None => both += 1,
            Some(name_id) => {
                if name_id.trim() != "alice@example.com" {
                    as_the_attacker_wants.push(format!("{} as {name_id:?}", case.name));
                }
                stricter.entry(&case.expect).or_default().push(&case.name);
            }
        }
    }
    println!(
        "{} attacks: refused by both {both}, too large or no XML to be shown {not_shown}",
        table.attack.len()
    );
    for (code, names) in &stricter {
        println!("  samael lets in {:>3}: {code}: {}", names.len(), names.join(" "));
    }
    println!("  as somebody whom nobody signed: {as_the_attacker_wants:?}");
    let codes: BTreeSet<_> = stricter.keys().copied().collect();
    let known: BTreeSet<_> = reasons.keys().copied().collect();
    let unexplained: Vec<_> = codes.difference(&known).map(|code| (code, &stricter[*code])).collect();
    assert!(unexplained.is_empty(), "let in by samael alone, and not explained: {unexplained:#?}");
    let idle: Vec<_> = known.difference(&codes).collect();
    assert!(idle.is_empty(), "explained and not seen: {idle:?}");
    assert!(reasons.values().all(|why| why.ends_with('.')));
}

#[test]
fn samael_alone_lets_in_what_we_let_in() {
    let Explained { not_comparable, beyond_samael, .. } = Explained::read();
    let mut beyond = by_name(not_comparable.into_iter().chain(beyond_samael));
    let mut wrong = Vec::new();
    for case in Table::read().accepted {
        let Some(xml) = shown(&case.name) else { continue };
        match (samael_accepts(&xml, &case.world()), beyond.remove(&case.name)) {
            // It leaves the white space of XML at the ends.
            (Some(name_id), None) if name_id.trim_matches([' ', '\t', '\r', '\n']) == case.name_id => {}
            (Some(name_id), _) => wrong.push(format!("{}: it reads {name_id}", case.name)),
            (None, Some(why)) => assert!(why.ends_with('.'), "{}", case.name),
            (None, None) => wrong.push(format!("{}: it refuses", case.name)),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(beyond.is_empty(), "explained and not seen: {beyond:?}");
}

/// The document of a case, as far as samael is shown it.
fn shown(name: &str) -> Option<String> {
    Message::of(name).text().filter(|text| text.len() <= LARGEST_SHOWN)
}

/// Whom samael lets in, when it trusts one certificate of this world after the other: an unsuitable one would keep it
/// from trying the next. It knows no time but the clock's, so its clocks may differ by decades.
fn samael_accepts(xml: &str, world: &World) -> Option<String> {
    certificates(world).into_iter().find_map(|der| {
        let judge = ServiceProvider {
            entity_id: Some(SP.to_owned()),
            acs_url: Some(ACS.to_owned()),
            allow_idp_initiated: world.unsolicited,
            idp_metadata: metadata(der),
            max_issue_delay: ServiceProvider::default().max_issue_delay * 10_000_000,
            max_clock_skew: ServiceProvider::default().max_clock_skew * 5_000_000,
            allowed_signature_algorithms: Some(vec![
                AllowedSignatureAlgorithm::RsaSha256,
                AllowedSignatureAlgorithm::RsaSha384,
                AllowedSignatureAlgorithm::RsaSha512,
                AllowedSignatureAlgorithm::EcdsaSha256,
                AllowedSignatureAlgorithm::EcdsaSha384,
                AllowedSignatureAlgorithm::EcdsaSha512,
            ]),
            ..ServiceProvider::default()
        };
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let asked = [REQUEST];
            let asked = (!world.unsolicited).then_some(&asked[..]);
            judge.parse_xml_response_with_mode(xml, asked, ReduceMode::PreDigest)
        }));
        let assertion = judged.ok()?.ok()?;
        Some(assertion.subject?.name_id?.value)
    })
}

fn metadata(der: Vec<u8>) -> EntityDescriptor {
    let certificate = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    format!(
        "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{IDP}\">\
         <IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
         <KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data>\
         <X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>\
         <SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" \
         Location=\"https://idp.example.com/sso\"/></IDPSSODescriptor></EntityDescriptor>"
    )
    .parse()
    .unwrap()
}

/// What samael builds for Alice, with the holes that it leaves for its caller to fill.
fn built_by_samael(certificate: &CertificateDer) -> Response {
    let attribute = |name: &str, value: &'static str| ResponseAttribute {
        required_attribute: RequiredAttribute { name: name.to_owned(), format: None },
        value,
    };
    let attributes = [attribute("mail", "alice@example.com"), attribute("groups", "engineers")];
    let mut response =
        build_response_template(certificate, "alice@example.com", SP, IDP, ACS, REQUEST, &attributes);
    response.issue_instant = "2026-01-15T11:59:58Z".parse().unwrap();
    let signed_info = &mut response.signature.as_mut().unwrap().signed_info;
    signed_info.reference[0].digest_method.algorithm = DigestAlgorithm::Sha256;
    let assertion = response.assertion.as_mut().unwrap();
    assertion.issue_instant = response.issue_instant;
    for statement in assertion.authn_statements.iter_mut().flatten() {
        statement.authn_instant = Some(response.issue_instant);
    }
    for confirmation in assertion.subject.as_mut().unwrap().subject_confirmations.iter_mut().flatten() {
        let data = confirmation.subject_confirmation_data.as_mut().unwrap();
        data.not_on_or_after = Some("2026-01-15T12:04:58Z".parse().unwrap());
    }
    response
}

#[test]
fn what_samael_builds_and_xmlsec_signs_is_let_in() {
    let expected = Seen {
        name_id: "alice@example.com".to_owned(),
        attributes: vec![
            ("mail".to_owned(), vec!["alice@example.com".to_owned()]),
            ("groups".to_owned(), vec!["engineers".to_owned()]),
        ],
    };
    let scene = Scene::of(&World::default()).at(NOW);
    for (key, algorithm) in
        [("idp-rsa", SignatureAlgorithm::RsaSha256), ("idp-p256", SignatureAlgorithm::EcdsaSha256)]
    {
        let (certificate, private_key) = key_pair(key);
        for of_assertion in [false, true] {
            let mut response = built_by_samael(&certificate);
            let mut signature = response.signature.take().unwrap();
            signature.signed_info.signature_method.algorithm = algorithm.clone();
            if of_assertion {
                let assertion = response.assertion.as_mut().unwrap();
                signature.signed_info.reference[0].uri = Some(format!("#{}", assertion.id));
                assertion.signature = Some(signature);
            } else {
                response.signature = Some(signature);
            }
            let signed = Crypto::sign_xml(response.to_string().unwrap(), &private_key).unwrap();
            assert_eq!(
                scene.judge_xml(signed.clone()),
                Ok(expected.clone()),
                "{key}, {of_assertion}:\n{signed}"
            );
            let forged = signed.replacen(">engineers<", ">root<", 1);
            assert!(scene.judge_xml(forged).is_err());
        }
    }
}

fn key_pair(name: &str) -> (CertificateDer, Vec<u8>) {
    let der = |extension: &str| {
        let path = here().join("keys").join(format!("{name}.{extension}.pem"));
        let pem = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        x509_parser::pem::parse_x509_pem(&pem).unwrap().1.contents
    };
    (der("crt").into(), der("key"))
}
