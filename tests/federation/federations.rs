//! Identity providers of a federation: one of thousands in an aggregate, or asked for by name.

use crate::documents::{Document, ENTITY, HOUR};
use crate::idp::FakeIdp;
use crate::metadata_server::Behaviour;
use crate::scene::{PATIENCE, Scene};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;
use vestibule::clock::Clock as _;
use vestibule::federation::{HttpSource, Outbound, Patience};
use vestibule::saml::metadata::{QueryForm, mdq_url};

/// An aggregate of so many others, each with `padding` octets of words, and of the one that is meant in their midst.
fn aggregate(count: usize, padding: usize, meant: &Document<'_>, signer: Option<&FakeIdp>) -> String {
    let stranger = FakeIdp::new("urn:stranger");
    let mut body = String::with_capacity(count * (padding + 2000));
    for number in 0..count {
        if number == count / 2 {
            body.push_str(&meant.inside());
        }
        let entity_id = format!("https://idp{number}.example.org/shibboleth");
        let other = Document { entity_id, valid_until: None, ..Document::of(&[&stranger]) };
        let words = "words of a description of somebody ".repeat(padding / 35);
        let described = format!("<Extensions><x xmlns=\"urn:x\">{words}</x></Extensions>");
        let xml = other.inside();
        let at = xml.find('>').unwrap() + 1;
        write!(body, "{}{described}{}", &xml[..at], &xml[at..]).unwrap();
    }
    let whole = |signature: &str| {
        format!(
            "<EntitiesDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" ID=\"_all\" \
             validUntil=\"2027-01-22T08:00:00.000Z\">{signature}{body}</EntitiesDescriptor>"
        )
    };
    match signer {
        Some(signer) => whole(&signer.signature("_all", &whole(""))),
        None => whole(""),
    }
}

#[tokio::test]
async fn one_of_many_in_a_signed_aggregate_signs_people_in() {
    let (idp, signer) = (FakeIdp::new(ENTITY), FakeIdp::new("urn:federation"));
    let state = tempfile::tempdir().unwrap();
    let mut scene = Scene::new().await;
    scene.pinned_to(&signer);
    scene.keeping(state.path());
    let document =
        aggregate(300, 500, &Document { valid_until: None, ..Document::of(&[&idp]) }, Some(&signer));
    scene.server.now(Behaviour::serve_as("1", document.clone()));
    scene.round().await;
    scene.lets_in(&idp).await;

    // The copy is verified again, as a whole.
    scene.server.now(Behaviour::Down);
    let mut scene = scene.restarted();
    scene.lets_in(&idp).await;
    let tampered = document.replacen("words of a description", "words of another thing", 1);
    scene.server.now(Behaviour::serve(tampered));
    scene.round().await;
    assert_eq!(scene.events("metadata-refused")[0]["code"], "metadata-digest-mismatch");
    scene.lets_in(&idp).await;
}

#[tokio::test]
async fn an_identity_provider_is_asked_for_by_its_name_and_no_other_one_is_taken() {
    let (idp, other) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let mut scene = Scene::new().await;
    let base = scene.server.url().replace("/metadata", "/global/");
    let url = mdq_url(&base, ENTITY, QueryForm::EntityId);
    let source = HttpSource::new(&url, Some(vec![scene.authority.der()]), Outbound::direct()).unwrap();
    scene.watch.source = Arc::new(source.patient(PATIENCE));
    scene.server.now(Behaviour::serve(Document::of(&[&idp]).xml()));
    scene.round().await;
    let asked = scene.server.requests().pop().unwrap();
    assert!(
        asked.starts_with("GET /global/entities/https%3A%2F%2Fidp.test%2Fmetadata HTTP/1.1\r\n"),
        "{asked}"
    );
    scene.lets_in(&idp).await;

    let wrong = Document { entity_id: "https://other.test/".into(), ..Document::of(&[&other]) };
    scene.server.now(Behaviour::serve(wrong.xml()));
    scene.after(2 * HOUR).await;
    assert_eq!(scene.events("metadata-refused")[0]["code"], "metadata-entity-missing");
    scene.lets_in(&idp).await;
}

/// The figures of docs/metadata.md: `cargo test --release --test federation -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "60 MB, for the figures"]
async fn an_aggregate_of_sixty_megabytes_is_fetched_kept_and_read_again() {
    let (idp, signer) = (FakeIdp::new(ENTITY), FakeIdp::new("urn:federation"));
    let state = tempfile::tempdir().unwrap();
    let document =
        aggregate(8000, 6700, &Document { valid_until: None, ..Document::of(&[&idp]) }, Some(&signer));
    println!("{} octets", document.len());
    let mut scene = Scene::new().await;
    scene.pinned_to(&signer);
    scene.keeping(state.path());
    let source = HttpSource::new(&scene.server.url(), Some(vec![scene.authority.der()]), Outbound::direct());
    scene.watch.source = Arc::new(source.unwrap().patient(Patience::default()));
    scene.server.now(Behaviour::serve(document));
    let began = Instant::now();
    scene.round().await;
    println!("fetched, verified, kept: {:?}", began.elapsed());
    scene.lets_in(&idp).await;
    let began = Instant::now();
    scene.watch.standing = vestibule::federation::Standing::default();
    scene.watch.restore(&scene.world.gate.metrics);
    println!("restored at a start: {:?}", began.elapsed());
    assert!(scene.watch.running().is_some(), "{}", scene.world.clock.now());
}
