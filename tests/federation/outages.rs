//! The source fails, or says what must not be believed: what runs goes on, and so do sessions.

use crate::browser::Browser;
use crate::documents::{DAY, Document, HOUR};
use crate::idp::FakeIdp;
use crate::metadata_server::Behaviour;
use crate::scene::{Scene, is_still_in, signed_in};
use crate::world::START;
use std::time::Duration;
use vestibule::federation::Outbound;

/// A source that misbehaves, and what the owner is told.
struct Trouble {
    name: &'static str,
    behaviour: Behaviour,
    /// `unreachable`, or `refused` with its code.
    outcome: &'static str,
    code: Option<&'static str>,
}

fn troubles(idp: &FakeIdp, other: &FakeIdp) -> Vec<Trouble> {
    let good = Document::of(&[idp]);
    let trouble = |name, behaviour| Trouble { name, behaviour, outcome: "unreachable", code: None };
    let refused = |name, document: String, code| Trouble {
        name,
        behaviour: Behaviour::serve(document),
        outcome: "refused",
        code: Some(code),
    };
    let body = good.xml().into_bytes();
    let half = good.xml()[..good.xml().len() / 2].to_owned();
    let answer =
        |status: u16, body: &str| Behaviour::Answer { status, headers: Vec::new(), body: body.into() };
    vec![
        trouble("down", Behaviour::Down),
        trouble("silent", Behaviour::Silent),
        trouble("stalls in the middle", Behaviour::Stalls { octets: 100, body: body.clone() }),
        trouble("cut off", Behaviour::CutAfter { octets: body.len() / 2, body }),
        trouble("an error of the server", answer(503, "busy")),
        trouble("gone", answer(404, "nothing here")),
        trouble("nothing in it", answer(200, "")),
        trouble("in a circle", Behaviour::redirect(302, "/metadata")),
        refused("half of it, as if it were all", half, "metadata-malformed"),
        refused(
            "an HTML page",
            "<!DOCTYPE html><html><body>Please sign in</body></html>".into(),
            "metadata-foreign",
        ),
        refused(
            "expired",
            Document { valid_until: Some(START.plus(HOUR)), ..good.clone() }.xml(),
            "metadata-expired",
        ),
        refused(
            "another identity provider",
            Document { entity_id: "https://other.test/".into(), ..good.clone() }.xml(),
            "metadata-entity-missing",
        ),
        refused(
            "with a document type",
            format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{}", good.xml()),
            "metadata-doctype",
        ),
        refused("without keys", Document { keys: Vec::new(), ..good }.xml(), "metadata-key-missing"),
        Trouble {
            name: "all keys swapped",
            behaviour: Behaviour::serve(Document::of(&[other]).xml()),
            outcome: "held",
            code: Some("metadata-keys-swapped"),
        },
        Trouble {
            name: "another host",
            behaviour: Behaviour::serve(
                Document { sso_url: "https://evil.test/sso".into(), ..Document::of(&[idp]) }.xml(),
            ),
            outcome: "held",
            code: Some("metadata-host-changed"),
        },
    ]
}

#[tokio::test]
async fn whatever_the_source_does_who_runs_goes_on_and_sessions_do() {
    let (idp, other) = (FakeIdp::new(crate::documents::ENTITY), FakeIdp::new(crate::documents::ENTITY));
    for Trouble { name, behaviour, outcome, code } in troubles(&idp, &other) {
        let mut scene = Scene::running(&Document::of(&[&idp]).xml()).await;
        scene.server.now(behaviour);
        scene.world.advance(2 * HOUR);
        {
            // Sessions last an hour when nobody uses them.
            let mut ada = signed_in(&scene.world, &idp).await;
            scene.watch.round(&*scene.world.clock, &scene.world.gate.metrics).await;
            is_still_in(&mut ada).await;
        }
        assert_eq!(scene.readings(outcome), "1", "{name}: {:?}", scene.world.audit.events());
        let kind = if outcome == "held" { "metadata-held" } else { "metadata-refused" };
        let events = scene.events(kind);
        assert_eq!(events.first().and_then(|event| event["code"].as_str()), code, "{name}: {events:?}");

        scene.lets_in(&idp).await;
        scene.refuses_answers_of(&other).await;
        let url = scene.beginning().await.location();
        assert!(url.starts_with("https://idp.test/sso?"), "{name}: {url}");

        // It is told once, and asked again soon.
        scene.after(2 * HOUR).await;
        assert_eq!(scene.readings(outcome), "2", "{name}");
        assert_eq!(scene.events(kind).len(), events.len(), "{name}: told twice");

        scene.server.now(Behaviour::serve(Document::of(&[&idp]).xml()));
        scene.after(2 * HOUR).await;
        assert_eq!(scene.readings("unchanged"), "1", "{name}: it has recovered");
        assert_eq!(
            scene.metric("vestibule_idp_metadata_held{site=\"app\",idp=\"corp\"}").unwrap(),
            "0",
            "{name}"
        );
    }
}

#[tokio::test]
async fn another_entity_is_refused_where_none_was_named() {
    let idp = FakeIdp::new(crate::documents::ENTITY);
    let mut scene = Scene::new().await;
    scene.watch.terms.entity_id = None;
    scene.server.now(Behaviour::serve(Document::of(&[&idp]).xml()));
    scene.round().await;
    let other = Document { entity_id: "https://other.test/".into(), ..Document::of(&[&idp]) };
    scene.server.now(Behaviour::serve(other.xml()));
    scene.after(2 * HOUR).await;
    assert_eq!(scene.events("metadata-refused")[0]["code"], "metadata-entity-changed");
    scene.lets_in(&idp).await;
}

#[tokio::test]
async fn our_own_metadata_is_not_an_identity_providers() {
    let idp = FakeIdp::new(crate::documents::ENTITY);
    let mut scene = Scene::new().await;
    scene.watch.terms.not = vec![crate::documents::ENTITY.into()];
    scene.server.now(Behaviour::serve(Document::of(&[&idp]).xml()));
    scene.round().await;
    assert_eq!(scene.events("metadata-refused")[0]["code"], "metadata-foreign");
    scene.asks_nobody("metadata-unavailable").await;
}

#[tokio::test]
async fn unsigned_though_pinned_is_refused_and_so_is_another_signer() {
    let (idp, signer, other) = (
        FakeIdp::new(crate::documents::ENTITY),
        FakeIdp::new("https://federation.test/"),
        FakeIdp::new(crate::documents::ENTITY),
    );
    let mut scene = Scene::new().await;
    scene.pinned_to(&signer);
    let signed = Document { signer: Some(&signer), ..Document::of(&[&idp]) };
    scene.server.now(Behaviour::serve(signed.xml()));
    scene.round().await;
    scene.lets_in(&idp).await;

    for (document, code) in [
        (Document { signer: None, ..signed.clone() }.xml(), "metadata-unsigned"),
        (Document { signer: Some(&other), ..signed.clone() }.xml(), "metadata-signature-invalid"),
        (signed.xml().replace("idp.test/sso", "evil.test/sso"), "metadata-digest-mismatch"),
    ] {
        scene.server.now(Behaviour::serve(document));
        scene.after(2 * HOUR).await;
        assert_eq!(scene.events("metadata-refused").last().unwrap()["code"], code);
        scene.lets_in(&idp).await;
    }

    // Under the pinned signature all keys may be new at once.
    scene.server.now(Behaviour::serve(Document { keys: vec![&other], ..signed }.xml()));
    scene.after(2 * HOUR).await;
    scene.lets_in(&other).await;
    scene.refuses_answers_of(&idp).await;
}

#[tokio::test]
async fn without_a_document_and_without_a_copy_sign_ins_wait_and_recover() {
    let idp = FakeIdp::new(crate::documents::ENTITY);
    let mut scene = Scene::new().await;
    scene.round().await;
    scene.asks_nobody("metadata-unavailable").await;
    assert_eq!(scene.metric("vestibule_idp_metadata_confirmed_timestamp_seconds{"), None);

    scene.server.now(Behaviour::serve(Document::of(&[&idp]).xml()));
    scene.after(Duration::from_secs(5)).await;
    scene.lets_in(&idp).await;
    let changed = scene.events("metadata-changed");
    assert_eq!(changed[0]["how"], "the first reading");
    assert_eq!(changed[0]["source"], scene.server.url());
}

#[tokio::test]
async fn metadata_that_has_ended_stops_sign_ins_and_no_session() {
    let idp = FakeIdp::new(crate::documents::ENTITY);
    let short = Document { valid_until: Some(START.plus(2 * HOUR)), ..Document::of(&[&idp]) };
    let mut scene = Scene::running(&short.xml()).await;
    scene.server.now(Behaviour::Down);
    scene.after(2 * HOUR - Duration::from_secs(1)).await;
    {
        let mut ada = signed_in(&scene.world, &idp).await;
        let mut late = Browser::of(&scene.world);
        let asked = late.leave_for_the_idp("/").await;
        scene.world.advance(Duration::from_secs(1));
        scene.asks_nobody("metadata-expired").await;
        is_still_in(&mut ada).await;

        // Who had left for the identity provider before comes back too late.
        let answer = idp.answer(&asked, "joan", scene.world.now());
        let answered = late.bring(&asked, &answer).await;
        scene.world.audit.refused(&answered, "metadata-expired");
    }

    scene.server.now(Behaviour::serve(Document::of(&[&idp]).xml()));
    scene.after(HOUR).await;
    scene.lets_in(&idp).await;
}

#[tokio::test]
async fn a_start_during_an_outage_works_from_the_copy() {
    let idp = FakeIdp::new(crate::documents::ENTITY);
    let (_state, mut scene) = Scene::with_state_dir().await;
    scene.server.now(Behaviour::serve_as("one", Document::of(&[&idp]).xml()));
    scene.round().await;

    scene.server.now(Behaviour::Down);
    let mut scene = scene.restarted();
    scene.lets_in(&idp).await;
    scene.round().await;
    assert_eq!(scene.readings("unreachable"), "1");
    scene.lets_in(&idp).await;

    scene.server.now(Behaviour::serve_as("one", Document::of(&[&idp]).xml()));
    scene.after(HOUR).await;
    assert_eq!(scene.readings("unchanged"), "1");
    assert!(scene.server.requests().last().unwrap().to_lowercase().contains("if-none-match: \"one\""));
}

#[tokio::test]
async fn a_copy_that_has_ended_is_still_what_new_keys_are_compared_with() {
    let (idp, other) = (FakeIdp::new(crate::documents::ENTITY), FakeIdp::new(crate::documents::ENTITY));
    let (_state, mut scene) = Scene::with_state_dir().await;
    scene.server.now(Behaviour::serve(Document::of(&[&idp]).xml()));
    scene.round().await;
    scene.world.advance(8 * DAY);

    let mut scene = scene.restarted();
    scene.asks_nobody("metadata-expired").await;
    let new = Document { valid_until: None, ..Document::of(&[&other]) };
    scene.server.now(Behaviour::serve(new.xml()));
    scene.round().await;
    assert_eq!(scene.events("metadata-held")[0]["code"], "metadata-keys-swapped");
    scene.asks_nobody("metadata-expired").await;
}

#[tokio::test]
async fn a_copy_counts_only_under_the_terms_of_now() {
    let (idp, signer) = (FakeIdp::new(crate::documents::ENTITY), FakeIdp::new("https://federation.test/"));
    let (_state, mut scene) = Scene::with_state_dir().await;
    scene.server.now(Behaviour::serve(Document::of(&[&idp]).xml()));
    scene.round().await;

    // Since then the owner has pinned a signer, which the copy was not signed by.
    scene.pinned_to(&signer);
    let scene = scene.restarted();
    scene.asks_nobody("metadata-unavailable").await;
}

#[tokio::test]
async fn a_copy_of_another_address_does_not_count() {
    let idp = FakeIdp::new(crate::documents::ENTITY);
    let (_state, mut scene) = Scene::with_state_dir().await;
    scene.server.now(Behaviour::serve(Document::of(&[&idp]).xml()));
    scene.round().await;
    let mut scene = scene.restarted();
    scene.lets_in(&idp).await;

    let elsewhere = vestibule::federation::HttpSource::new("https://idp.test/", None, Outbound::direct());
    scene.watch.idp = std::sync::Arc::new(vestibule::site::Idp {
        id: "corp".into(),
        label: "Corporate login".into(),
        logo: None,
        status: vestibule::site::Status::Live,
        metadata: vestibule::site::Live::unknown(),
        email_domains: None,
        demand: vestibule::saml::demand::Demand::default(),
        allow_unsolicited: false,
        logout: vestibule::site::Logout::default(),
    });
    scene.watch.source = std::sync::Arc::new(elsewhere.unwrap());
    scene.watch.standing = vestibule::federation::Standing::default();
    scene.watch.restore(&scene.world.gate.metrics);
    assert!(scene.watch.running().is_none());
}
