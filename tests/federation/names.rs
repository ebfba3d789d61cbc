//! Two identity providers of a site with one name: whose answer is it?

use crate::documents::{Document, ENTITY, HOUR};
use crate::idp::FakeIdp;
use crate::metadata_server::Behaviour;
use crate::scene::{Scene, folder};
use std::sync::Arc;
use vestibule::federation::Other;
use vestibule::saml::metadata::read_identity_provider;
use vestibule::site::{Idp, Known, Live, Logout};

/// Another identity provider of the site, of which nothing is known yet.
fn beside(scene: &mut Scene, written: Option<&str>) -> Arc<Idp> {
    let other = Arc::new(Idp {
        id: "other".into(),
        label: "Other".into(),
        logo: None,
        status: vestibule::site::Status::Live,
        metadata: Live::unknown(),
        email_domains: None,
        demand: vestibule::saml::demand::Demand::default(),
        allow_unsolicited: false,
        logout: Logout::default(),
    });
    scene.watch.terms.others = vec![Other { idp: Arc::clone(&other), written: written.map(str::to_owned) }];
    other
}

fn learn(other: &Idp, document: &Document<'_>) {
    let now = crate::world::START;
    let (saml, _) = read_identity_provider(document.xml().as_bytes(), None, now).unwrap();
    other.metadata.replace(Known::from(saml));
}

#[tokio::test]
async fn a_name_that_another_one_has_is_refused() {
    let idp = FakeIdp::new(ENTITY);
    let document = Document::of(&[&idp]);
    let elsewhere = "https://elsewhere.test/";
    for (written, known, refused) in [
        (None, Some(ENTITY), true),
        (Some(ENTITY), None, true),
        (None, None, false),
        (Some(elsewhere), None, false),
        (None, Some(elsewhere), false),
    ] {
        let mut scene = Scene::new().await;
        let other = beside(&mut scene, written);
        if let Some(known) = known {
            learn(&other, &Document { entity_id: known.into(), ..document.clone() });
        }
        scene.server.now(Behaviour::serve(document.xml()));
        scene.round().await;
        let events = scene.events("metadata-refused");
        assert_eq!(!events.is_empty(), refused, "{written:?} {known:?}: {events:?}");
        assert_eq!(scene.watch.running().is_none(), refused);
        if let [event] = events.as_slice() {
            assert_eq!(event["code"], "metadata-foreign");
            assert!(event["detail"].as_str().unwrap().contains("\"other\""), "{event}");
        }
    }
}

#[tokio::test]
async fn a_name_that_was_taken_while_a_change_was_held_is_not_let_in() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let state = tempfile::tempdir().unwrap();
    let mut scene = Scene::running(&Document::of(&[&old]).xml()).await;
    scene.keeping(state.path());
    let other = beside(&mut scene, None);
    scene.server.now(Behaviour::serve(Document::of(&[&new]).xml()));
    scene.after(2 * HOUR).await;
    let held = scene.watch.held().unwrap().described.fingerprint;
    learn(&other, &Document::of(&[&new]));
    folder(state.path()).agree("corp", &held, "uid 0").unwrap();
    scene.round().await;
    scene.refuses_answers_of(&new).await;
}
