//! Encrypted answers, from outside: what is let in, and how little a refusal tells.

use crate::browser::{Answered, Browser};
use crate::idp::{Asked, FakeIdp, Signed};
use crate::sealing::{Mode, OurKey};
use crate::strangers::{Failing, IS_CLAIMED};
use crate::world::{Plan, START, World, site};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::time::{Duration, Instant};
use vestibule::clock::Moment;
use vestibule::saml::parties::SigningKey;
use vestibule::session::MemoryStore;
use vestibule::site::Site;

/// A site with one identity provider, and keys of ours.
fn keyed_site(idp: &FakeIdp, keys: Vec<SigningKey>) -> Site {
    let mut site = site(0, "app", "https://app.example.com", &[("corp", idp)]);
    site.service_provider.signing_keys = keys;
    site
}

fn keyed_world() -> (World, FakeIdp, OurKey) {
    let (idp, key) = (FakeIdp::new("https://idp.test/metadata"), OurKey::rsa());
    let world = Plan::new(vec![keyed_site(&idp, vec![key.pair.clone()])]).build();
    (world, idp, key)
}

/// The good answer, encrypted.
fn good(idp: &FakeIdp, key: &OurKey, asked: &Asked, now: Moment, mode: Mode) -> String {
    STANDARD.encode(key.encrypt(&idp.answer(asked, "ada", now).xml(), mode))
}

/// An answer that does not open.
fn broken(idp: &FakeIdp, key: &OurKey, asked: &Asked, now: Moment) -> String {
    good(idp, key, asked, now, Mode::CbcPadded(0))
}

#[tokio::test]
async fn an_encrypted_answer_signs_in_and_the_audit_says_how_it_was_encrypted() {
    let (world, idp, key) = keyed_world();
    for (mode, cipher) in [(Mode::Gcm, "aes128-gcm"), (Mode::Cbc, "aes128-cbc")] {
        let mut browser = Browser::of(&world);
        let asked = browser.leave_for_the_idp("/x").await;
        let answered = browser.bring_value(&asked, &good(&idp, &key, &asked, world.now(), mode)).await;
        assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body);
        let event = world.audit.last("sign-in");
        assert_eq!((&event["encrypted"], &event["signed"]), (&cipher.into(), &"assertion".into()));
    }
    let mut browser = Browser::of(&world);
    browser.sign_in(&idp, "/x", "ada").await;
    assert!(world.audit.last("sign-in").get("encrypted").is_none());
}

#[tokio::test(start_paused = true)]
async fn from_the_decryption_to_the_inner_signature_every_failure_looks_alike() {
    let (world, idp, key) = keyed_world();
    let (stranger, foreign) = (FakeIdp::new("https://idp.test/metadata"), OurKey::rsa());
    let mut seen: Vec<(String, u128)> = Vec::new();
    for (what, code) in [
        ("another key", "decryption-key"),
        ("padding", "decryption-content"),
        ("padding too long", "decryption-content"),
        ("garbage", "decryption-plaintext"),
        ("text", "decryption-plaintext"),
        ("doctype", "decryption-plaintext"),
        ("instruction", "xml-processing-instruction"),
        ("two", "decryption-plaintext"),
        ("unsigned", "signature-missing"),
        ("a stranger's signature", "signature-invalid"),
        ("tampered", "digest-mismatch"),
        ("comment in the signature", "signature-comment"),
        ("somebody else's, in CBC", "confirmation-in-response-to-mismatch"),
    ] {
        let mut browser = Browser::of(&world);
        let asked = browser.leave_for_the_idp("/x").await;
        let answer = idp.answer(&asked, "ada", world.now());
        let xml = answer.xml();
        let assertion = {
            let start = xml.find("<saml:Assertion ").unwrap();
            &xml[start..xml.find("</samlp:Response>").unwrap()]
        };
        let with = |content: &str| key.encrypt_instead(&xml, content.as_bytes(), Mode::Gcm);
        let message = match what {
            "another key" => foreign.encrypt(&xml, Mode::Gcm),
            "padding" => key.encrypt(&xml, Mode::CbcPadded(0)),
            "padding too long" => key.encrypt(&xml, Mode::CbcPadded(17)),
            "garbage" => key.encrypt_instead(&xml, &[0xfe; 64], Mode::Cbc),
            "text" => with("ada"),
            "doctype" => with(&format!("<!DOCTYPE a>{assertion}")),
            "instruction" => with(&format!("<?a b?>{assertion}")),
            "two" => with(&assertion.repeat(2)),
            "unsigned" => {
                let mut unsigned = answer.clone();
                unsigned.signed = Signed::Nothing;
                key.encrypt(&unsigned.xml(), Mode::Cbc)
            }
            "a stranger's signature" => {
                key.encrypt(&stranger.answer(&asked, "ada", world.now()).xml(), Mode::Gcm)
            }
            "somebody else's, in CBC" => {
                // Its envelope is not signed: whoever copied it can write their own request into it.
                let other = Browser::of(&world).leave_for_the_idp("/y").await;
                let theirs = idp.answer(&other, "ada", world.now()).xml();
                key.encrypt(&theirs, Mode::Cbc).replace(&other.id, &asked.id)
            }
            "tampered" => with(&assertion.replace(">ada<", ">eve<")),
            _ => with(&assertion.replace("<ds:DigestValue>", "<ds:DigestValue><!-- -->")),
        };
        let began = Instant::now();
        let refused = browser.bring_value(&asked, &STANDARD.encode(message)).await;
        let took = began.elapsed().as_millis();

        world.audit.refused(&refused, code);
        let event = world.audit.last("sign-in-refused");
        assert_eq!(event["status"], 403, "{what}");
        seen.push((without_reference(&refused, event["reference"].as_str().unwrap()), took));
        assert!(!browser.has_session(), "{what}");
    }
    assert!(seen.iter().all(|(_, took)| *took == 1000), "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

/// Everything that a browser gets, but the reference.
fn without_reference(page: &Answered, reference: &str) -> String {
    let mut headers: Vec<String> =
        page.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    headers.sort();
    format!("{} {headers:?} {}", page.status, page.body.replace(reference, "REFERENCE"))
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_before_a_key_is_used_is_not_held() {
    let (world, idp, key) = keyed_world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let xml = key.encrypt(&idp.answer(&asked, "ada", world.now()).xml(), Mode::Cbc);
    let began = Instant::now();
    for (from, to, code) in [
        ("xmlenc#aes128-cbc", "xmlenc#tripledes-cbc", "encryption-algorithm"),
        ("xmlenc#rsa-oaep-mgf1p", "xmlenc#rsa-1_5", "encryption-key-transport"),
    ] {
        // More often than there are tries: none is used.
        for _ in 0..4 {
            let refused = browser.bring_value(&asked, &STANDARD.encode(xml.replace(from, to))).await;
            world.audit.refused(&refused, code);
        }
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    let answered = browser.bring_value(&asked, &STANDARD.encode(xml)).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
}

#[tokio::test(start_paused = true)]
async fn three_failures_end_the_sign_in_and_no_other() {
    let (world, idp, key) = keyed_world();
    let (mut browser, mut other) = (Browser::of(&world), Browser::of(&world));
    let asked = browser.leave_for_the_idp("/x").await;
    let others = other.leave_for_the_idp("/x").await;
    for _ in 0..3 {
        let refused = browser.bring_value(&asked, &broken(&idp, &key, &asked, world.now())).await;
        world.audit.refused(&refused, "decryption-content");
    }
    // Neither an answer that would open, nor one in the clear.
    let refused = browser.bring_value(&asked, &good(&idp, &key, &asked, world.now(), Mode::Gcm)).await;
    world.audit.refused(&refused, "decryption-tries");
    let refused = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    world.audit.refused(&refused, "decryption-tries");
    assert!(!browser.has_session());

    let answered = other.bring_value(&others, &good(&idp, &key, &others, world.now(), Mode::Gcm)).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    let again = browser.begin("/vestibule/sign-in?rd=%2Fx").await;
    let answered = browser.bring_value(&again, &good(&idp, &key, &again, world.now(), Mode::Gcm)).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
}

#[tokio::test(start_paused = true)]
async fn answers_at_the_same_moment_share_no_try() {
    let (world, idp, key) = keyed_world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let value = broken(&idp, &key, &asked, world.now());
    let mut copies: Vec<Browser<'_>> = (0..8)
        .map(|_| {
            let mut copy = Browser::of(&world);
            copy.jar = browser.jar.clone();
            browser.attempts().into_iter().for_each(|name| copy.remember(name));
            copy
        })
        .collect();
    let posts = copies.iter_mut().map(|copy| copy.bring_value(&asked, &value));
    futures_util::future::join_all(posts).await;
    let codes: Vec<String> =
        world.audit.events().iter().filter_map(|event| event["code"].as_str().map(str::to_owned)).collect();
    let opened = codes.iter().filter(|code| *code == "decryption-content").count();
    let refused = codes.iter().filter(|code| *code == "decryption-tries").count();
    assert_eq!((opened, refused), (3, 5), "{codes:?}");
}

#[tokio::test(start_paused = true)]
async fn two_failures_do_not_end_it() {
    let (world, idp, key) = keyed_world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    for _ in 0..2 {
        browser.bring_value(&asked, &broken(&idp, &key, &asked, world.now())).await;
    }
    let answered = browser.bring_value(&asked, &good(&idp, &key, &asked, world.now(), Mode::Cbc)).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_encrypted_answer_that_is_posted_again_and_again_leads_to_the_page() {
    let (world, idp, key) = keyed_world();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/deep?x=1").await;
    let value = good(&idp, &key, &asked, world.now(), Mode::Gcm);
    // As a browser does whose back button was used.
    let jar = browser.jar.clone();
    let answered = browser.bring_value(&asked, &value).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    for _ in 0..5 {
        let session = browser.cookie("__Host-vestibule").unwrap().to_owned();
        browser.jar.extend(jar.clone());
        jar.keys().for_each(|name| browser.remember(name));
        let page = browser.bring_value(&asked, &value).await;
        let answered = browser.post_again(&page).await;
        assert_eq!(answered.location(), "https://app.example.com/deep?x=1");
        assert_eq!(browser.cookie("__Host-vestibule"), Some(session.as_str()));
    }
}

#[tokio::test]
async fn a_gate_without_an_rsa_key_says_so() {
    let (idp, key) = (FakeIdp::new("https://idp.test/metadata"), OurKey::rsa());
    let world = Plan::new(vec![keyed_site(&idp, Vec::new())]).build();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let refused = browser.bring_value(&asked, &good(&idp, &key, &asked, world.now(), Mode::Gcm)).await;
    world.audit.refused(&refused, "assertion-encrypted");
}

#[tokio::test]
async fn what_may_have_been_answered_is_not_opened() {
    let (idp, key) = (FakeIdp::new("https://idp.test/metadata"), OurKey::rsa());
    let store = Arc::new(Failing { inner: MemoryStore::new(1 << 20, START), at: AtomicU8::new(0) });
    let mut plan = Plan::new(vec![keyed_site(&idp, vec![key.pair.clone()])]);
    plan.store = Some(Arc::<Failing>::clone(&store));
    let world = plan.build();
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    store.at.store(IS_CLAIMED, Ordering::SeqCst);
    // Were it opened, it would be refused for its padding.
    let refused = browser.bring_value(&asked, &broken(&idp, &key, &asked, world.now())).await;
    world.audit.refused(&refused, "store-unavailable");
}

#[tokio::test(start_paused = true)]
async fn strangers_who_post_ciphertexts_take_no_memory() {
    let (world, idp, key) = keyed_world();
    let held = world.gate.store.size().claims;
    for _ in 0..4 {
        let mut browser = Browser::of(&world);
        let asked = browser.leave_for_the_idp("/x").await;
        for _ in 0..4 {
            browser.bring_value(&asked, &broken(&idp, &key, &asked, world.now())).await;
        }
    }
    assert_eq!(world.gate.store.size().claims, held);
}

#[tokio::test]
async fn every_use_of_sha_1_is_audited_and_counted_and_ends_with_its_day() {
    let mut idp = FakeIdp::rsa("https://idp.test/metadata");
    idp.weak_digest = true;
    let mut site = site(0, "app", "https://app.example.com", &[("corp", &idp)]);
    let end = START.plus(Duration::from_secs(3600));
    let mut allowing = idp.identity_provider(START);
    allowing.cryptography.sha1_until = Some(end);
    for idp in &mut site.identity_providers {
        Arc::get_mut(idp).expect("nobody else has it yet").metadata = allowing.clone().into();
    }
    let world = Plan::new(vec![site]).build();
    let mut browser = Browser::of(&world);
    let answered = browser.sign_in(&idp, "/x", "ada").await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body);
    let events = world.audit.events();
    let used = events.iter().find(|event| event["event"] == "danger-used").expect("an event of its own");
    assert_eq!((&used["danger"], &used["idp"]), (&"sha1".into(), &"corp".into()));
    assert!(
        world.gate.metrics.encode().contains(r#"vestibule_danger_used_total{site="app",danger="sha1"} 1"#)
    );

    world.advance(Duration::from_secs(3600));
    let mut browser = Browser::of(&world);
    let asked = browser.leave_for_the_idp("/x").await;
    let refused = browser.bring(&asked, &idp.answer(&asked, "ada", world.now())).await;
    world.audit.refused(&refused, "digest-algorithm");
}
