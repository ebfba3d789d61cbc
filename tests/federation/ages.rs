//! Which of two documents is the older one, and whose word counts for that.

use crate::documents::{DAY, Document, ENTITY, HOUR};
use crate::idp::FakeIdp;
use crate::metadata_server::Behaviour;
use crate::scene::{Scene, folder};
use crate::world::START;
use vestibule::clock::Moment;

/// A scene whose metadata must be signed, with this document running; its folder.
async fn pinned(signer: &FakeIdp, first: &Document<'_>) -> (Scene, tempfile::TempDir) {
    let (state, mut scene) = Scene::with_state_dir().await;
    scene.pinned_to(signer);
    scene.server.now(Behaviour::serve(first.xml()));
    scene.round().await;
    assert!(scene.watch.running().is_some(), "{:?}", scene.world.audit.events());
    (scene, state)
}

#[tokio::test]
async fn a_key_from_an_hour_in_which_the_source_was_in_wrong_hands_goes_when_it_is_in_the_right_ones_again() {
    let (idp, evil) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let far = Moment::from_seconds(4_070_908_800);
    let good = |hours| Document { created: Some(START.plus(hours * HOUR)), ..Document::of(&[&idp]) };
    for (created, valid_until) in [(Some(far), None), (None, Some(far)), (Some(far), Some(far))] {
        let state = tempfile::tempdir().unwrap();
        let mut scene = Scene::new().await;
        scene.keeping(state.path());
        scene.server.now(Behaviour::serve(good(0).xml()));
        scene.round().await;
        let smuggled = Document { created, valid_until, ..Document::of(&[&idp, &evil]) };
        scene.server.now(Behaviour::serve(smuggled.xml()));
        scene.after(2 * HOUR).await;
        scene.lets_in(&evil).await;

        let mut scene = scene.restarted();
        scene.server.now(Behaviour::serve(good(3).xml()));
        scene.after(2 * HOUR).await;
        scene.refuses_answers_of(&evil).await;
        scene.lets_in(&idp).await;
        assert!(scene.events("metadata-refused").is_empty(), "{:?}", scene.world.audit.events());
    }
}

#[tokio::test]
async fn an_identity_provider_may_say_a_shorter_time_than_before() {
    let (idp, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let mut scene = Scene::running(&Document::of(&[&idp]).xml()).await;
    let shorter = Document { valid_until: Some(START.plus(DAY)), ..Document::of(&[&idp, &new]) };
    scene.server.now(Behaviour::serve(shorter.xml()));
    scene.after(2 * HOUR).await;
    scene.lets_in(&new).await;
    assert_eq!(scene.watch.running().unwrap().described.valid_until, Some(START.plus(DAY)));
}

#[tokio::test]
async fn a_signed_document_that_was_made_before_is_refused() {
    let (idp, new, signer) =
        (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY), FakeIdp::new("https://federation.test/"));
    let made =
        |created, idp| Document { created: Some(created), signer: Some(&signer), ..Document::of(&[idp]) };
    let (mut scene, _state) = pinned(&signer, &made(START, &new)).await;
    scene.server.now(Behaviour::serve(made(START.minus(HOUR), &idp).xml()));
    scene.after(2 * HOUR).await;
    assert_eq!(scene.events("metadata-refused")[0]["code"], "metadata-older");
    scene.lets_in(&new).await;
    scene.server.now(Behaviour::serve(made(START.plus(HOUR), &idp).xml()));
    scene.after(2 * HOUR).await;
    scene.lets_in(&idp).await;
}

#[tokio::test]
async fn a_signed_document_that_says_less_of_its_age_than_the_last_one_waits_for_the_owner() {
    let (old, new, signer) =
        (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY), FakeIdp::new("https://federation.test/"));
    let bare = Document { valid_until: None, signer: Some(&signer), ..Document::of(&[&old]) };
    let until = |days| Some(START.plus(days * DAY));
    let newer = Document { keys: vec![&new], ..bare.clone() };
    for (first, replayed) in [
        (Document { created: Some(START), valid_until: until(7), ..newer.clone() }, bare.clone()),
        (
            Document { created: Some(START), ..newer.clone() },
            Document { valid_until: until(9), ..bare.clone() },
        ),
        (Document { valid_until: until(7), ..newer.clone() }, bare.clone()),
        (
            Document { valid_until: until(7), ..newer.clone() },
            Document { valid_until: until(6), ..bare.clone() },
        ),
    ] {
        let (mut scene, state) = pinned(&signer, &first).await;
        scene.watch.changes.apply_held_after = Some(HOUR);
        scene.server.now(Behaviour::serve(replayed.xml()));
        for _ in 0..3 {
            scene.after(2 * HOUR).await;
            scene.lets_in(&new).await;
        }
        assert_eq!(scene.events("metadata-held")[0]["code"], "metadata-older");
        let mut scene = scene.restarted();
        scene.refuses_answers_of(&old).await;

        // The publisher may have a reason. Then the owner hears of it another way.
        let held = scene.watch.held().unwrap().described.fingerprint;
        folder(state.path()).agree("corp", &held, "uid 0").unwrap();
        scene.after(HOUR).await;
        scene.lets_in(&old).await;
    }

    // Where the new one says as much, the pinned signature is enough.
    let (mut scene, _state) = pinned(&signer, &Document { valid_until: until(6), ..bare.clone() }).await;
    scene.server.now(Behaviour::serve(Document { valid_until: until(7), ..newer }.xml()));
    scene.after(2 * HOUR).await;
    scene.lets_in(&new).await;
}
