use super::*;
use crate::saml::response::NameId;

const NOW: Moment = Moment::from_seconds(1_700_000_000);
const LIMITS: Limits = Limits { idle_timeout: Duration::from_secs(600), max_age: Duration::from_secs(3600) };

pub(super) fn ada() -> Identity {
    Identity {
        idp: "corp".into(),
        user: "ada@example.com".into(),
        email: Some("ada@example.com".into()),
        name: Some("Ada Lovelace".into()),
        preferred_username: None,
        groups: Groups::Known(["session-ops".into(), "CN=Über, Leute".into()].into()),
        roles: vec!["session-admin".into()],
        name_id: NameId {
            value: "ada@example.com".into(),
            format: Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress".into()),
            name_qualifier: None,
            sp_name_qualifier: Some("https://app.example.com".into()),
        },
        session_index: Some("_4711".into()),
        authn_instant: NOW.minus(Duration::from_millis(86_400_500)),
        authn_context_class: Some("urn:oasis:names:tc:SAML:2.0:ac:classes:Password".into()),
        as_sent: crate::identity::AsSent::default(),
        carried: Vec::new(),
        forced: false,
        session_not_on_or_after: None,
    }
}

fn session(identity: &Identity) -> Session {
    Session::establish(identity, SiteKey::of("3"), SessionId::random().key(), &LIMITS, NOW)
}

fn after(seconds: u64) -> Moment {
    NOW.plus(Duration::from_secs(seconds))
}

fn listed(each: impl FnOnce(&mut dyn FnMut(&str))) -> Vec<String> {
    let mut names = Vec::new();
    each(&mut |name| names.push(name.to_owned()));
    names
}

#[test]
fn a_session_says_of_a_person_what_the_identity_says() {
    let session = session(&ada());
    assert_eq!(session.site(), SiteKey::of("3"));
    assert_eq!(session.idp(), "corp");
    assert_eq!(session.user(), "ada@example.com");
    assert_eq!(session.email(), Some("ada@example.com"));
    assert_eq!(session.name(), Some("Ada Lovelace"));
    assert_eq!(session.preferred_username(), None);
    assert_eq!(session.name_id(), "ada@example.com");
    assert_eq!(session.name_id_format(), Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"));
    assert_eq!(session.name_qualifier(), None);
    assert_eq!(session.sp_name_qualifier().as_deref(), Some("https://app.example.com"));
    assert_eq!(session.session_index(), Some("_4711"));
    assert_eq!(session.authn_context_class(), Some("urn:oasis:names:tc:SAML:2.0:ac:classes:Password"));
    assert_eq!(session.authn_instant(), NOW.minus(Duration::from_secs(86_401)), "rounded down");
    assert_eq!(listed(|f| session.each_group(f)), ["session-ops", "CN=Über, Leute"]);
    assert_eq!(listed(|f| session.each_role(f)), ["session-admin"]);
}

#[test]
fn groups_and_roles_are_exact() {
    let session = session(&ada());
    assert_eq!(session.in_group("session-ops"), Some(true));
    assert_eq!(session.in_group("CN=Über, Leute"), Some(true));
    for other in ["session-op", "Session-Ops", "session-admin", "", "never heard of"] {
        assert_eq!(session.in_group(other), Some(false), "{other:?}");
    }
    assert_eq!(session.has_role("session-admin"), Some(true));
    assert_eq!(session.has_role("session-ops"), Some(false));
}

#[test]
fn another_persons_group_is_not_ones_own() {
    let ada = session(&ada());
    let bob = session(&Identity { groups: Groups::Known(["session-bobs".into()].into()), ..self::ada() });
    assert_eq!(ada.in_group("session-bobs"), Some(false));
    assert_eq!(bob.in_group("session-bobs"), Some(true));
}

#[test]
fn unknown_groups_stay_unknown() {
    let session = session(&Identity { groups: Groups::Unknown, ..ada() });
    assert_eq!(session.in_group("session-ops"), None);
    assert_eq!(session.has_role("session-admin"), Some(true), "a held role is known");
    assert_eq!(session.has_role("session-other"), None);
    assert_eq!(listed(|f| session.each_group(f)), [""; 0]);
}

#[test]
fn a_session_ends_at_its_max_age_however_busy() {
    let session = session(&ada());
    assert_eq!(session.ends_at(), after(3600));
    for minute in 1..60 {
        assert!(session.touch(after(60 * minute)));
    }
    assert!(session.touch(after(3599)));
    assert!(!session.touch(after(3600)));
    assert_eq!(session.expires_at(), after(3600));
}

#[test]
fn an_idle_session_ends() {
    let session = session(&ada());
    assert_eq!(session.expires_at(), after(600));
    assert!(session.touch(after(599)));
    assert_eq!(session.expires_at(), after(1199));
    assert!(!session.touch(after(1199)));
    assert!(!session.is_alive(after(1199)));
    assert_eq!(session.expires_at(), after(1199), "a refused use is none");
}

#[test]
fn looking_is_not_using() {
    let session = session(&ada());
    assert!(session.is_alive(after(599)));
    assert_eq!(session.expires_at(), after(600));
}

#[test]
fn a_clock_that_goes_back_shortens_nothing() {
    let session = session(&ada());
    assert!(session.touch(after(500)));
    assert!(session.touch(after(100)));
    assert_eq!(session.expires_at(), after(1100));
}

#[test]
fn the_idps_own_end_counts_when_it_is_earlier() {
    let ends = |at| session(&Identity { session_not_on_or_after: Some(at), ..ada() }).ends_at();
    assert_eq!(ends(after(60)), after(60));
    assert_eq!(ends(after(60).plus(Duration::from_millis(999))), after(60), "never longer than it may");
    assert_eq!(ends(after(999_999)), after(3600));
    let over = session(&Identity { session_not_on_or_after: Some(NOW), ..ada() });
    assert!(!over.touch(NOW));
}

#[test]
fn absurd_times_stay_within_time() {
    let endless = Limits { idle_timeout: Duration::MAX, max_age: Duration::MAX };
    let for_ever = Session::establish(&ada(), SiteKey::of("0"), SessionId::random().key(), &endless, NOW);
    assert!(for_ever.touch(after(60 * 60 * 24 * 365 * 50)));
    let instant = Limits { idle_timeout: Duration::ZERO, max_age: Duration::from_secs(60) };
    let brief = Session::establish(&ada(), SiteKey::of("0"), SessionId::random().key(), &instant, NOW);
    assert!(brief.touch(NOW) && !brief.touch(after(1)));
    let before = Identity { authn_instant: Moment::from_millis(i64::MIN), ..ada() };
    assert_eq!(session(&before).authn_instant(), Moment::from_seconds(0));
}

#[test]
fn an_ended_session_is_dead_for_all_who_hold_it() {
    let session = std::sync::Arc::new(session(&ada()));
    let headers = Box::new([(http::header::FROM, http::HeaderValue::from_static("ada"))]);
    session.rendered().store(Some(Rendered::new(headers, NOW).into()));
    let elsewhere = std::sync::Arc::clone(&session);
    session.end();
    assert!(!elsewhere.touch(NOW));
    assert!(!elsewhere.is_alive(NOW));
    assert!(elsewhere.rendered().load().is_none(), "nor is the JWT kept");
}

#[tokio::test]
async fn whoever_looks_for_live_sessions_is_shown_no_dead_one_in_their_place() {
    let store = MemoryStore::new(1 << 20, NOW);
    let brief = Limits { idle_timeout: Duration::from_secs(1), ..suite::Sample::new(0).limits };
    for n in 0..20 {
        let limits = if n % 2 == 0 { brief } else { suite::Sample::new(n).limits };
        store.insert(suite::Sample { limits, ..suite::Sample::new(n) }.session(NOW).into()).await.unwrap();
    }
    let all = Selection::default();
    let alive = Selection { alive_at: Some(after(2)), ..all };
    assert_eq!(store.select(&all, 30).await.unwrap().len(), 20, "nothing was swept");
    let found = store.select(&alive, 10).await.unwrap();
    assert!(found.len() == 10 && found.iter().all(|session| session.is_alive(after(2))));
    assert_eq!(store.select(&alive, 30).await.unwrap().len(), 10);
}

#[test]
fn debug_output_names_the_session_and_nobody() {
    let session = session(&ada());
    let name = session.key().public_name();
    assert_eq!(format!("{session:?}"), format!("Session({name} on site {:?})", SiteKey::of("3")));
}

#[test]
fn a_session_is_small() {
    assert!(size_of::<Session>() <= 80, "{}", size_of::<Session>());
    // Ten groups of twelve characters, two roles, and the NameID as user, which is the default.
    let sample = suite::Sample::new(1);
    let usual = suite::Sample { name_id: sample.user.clone(), ..sample };
    let weight = usual.session(NOW).weight();
    assert!(weight <= 600, "{weight}");
}

#[test]
fn a_session_knows_how_somebody_signed_in_and_what_headers_carry_beside() {
    let plain = session(&ada());
    assert_eq!((plain.authentication().forced, plain.carried(PartKey(1))), (false, None));
    assert_eq!(plain.authentication().instant, Some(plain.authn_instant()));
    assert_eq!(plain.authentication().class, ada().authn_context_class());
    let forced = Identity { forced: true, carried: vec![(PartKey(1), "Sales".into())], ..ada() };
    let forced = session(&forced);
    assert!(forced.authentication().forced);
    assert_eq!((forced.carried(PartKey(0)), forced.carried(PartKey(1))), (None, Some("Sales")));
    assert_eq!(size_of_val(&plain), size_of_val(&forced));
}
