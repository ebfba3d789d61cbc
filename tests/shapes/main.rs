//! The shapes of the world's identity providers: each answer is let in with the metadata of its sender, and the right
//! person is read from it. shapes.toml is the table; README.md says where the files come from.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../attacks/second_judge.rs"]
mod second_judge;

use base64::Engine as _;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vestibule::clock::Moment;
use vestibule::identity::{Groups, Identity, Mapping, Person};
use vestibule::reason::{Reason, Refusal};
use vestibule::saml::demand::Demand;
use vestibule::saml::metadata::read_identity_provider;
use vestibule::saml::parties::{EntityId, IdentityProvider, Limits, Policy, ServiceProvider};
use vestibule::saml::response::{Answers, Expected, RawResponse, ResponseText};

/// Those whom the product promises to understand.
const PROMISED: [&str; 14] = [
    "Okta",
    "Entra ID",
    "Google Workspace",
    "ADFS",
    "Keycloak",
    "Shibboleth IdP",
    "SimpleSAMLphp",
    "PingFederate",
    "PingOne",
    "OneLogin",
    "JumpCloud",
    "Auth0",
    "authentik",
    "LemonLDAP::NG",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    shape: Vec<Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    name: String,
    /// The name of the metadata, where several answers come from one sender.
    metadata: Option<String>,
    product: String,
    provenance: Provenance,
    source: Vec<String>,
    story: String,
    /// Settings of `identity` that an owner needs for this product.
    #[serde(default)]
    mapping: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    scene: Scene,
    user: String,
    email: Option<String>,
    shown: Option<String>,
    preferred_username: Option<String>,
    /// None: unknown.
    groups: Option<Vec<String>>,
    session_index: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Provenance {
    Captured,
    Documented,
    Synthesised,
}

/// Who was asked what, and when it is now.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scene {
    entity_id: String,
    acs: String,
    request: String,
    /// Seconds since 1970.
    now: i64,
}

impl Default for Scene {
    /// That of the attack corpus: 2026-01-15T12:00:00Z.
    fn default() -> Self {
        Self {
            entity_id: "https://app.example.com/vestibule/saml/metadata".to_owned(),
            acs: "https://app.example.com/vestibule/saml/acs".to_owned(),
            request: "_request-5f0c3a7b9d2e4186a1b2c3d4e5f60718".to_owned(),
            now: 1_768_478_400,
        }
    }
}

impl Shape {
    fn response(&self) -> String {
        read(&format!("{}.response.xml", self.name))
    }

    fn identity_provider(&self) -> IdentityProvider {
        let name = self.metadata.as_ref().unwrap_or(&self.name);
        let metadata = read(&format!("{name}.metadata.xml"));
        let now = Moment::from_seconds(self.scene.now);
        let (idp, _warnings) = read_identity_provider(metadata.as_bytes(), None, now)
            .unwrap_or_else(|problem| panic!("{name}: {problem}"));
        idp
    }

    /// Every certificate in the metadata, of whatever role.
    fn certificates(&self) -> Vec<Vec<u8>> {
        let metadata = read(&format!("{}.metadata.xml", self.metadata.as_ref().unwrap_or(&self.name)));
        let values = metadata.split("X509Certificate>").skip(1).step_by(2);
        let texts = values.map(|rest| rest.split('<').next().unwrap().split_whitespace().collect::<String>());
        texts.map(|text| base64::engine::general_purpose::STANDARD.decode(text).unwrap()).collect()
    }

    fn mapping(&self) -> Mapping {
        let mut mapping = Mapping::default();
        for (key, names) in &self.mapping {
            let list = match key.as_str() {
                "user" => &mut mapping.user,
                "email" => &mut mapping.email,
                "name" => &mut mapping.name,
                "groups" => &mut mapping.groups,
                _ => panic!("{}: no mapping {key}", self.name),
            };
            list.clone_from(names);
        }
        mapping
    }

    /// The verdict of a gate that asked this identity provider.
    fn judge(&self, idp: &IdentityProvider) -> Result<Identity, Refusal> {
        let now = Moment::from_seconds(self.scene.now);
        let service_provider = ServiceProvider {
            entity_id: EntityId(self.scene.entity_id.clone()),
            acs_url: self.scene.acs.clone(),
            further_acs_urls: Vec::new(),
            slo_url: String::new(),
            signing_keys: Vec::new(),
        };
        let expected = Expected {
            answers: Answers::Request {
                id: &self.scene.request,
                issued: Moment::from_seconds(self.scene.now - 30),
            },
            demand: &Demand::default(),
            service_provider: &service_provider,
            identity_provider: idp,
            acs_url: &self.scene.acs,
        };
        let limits = Limits::default();
        let text = ResponseText::from_xml(self.response(), &limits)?;
        let accepted = RawResponse::parse(&text, &limits)?.verify(idp, &service_provider, now)?.accept(
            &expected,
            &Policy { clock_skew: Duration::from_secs(60) },
            now,
        )?;
        Identity::from_accepted(accepted, &self.name, None, &self.mapping())
    }
}

#[test]
fn every_shape_is_let_in_as_the_right_person() {
    let mut wrong = Vec::new();
    for shape in shapes() {
        match shape.judge(&shape.identity_provider()) {
            Ok(identity) => wrong.extend(differences(&shape, &identity)),
            Err(refusal) => wrong.push(format!("{}: {refusal}", shape.name)),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn differences(shape: &Shape, identity: &Identity) -> Vec<String> {
    let groups = match identity.groups() {
        Groups::Known(groups) => Some(groups.to_vec()),
        Groups::Unknown => None,
    };
    let compared = [
        ("user", format!("{:?}", shape.user), format!("{:?}", identity.user())),
        ("email", format!("{:?}", shape.email), format!("{:?}", identity.email())),
        ("name", format!("{:?}", shape.shown), format!("{:?}", identity.name())),
        (
            "preferred_username",
            format!("{:?}", shape.preferred_username),
            format!("{:?}", identity.preferred_username()),
        ),
        ("groups", format!("{:?}", shape.groups), format!("{groups:?}")),
        ("session_index", format!("{:?}", shape.session_index), format!("{:?}", identity.session_index())),
    ];
    let different = compared.into_iter().filter(|(_, expected, got)| expected != got);
    different
        .map(|(what, expected, got)| format!("{}: {what} is {got}, not {expected}", shape.name))
        .collect()
}

#[test]
fn every_shape_is_refused_when_its_sender_is_another() {
    let stranger = shapes().into_iter().find(|shape| shape.name == "okta").unwrap().identity_provider();
    for shape in shapes().into_iter().filter(|shape| shape.name != "okta") {
        let Err(refusal) = shape.judge(&stranger) else { panic!("{} is let in as Okta's", shape.name) };
        // Those of the templates share a key, so that only the name in the answer can tell.
        let expected = match shape.provenance {
            Provenance::Captured => Reason::SignatureInvalid,
            Provenance::Documented | Provenance::Synthesised => Reason::ResponseIssuerMismatch,
        };
        assert_eq!(refusal.reason, expected, "{}: {refusal}", shape.name);
    }
}

/// What the second judge calls invalid although it is right, each with the reason.
const BEYOND_THE_SECOND_JUDGE: &[(&str, &str)] = &[];

#[test]
fn a_second_judge_finds_every_signature_valid() {
    let mut wrong = Vec::new();
    for shape in shapes() {
        let judged = second_judge::calls_it_valid(&shape.response(), &shape.certificates());
        let excused = BEYOND_THE_SECOND_JUDGE.iter().any(|(name, _)| *name == shape.name);
        if let (Err(problem), false) = (judged, excused) {
            wrong.push(format!("{}: {problem}", shape.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_table_names_every_promised_product_and_every_file() {
    let shapes = shapes();
    for product in PROMISED {
        assert!(shapes.iter().any(|shape| shape.product.starts_with(product)), "no shape of {product}");
    }
    let names: BTreeSet<_> = shapes.iter().map(|shape| &shape.name).collect();
    assert_eq!(names.len(), shapes.len(), "a name occurs twice");
    let mut files = BTreeSet::new();
    for shape in &shapes {
        assert!(shape.story.ends_with('.'), "{} has no story", shape.name);
        assert!(!shape.source.is_empty(), "{} has no source", shape.name);
        files.insert(format!("{}.response.xml", shape.name));
        files.insert(format!("{}.metadata.xml", shape.metadata.as_ref().unwrap_or(&shape.name)));
        let template = here().join("templates").join(format!("{}.response.xml", shape.name));
        assert_eq!(template.exists(), shape.provenance != Provenance::Captured, "{}", shape.name);
    }
    let there: BTreeSet<String> = std::fs::read_dir(here().join("cases"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, there);
}

fn shapes() -> Vec<Shape> {
    let text = std::fs::read_to_string(here().join("shapes.toml")).unwrap();
    toml::from_str::<Table>(&text).unwrap().shape
}

fn read(name: &str) -> String {
    let path = here().join("cases").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()))
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shapes")
}
