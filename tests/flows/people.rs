//! From what the identity provider sends to what the application is told: parts, groups, roles.

use crate::browser::{Browser, From};
use crate::configured::{Configured, configured};
use crate::idp::Answer;
use http::StatusCode;

const ENTRA_LINK: &str = "http://schemas.microsoft.com/claims/groups.link";
const GUID: &str = "1d2c0f6e-5b0a-4f6e-9d57-8a1b9a3c4d5e";

/// Brings this answer; the code of the refusal, or what `whoami` and the application are told.
async fn brought(
    house: &Configured,
    browser: &mut Browser<'_>,
    answer: impl for<'a> FnOnce(Answer<'a>) -> Answer<'a>,
) -> Result<Told, String> {
    let asked = browser.leave_for_the_idp("/x").await;
    let answer = answer(house.idps[0].answer(&asked, "ada", house.world.now()));
    let page = browser.bring(&asked, &answer).await;
    if page.status == StatusCode::SEE_OTHER {
        Ok(told(house, browser).await)
    } else {
        assert!(!browser.has_session());
        let event = house.world.audit.last("sign-in-refused");
        house.world.audit.refused(&page, event["code"].as_str().unwrap());
        Err(event["code"].as_str().unwrap().to_owned())
    }
}

/// What is known of who is signed in.
struct Told {
    whoami: serde_json::Value,
    headers: Vec<(String, String)>,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(own, _)| own == name);
        &found.unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).1
    }
}

async fn told(house: &Configured, browser: &mut Browser<'_>) -> Told {
    let whoami = browser.get("/vestibule/whoami", From::SameSite).await;
    let name = &browser.site.cookies.session_name;
    let mut request = http::HeaderMap::new();
    let cookie = format!("{name}={}", browser.cookie(name).unwrap());
    request.insert("cookie", cookie.parse().unwrap());
    let site = &browser.site;
    let session = house.world.gate.resume(site, &request, house.world.now()).await.unwrap().unwrap();
    let rendered = house.world.gate.identity_headers(site, &session, house.world.now());
    let headers = rendered
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    Told { whoami: serde_json::from_str(&whoami.body).unwrap(), headers: headers.collect() }
}

async fn signed_in(
    more: &str,
    answer: impl for<'a> FnOnce(Answer<'a>) -> Answer<'a>,
) -> Result<Told, String> {
    let house = configured(&["corp"], more);
    let mut browser = Browser::of(&house.world);
    brought(&house, &mut browser, answer).await
}

#[tokio::test]
async fn an_address_comes_from_an_attribute_where_the_name_id_is_none_and_a_name_from_its_parts() {
    let told = signed_in("", |answer| {
        answer
            .with("urn:oid:0.9.2342.19200300.100.1.3", &["Ada@Example.com"])
            .with("urn:oid:2.5.4.42", &["Ada"])
            .with("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", &["Lovelace"])
    })
    .await
    .unwrap();
    assert_eq!(told.header("x-forwarded-email"), "ada@example.com");
    assert_eq!(told.whoami["name"], "Ada Lovelace");

    let told = signed_in("", |mut answer| {
        answer.name_id = "alice@corp".into();
        answer.with("mail", &["other@example.com"])
    })
    .await
    .unwrap();
    assert_eq!(told.header("x-forwarded-email"), "alice@corp");
}

#[tokio::test]
async fn candidates_are_taken_in_order_and_changed_as_the_owner_says() {
    let more = "identity:\n  user: [employeeNumber, uid]\n  custom: {department: [dept, department]}\n  transform:\n    \
                user: [lower, strip_domain, {prefix: x-}]\n    department: [{capture: \"^(\\\\w+)\"}]\nheaders:\n  custom: \
                [{name: x-department, value: custom.department}, {name: x-given, value: given_name}]\n";
    let told = signed_in(more, |answer| {
        answer
            .with("UID", &["Ada@Example.com"])
            .with("department", &["Sales / North"])
            .with("givenName", &["Ada"])
    })
    .await
    .unwrap();
    assert_eq!(told.header("x-forwarded-user"), "x-ada");
    assert_eq!(told.header("x-department"), "Sales");
    assert_eq!(told.header("x-given"), "Ada");
    let nothing = signed_in(more, |answer| answer.with("uid", &["ada"])).await.unwrap();
    assert_eq!((nothing.header("x-department"), nothing.header("x-given")), ("", ""));
    assert_eq!(signed_in(more, |answer| answer).await.err().as_deref(), Some("user-missing"));
}

#[tokio::test]
async fn what_is_required_is_refused_before_there_is_a_session_and_the_owner_is_told_what_came() {
    let house = configured(&["corp"], "identity: {required: [email]}\n");
    let mut browser = Browser::of(&house.world);
    let refused =
        brought(&house, &mut browser, |answer| answer.with("urn:x:mailbox", &["ada@example.com"])).await;
    assert_eq!(refused.err().as_deref(), Some("identity-incomplete"));
    let detail = house.world.audit.last("sign-in-refused")["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("email (from NameID, mail)") && detail.contains("urn:x:mailbox"), "{detail}");
    assert!(!detail.contains("ada@"), "{detail}");
    assert!(brought(&house, &mut browser, |answer| answer.with("mail", &["a@b.test"])).await.is_ok());
}

#[tokio::test]
async fn roles_follow_groups_exactly_and_anew_at_each_sign_in() {
    let more = "roles: {ops: admin, dev: [builder, tester]}\ndefault_role: reader\n";
    let house = configured(&["corp"], more);
    let mut browser = Browser::of(&house.world);
    for (groups, roles) in [
        (&["ops", "other"][..], "admin"),
        (&["dev"], "builder,tester"),
        (&["OPS", "ops ", "admin"], "reader"),
        (&["ops,dev", "dev;ops", "ops\ndev", "ops%2Cdev"], "reader"),
        (&[], "reader"),
    ] {
        let told = brought(&house, &mut browser, |answer| answer.with("groups", groups)).await.unwrap();
        assert_eq!(told.header("x-vestibule-roles"), roles, "{groups:?}");
        browser.jar.clear();
    }
}

#[tokio::test]
async fn a_group_that_holds_the_separator_is_one_group_in_the_header() {
    let told = signed_in("", |answer| answer.with("groups", &["dev,ops", "a%2Cb"])).await.unwrap();
    assert_eq!(told.header("x-forwarded-groups"), "dev%2Cops,a%252Cb");
}

#[tokio::test]
async fn guids_are_known_by_our_names_in_roles_rules_and_headers() {
    let more = format!(
        "group_aliases: {{{GUID}: ops}}\nroles: {{{GUID}: admin}}\nrules:\n  - {{paths: [/ops/*], access: {{group: {GUID}}}}}\n"
    );
    let house = configured(&["corp"], &more);
    let mut browser = Browser::of(&house.world);
    let told = brought(&house, &mut browser, |answer| answer.with("groups", &[GUID, "x"])).await.unwrap();
    assert_eq!(told.header("x-forwarded-groups"), "ops,x");
    assert_eq!(told.header("x-vestibule-roles"), "admin");
    assert_eq!(browser.get("/ops/y", From::SameSite).await.status, StatusCode::OK);

    // A group that somebody made and called so.
    let mut other = Browser::of(&house.world);
    let told = brought(&house, &mut other, |answer| answer.with("groups", &["ops", "x"])).await.unwrap();
    assert_eq!((told.header("x-forwarded-groups"), told.header("x-vestibule-roles")), ("x", ""));
    let page = other.get("/ops/y", From::SameSite).await;
    house.world.audit.refused(&page, "access-denied");
}

#[tokio::test]
async fn only_chosen_groups_leave_and_rules_see_all() {
    for (chosen, header) in
        [("all", "dev,ops,staff"), ("mapped", "ops"), ("[staff, dev]", "dev,staff"), ("none", "")]
    {
        let more = format!(
            "headers: {{groups: {chosen}}}\nroles: {{ops: admin}}\nrules: [{{paths: [/dev], access: {{group: dev}}}}]\n"
        );
        let house = configured(&["corp"], &more);
        let mut browser = Browser::of(&house.world);
        let groups = &["dev", "ops", "staff"];
        let told = brought(&house, &mut browser, |answer| answer.with("groups", groups)).await.unwrap();
        assert_eq!(told.header("x-forwarded-groups"), header, "{chosen}");
        let payload = told.header("x-vestibule-jwt-assertion").split('.').nth(1).unwrap().to_owned();
        let payload =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
        let jwt: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        let listed: Vec<_> =
            jwt["groups"].as_array().unwrap().iter().filter_map(|group| group.as_str()).collect();
        assert_eq!(listed.join(","), header, "{chosen}");
        assert_eq!(browser.get("/dev", From::SameSite).await.status, StatusCode::OK, "{chosen}");
    }
}

#[tokio::test]
async fn groups_beyond_the_budget_stay_out_and_rules_still_see_them() {
    let house = configured(&["corp"], "rules: [{paths: [/last], access: {group: group-299}}]\n");
    let mut browser = Browser::of(&house.world);
    let groups: Vec<String> = (0..300).map(|n| format!("group-{n}")).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let told = brought(&house, &mut browser, |answer| answer.with("groups", &groups)).await.unwrap();
    assert_eq!(told.header("x-forwarded-groups"), "");
    assert_eq!(told.header("x-vestibule-groups-omitted"), "true");
    assert_eq!(told.header("x-forwarded-user"), "ada");
    let size: usize = told.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    assert!(size <= 3072, "{size}");
    assert_eq!(browser.get("/last", From::SameSite).await.status, StatusCode::OK);
}

#[tokio::test]
async fn too_many_groups_are_answered_as_the_owner_says_and_unknown_ones_deny_under_not_too() {
    let rules = "default_role: reader\nrules:\n  - {paths: [/not-contractors], access: {not: {group: contractors}}}\n  - \
                 {paths: [/readers], access: {role: reader}}\n";
    for (overage, readers) in [("unknown", Some("access-unknown-groups")), ("default_role", None)] {
        let house = configured(&["corp"], &format!("{rules}groups_overage: {overage}\n"));
        let mut browser = Browser::of(&house.world);
        assert!(brought(&house, &mut browser, linked).await.is_ok());
        let page = browser.get("/not-contractors", From::SameSite).await;
        house.world.audit.refused(&page, "access-unknown-groups");
        let page = browser.get("/readers", From::SameSite).await;
        match readers {
            Some(code) => house.world.audit.refused(&page, code),
            None => assert_eq!(page.status, StatusCode::OK, "{overage}"),
        }
    }
    let refused = signed_in(&format!("{rules}groups_overage: refuse\n"), linked).await;
    assert_eq!(refused.err().as_deref(), Some("groups-overage"));

    // No groups at all: the default role is held, and `not` still denies.
    let house = configured(&["corp"], rules);
    let mut browser = Browser::of(&house.world);
    assert!(brought(&house, &mut browser, |answer| answer).await.is_ok());
    let page = browser.get("/not-contractors", From::SameSite).await;
    house.world.audit.refused(&page, "access-unknown-groups");
    assert_eq!(browser.get("/readers", From::SameSite).await.status, StatusCode::OK);
}

fn linked(answer: Answer<'_>) -> Answer<'_> {
    answer.with(ENTRA_LINK, &["https://graph.windows.net/x"])
}

#[tokio::test]
async fn first_roles_stay_where_the_owner_says_so() {
    let house = configured(&["corp"], "roles: {ops: admin, dev: builder}\nrole_sync: first_sign_in\n");
    for (user, groups, roles) in [
        ("ada", "dev", "builder"),
        ("ada", "ops", "builder"),
        ("eve", "ops", "admin"),
        ("eve", "none", "admin"),
    ] {
        let mut browser = Browser::of(&house.world);
        let told = brought(&house, &mut browser, |mut answer| {
            answer.name_id = user.into();
            answer.with("groups", &[groups])
        });
        assert_eq!(told.await.unwrap().header("x-vestibule-roles"), roles, "{user} {groups}");
    }
}

#[tokio::test]
async fn names_that_only_look_alike_are_other_people() {
    let more = "rules: [{paths: [/root], access: {email: root@example.com}}]\n";
    let house = configured(&["corp"], more);
    for (address, lets_in) in [
        ("root@example.com", true),
        ("ROOT@EXAMPLE.COM", true),
        ("r\u{43e}ot@example.com", false),
        ("root@ex\u{430}mple.com", false),
        ("root@sub.example.com", false),
        ("root\u{200b}@example.com", false),
    ] {
        let mut browser = Browser::of(&house.world);
        let known = brought(&house, &mut browser, |answer| answer.with("mail", &[address])).await;
        assert!(known.is_ok(), "{address}");
        let page = browser.get("/root", From::SameSite).await;
        assert_eq!(page.status == StatusCode::OK, lets_in, "{address}");
    }
}
