//! An application's own page, in Chromium, through two gateways: a sign-in as a person makes it, and then every address that
//! could tell a script the identity JWT or an answer to a gateway's question.

use crate::programs::Kind;
use crate::support::chromium::Chromium;
use crate::world::World;
use serde_json::json;

/// Asks for each address in every way that a page has, and gives back what it could read of status, headers and body.
const ASK: &str = r#"
const [addresses, headers, done] = arguments;
const asks = [];
for (const url of addresses) {
    for (const [method, mode, extra] of [
        ["GET", "cors", {}], ["POST", "cors", {}], ["HEAD", "cors", {}], ["GET", "no-cors", {}], ["GET", "cors", headers],
    ]) {
        asks.push(fetch(url, {method, mode, headers: extra, credentials: "include", redirect: "follow"})
            .then(async (answer) => {
                const told = [...answer.headers].map(([name, value]) => name + ": " + value).join("\n");
                return [url, method, mode, answer.type, answer.status, told + "\n\n" + await answer.text()];
            })
            .catch((error) => [url, method, mode, "error", 0, String(error)]));
    }
}
Promise.all(asks).then(done);
"#;

async fn a_page_reads_nothing(kind: Kind) {
    let world = World::of(kind).await;
    let browser = Chromium::start(world.folder.path(), &[]).await;
    browser.open(&world.at("/page?x=1")).await;
    browser.click("button[value=ada]").await;
    browser.sees("x-forwarded-user: ada@example.com").await;
    assert_eq!(browser.address().await, world.at("/page?x=1"));

    let authz = format!("http://127.0.0.1:{}", world.authz_port);
    let mut addresses = Vec::new();
    for base in [world.public.as_str(), authz.as_str()] {
        for path in [
            "/vestibule/authz/auth-request",
            "/vestibule/authz/forward-auth",
            "/vestibule/authz/ext-authz/",
            "/vestibule/authz/ext-authz/page",
            "/vestibule/authz/sites/127.0.0.1/auth-request",
            "/vestibule/authz",
            "/authz/forward-auth",
            "/_vestibule_question",
            "/vestibule/../_vestibule_question",
            "/vestibule/..%2f_vestibule_question",
            "/vestibule/refused",
            "/vestibule/nothing",
            // What an application may be made to do: repeat its request's headers, and send nginx elsewhere.
            "/repeats",
            "/accel?/_vestibule_question",
            "/accel?@vestibule_refused",
            "/admin/",
        ] {
            addresses.push(format!("{base}{path}"));
        }
    }
    let headers = json!({
        "X-Original-URL": world.at("/page"), "X-Original-Method": "GET", "X-Forwarded-Method": "GET",
        "X-Forwarded-Host": world.public.trim_start_matches("http://"), "X-Forwarded-Uri": "/page",
    });
    let answers = browser.run_later(ASK, vec![json!(addresses), headers]).await;
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), addresses.len() * 5);
    let mut read = 0;
    for answer in answers {
        let (url, text) = (answer[0].as_str().unwrap(), answer[5].as_str().unwrap());
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        read += usize::from(answer[4] != 0);
        for name in ["x-vestibule-jwt-assertion", "x-forwarded-user", "x-vestibule-roles"] {
            assert!(!head.to_lowercase().contains(name), "{kind:?}: {answer:#}");
        }
        // This application shows what it was told, in the page's own text; no answer of the gate's shows it.
        let own = url.starts_with(&world.public) && body.contains("\nhost: 127.0.0.1:");
        assert!(own || !text.contains("eyJ"), "{kind:?}: a token: {answer:#}");
        if url.starts_with(&authz) {
            assert_eq!(body, if answer[3] == "error" { body } else { "" }, "{kind:?}: {answer:#}");
        }
    }
    assert!(read > 20, "{kind:?}: only {read} answers were read at all");

    browser.open(&world.at("/vestibule/sign-out")).await;
    browser.click("button").await;
    browser.sees("signed out").await;
    browser.open(&world.at("/page")).await;
    browser.sees("Demo identity provider").await;
    browser.close().await;
}

/// The twin: without the lines that hide them, an application that can be talked into X-Accel-Redirect tells its page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_lines_that_hide_it_nginx_would_tell_the_identity() {
    let hidden = |text: String| {
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("proxy_hide_header")).collect();
        lines.join("\n")
    };
    let world = World::altered(Kind::Nginx, &hidden).await;
    let mut ada = world.signed_in("ada").await;
    let answer = ada.get(&world.at("/accel?/_vestibule_question")).await;
    assert!(answer.headers.contains_key("x-vestibule-jwt-assertion"), "{answer:?}");
    assert!(ada.get(&world.at("/repeats")).await.headers.contains_key("x-vestibule-jwt-assertion"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_chromium_a_page_behind_nginx_reads_neither_identity_nor_answers() {
    a_page_reads_nothing(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_chromium_a_page_behind_envoy_reads_neither_identity_nor_answers() {
    a_page_reads_nothing(Kind::Envoy).await;
}
