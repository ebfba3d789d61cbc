//! The owner looks at sessions and ends them.

use crate::idp::FakeIdp;
use crate::town::{Application, Town, Visitor};
use http::StatusCode;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const WIKI: &str = "https://wiki.example.com";
const SHOP: &str = "https://shop.example.com";
const OWN: &str = "https://own.example.com";

const SITES: &str = "\
console: {listen: CONSOLE}
identity_providers:
  - {id: corp, metadata_file: corp.xml, email_domains: [corp.test]}
  - {id: partner, metadata_file: partner.xml, email_domains: [partner.test]}
sign_on:
  - {name: hall, public_url: https://auth.example.com, identity_providers: [corp]}
sites:
  - {name: wiki, public_url: https://wiki.example.com, upstream: http://APP0, sign_on: hall}
  - {name: shop, public_url: https://shop.example.com, upstream: http://APP0, sign_on: hall}
  - {name: own, public_url: https://own.example.com, upstream: http://APP0, identity_providers: [corp, partner]}
";

struct Scene {
    town: Town,
    corp: FakeIdp,
    partner: FakeIdp,
    folder: tempfile::TempDir,
}

fn scene(unix: bool) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let console = match unix {
        true => format!("\"unix:{}\"", folder.path().join("console.sock").display()),
        false => format!("\"127.0.0.1:0\", token_file: {}", token.display()),
    };
    let idp = |name: &str| FakeIdp::new(&format!("https://{name}.test/metadata"));
    let (corp, partner) = (idp("corp"), idp("partner"));
    let app = Application::named("the application");
    let town =
        Town::open(&SITES.replace("CONSOLE", &console), &[("corp", &corp), ("partner", &partner)], &[&app]);
    Scene { town, corp, partner, folder }
}

impl Scene {
    fn list(&self, query: &str) -> Value {
        let answer = self.town.console("GET", &format!("/v1/sessions{query}"), &[BEARER], "");
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    fn revoke(&self, meant: &Value) -> u64 {
        let headers = [BEARER, ("content-type", "application/json")];
        let answer = self.town.console("POST", "/v1/sessions/revoke", &headers, &meant.to_string());
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        serde_json::from_str::<Value>(&answer.body).unwrap()["revoked"].as_u64().unwrap()
    }

    /// Through the sign-on host to this site.
    fn comes_by_the_hall(&self, visitor: &mut Visitor, site: &str, user: &str) {
        let mut at = format!("{site}/page");
        for _ in 0..10 {
            let answer = visitor.get(&self.town, &at);
            if answer.status == StatusCode::OK {
                return;
            }
            at = answer.location();
            if at.starts_with("https://corp.test") {
                let asked = crate::idp::Asked::from_redirect(&at);
                let mail = format!("{user}@corp.test");
                let answer = self.corp.answer(&asked, user, self.town.now()).with("mail", &[&mail]);
                at = visitor.bring(&self.town, &asked.acs_url, &asked, &answer).location();
            }
        }
        panic!("round and round from {site}");
    }

    fn is_known(&self, visitor: &mut Visitor, site: &str) -> bool {
        visitor.get(&self.town, &format!("{site}/vestibule/whoami")).status == StatusCode::OK
    }
}

const BEARER: (&str, &str) = ("authorization", "Bearer 0123456789abcdef0123456789abcdef");

#[test]
fn a_user_is_shown_and_ended_at_every_site() {
    let scene = scene(false);
    let (mut ada, mut eve, mut other) = (Visitor::default(), Visitor::default(), Visitor::default());
    ada.sign_in(&scene.town, OWN, ("corp", &scene.corp), "ada");
    scene.comes_by_the_hall(&mut ada, WIKI, "ada");
    scene.comes_by_the_hall(&mut ada, SHOP, "ada");
    eve.sign_in(&scene.town, OWN, ("corp", &scene.corp), "eve");
    other.sign_in(&scene.town, OWN, ("partner", &scene.partner), "ada");

    let all = scene.list("");
    assert_eq!(all["sessions"].as_array().unwrap().len(), 6, "{all}");
    assert_eq!(all["more"], false);
    assert_eq!(scene.list("?user=eve")["sessions"][0]["user"], "eve");
    assert_eq!(scene.list("?user=EVE@corp.test")["sessions"][0]["site"], "own");
    assert_eq!(scene.list("?idp=partner")["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(scene.list("?site=hall")["sessions"].as_array().unwrap().len(), 1);
    let two = scene.list("?limit=2");
    assert_eq!((two["sessions"].as_array().unwrap().len(), &two["more"]), (2, &json!(true)));
    let text = all.to_string();
    assert!(!text.contains(&ada.cookies("own.example.com").split('=').nth(1).unwrap()[..20]), "{text}");

    assert_eq!(scene.revoke(&json!({"user": "ada", "idp": "corp"})), 4);
    for site in [OWN, WIKI, SHOP] {
        assert!(!scene.is_known(&mut ada, site), "{site}");
    }
    assert!(scene.is_known(&mut eve, OWN) && scene.is_known(&mut other, OWN));
    // The sign-on host asks the identity provider again.
    let mut at = format!("{WIKI}/page");
    for _ in 0..5 {
        if at.starts_with("https://corp.test") {
            break;
        }
        at = ada.get(&scene.town, &at).location();
    }
    assert!(at.starts_with("https://corp.test"), "{at}");
    assert_eq!(scene.revoke(&json!({"all": true})), 2);
    assert_eq!(scene.list("")["sessions"], json!([]));
}

#[test]
fn a_session_at_a_sign_on_host_ends_with_what_came_from_it() {
    let scene = scene(false);
    let (mut ada, mut elsewhere) = (Visitor::default(), Visitor::default());
    for visitor in [&mut ada, &mut elsewhere] {
        scene.comes_by_the_hall(visitor, WIKI, "ada");
        scene.comes_by_the_hall(visitor, SHOP, "ada");
    }
    // Ended at one site: it would come back at once if the host still knew the browser. The other browser stays.
    let cookie = ada.cookies("wiki.example.com");
    let mine = scene.list("?site=wiki");
    let named: Vec<&str> =
        mine["sessions"].as_array().unwrap().iter().filter_map(|s| s["session"].as_str()).collect();
    assert_eq!((named.len(), cookie.is_empty()), (2, false));
    assert_eq!(scene.revoke(&json!({"session": named[0]})), 3);
    let known =
        [&mut ada, &mut elsewhere].map(|visitor| [WIKI, SHOP].map(|site| scene.is_known(visitor, site)));
    assert!(known == [[false, false], [true, true]] || known == [[true, true], [false, false]], "{known:?}");
    assert_eq!(scene.revoke(&json!({"session": named[0]})), 0);
    assert_eq!(scene.revoke(&json!({"idp": "corp", "site": "shop"})), 3);
    assert!(!scene.is_known(&mut ada, WIKI) && !scene.is_known(&mut elsewhere, WIKI));
}

#[test]
fn nobody_asks_without_the_token_and_nothing_unclear_is_done() {
    let scene = scene(false);
    let mut ada = Visitor::default();
    ada.sign_in(&scene.town, OWN, ("corp", &scene.corp), "ada");
    let json = ("content-type", "application/json");
    for wrong in [
        vec![],
        vec![("authorization", "Bearer 0123456789abcdef0123456789abcdee")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", "Basic 0123456789abcdef0123456789abcdef")],
        vec![BEARER, ("authorization", "Bearer x")],
    ] {
        let mut headers = wrong.clone();
        headers.push(json);
        for (method, target, body) in [
            ("GET", "/v1/sessions", ""),
            ("POST", "/v1/sessions/revoke", "{\"all\":true}"),
            ("GET", "/x", ""),
        ] {
            let answer = scene.town.console(method, target, &headers, body);
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong:?} {target}: {}", answer.body);
        }
    }
    let long = format!("{{\"user\":\"{}\"}}", "x".repeat(20_000));
    for (status, method, target, kind, body) in [
        (400, "POST", "/v1/sessions/revoke", json, "{}"),
        (400, "POST", "/v1/sessions/revoke", json, "{\"all\":false}"),
        (400, "POST", "/v1/sessions/revoke", json, "{\"all\":true,\"user\":\"ada\"}"),
        (400, "POST", "/v1/sessions/revoke", json, "{\"usr\":\"ada\"}"),
        (400, "POST", "/v1/sessions/revoke", json, "nonsense"),
        (400, "POST", "/v1/sessions/revoke", json, &*long),
        (415, "POST", "/v1/sessions/revoke", ("content-type", "text/plain"), "{\"all\":true}"),
        (404, "POST", "/v1/sessions/revoke", json, "{\"site\":\"nowhere\"}"),
        (404, "POST", "/v1/sessions/revoke", json, "{\"idp\":\"nobody\"}"),
        (405, "GET", "/v1/sessions/revoke", json, ""),
        (405, "POST", "/v1/sessions", json, ""),
        (404, "GET", "/v1/", json, ""),
        (400, "GET", "/v1/sessions?limit=0", json, ""),
        (400, "GET", "/v1/sessions?usr=ada", json, ""),
    ] {
        let answer = scene.town.console(method, target, &[BEARER, kind], body);
        assert_eq!(answer.status.as_u16(), status, "{method} {target} {body}: {}", answer.body);
        assert!(answer.body.contains("problem"), "{}", answer.body);
    }
    assert!(scene.is_known(&mut ada, OWN));
}

#[test]
fn the_console_is_nowhere_else() {
    let scene = scene(false);
    let mut visitor = Visitor::default();
    for path in ["/v1/sessions", "/vestibule/v1/sessions"] {
        let answer = visitor.send(&scene.town, "GET", &format!("{OWN}{path}"), &[BEARER], "");
        assert_ne!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(scene.town.question(path, &[BEARER]).status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn a_socket_is_for_our_own_user_and_needs_no_token() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = scene(true);
    let path = scene.folder.path().join("console.sock");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut ada = Visitor::default();
    ada.sign_in(&scene.town, OWN, ("corp", &scene.corp), "ada");
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET /v1/sessions HTTP/1.1\r\nHost: console\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"user\":\"ada\""), "{answer}");
}
