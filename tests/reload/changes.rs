//! What changes at once, what goes on, what ends, and what is refused.

use crate::scene::Scene;
use crate::visitor::Visitor;
use http::StatusCode;
use std::os::unix::fs::symlink;

/// Nobody but SIGHUP asks.
const UNWATCHED: &str = "reload: {watch: false}";
const HERE: &str = "127.0.0.1";
const THERE: &str = "localhost";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_brings_a_new_configuration_and_a_session_goes_on() {
    let scene = Scene::new();
    let gate = scene.start(&scene.plain(UNWATCHED));
    let mut ada = scene.signed_in(HERE).await;
    assert!(scene.is_in(&mut ada, HERE).await);

    gate.hang_up();
    gate.until("unchanged", 1.0).await;
    // The place of the site is another one, and so is what counts in it.
    let closed = "rules: [{paths: [/closed], access: deny}]";
    let top = format!("{UNWATCHED}\nlog: {{level: debug}}");
    gate.reload(&scene.config(&top, &[("wiki", THERE, ""), ("app", HERE, closed)])).await;
    assert!(scene.is_in(&mut ada, HERE).await);
    assert_eq!(ada.get(&scene.url(HERE, "/closed")).await.status, StatusCode::FORBIDDEN);
    assert!(scene.is_in(&mut scene.signed_in(THERE).await, THERE).await, "the new site serves");
    let changed = gate.events("config-changed", 1);
    let differences = changed[0]["differences"].as_array().unwrap();
    assert!(differences.contains(&"+ log.level".into()), "{differences:?}");
    assert_eq!(changed[0].get("at_next_start"), None);
    assert!(gate.metric(&["vestibule_config_loaded_timestamp_seconds"]).await > 1.7e9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_configuration_is_refused_with_all_that_is_wrong_and_the_old_one_goes_on() {
    let scene = Scene::new();
    let good = scene.plain(UNWATCHED);
    let gate = scene.start(&good);
    let mut ada = scene.signed_in(HERE).await;
    let bad = good.replace("upstream: http://", "upstream: ftp://").replace("drain: 2s", "drain: soon");
    scene.put("config.yaml", &bad);
    gate.hang_up();
    gate.until("refused", 1.0).await;
    assert!(scene.is_in(&mut ada, HERE).await);
    let refused = gate.events("config-refused", 1);
    let keys = refused[0]["differences"].as_array().unwrap();
    assert_eq!(keys, &["shutdown.drain", "sites[0].upstream"]);
    assert!(gate.program.says(":3: shutdown.drain: ") && gate.program.says(": sites[0].upstream: "));
    // Not even YAML, and no file at all.
    for text in ["sites: [", ""] {
        let before = gate.reloads("refused").await;
        scene.put("config.yaml", text);
        gate.hang_up();
        gate.until("refused", before + 1.0).await;
    }
    std::fs::remove_file(scene.at("config.yaml")).unwrap();
    gate.hang_up();
    gate.until("refused", 4.0).await;
    assert!(scene.is_in(&mut ada, HERE).await);
    gate.reload(&good.replace("drain: 2s", "drain: 3s")).await;
    assert!(scene.is_in(&mut ada, HERE).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_a_restart_says_so_and_the_rest_counts() {
    let scene = Scene::new();
    let gate = scene.start(&scene.plain(UNWATCHED));
    let mut ada = scene.signed_in(HERE).await;
    let elsewhere = scene.plain(&format!("{UNWATCHED}\nsession: {{max_bytes: 2MiB, idle_timeout: 5m}}"));
    gate.reload(&elsewhere.replace(&format!("listen: 127.0.0.1:{}", scene.port), "listen: 127.0.0.1:1"))
        .await;
    let changed = gate.events("config-changed", 1);
    assert_eq!(changed[0]["at_next_start"], serde_json::json!(["~ listen", "+ session.max_bytes"]));
    assert!(gate.program.says("counts from the next start only"));
    assert!(scene.is_in(&mut ada, HERE).await, "it listens where it did");
    // It is said as long as it is so.
    gate.reload(&elsewhere).await;
    assert_eq!(
        gate.events("config-changed", 2)[1]["at_next_start"],
        serde_json::json!(["+ session.max_bytes"])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_looked_at_and_a_ring_of_keys_rotates() {
    let scene = Scene::new();
    let keys = ["AZk3vXq9TmY1bN7cR5dW8eF2gH6jK4lP0oQsUtVxYzA", "qP8wE2rT6yU1iO5pA9sD3fG7hJ4kL0zXcVbNmQwErTy"];
    scene.put("new-secret", keys[0]);
    scene.put("old-secret", keys[1]);
    let ring =
        |files: &str| scene.plain(&format!("reload: {{interval: 1s}}\nsession: {{secret_file: [{files}]}}"));
    let gate = scene.start(&ring("old-secret"));
    let mut ada = scene.signed_in(HERE).await;
    let (mut early, mut late) = (Visitor::new(), Visitor::new());
    let asked = scene.begun(&mut early, HERE).await;
    let late_asked = scene.begun(&mut late, HERE).await;

    scene.put("config.yaml", &ring("new-secret, old-secret"));
    gate.until("applied", 1.0).await;
    let answer = scene.bring(&mut early, &asked, &scene.answered(&asked)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "the old one opens still: {answer:?}");
    // Only the contents are another: the name stays.
    scene.put("old-secret", keys[0]);
    gate.until("applied", 2.0).await;
    let refused = scene.bring(&mut late, &late_asked, &scene.answered(&late_asked)).await;
    assert_ne!(refused.status, StatusCode::SEE_OTHER, "and then it goes");
    assert!(scene.is_in(&mut ada, HERE).await, "sessions do not depend on it");
    let changed = gate.events("config-changed", 2);
    let contents = serde_json::json!(["~ session.secret_file[1] (contents)"]);
    assert_eq!(changed[1]["differences"], contents);
    let log = gate.program.log();
    assert!(keys.iter().all(|key| !log.contains(key)));
    // A secret that is gone is refused, and once it is back all is well without anybody's word.
    std::fs::remove_file(scene.at("new-secret")).unwrap();
    gate.until("refused", 1.0).await;
    scene.put("new-secret", keys[0]);
    gate.until("unchanged", 1.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mounted_configmap_is_followed() {
    let scene = Scene::new();
    let version = |name: &str, text: &str| {
        std::fs::create_dir(scene.at(name)).unwrap();
        std::fs::write(scene.at(name).join("config.yaml"), text).unwrap();
        std::fs::copy(scene.at("idp.xml"), scene.at(name).join("idp.xml")).unwrap();
    };
    let top = "reload: {interval: 1s}";
    version("..1", &scene.plain(top));
    version("..2", &scene.config(top, &[("app", HERE, "default_access: deny")]));
    symlink("..1", scene.at("..data")).unwrap();
    std::fs::remove_file(scene.at("idp.xml")).unwrap();
    for name in ["config.yaml", "idp.xml"] {
        symlink(format!("..data/{name}"), scene.at(name)).unwrap();
    }
    let gate = scene.start_at(&scene.at("config.yaml"));
    let mut ada = scene.signed_in(HERE).await;
    assert!(scene.is_in(&mut ada, HERE).await);
    symlink("..2", scene.at("..data_tmp")).unwrap();
    std::fs::rename(scene.at("..data_tmp"), scene.at("..data")).unwrap();
    gate.until("applied", 1.0).await;
    assert_eq!(ada.get(&scene.url(HERE, "/a")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_end_with_the_name_of_their_site() {
    let scene = Scene::new();
    let gate = scene.start(&scene.config(UNWATCHED, &[("app", HERE, ""), ("wiki", THERE, "")]));
    let (mut here, mut there) = (scene.signed_in(HERE).await, scene.signed_in(THERE).await);
    // One is renamed, the other has another address.
    gate.reload(&scene.config(UNWATCHED, &[("intranet", HERE, ""), ("wiki", THERE, "")])).await;
    assert!(!scene.is_in(&mut here, HERE).await && scene.is_in(&mut there, THERE).await);
    gate.reload(&scene.config(UNWATCHED, &[("wiki", THERE, "")])).await;
    assert_eq!(here.get(&scene.url(HERE, "/a")).await.status, StatusCode::FORBIDDEN, "nobody's host");
    gate.reload(&scene.config(UNWATCHED, &[("app", HERE, ""), ("wiki", THERE, "")])).await;
    assert!(!scene.is_in(&mut here, HERE).await, "what ended does not come back with the name");
    assert!(scene.is_in(&mut there, THERE).await);
    let ended = gate.events("session-ended", 1);
    assert_eq!((&ended[0]["why"], &ended[0]["site"]), (&"site-gone".into(), &"app".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retired_identity_provider_takes_its_sessions_along() {
    let scene = Scene::new();
    let good = scene.plain(UNWATCHED);
    let gate = scene.start(&good);
    let mut ada = scene.signed_in(HERE).await;
    let other = FakeMetadata::write(&scene);
    let status = |status: &str| {
        good.replace("sites:\n", &format!("    speaks_for_any: true\n    status: {status}\n{other}sites:\n"))
    };
    gate.reload(&status("staged")).await;
    assert!(scene.is_in(&mut ada, HERE).await);
    gate.reload(&status("retired")).await;
    assert!(!scene.is_in(&mut ada, HERE).await);
    assert_eq!(gate.events("session-ended", 1)[0]["why"], "retired");
}

/// Another identity provider, so that somebody can sign people in.
struct FakeMetadata;

impl FakeMetadata {
    fn write(scene: &Scene) -> String {
        let other = crate::idp::FakeIdp::new("https://other.test/metadata");
        scene.put("other.xml", &other.metadata());
        "  - id: other\n    metadata_file: other.xml\n    speaks_for_any: true\n".to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_that_was_known_is_known_still_and_its_file_is_followed() {
    let scene = Scene::new();
    let good = scene.plain(UNWATCHED);
    let gate = scene.start(&good);
    // It does not say the same any more; whoever looks after it has not decided about it.
    let swapped = crate::idp::FakeIdp::new(crate::scene::ENTITY);
    scene.put("idp.xml", &swapped.metadata());
    gate.reload(&good.replace("drain: 2s", "drain: 1s")).await;
    assert!(scene.is_in(&mut scene.signed_in(HERE).await, HERE).await, "the keys of before count");
    let held = gate.events("metadata-held", 1);
    assert_eq!(held[0]["idp"], "corp");
    scene.put("idp.xml", &scene.idp.metadata());
    gate.reload(&good).await;
    assert!(scene.is_in(&mut scene.signed_in(HERE).await, HERE).await);
}
