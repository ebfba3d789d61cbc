//! What is written of a whole visit, and what is not.

use crate::house::{HASH_KEY, House, SECRET, Secrets};
use crate::visitor::Visitor;
use http::StatusCode;

#[tokio::test]
async fn a_whole_visit_is_told_and_nothing_secret_in_any_output() {
    let mut house = House::new(
        "log: {level: debug}\naudit:\n  output: both\n  file: audit.log\n  user: hash\n  hash_key_file: hash-key\n\
         session: {secret_file: secret}\n",
    );
    house.configure("state_dir: state\nstate_key_file: state-key\n");
    let gate = house.start();
    let mut secrets = Secrets(vec![SECRET.to_owned(), HASH_KEY.to_owned(), "ada@example.com".to_owned()]);
    let mut ada = Visitor::new();

    let came = house.sign_in(&mut ada, "ada@example.com", &mut secrets).await;
    assert_eq!(came.status, StatusCode::SEE_OTHER, "{came:?}");
    let refused = ada.get(&house.url("/admin/x?token=t0ken-of-the-query")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let page = ada.get(&house.url("/vestibule/sign-out")).await;
    ada.submit(&page, &[]).await;
    let garbage = [("SAMLResponse".to_owned(), "bm90IFhNTA==".to_owned())];
    let broken = ada.post_form(&house.url("/vestibule/saml/acs"), &garbage).await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST, "{broken:?}");
    let events = house.events_with("audit.log", "sign-in-refused").await;

    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let expected =
        ["config-loaded", "gate-started", "sign-in", "request-refused", "sign-out", "sign-in-refused"];
    assert_eq!(names, expected);
    let (sign_in, denied, sign_out) = (&events[2], &events[3], &events[4]);
    for event in [denied, sign_out] {
        for member in ["session", "user_hash", "idp"] {
            assert_eq!(sign_in[member], event[member], "{member}: one person, one session: {event}");
        }
    }
    // printf 'corp\0ada@example.com' | openssl dgst -sha256 -mac HMAC -macopt key:$(cat hash-key)
    assert_eq!(sign_in["name_id_hash"], "cc74bb7aff1cff06772e417d65425949");
    assert_eq!(denied["path"], "/admin/x");
    assert!(denied["detail"].as_str().unwrap().contains("rule"), "{denied}");
    assert!(refused.body.contains(denied["reference"].as_str().unwrap()));
    let output = gate.program.log();
    for event in &events {
        let line = serde_json::to_string(&event["message"]).unwrap();
        assert!(output.contains(&line), "`both` is both: {event}");
    }
    secrets.are_not_in(&output);
    secrets.are_not_in(&std::fs::read_to_string(house.path("audit.log")).unwrap());
}

#[tokio::test]
async fn a_file_that_is_moved_away_is_begun_anew_and_the_end_is_in_it() {
    let house = House::new("audit: {output: file, file: audit.log}\n");
    let mut gate = house.start_piped();
    house.events_with("audit.log", "gate-started").await;
    std::fs::rename(house.path("audit.log"), house.path("moved")).unwrap();

    assert!(crate::house::end(&mut gate).success());

    let (before, after) = (house.events("moved"), house.events("audit.log"));
    assert_eq!(before.last().unwrap()["event"], "gate-started");
    assert_eq!(after.last().unwrap()["event"], "gate-stopped");
    assert_eq!(after.last().unwrap()["signal"], "SIGTERM");
    let mut output = String::new();
    std::io::Read::read_to_string(&mut gate.stdout.take().unwrap(), &mut output).unwrap();
    assert!(output.contains("stopped") && !output.contains("gate-stopped"), "{output}");
}
