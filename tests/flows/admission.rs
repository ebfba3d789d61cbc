//! Who is let in at all: domains, the invited, and whose invitation it is.

use crate::browser::{Browser, From};
use crate::configured::{Configured, configured_with};
use http::StatusCode;

/// Signs in at one of the identity providers; the code of the refusal.
async fn comes(house: &Configured, idp: usize, user: &str, email: &str) -> Result<Vec<String>, String> {
    let mut browser = Browser::of(&house.world);
    let id = &browser.site.identity_providers[idp].id.clone();
    let asked = browser.begin(&format!("/vestibule/sign-in?rd=/x&idp={id}")).await;
    let mut answer = house.idps[idp].answer(&asked, user, house.world.now());
    if !email.is_empty() {
        answer = answer.with("mail", &[email]);
    }
    let page = browser.bring(&asked, &answer).await;
    if page.status == StatusCode::SEE_OTHER {
        assert!(browser.has_session());
        let whoami = browser.get("/vestibule/whoami", From::SameSite).await;
        let whoami: serde_json::Value = serde_json::from_str(&whoami.body).unwrap();
        let roles = whoami["roles"].as_array().unwrap().iter();
        return Ok(roles.map(|role| role.as_str().unwrap().to_owned()).collect());
    }
    assert!(!browser.has_session());
    let event = house.world.audit.last("sign-in-refused");
    let code = event["code"].as_str().unwrap().to_owned();
    house.world.audit.refused(&page, &code);
    assert_eq!(event["idp"], id.as_str());
    // Nothing was claimed: the same answer is refused for the same reason, and not as one that was used.
    let again = browser.bring(&asked, &answer).await;
    house.world.audit.refused(&again, &code);
    Err(code)
}

fn refused(code: &str) -> Result<Vec<String>, String> {
    Err(code.to_owned())
}

fn in_as(roles: &[&str]) -> Result<Vec<String>, String> {
    Ok(roles.iter().map(|&role| role.to_owned()).collect())
}

#[tokio::test]
async fn an_identity_provider_speaks_for_its_own_domains_and_those_below_where_it_says_so() {
    let idps = [
        ("corp", "email_domains: [example.com, \"*.example.com\"]"),
        ("partner", "email_domains: [\"*.partner.example\"]"),
    ];
    let house = configured_with(&idps, "", &[]);
    for (idp, email, verdict) in [
        (0, "ada@example.com", in_as(&[])),
        (0, "ada@sales.Example.com", in_as(&[])),
        (1, "bob@eu.partner.example", in_as(&[])),
        (1, "bob@partner.example", refused("email-domain-foreign")),
        (1, "ada@example.com", refused("email-domain-foreign")),
        (0, "bob@eu.partner.example", refused("email-domain-foreign")),
        (0, "ada@example.com.evil.test", refused("email-domain-foreign")),
        (0, "ada@ex\u{430}mple.com", refused("email-domain-foreign")),
        (0, "ada@ex\u{ff41}mple.com", refused("email-invalid")),
        (0, "", refused("email-domain-foreign")),
    ] {
        assert_eq!(comes(&house, idp, "somebody", email).await, verdict, "{idp} {email}");
    }
}

const PEOPLE: &str = "# those whom we know\nada@example.com\nbob@partner.example idp=partner roles=editor,author\neve idp=corp\n";

#[tokio::test]
async fn only_the_invited_come_in_by_whatever_way_the_list_is_written() {
    let yaml = "- ada@example.com\n- {email: bob@partner.example, idp: partner, roles: [editor, author]}\n- {user: eve, idp: corp}\n";
    for list in [PEOPLE, yaml] {
        let admission = "admission: {just_in_time: false, invited_file: people}\n";
        let house = configured_with(&[("corp", ""), ("partner", "")], admission, &[("people", list)]);
        for (idp, user, email, verdict) in [
            (0, "a1", "Ada@example.com", in_as(&[])),
            (0, "a1", "ada@example.com", in_as(&[])),
            (0, "eve", "", in_as(&[])),
            (1, "b1", "bob@partner.example", in_as(&["editor", "author"])),
            (0, "mallory", "mallory@example.com", refused("not-invited")),
            (0, "mallory", "", refused("not-invited")),
            // Another identity provider's people of the same names and addresses.
            (1, "eve", "", refused("not-invited")),
            (1, "a1", "ada@example.com", refused("account-not-linked")),
            (0, "b1", "bob@partner.example", refused("account-not-linked")),
            // Another user of the same identity provider with the address.
            (0, "a2", "ada@example.com", refused("account-not-linked")),
            // Names that only look alike.
            (0, "\u{435}ve", "", refused("not-invited")),
            (0, "EVE", "", refused("not-invited")),
            (0, "a3", "\u{430}da@example.com", refused("not-invited")),
        ] {
            assert_eq!(comes(&house, idp, user, email).await, verdict, "{idp} {user} {email}");
        }
    }
}

#[tokio::test]
async fn each_identity_provider_may_have_terms_and_a_default_role_of_its_own() {
    let partner = "default_role: guest, admission: {just_in_time: false, invited_file: partners}";
    let files = [("partners", "bob\nada@partner.example roles=lead\n")];
    let house = configured_with(&[("corp", ""), ("partner", partner)], "default_role: reader\n", &files);
    assert_eq!(comes(&house, 0, "anybody", "").await, in_as(&["reader"]));
    assert_eq!(comes(&house, 1, "anybody", "").await, refused("not-invited"));
    assert_eq!(comes(&house, 1, "bob", "").await, in_as(&["guest"]));
    assert_eq!(comes(&house, 1, "ada", "ada@partner.example").await, in_as(&["lead"]));
}

#[tokio::test]
async fn equal_addresses_are_one_person_only_where_both_identity_providers_say_so() {
    for (corp, partner, verdict) in [
        ("link_by_email: true", "link_by_email: true", in_as(&["editor"])),
        ("link_by_email: true", "", refused("account-not-linked")),
        ("", "link_by_email: true", refused("account-not-linked")),
    ] {
        let admission = "admission: {just_in_time: false, invited_file: people}\n";
        let files = [("people", "ada@example.com roles=editor\n")];
        let house = configured_with(&[("corp", corp), ("partner", partner)], admission, &files);
        assert_eq!(comes(&house, 0, "ada", "ada@example.com").await, in_as(&["editor"]));
        assert_eq!(comes(&house, 1, "a.lovelace", "ada@example.com").await, verdict, "{corp} {partner}");
        if verdict.is_err() {
            // Names are told as `audit.name_id` and `audit.user` say, and in no other place.
            let detail = house.world.audit.last("sign-in-refused")["detail"].to_string();
            assert!(detail.contains("took up") && !detail.contains("lovelace"), "{detail}");
        }
    }
    // Without invitations they are two people who both come in.
    let house = configured_with(&[("corp", ""), ("partner", "")], "", &[]);
    for idp in [0, 1] {
        assert_eq!(comes(&house, idp, "ada", "ada@example.com").await, in_as(&[]));
    }
}

#[tokio::test]
async fn a_list_counts_as_soon_as_it_is_changed_and_a_broken_one_does_not() {
    let admission = "admission: {just_in_time: false, invited_file: people}\n";
    let house = configured_with(&[("corp", "")], admission, &[("people", "ada\n")]);
    assert_eq!(comes(&house, 0, "bob", "").await, refused("not-invited"));
    house.changed("people", "bob\n");
    assert_eq!(comes(&house, 0, "bob", "").await, in_as(&[]));
    assert_eq!(comes(&house, 0, "ada", "").await, refused("not-invited"));
    house.changed("people", "ada who=what\n");
    assert_eq!(comes(&house, 0, "bob", "").await, in_as(&[]));
    assert_eq!(comes(&house, 0, "ada", "").await, refused("not-invited"));
}

#[tokio::test]
async fn somebody_who_is_not_let_in_keeps_what_they_had() {
    let admission = "admission: {just_in_time: false, invited_file: people}\n";
    let house = configured_with(&[("corp", "")], admission, &[("people", "ada\n")]);
    let mut browser = Browser::of(&house.world);
    browser.sign_in(&house.idps[0], "/x", "ada").await;
    let asked = browser.begin("/vestibule/sign-in?rd=/y").await;
    let page = browser.bring(&asked, &house.idps[0].answer(&asked, "mallory", house.world.now())).await;
    house.world.audit.refused(&page, "not-invited");
    // The page says what the person can do about it.
    assert!(page.body.contains("You have not been invited"), "{}", page.body);
    let event = house.world.audit.last("sign-in-refused");
    let detail = event["detail"].to_string();
    assert!(detail.contains("is not on") && !detail.contains("mallory"), "{detail}");
    assert_eq!(event["user"], "mallory", "told as `audit.user` says: {event}");
    let whoami = browser.get("/vestibule/whoami", From::SameSite).await;
    assert!(whoami.body.contains("\"ada\""), "{}", whoami.body);
}
