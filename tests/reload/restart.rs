//! The same folder, another process.

use crate::scene::{STATE, STATE_KEY, Scene};
use crate::visitor::Visitor;
use http::{Method, StatusCode};

const HERE: &str = "127.0.0.1";

fn scene() -> Scene {
    let scene = Scene::new();
    scene.put("secret", "AZk3vXq9TmY1bN7cR5dW8eF2gH6jK4lP0oQsUtVxYzA");
    scene
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_in_is_in_and_what_was_answered_is_not_answered_again() {
    let scene = scene();
    let config = scene.plain(STATE);
    let gate = scene.start(&config);
    let mut ada = scene.signed_in(HERE).await;
    let mut gone = scene.signed_in(HERE).await;
    let cookies = gone.jar.clone();
    gone.send(
        Method::POST,
        &scene.url(HERE, "/vestibule/sign-out"),
        &[("origin", &scene.url(HERE, ""))],
        "".into(),
    )
    .await;
    let mut thief = Visitor::new();
    thief.jar = cookies;
    assert!(!scene.is_in(&mut thief, HERE).await, "signed out");
    // Somebody is on the way, and somebody has arrived whose answer is known to another.
    let (mut eve, mut bob) = (Visitor::new(), Visitor::new());
    let on_the_way = scene.begun(&mut bob, HERE).await;
    let asked = scene.begun(&mut eve, HERE).await;
    let (answer, before) = (scene.answered(&asked), eve.jar.clone());
    assert_eq!(scene.bring(&mut eve, &asked, &answer).await.status, StatusCode::SEE_OTHER);

    assert_eq!(gate.program.terminate(), Some(0));
    assert!(scene.at("state/sessions").exists());
    let gate = scene.start(&config);
    assert!(scene.is_in(&mut ada, HERE).await && scene.is_in(&mut eve, HERE).await);
    assert!(!scene.at("state/sessions").exists(), "it is gone before anybody is served");
    assert!(!scene.is_in(&mut thief, HERE).await, "who left does not come back");
    let arrived = scene.bring(&mut bob, &on_the_way, &scene.answered(&on_the_way)).await;
    assert_eq!(arrived.status, StatusCode::SEE_OTHER, "what began before can be finished: {arrived:?}");
    let mut replay = Visitor::new();
    replay.jar = before;
    let refused = scene.bring(&mut replay, &asked, &answer).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    let codes: Vec<_> = gate.events("sign-in-refused", 1).iter().map(|event| event["code"].clone()).collect();
    assert!(codes.iter().all(|code| code == "request-answered" || code == "assertion-replayed"), "{codes:?}");
    assert_eq!(gate.events("sessions-taken-up", 1)[0]["sessions"], 2);
    assert_eq!(gate.metric(&["vestibule_session_files_total", "taken_up"]).await, 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_is_killed_leaves_nobody() {
    let scene = scene();
    let config = scene.plain(STATE);
    let gate = scene.start(&config);
    let mut ada = scene.signed_in(HERE).await;
    assert_eq!(gate.program.terminate(), Some(0));
    let kept = std::fs::read(scene.at("state/sessions")).unwrap();
    let gate = scene.start(&config);
    assert!(scene.is_in(&mut ada, HERE).await);
    gate.kill();
    let gate = scene.start(&config);
    assert!(!scene.is_in(&mut ada, HERE).await, "nothing of before comes back");
    assert_eq!(gate.metric(&["vestibule_session_files_total", "refused"]).await, 0.0);
    gate.kill();
    // Not even when somebody brings it back.
    std::fs::write(scene.at("state/sessions"), kept).unwrap();
    let gate = scene.start(&config);
    assert!(!scene.is_in(&mut ada, HERE).await);
    assert_eq!(gate.metric(&["vestibule_session_files_total", "refused"]).await, 1.0);
    assert!(gate.events("sessions-refused", 1)[0]["detail"].as_str().unwrap().contains("another gate"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_another_key_or_a_broken_one_is_no_session_and_no_crash() {
    let scene = scene();
    let config = scene.plain(STATE);
    for spoil in [
        &|scene: &Scene| scene.put("state-key", &STATE_KEY.chars().rev().collect::<String>()) as (),
        &|scene: &Scene| {
            let file = scene.at("state/sessions");
            let octets = std::fs::read(&file).unwrap();
            std::fs::write(&file, &octets[..octets.len() - 7]).unwrap();
        },
        &|scene: &Scene| std::fs::write(scene.at("state/sessions"), "garbage").unwrap(),
    ] as [&dyn Fn(&Scene); 3]
    {
        let gate = scene.start(&config);
        let mut ada = scene.signed_in(HERE).await;
        assert_eq!(gate.program.terminate(), Some(0));
        spoil(&scene);
        let gate = scene.start(&config);
        assert!(!scene.is_in(&mut ada, HERE).await);
        assert_eq!(gate.metric(&["vestibule_session_files_total", "refused"]).await, 1.0);
        assert!(scene.is_in(&mut scene.signed_in(HERE).await, HERE).await, "sign-ins begin anew");
        assert_eq!(gate.program.terminate(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_place_is_gone_meanwhile_does_not_come_back() {
    let scene = scene();
    let two = [("app", HERE, ""), ("wiki", "localhost", "")];
    let gate = scene.start(&scene.config(STATE, &two));
    let (mut here, mut there) = (scene.signed_in(HERE).await, scene.signed_in("localhost").await);
    assert_eq!(gate.program.terminate(), Some(0));
    let gate = scene.start(&scene.config(STATE, &two[1..]));
    assert_eq!(gate.program.terminate(), Some(0));
    let _gate = scene.start(&scene.config(STATE, &two));
    assert!(!scene.is_in(&mut here, HERE).await && scene.is_in(&mut there, "localhost").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_of_age_count_while_nobody_is_there() {
    let scene = scene();
    let config = scene.plain(&STATE.replace("session: {", "session: {idle_timeout: 1m, max_age: 1m, "));
    let gate = scene.start(&config);
    let mut ada = scene.signed_in(HERE).await;
    let expires = ada.get(&scene.url(HERE, "/vestibule/whoami")).await.body;
    assert_eq!(gate.program.terminate(), Some(0));
    let gate = scene.start(&config);
    let after = ada.get(&scene.url(HERE, "/vestibule/whoami")).await.body;
    let end = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap()["expiry"].clone();
    assert_ne!(end(&expires), serde_json::Value::Null, "{expires}");
    assert_eq!(end(&expires), end(&after), "a restart does not make it longer");
    drop(gate);
}
