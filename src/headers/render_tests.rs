use super::*;
use crate::headers::{Encoding, HeaderSpec, Preset, Separator, lay_over};
use crate::identity::PartKey;
use crate::identity::tests_support::FakePerson;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderName;
use serde_json::Value;
use std::time::Duration;

const NOW: Moment = Moment::from_seconds(1_700_000_000);

/// What `headers.preset` makes; the parts beside are carried in the order of the preset.
fn preset(preset: Preset) -> HeaderPlan {
    let mut specs = HeaderPlan::default_set().specs().to_vec();
    let mut carried = 0;
    let own = preset.specs(&mut |_, _| {
        carried += 1;
        Some(Source::Carried(PartKey(carried - 1)))
    });
    lay_over(&mut specs, own);
    HeaderPlan::new(specs, HeaderPlan::DEFAULT_BUDGET).unwrap()
}

fn render(plan: &HeaderPlan, person: &FakePerson) -> Vec<(String, String)> {
    let keys = JwtKeys::generate();
    rendered(plan, person, &keys)
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8(value.as_bytes().to_vec()).unwrap()))
        .collect()
}

fn rendered(plan: &HeaderPlan, person: &FakePerson, keys: &JwtKeys) -> Rendered {
    let subject = Subject {
        person,
        sid: "c2lkc2lkc2lkc2lkc2lkcw",
        name_id: "G-4711",
        idp_entity_id: Some("https://idp.example.com"),
        authn_instant: NOW,
        authn_context_class: Some("urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"),
        ends_at: NOW.plus(Duration::from_secs(9999)),
    };
    let token = Token { keys, issuer: "https://app.example.com", audience: "app", organization: None };
    plan.render(&subject, &token, NOW)
}

fn value<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    &headers.iter().find(|(own, _)| own == name).unwrap_or_else(|| panic!("no {name}")).1
}

fn jwt(headers: &[(String, String)]) -> Value {
    let token = value(headers, "x-vestibule-jwt-assertion");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn weight(headers: &[(String, String)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
}

fn many_groups(count: usize) -> FakePerson {
    let groups = (0..count).map(|i| format!("group-{i:04}")).collect();
    FakePerson { groups: Some(groups), ..FakePerson::ada() }
}

#[test]
fn every_header_is_there_once_and_says_what_is_known() {
    let headers = render(&preset(Preset::OAuth2Proxy), &FakePerson::ada());
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let plan = preset(Preset::OAuth2Proxy);
    assert_eq!(names, plan.names().map(HeaderName::as_str).collect::<Vec<_>>());
    for (name, expected) in [
        ("x-forwarded-user", "ada"),
        ("x-auth-request-user", "ada"),
        ("x-forwarded-email", "ada@example.com"),
        ("x-auth-request-email", "ada@example.com"),
        ("x-forwarded-groups", "staff,ops"),
        ("x-auth-request-groups", "staff,ops"),
        ("x-forwarded-preferred-username", "al"),
        ("x-auth-request-preferred-username", "al"),
        ("x-vestibule-roles", "admin"),
        ("x-vestibule-groups-omitted", ""),
    ] {
        assert_eq!(value(&headers, name), expected, "{name}");
    }
    let claims = jwt(&headers);
    assert_eq!(claims["groups"], serde_json::json!(["staff", "ops"]));
    assert_eq!(claims["roles"], serde_json::json!(["admin"]));
    assert_eq!(claims["name"], "Ada Lovelace");
}

#[test]
fn what_is_unknown_is_there_and_empty() {
    let person = FakePerson {
        email: None,
        name: None,
        preferred_username: None,
        groups: None,
        roles: vec![],
        ..FakePerson::ada()
    };
    let headers = render(&HeaderPlan::default_set(), &person);
    assert_eq!(headers.len(), 8);
    for name in [
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-forwarded-preferred-username",
        "x-vestibule-roles",
        "x-vestibule-groups-omitted",
        "x-vestibule-organization",
    ] {
        assert_eq!(value(&headers, name), "", "{name}");
    }
    assert!(jwt(&headers).get("groups").is_none());
    let none = FakePerson { groups: Some(vec![]), ..FakePerson::ada() };
    assert_eq!(jwt(&render(&HeaderPlan::default_set(), &none))["groups"], serde_json::json!([]));
}

#[test]
fn over_the_budget_groups_leave_headers_and_jwt_and_it_is_said() {
    let plan = HeaderPlan::default_set();
    let mut omitted_at = None;
    for count in 0..200 {
        let headers = render(&plan, &many_groups(count));
        assert!(weight(&headers) <= plan.budget(), "{count} groups: {}", weight(&headers));
        let omitted = value(&headers, "x-vestibule-groups-omitted");
        assert_eq!(jwt(&headers).get("groups").is_none(), omitted == "true", "{count}");
        assert_eq!(value(&headers, "x-forwarded-groups").is_empty(), count == 0 || omitted == "true");
        assert_eq!(value(&headers, "x-vestibule-roles"), "admin");
        assert_eq!(jwt(&headers)["name"], "Ada Lovelace");
        if omitted == "true" && omitted_at.is_none() {
            omitted_at = Some(count);
            let last = render(&plan, &many_groups(count - 1));
            assert!(weight(&last) + 40 > plan.budget(), "left out too early: {}", weight(&last));
        }
    }
    assert!(omitted_at.is_some_and(|count| count > 50), "{omitted_at:?}");
}

#[test]
fn still_over_the_budget_names_and_then_roles_leave_and_the_user_stays() {
    let plan = preset(Preset::OAuth2Proxy);
    let long = |c: &str| c.repeat(250);
    let mut person = FakePerson {
        user: long("u"),
        email: Some(format!("{}@{}.test", "e".repeat(64), "d".repeat(184))),
        name: Some(long("n")),
        preferred_username: Some(long("p")),
        ..FakePerson::ada()
    };
    let headers = render(&plan, &person);
    assert!(weight(&headers) <= plan.budget());
    assert_eq!(value(&headers, "x-vestibule-groups-omitted"), "true");
    assert_eq!(value(&headers, "x-forwarded-preferred-username"), "");
    assert!(jwt(&headers).get("name").is_none());
    assert_eq!(value(&headers, "x-vestibule-roles"), "admin");

    person.roles = (0..100).map(|i| format!("role-{i}")).collect();
    let headers = render(&plan, &person);
    assert!(weight(&headers) <= plan.budget());
    assert_eq!(value(&headers, "x-vestibule-roles"), "");
    assert!(jwt(&headers).get("roles").is_none());
    assert_eq!(value(&headers, "x-auth-request-user"), person.user);
    assert_eq!(jwt(&headers)["sub"], format!("corp|{}", person.user));
}

#[test]
fn the_longest_identity_that_sign_in_admits_keeps_the_budget() {
    let plan = preset(Preset::OAuth2Proxy);
    let mut person = many_groups(500);
    person.user = "u".repeat(256);
    person.email = Some(format!("{}@{}.test", "e".repeat(64), "d".repeat(184)));
    let headers = render(&plan, &person);
    assert!(weight(&headers) <= plan.budget(), "{}", weight(&headers));
}

#[test]
fn no_value_can_end_a_line() {
    let mut person = FakePerson::ada();
    person.user = "ada\r\nx-forwarded-user: root".into();
    person.name = Some("a\nb".into());
    person.groups = Some(vec!["ops".into(), "a\r\nx-vestibule-roles: root".into(), "staff".into()]);
    person.roles = vec!["r\0".into(), "s".into()];
    let mut specs = HeaderPlan::default_set().specs().to_vec();
    specs.push(HeaderSpec::new(HeaderName::from_static("x-name"), Source::Name));
    let headers = render(&HeaderPlan::new(specs, 3072).unwrap(), &person);
    assert_eq!(value(&headers, "x-forwarded-user"), "");
    assert_eq!(value(&headers, "x-name"), "");
    assert_eq!(value(&headers, "x-forwarded-groups"), "ops,staff");
    assert_eq!(value(&headers, "x-vestibule-roles"), "s");
    assert_eq!(jwt(&headers)["groups"], serde_json::json!(["ops", "staff"]));
    assert!(headers.iter().all(|(_, value)| !value.chars().any(char::is_control)));
}

#[test]
fn custom_headers_are_written_as_configured() {
    let spec = |name, source, separator: &str, encoding| HeaderSpec {
        separator: separator.into(),
        encoding,
        ..HeaderSpec::new(HeaderName::from_static(name), source)
    };
    let plan = HeaderPlan::new(
        vec![
            spec("remote-groups", Source::Groups, "|", Encoding::Utf8),
            spec("remote-name", Source::Name, ",", Encoding::Percent),
            spec("x-name", Source::Name, ",", Encoding::Rfc8187),
            spec("x-idp", Source::Idp, ",", Encoding::Utf8),
        ],
        3072,
    )
    .unwrap();
    let person = FakePerson {
        name: Some("Zoë".into()),
        groups: Some(vec!["CN=a,OU=b".into(), "x|y".into(), "Zoë".into()]),
        ..FakePerson::ada()
    };
    let keys = JwtKeys::generate();
    let rendered = rendered(&plan, &person, &keys);
    assert_eq!(rendered.renew_at, Moment::from_millis(i64::MAX), "nothing to renew without a JWT");
    let values: Vec<_> = rendered.headers.iter().map(|(_, value)| value.as_bytes()).collect();
    assert_eq!(values, ["CN=a,OU=b|x%7Cy|Zoë".as_bytes(), b"Zo%C3%AB", b"UTF-8''Zo%C3%AB", b"corp"]);
}

#[test]
fn all_values_share_one_buffer() {
    let keys = JwtKeys::generate();
    let rendered = rendered(&preset(Preset::OAuth2Proxy), &FakePerson::ada(), &keys);
    assert_eq!(rendered.renew_at, NOW.plus(Duration::from_secs(150)));
    let total: usize = rendered.headers.iter().map(|(_, value)| value.len()).sum();
    let starts =
        rendered.headers.iter().filter(|(_, v)| !v.is_empty()).map(|(_, v)| v.as_bytes().as_ptr() as usize);
    let (low, high) = starts.fold((usize::MAX, 0), |(low, high), at| (low.min(at), high.max(at)));
    assert!(high - low < total);
}

#[test]
fn each_preset_says_what_applications_of_its_kind_read() {
    let person = FakePerson {
        groups: Some(vec!["Domain Users".into(), "a;b|c,d".into()]),
        roles: vec!["Viewer".into(), "Editor".into()],
        ..FakePerson::ada()
    };
    for (wanted, expected) in [
        (Preset::Remote, &[("remote-user", "ada"), ("remote-groups", "Domain Users,a;b|c%2Cd")][..]),
        (
            Preset::Mellon,
            &[
                ("remote-user", "ada"),
                ("mellon-name-id", "G-4711"),
                ("mellon-name-id-0", "G-4711"),
                ("mellon-idp", "https://idp.example.com"),
                ("mellon-mail-0", "ada@example.com"),
                ("mellon-mail-n", "1"),
                ("mellon-groups", "Domain Users;a%3Bb|c,d"),
                ("mellon-groups-0", "Domain Users"),
                ("mellon-groups-1", "a;b|c,d"),
                ("mellon-groups-2", ""),
                ("mellon-groups-7", ""),
                ("mellon-groups-n", "2"),
                ("mellon-sn", ""),
                ("mellon-sn-n", ""),
            ],
        ),
        (
            Preset::Shibboleth,
            &[
                ("remote-user", "ada"),
                ("mail", "ada@example.com"),
                ("ismemberof", "Domain Users;a%3Bb|c,d"),
                ("shib-session-id", "c2lkc2lkc2lkc2lkc2lkcw"),
                ("shib-identity-provider", "https://idp.example.com"),
                (
                    "shib-authncontext-class",
                    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
                ),
                ("shib-authentication-instant", "2023-11-14T22:13:20.000Z"),
            ],
        ),
        (
            Preset::Grafana,
            &[
                ("x-webauth-user", "ada"),
                ("x-webauth-groups", r#"["Domain Users","a;b|c,d"]"#),
                ("x-webauth-role", "Editor"),
            ],
        ),
        (
            Preset::Jenkins,
            &[
                ("x-forwarded-user", "ada"),
                ("x-forwarded-mail", "ada@example.com"),
                ("x-forwarded-displayname", "Ada Lovelace"),
                ("x-forwarded-groups", "Domain Users|a;b%7Cc,d"),
            ],
        ),
    ] {
        let plan = preset(wanted);
        let headers = render(&plan, &person);
        assert!(weight(&headers) <= plan.budget(), "{wanted:?}: {}", weight(&headers));
        assert_eq!(headers.len(), plan.specs().len());
        for (name, said) in expected {
            assert_eq!(value(&headers, name), *said, "{wanted:?} {name}");
        }
    }
}

#[test]
fn numbered_headers_count_what_has_no_header_of_its_own() {
    let headers = render(&preset(Preset::Mellon), &many_groups(12));
    assert_eq!(value(&headers, "mellon-groups-7"), "group-0007");
    assert_eq!(value(&headers, "mellon-groups-n"), "12");
    assert!(headers.iter().all(|(name, _)| name != "mellon-groups-8"));
    let headers = render(&preset(Preset::Mellon), &many_groups(400));
    assert_eq!(value(&headers, "x-vestibule-groups-omitted"), "true");
    for name in ["mellon-groups", "mellon-groups-0", "mellon-groups-n"] {
        assert_eq!(value(&headers, name), "", "{name}");
    }
}

#[test]
fn a_value_that_stays_out_has_no_number() {
    let person = FakePerson {
        groups: Some(vec!["a".into(), "b\nx: y".into(), String::new(), "c".into()]),
        ..FakePerson::ada()
    };
    let spec = HeaderSpec {
        separator: Separator::Json,
        ..HeaderSpec::new(HeaderName::from_static("x-team"), Source::Groups)
    };
    let headers = render(&HeaderPlan::new(spec.and_numbered(3), 3072).unwrap(), &person);
    let values: Vec<&str> = headers.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, [r#"["a","c"]"#, "a", "c", "", "2"]);
}

#[test]
fn every_preset_keeps_the_budget_with_the_longest_identity() {
    for (_, wanted) in Preset::WORDS {
        let plan = preset(*wanted);
        let mut person = many_groups(500);
        person.user = "u".repeat(256);
        person.email = Some(format!("{}@{}.test", "e".repeat(64), "d".repeat(184)));
        let headers = render(&plan, &person);
        assert!(weight(&headers) <= plan.budget(), "{wanted:?}: {}", weight(&headers));
    }
}
