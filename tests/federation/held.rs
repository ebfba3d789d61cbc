//! Keys change: beside a known one they are taken over, all at once they wait for the owner.

use crate::documents::{Document, ENTITY, HOUR};
use crate::idp::FakeIdp;
use crate::metadata_server::Behaviour;
use crate::scene::{Scene, folder, is_still_in, signed_in};
use crate::world::START;
use std::time::Duration;
use vestibule::federation::{Kind, Standing};
use vestibule::saml::metadata::change::KeyChanges;

const HELD: &str = "vestibule_idp_metadata_held{site=\"app\",idp=\"corp\"}";

#[tokio::test]
async fn a_rollover_with_overlap_needs_nobody_while_sessions_live() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let mut scene = Scene::running(&Document::of(&[&old]).xml()).await;
    scene.world.advance(2 * HOUR);
    {
        let mut ada = signed_in(&scene.world, &old).await;
        for keys in [[&old, &new].as_slice(), &[&new]] {
            scene.server.now(Behaviour::serve(Document::of(keys).xml()));
            scene.watch.round(&*scene.world.clock, &scene.world.gate.metrics).await;
            is_still_in(&mut ada).await;
            scene.lets_in(&new).await;
            scene.world.advance(HOUR / 2);
            is_still_in(&mut ada).await;
            scene.world.advance(HOUR / 2 + Duration::from_secs(60));
            ada = signed_in(&scene.world, &new).await;
        }
    }
    scene.refuses_answers_of(&old).await;
    let changed = scene.events("metadata-changed");
    assert_eq!(changed.len(), 3, "{changed:?}");
    assert_eq!(changed[1]["how"], "the rules");
    assert!(changed[1]["differences"][0].as_str().unwrap().starts_with("+ signing key"), "{changed:?}");
    assert!(changed[2]["differences"][0].as_str().unwrap().starts_with("- signing key"), "{changed:?}");
    let changed = changed.last().unwrap();
    assert_eq!((changed["idp"].as_str(), changed["site"].as_str()), (Some("corp"), Some("app")));
}

#[tokio::test]
async fn an_answer_is_judged_by_the_metadata_of_its_moment() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let mut scene = Scene::running(&Document::of(&[&old]).xml()).await;
    let asked = crate::browser::Browser::of(&scene.world).leave_for_the_idp("/").await;
    assert!(asked.acs_url.ends_with("/saml/acs"));
    scene.server.now(Behaviour::serve(Document::of(&[&old, &new]).xml()));
    scene.after(2 * HOUR).await;
    scene.lets_in(&new).await;
    scene.lets_in(&old).await;
}

#[tokio::test]
async fn a_swap_is_held_until_the_owner_agrees() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let (state, mut scene) = Scene::with_state_dir().await;
    scene.server.now(Behaviour::serve_as("1", Document::of(&[&old]).xml()));
    scene.round().await;
    scene.server.now(Behaviour::serve_as("2", Document::of(&[&new]).xml()));
    scene.after(2 * HOUR).await;
    assert_eq!(scene.metric(HELD).unwrap(), "1");
    scene.refuses_answers_of(&new).await;
    assert!(scene.last_detail().contains("vestibule metadata apply --idp corp"), "{}", scene.last_detail());
    let event = scene.events("metadata-held").pop().unwrap();
    assert_eq!(event["level"], serde_json::Value::Null);
    assert_eq!(event["differences"].as_array().unwrap().len(), 2, "{event}");
    scene.lets_in(&old).await;

    // A restart changes nothing about it.
    let mut scene = scene.restarted();
    assert_eq!(scene.metric(HELD).unwrap(), "1");
    scene.round().await;
    assert_eq!(scene.readings("held"), "1", "304 means that it is held still");
    assert!(scene.events("metadata-held").is_empty(), "told before");
    scene.lets_in(&old).await;
    scene.refuses_answers_of(&new).await;

    // Agreement to something else is none.
    folder(state.path()).agree("corp", &[0; 32], "uid 0").unwrap();
    scene.round().await;
    assert_eq!(folder(state.path()).agreed("corp"), Ok(None));
    scene.refuses_answers_of(&new).await;

    let held = scene.watch.held().unwrap().described.fingerprint;
    folder(state.path()).agree("corp", &held, "uid 0").unwrap();
    scene.round().await;
    scene.lets_in(&new).await;
    scene.refuses_answers_of(&old).await;
    assert!(!scene.last_detail().contains("held"), "{}", scene.last_detail());
    assert_eq!(scene.metric(HELD).unwrap(), "0");
    let event = scene.events("metadata-changed").pop().unwrap();
    assert_eq!((&event["how"], &event["by"]), (&"vestibule metadata apply".into(), &"uid 0".into()));
    for (member, of) in [("certificates_added", &new), ("certificates_removed", &old)] {
        let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, of.certificate());
        let sum: Vec<String> = sum.as_ref().iter().map(|octet| format!("{octet:02X}")).collect();
        assert_eq!(event[member], serde_json::json!([sum.join(":")]), "the rotation can be followed");
    }
    assert_eq!(folder(state.path()).agreed("corp"), Ok(None));
    assert_eq!(folder(state.path()).load("corp", Kind::Held), Ok(None));

    // And it outlives a restart, without the source.
    scene.server.now(Behaviour::Down);
    let scene = scene.restarted();
    scene.lets_in(&new).await;
}

#[tokio::test]
async fn an_agreement_to_what_the_gate_has_not_read_makes_it_read() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let (state, mut scene) = Scene::with_state_dir().await;
    scene.server.now(Behaviour::serve_as("1", Document::of(&[&old]).xml()));
    scene.round().await;
    scene.server.now(Behaviour::serve_as("2", Document::of(&[&new]).xml()));
    let seen = scene.watch.look(START).await.unwrap().fingerprint;
    scene.round().await;
    scene.lets_in(&old).await;
    assert!(scene.watch.held().is_none(), "its time has not come");

    // While the source is silent the agreement waits, and the source is not asked at every look.
    scene.server.now(Behaviour::Down);
    folder(state.path()).agree("corp", &seen, "uid 0").unwrap();
    scene.round().await;
    scene.round().await;
    assert_eq!(scene.readings("unreachable"), "1");
    assert_eq!(folder(state.path()).agreed("corp"), Ok(Some(seen)));
    scene.server.now(Behaviour::serve_as("2", Document::of(&[&new]).xml()));
    scene.after(Duration::from_secs(31)).await;
    scene.lets_in(&new).await;
    scene.refuses_answers_of(&old).await;
    assert_eq!(scene.events("metadata-changed").pop().unwrap()["how"], "vestibule metadata apply");
    assert_eq!(folder(state.path()).agreed("corp"), Ok(None));
    assert_eq!(folder(state.path()).load("corp", Kind::Held), Ok(None));
}

#[tokio::test]
async fn an_agreement_lets_in_nothing_but_the_document_that_it_names() {
    let (old, seen, other) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let (state, mut scene) = Scene::with_state_dir().await;
    scene.server.now(Behaviour::serve(Document::of(&[&old]).xml()));
    scene.round().await;
    scene.server.now(Behaviour::serve(Document::of(&[&seen]).xml()));
    let agreed = scene.watch.look(START).await.unwrap().fingerprint;
    scene.server.now(Behaviour::serve(Document::of(&[&other]).xml()));
    folder(state.path()).agree("corp", &agreed, "uid 0").unwrap();
    scene.round().await;
    assert_eq!(scene.events("metadata-held").len(), 1);
    assert_eq!(folder(state.path()).agreed("corp"), Ok(None));
    for stranger in [&seen, &other] {
        scene.refuses_answers_of(stranger).await;
    }
    // Nor later, when the source says so: the owner is asked anew.
    scene.server.now(Behaviour::serve(Document::of(&[&seen]).xml()));
    scene.after(2 * HOUR).await;
    scene.refuses_answers_of(&seen).await;
    scene.lets_in(&old).await;
}

#[tokio::test]
async fn what_is_held_is_let_in_after_a_delay_where_the_owner_says_so() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let mut scene = Scene::running(&Document::of(&[&old]).xml()).await;
    scene.watch.changes.apply_held_after = Some(24 * HOUR);
    scene.server.now(Behaviour::serve(Document::of(&[&new]).xml()));
    scene.after(HOUR).await;
    for _ in 0..23 {
        scene.after(HOUR).await;
        scene.lets_in(&old).await;
    }
    scene.after(HOUR).await;
    scene.lets_in(&new).await;
    assert_eq!(scene.events("metadata-changed").pop().unwrap()["how"], "apply_held_after");
}

#[tokio::test]
async fn what_its_source_does_not_say_any_more_is_not_let_in_after_a_delay() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let mut scene = Scene::running(&Document::of(&[&old]).xml()).await;
    scene.watch.changes.apply_held_after = Some(24 * HOUR);
    scene.server.now(Behaviour::serve(Document::of(&[&new]).xml()));
    scene.after(HOUR).await;
    scene.server.now(Behaviour::Down);
    scene.after(30 * HOUR).await;
    scene.after(30 * HOUR).await;
    scene.lets_in(&old).await;
    assert!(scene.watch.held().is_some());
    scene.server.now(Behaviour::serve(Document::of(&[&new]).xml()));
    scene.after(2 * HOUR).await;
    scene.lets_in(&new).await;
}

#[tokio::test]
async fn the_delay_begins_anew_when_something_else_is_held() {
    let (old, new, newer) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let mut scene = Scene::running(&Document::of(&[&old]).xml()).await;
    scene.watch.changes.apply_held_after = Some(24 * HOUR);
    scene.server.now(Behaviour::serve(Document::of(&[&new]).xml()));
    scene.after(HOUR).await;
    scene.server.now(Behaviour::serve(Document::of(&[&newer]).xml()));
    scene.after(23 * HOUR).await;
    scene.after(2 * HOUR).await;
    assert_eq!(scene.events("metadata-held").len(), 2);
    scene.lets_in(&old).await;
    scene.after(22 * HOUR).await;
    scene.lets_in(&newer).await;
}

#[tokio::test]
async fn what_is_held_and_has_ended_is_not_let_in_by_agreement() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let (state, mut scene) = Scene::with_state_dir().await;
    scene.server.now(Behaviour::serve(Document { valid_until: None, ..Document::of(&[&old]) }.xml()));
    scene.round().await;
    let short = Document { valid_until: Some(START.plus(10 * HOUR)), ..Document::of(&[&new]) };
    scene.server.now(Behaviour::serve(short.xml()));
    scene.after(2 * HOUR).await;
    let held = scene.watch.held().unwrap().described.fingerprint;
    scene.server.now(Behaviour::Down);
    scene.world.advance(9 * HOUR);
    folder(state.path()).agree("corp", &held, "uid 0").unwrap();
    scene.round().await;
    scene.lets_in(&old).await;
    assert!(scene.watch.held().is_none());
    assert_eq!(folder(state.path()).load("corp", Kind::Held), Ok(None));
}

#[tokio::test]
async fn rubbish_that_came_after_what_was_agreed_to_stays_rubbish() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let (state, mut scene) = Scene::with_state_dir().await;
    for document in [Document::of(&[&old]).xml(), Document::of(&[&new]).xml(), "<html/>".into()] {
        scene.server.now(Behaviour::serve(document));
        scene.after(2 * HOUR).await;
    }
    let held = scene.watch.held().unwrap().described.fingerprint;
    folder(state.path()).agree("corp", &held, "uid 0").unwrap();
    scene.round().await;
    scene.lets_in(&new).await;
    let confirmed = scene.watch.running().unwrap().confirmed;
    scene.after(2 * HOUR).await;
    assert_eq!(scene.readings("refused"), "2");
    assert_eq!(scene.watch.running().unwrap().confirmed, confirmed, "nobody confirmed it");
}

#[tokio::test]
async fn what_is_held_is_dropped_when_the_source_comes_to_its_senses() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let (state, mut scene) = Scene::with_state_dir().await;
    scene.watch.changes.apply_held_after = Some(24 * HOUR);
    for keys in [&old, &new, &old] {
        scene.server.now(Behaviour::serve(Document::of(&[keys]).xml()));
        scene.after(2 * HOUR).await;
    }
    assert!(scene.watch.held().is_none());
    assert_eq!(folder(state.path()).load("corp", Kind::Held), Ok(None));
    scene.after(48 * HOUR).await;
    scene.lets_in(&old).await;
}

#[tokio::test]
async fn key_changes_hold_holds_additions_too() {
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let mut scene = Scene::running(&Document::of(&[&old]).xml()).await;
    scene.watch.changes.keys = KeyChanges::Hold;
    scene.server.now(Behaviour::serve(Document::of(&[&old, &new]).xml()));
    scene.after(2 * HOUR).await;
    assert_eq!(scene.events("metadata-held")[0]["code"], "metadata-keys-added");
    scene.refuses_answers_of(&new).await;
    scene.lets_in(&old).await;
}

#[tokio::test]
async fn a_file_that_was_changed_while_the_gate_was_down_is_told_of_at_the_start() {
    let state = tempfile::tempdir().unwrap();
    let (old, new) = (FakeIdp::new(ENTITY), FakeIdp::new(ENTITY));
    let mut scene = Scene::new().await;
    scene.keeping(state.path());
    scene.server.now(Behaviour::serve(Document::of(&[&old]).xml()));
    scene.round().await;

    // As the configuration does with a file: whoever wrote it and restarted the gate has decided.
    let mut scene = scene.restarted();
    let now = scene.world.now();
    for (document, told) in [(Document::of(&[&old]).xml(), 0), (Document::of(&[&new]).xml(), 1)] {
        let described = scene.watch.terms.describe(document.as_bytes(), now).unwrap();
        scene.watch.standing = Standing::running(described, now);
        scene.watch.restore(&scene.world.gate.metrics);
        assert_eq!(scene.events("metadata-changed").len(), told);
    }
    let event = scene.events("metadata-changed").pop().unwrap();
    assert_eq!(event["how"], "a file that was changed before the start");
    assert_eq!(event["certificates_added"].as_array().unwrap().len(), 1, "{event}");
}
