use super::answer::{ARRIVE, AUTO_POST, CHOOSE, LEAVE};
use super::*;

const HOSTILE: &str = "\"><script>alert('1')</script><a href='javascript:x'>&amp;\u{202e}{{7*7}}{% x %}";

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

fn every_page(value: &str) -> Vec<(&'static str, Response<Bytes>)> {
    let branding = Branding {
        name: Some(value.into()),
        help_url: Some(format!("https://help.test/{value}")),
        ..Branding::default()
    };
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
        ("sign-out", sign_out_confirm(&branding, (&link, &link), Some(value), value)),
        (
            "own-sessions",
            own_sessions(
                &branding,
                &own(value, &link, &[own_session(None, value), own_session(Some(value), value)]),
            ),
        ),
        ("exchange", exchange(&branding, &link, &fields, &Exchange { now: value, then: value, stay: &link })),
        ("signed-out", signed_out(&branding, &link)),
        ("signed-out-there", signed_out_there(&branding, &there(There::Partly, &link))),
        ("sign-out-unknown", signed_out_there(&branding, &there(unknown(value), &link))),
        ("sign-out-refused", sign_out_refused(&branding, Reason::LogoutUnsigned, value, &link)),
        ("sign-out-post", post_sign_out(&branding, &idp, &fields, &SignOutPost::ToIdp { framed_by: &[] })),
        ("sign-out-re-post", post_sign_out(&branding, &link, &fields, &SignOutPost::ToSelf)),
        ("chooser", chooser(&branding, &hall(value, &link, &[choice(value, &link), choice("b", &link)]))),
        ("leave", leave(&branding, &idp, Passing { key: value, kept: &link })),
        ("leave-by-post", leave_by_post(&branding, &idp, &fields, Passing { key: value, kept: &link })),
        ("arrive", arrive(&branding, &link, value)),
        ("not-found", not_found(&branding)),
        ("method", method_not_allowed(&branding, "GET")),
    ]
}

fn own_session<'a>(name: Option<&'a str>, value: &'a str) -> OwnSession<'a> {
    let since = |seconds| Since { seconds, at: value.to_owned() };
    OwnSession {
        name,
        browser: Some(value),
        system: Some(value),
        is_handheld: name.is_none(),
        by: value,
        places: &["Wiki"],
        signed_in: since(4000),
        used: since(10),
    }
}

const fn own<'a>(value: &'a str, link: &'a str, sessions: &'a [OwnSession<'a>]) -> OwnSessions<'a> {
    OwnSessions {
        sessions,
        more: 3,
        others: Some(value),
        ended: Some(2),
        user: value,
        place: value,
        action: link,
        sign_out: link,
        everywhere: Some((value, link)),
    }
}

const fn choice<'a>(label: &'a str, href: &'a str) -> Choice<'a> {
    Choice { label, href, logo: None }
}

/// Everything that a chooser can have.
fn hall<'a>(value: &'a str, action: &'a str, choices: &'a [Choice<'a>]) -> Chooser<'a> {
    Chooser {
        site_name: value,
        action,
        fields: &[("rd", "/")],
        by_email: true,
        last: Some(choice(value, action)),
        choices,
        search: Some(Search { wanted: value, all: 12, everything: "/vestibule/sign-in" }),
        notice: Some(Notice::UnknownDomain),
    }
}

fn there<'a>(there: There<'a>, link: &'a str) -> SignedOut<'a> {
    SignedOut { there, sign_in: link, go_on: Some(link) }
}

const fn unknown(reference: &str) -> There<'_> {
    There::Unknown { reason: Reason::LogoutUnsolicited, reference }
}

/// What is left of a page when its own style and script are taken away.
fn without_our_own(html: &str) -> String {
    let scripts = [AUTO_POST, LEAVE, ARRIVE, CHOOSE];
    scripts
        .iter()
        .fold(html.replace(STYLE, ""), |html, script| html.replace(&format!("<script>{script}</script>"), ""))
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
        let script = match name {
            "chooser" => Some(CHOOSE),
            "leave" | "leave-by-post" => Some(LEAVE),
            "arrive" => Some(ARRIVE),
            _ => name.ends_with("post").then_some(AUTO_POST),
        };
        assert_eq!(html.contains("<script>"), script.is_some(), "{name}");
        assert!(script.is_none_or(|script| html.contains(&format!("<script>{script}</script>"))), "{name}");
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
        assert!(!html.contains("style=") && !html.contains(" onclick"), "{name}");
        // Where a link follows itself, it does so without scripts too.
        assert_eq!(
            html.contains("<noscript><meta http-equiv=\"refresh\""),
            name == "leave" || name == "arrive"
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
        let html = without_our_own(&text(&response));
        assert_eq!(html.matches("<form").count(), html.matches("<button").count(), "{name}");
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
        let waits = matches!(reason.status(), 429 | 503);
        assert_eq!(response.headers().contains_key("retry-after"), waits, "{reason}");
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
    assert_eq!(sign_out_confirm(&Branding::default(), ("javascript:x", "/"), None, "ada").status(), 500);
    let who = |stay| Exchange { now: "ada", then: "eve", stay };
    assert_eq!(exchange(&Branding::default(), "javascript:x", &[], &who("/")).status(), 500);
    assert_eq!(exchange(&Branding::default(), "/acs", &[], &who("javascript:x")).status(), 500);
    assert!(text(&signed_out(&Branding::default(), "javascript:x")).contains("href=\"/\""));
    let hostile = [choice("x", "javascript:x")];
    let page = Chooser { last: Some(hostile[0]), ..hall("s", "/sign-in", &hostile) };
    assert!(!text(&chooser(&Branding::default(), &page)).contains("javascript:"));
    assert_eq!(chooser(&Branding::default(), &hall("s", "javascript:x", &[])).status(), 500);
    let passing = |kept| Passing { key: "k", kept };
    assert_eq!(leave(&Branding::default(), "javascript:x", passing("/")).status(), 500);
    assert_eq!(leave(&Branding::default(), "https://idp.test/", passing("javascript:x")).status(), 500);
    assert_eq!(leave_by_post(&Branding::default(), "/x", &[], passing("javascript:x")).status(), 500);
    assert_eq!(arrive(&Branding::default(), "javascript:x", "k").status(), 500);
}

#[test]
fn help_may_be_a_mailbox_but_not_a_script() {
    let with = |url: &str| {
        let branding = Branding { help_url: Some(url.into()), ..Branding::default() };
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

#[test]
fn the_owners_name_mark_and_colour_stand_on_every_page() {
    let picture = Picture::read(b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()).unwrap();
    let branding = Branding {
        name: Some("Acme Intranet".into()),
        logo: Some(Logo { picture, path: "/vestibule/logo?v=1".into() }),
        accent: Some(Accent::parse("#0b5fff").unwrap()),
        ..Branding::default()
    };
    for response in [not_found(&branding), signed_out(&branding, "/"), arrive(&branding, "/", "k")] {
        let html = text(&response);
        assert!(
            html.contains(" – Acme Intranet</title>") && html.contains("<span>Acme Intranet</span>"),
            "{html}"
        );
        assert!(
            html.contains("<img src=\"/vestibule/logo?v=1\" alt=\"\">") && html.contains("--accent:#0b5fff")
        );
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert_eq!(
            policy.matches("'sha256-").count() - usize::from(policy.contains("script-src")),
            2,
            "{policy}"
        );
        assert!(policy.contains("img-src 'self';"), "{policy}");
    }
}

#[test]
fn a_choice_bears_its_logo_or_its_initial() {
    let choices =
        [Choice { logo: Some("/vestibule/logo/corp?v=1"), ..choice("Corp", "/a") }, choice("änder", "/b")];
    let page = Chooser {
        last: None,
        search: None,
        notice: None,
        by_email: false,
        ..hall("s", "/sign-in", &choices)
    };
    let response = chooser(&Branding::default(), &page);
    let html = without_our_own(&text(&response));
    assert!(html.contains("<img class=\"mark\" src=\"/vestibule/logo/corp?v=1\" alt=\"\">"), "{html}");
    assert!(html.contains("<span class=\"mark\" aria-hidden=\"true\">Ä</span>"), "{html}");
    assert!(!html.contains("<form") && !html.contains("role=\"status\""), "{html}");
    assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("img-src 'self'"));
}

#[test]
fn what_was_found_is_counted() {
    let said = |choices: &[Choice<'_>]| {
        let page = Chooser { notice: None, ..hall("s", "/sign-in", choices) };
        let html = without_our_own(&text(&chooser(&Branding::default(), &page)));
        html.split_once("data-none=")
            .unwrap()
            .1
            .split_once('>')
            .unwrap()
            .1
            .split_once('<')
            .unwrap()
            .0
            .to_owned()
    };
    assert_eq!(said(&[choice("a", "/a"), choice("b", "/b")]), "2 of 12 sign-in pages");
    assert_eq!(said(&[]), "No sign-in page has that name.");
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
