use super::*;

const HOSTILE: &str = "\"><script>alert('1')</script><a href='javascript:x'>&amp;\u{202e}{{7*7}}{% x %}";

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

fn every_page(value: &str) -> Vec<(&'static str, Response<Bytes>)> {
    let branding =
        Branding { name: Some(value.into()), help_url: Some(format!("https://help.test/{value}")) };
    let link = format!("/vestibule/sign-in?rd={value}");
    let fields = [(value, value), ("SAMLRequest", value)];
    let page = RefusalPage {
        reason: Reason::AccessDenied,
        reference: value,
        start_again: Some(&link),
        sign_out: Some(&link),
        signed_in_as: Some(value),
    };
    let idp = format!("https://idp.test/sso?{value}");
    vec![
        ("refusal", refusal(&branding, &page)),
        ("auto-post", auto_post(&branding, &idp, &fields, true)),
        ("re-post", auto_post(&branding, &link, &fields, false)),
        ("sign-out", sign_out_confirm(&branding, &link, Some(value), value)),
        ("exchange", exchange(&branding, &link, &fields, &Exchange { now: value, then: value, stay: &link })),
        ("signed-out", signed_out(&branding, &link)),
        ("chooser", chooser(&branding, value, &[(value, &link), ("b", &link)])),
        ("not-found", not_found(&branding)),
        ("method", method_not_allowed(&branding, "GET")),
    ]
}

/// What is left of a page when its own style and script are taken away.
fn without_our_own(html: &str) -> String {
    html.replace(STYLE, "").replace(&format!("<script>{AUTO_POST}</script>"), "")
}

#[test]
fn every_value_is_escaped() {
    for (name, response) in every_page(HOSTILE) {
        let html = without_our_own(&text(&response));
        assert!(!html.contains("<script"), "{name}: {html}");
        assert!(!html.contains("<a href='"), "{name}: {html}");
        assert!(!html.contains("alert('1')"), "{name}: {html}");
        assert!(html.contains("&#60;script&#62;"), "{name} lost the value: {html}");
        assert!(html.contains("{{7*7}}"), "{name}: {html}");
    }
}

#[test]
fn the_hashed_style_and_script_stand_in_the_page_to_the_octet() {
    for (name, response) in every_page("x") {
        let html = text(&response);
        assert!(html.contains(&format!("<style>{STYLE}</style>")), "{name}");
        let posts = name == "auto-post" || name == "re-post";
        assert_eq!(html.contains(&format!("<script>{AUTO_POST}</script>")), posts, "{name}");
    }
}

#[test]
fn every_page_can_be_read_aloud_and_on_a_phone() {
    for (name, response) in every_page("x") {
        let html = text(&response);
        for part in ["<!doctype html>\n<html lang=\"en\">", "name=\"viewport\"", "<title>", "<main>"] {
            assert!(html.contains(part), "{name}: {part}");
        }
        assert_eq!(html.matches("<h1>").count(), 1, "{name}");
        assert!(
            !html.contains("style=") && !html.contains(" onclick") && !html.contains("http-equiv"),
            "{name}"
        );
    }
}

#[test]
fn every_page_forbids_storing_framing_and_sniffing() {
    for (name, response) in every_page("x") {
        let headers = response.headers();
        assert_eq!(headers["cache-control"], "no-store", "{name}");
        assert_eq!(headers["x-frame-options"], "DENY", "{name}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{name}");
        assert_eq!(headers["content-type"], "text/html; charset=utf-8", "{name}");
        assert!(headers.contains_key("content-security-policy"), "{name}");
    }
}

#[test]
fn pages_that_post_have_a_button_for_browsers_without_script() {
    for (name, response) in every_page("x") {
        assert_eq!(text(&response).contains("<form"), text(&response).contains("<button"), "{name}");
    }
}

#[test]
fn a_refusal_has_its_status_and_its_reference_and_no_code() {
    for &reason in Reason::ALL {
        let page = RefusalPage {
            reason,
            reference: "7f3a-91c2",
            start_again: None,
            sign_out: None,
            signed_in_as: None,
        };
        let response = refusal(&Branding::default(), &page);
        assert_eq!(response.status().as_u16(), reason.status());
        assert_eq!(response.headers().contains_key("retry-after"), reason.status() == 503, "{reason}");
        let html = without_our_own(&text(&response));
        assert!(html.contains("<code>7f3a-91c2</code>"), "{reason}");
        for owners in [reason.meaning(), reason.likely_cause(), reason.what_to_change()] {
            assert!(!html.contains(owners), "{reason} tells the visitor: {owners}");
        }
        let leads_on = Situation::of(reason).way_on().is_some();
        assert_eq!(html.contains("<a "), leads_on, "{reason}: a button that leads nowhere");
    }
}

#[test]
fn a_script_is_told_a_word_of_the_public_set_and_the_reference() {
    let response = refusal_json(Reason::SignatureInvalid, "7f3a-91c2");
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(text(&response), r#"{"error":"sign-in-failed","reference":"7f3a-91c2"}"#);
    assert_eq!(refusal_json(Reason::Busy, "x").headers()["retry-after"], "5");
    assert!(text(&refusal_json(Reason::AccessDenied, "x")).contains("\"access-denied\""));
}

#[test]
fn links_and_forms_lead_to_http_addresses_only() {
    for good in ["/", "/a?b=c", "https://idp.test/", "HTTP://localhost:1/x"] {
        assert!(is_link(good), "{good}");
    }
    for bad in [
        "",
        "x",
        "//evil.test",
        "/\\evil.test",
        "/\t/evil.test",
        "javascript:alert(1)",
        "java\nscript:x",
        "data:text/html,x",
        "vbscript:x",
        " https://x",
        "mailto:a@b",
    ] {
        assert!(!is_link(bad), "{bad}");
    }
}

#[test]
fn a_form_to_elsewhere_than_http_is_not_made() {
    let response = auto_post(&Branding::default(), "javascript:alert(1)", &[], true);
    assert_eq!(response.status(), 500);
    assert!(!text(&response).contains("javascript:"));
    assert_eq!(sign_out_confirm(&Branding::default(), "javascript:x", None, "ada").status(), 500);
    let who = |stay| Exchange { now: "ada", then: "eve", stay };
    assert_eq!(exchange(&Branding::default(), "javascript:x", &[], &who("/")).status(), 500);
    assert_eq!(exchange(&Branding::default(), "/acs", &[], &who("javascript:x")).status(), 500);
    assert!(text(&signed_out(&Branding::default(), "javascript:x")).contains("href=\"/\""));
    assert!(!text(&chooser(&Branding::default(), "s", &[("x", "javascript:x")])).contains("javascript:"));
}

#[test]
fn help_may_be_a_mailbox_but_not_a_script() {
    let with = |url: &str| {
        let branding = Branding { name: None, help_url: Some(url.into()) };
        text(&not_found(&branding))
    };
    assert!(with("mailto:it@example.com").contains("href=\"mailto:it@example.com\""));
    assert!(!with("javascript:alert(1)").contains("Get help"));
}

#[test]
fn the_405_names_the_methods_that_would_do() {
    let response = method_not_allowed(&Branding::default(), "GET, POST");
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "GET, POST");
}

/// Writes every page with its headers into the folder named by `VESTIBULE_PAGES_DIR`, to be looked at in a browser.
#[test]
fn pages_can_be_looked_at() {
    let Some(dir) = std::env::var_os("VESTIBULE_PAGES_DIR").map(std::path::PathBuf::from) else { return };
    let branding =
        Branding { name: Some("Acme Intranet".into()), help_url: Some("mailto:it@acme.example".into()) };
    let default = Branding::default();
    let write = |name: &str, response: Response<Bytes>| {
        let headers: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
            .collect();
        std::fs::write(dir.join(format!("{name}.headers")), headers.concat()).unwrap();
        std::fs::write(dir.join(format!("{name}.html")), response.body()).unwrap();
    };
    let mut seen = std::collections::HashSet::new();
    for &reason in Reason::ALL {
        let situation = Situation::of(reason);
        if !seen.insert(situation) {
            continue;
        }
        let allowed = situation == Situation::NotAllowed;
        let page = RefusalPage {
            reason,
            reference: "7f3a-91c2",
            start_again: Some("/vestibule/sign-in?rd=/"),
            sign_out: allowed.then_some("/vestibule/sign-out"),
            signed_in_as: allowed.then_some("ada.lovelace@example.com"),
        };
        write(&format!("refusal-{situation:?}"), refusal(if allowed { &branding } else { &default }, &page));
    }
    let fields = [("SAMLRequest", "PHNhbWw+"), ("RelayState", "x")];
    write("auto-post", auto_post(&branding, "http://127.0.0.1:8702/sso", &fields, true));
    write("re-post", auto_post(&default, "/acs", &fields, false));
    write(
        "sign-out",
        sign_out_confirm(&default, "/vestibule/sign-out", Some("/"), "ada.lovelace@example.com"),
    );
    let who = Exchange { now: "ada.lovelace@example.com", then: "mallory@example.com", stay: "/" };
    write("exchange", exchange(&default, "/acs", &fields, &who));
    write("signed-out", signed_out(&default, "/vestibule/sign-in"));
    let choices = [
        ("Corporate login", "/a"),
        ("Partners and suppliers of the Northern region", "/b"),
        ("Students", "/c"),
    ];
    write("chooser", chooser(&branding, "Wiki", &choices));
    write("not-found", not_found(&default));
    write("method", method_not_allowed(&default, "POST"));
}

#[test]
fn a_request_that_cannot_be_read_leads_to_the_front_page() {
    let branding = Branding::default();
    let page = |reason| RefusalPage {
        reason,
        reference: "7f3a-91c2",
        start_again: None,
        sign_out: None,
        signed_in_as: None,
    };
    let button = "<a class=\"button\" href=\"/\">Go to the front page</a>";
    assert!(text(&refusal(&branding, &page(Reason::PathMalformed))).contains(button));
    assert!(!text(&refusal(&branding, &page(Reason::HeaderTooLarge))).contains("class=\"button\""));
}
