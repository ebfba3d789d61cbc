//! Two whole gates, each with its listeners and its file, and one store: what a load balancer does with a browser between
//! them must not be seen.

use crate::idp::{Asked, FakeIdp};
use crate::servers::Server;
use crate::town::{Application, Town, Visitor};
use http::StatusCode;
use std::time::{Duration, Instant};

const SITES: &str = "\
store: redis
redis: {url: \"redis://127.0.0.1:PORT\", timeout: 5s}
session: {secret: zq8KVb5lI0yTtWcXf3uDn7RmAoEpS1hJ, idle_timeout: 30m, max_age: 2h}
identity_providers:
  - {id: corp, metadata_file: corp.xml, email_domains: [corp.test]}
sign_on:
  - {name: hall, public_url: https://auth.example.com}
sites:
  - {name: wiki, public_url: https://wiki.example.com, upstream: http://APP0, sign_on: hall}
  - {name: shop, public_url: https://shop.example.com, upstream: http://APP0, sign_on: hall}
  - {name: own, public_url: https://own.example.com, upstream: http://APP0}
";

const HALL: &str = "https://auth.example.com";
const WIKI: &str = "https://wiki.example.com";
const SHOP: &str = "https://shop.example.com";
const OWN: &str = "https://own.example.com";

struct Scene {
    towns: [Town; 2],
    corp: FakeIdp,
    application: Application,
    server: Server,
}

fn scene() -> Scene {
    let server = Server::start();
    let corp = FakeIdp::new("https://corp.test/metadata");
    let app = Application::named("the application");
    let sites = SITES.replace("PORT", &server.port.to_string());
    let open = || Town::open(&sites, &[("corp", &corp)], &[&app]);
    Scene { towns: [open(), open()], corp, application: app, server }
}

impl Scene {
    /// Gives one of the gates another configuration.
    fn reload(&self, gate: usize, sites: &str) {
        let sites = sites.replace("PORT", &self.server.port.to_string());
        self.towns[gate].reload(&sites, &[("corp", &self.corp)], &[&self.application]);
    }

    /// Follows redirects from `url`, a step at either gate in turn, until one leads out of the town or to a page.
    fn wander(&self, visitor: &mut Visitor, url: &str) -> crate::browser::Answered {
        let mut at = url.to_owned();
        for step in 0..12 {
            let answer = visitor.get(&self.towns[step % 2], &at);
            if !answer.status.is_redirection() || !answer.location().contains(".example.com") {
                return answer;
            }
            at = answer.location();
        }
        panic!("round and round from {url}");
    }

    fn sign_in(&self, visitor: &mut Visitor, url: &str, user: &str) -> crate::browser::Answered {
        let away = self.wander(visitor, url);
        let asked = Asked::from_redirect(&away.location());
        let answer = self.corp.answer(&asked, user, self.towns[0].now());
        let answer = answer.with("mail", &[&format!("{user}@corp.test")]);
        let at_acs = visitor.bring(&self.towns[1], &asked.acs_url, &asked, &answer);
        assert_eq!(at_acs.status, StatusCode::SEE_OTHER, "{}", at_acs.body);
        self.wander(visitor, &at_acs.location())
    }

    fn is_signed_in(&self, gate: usize, visitor: &mut Visitor, site: &str) -> bool {
        let answer = visitor.get(&self.towns[gate], &format!("{site}/vestibule/whoami"));
        assert!(matches!(answer.status, StatusCode::OK | StatusCode::UNAUTHORIZED), "{answer:?}");
        answer.status == StatusCode::OK
    }

    fn sign_out(&self, gate: usize, visitor: &mut Visitor, site: &str) {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", site),
            ("sec-fetch-site", "same-origin"),
        ];
        let url = format!("{site}/vestibule/sign-out");
        let answer = visitor.send(&self.towns[gate], "POST", &url, &headers, "rd=/bye");
        assert!(answer.status.is_redirection() || answer.status == StatusCode::OK, "{answer:?}");
    }

    /// Soon is within `max_staleness`, by a message sooner.
    fn is_soon_over(&self, gate: usize, visitor: &mut Visitor, site: &str) {
        let patience = Instant::now();
        while self.is_signed_in(gate, visitor, site) {
            assert!(patience.elapsed() < crate::PATIENCE, "{site} at gate {gate}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[test]
fn a_browser_that_is_sent_to_either_gate_at_each_step_signs_in_and_stays_signed_in() {
    let scene = scene();
    let mut ada = Visitor::default();
    let page = scene.sign_in(&mut ada, &format!("{OWN}/page"), "ada");
    assert!(page.status == StatusCode::OK && page.body.contains("x-forwarded-user: ada"), "{page:?}");
    for gate in [0, 1, 0, 1] {
        assert!(scene.is_signed_in(gate, &mut ada, OWN));
    }
    let [here, there] = &scene.towns;
    assert_eq!(here.metric(&["vestibule_store_breaker_open"]), Some(0.0));
    assert!(there.metric(&["vestibule_store_duration_seconds_count", "claim"]).unwrap() >= 1.0);

    scene.sign_out(0, &mut ada, OWN);
    // The browser forgets its cookie; somebody who has a copy does not.
    let mut thief = Visitor::default();
    scene.sign_in(&mut thief, &format!("{OWN}/page"), "ada");
    let mut copy = Visitor { jar: thief.jar.clone() };
    assert!(scene.is_signed_in(0, &mut copy, OWN) && scene.is_signed_in(1, &mut copy, OWN));
    scene.sign_out(1, &mut thief, OWN);
    for gate in [1, 0] {
        scene.is_soon_over(gate, &mut copy, OWN);
    }
}

#[test]
fn a_sign_out_at_one_gate_ends_the_sites_of_a_sign_on_host_at_the_other() {
    let scene = scene();
    let mut ada = Visitor::default();
    let page = scene.sign_in(&mut ada, &format!("{WIKI}/page"), "ada");
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    // Nobody is asked at the second site: the host's session, which the other gate made, is handed over here.
    let page = scene.wander(&mut ada, &format!("{SHOP}/page"));
    assert!(page.status == StatusCode::OK && page.body.contains("x-forwarded-user: ada"), "{page:?}");
    let mut grace = Visitor::default();
    scene.sign_in(&mut grace, &format!("{WIKI}/page"), "grace");
    let mut copy = Visitor { jar: ada.jar.clone() };
    for site in [HALL, WIKI, SHOP] {
        assert!(scene.is_signed_in(0, &mut copy, site) && scene.is_signed_in(1, &mut copy, site), "{site}");
    }

    scene.sign_out(0, &mut ada, WIKI);
    for gate in [1, 0] {
        for site in [WIKI, HALL, SHOP] {
            scene.is_soon_over(gate, &mut copy, site);
        }
        assert!(scene.is_signed_in(gate, &mut grace, WIKI), "another person's stays");
    }
}

#[test]
fn a_new_secret_seals_from_the_reload_on_that_brings_it() {
    const OLD: &str = "secret: zq8KVb5lI0yTtWcXf3uDn7RmAoEpS1hJ";
    let with = |secret: &str| SITES.replace(OLD, &format!("secret: {secret}"));
    let (new, both) = (
        with("c3VyZWx5LW5vdC10aGUtb2xkLW9uZS1hdC1hbGw"),
        with("[c3VyZWx5LW5vdC10aGUtb2xkLW9uZS1hdC1hbGw, zq8KVb5lI0yTtWcXf3uDn7RmAoEpS1hJ]"),
    );
    let scene = scene();
    let (mut ada, mut eve) = (Visitor::default(), Visitor::default());
    scene.sign_in(&mut ada, &format!("{OWN}/page"), "ada");
    (0..2).for_each(|gate| scene.reload(gate, &both));
    assert!(scene.is_signed_in(0, &mut ada, OWN) && scene.is_signed_in(1, &mut ada, OWN));
    scene.sign_in(&mut eve, &format!("{OWN}/page"), "eve");
    // A gate that never had the old one reads what was sealed since, and does not read what was sealed before.
    let alone = Town::open(
        &new.replace("PORT", &scene.server.port.to_string()),
        &[("corp", &scene.corp)],
        &[&scene.application],
    );
    let knows = |visitor: &mut Visitor| {
        visitor.get(&alone, &format!("{OWN}/vestibule/whoami")).status == StatusCode::OK
    };
    assert_eq!((knows(&mut eve), knows(&mut ada)), (true, false));
    assert!(scene.is_signed_in(0, &mut ada, OWN), "and leaves it alone");
}

#[test]
fn a_new_identity_provider_is_given_to_all_gates_before_it_signs_people_in() {
    let scene = scene();
    let partner = FakeIdp::new("https://partner.test/metadata");
    let with = |gate: usize, status: &str| {
        let added = format!(
            "  - {{id: partner, metadata_file: partner.xml, email_domains: [partner.test], status: {status}}}\nsign_on:\n"
        );
        let sites = SITES.replace("sign_on:\n", &added).replace("PORT", &scene.server.port.to_string());
        let idps = [("corp", &scene.corp), ("partner", &partner)];
        scene.towns[gate].reload(&sites, &idps, &[&scene.application]);
    };
    (0..2).for_each(|gate| with(gate, "staged"));
    with(0, "live");
    let mut ada = Visitor::default();
    ada.sign_in(&scene.towns[0], OWN, ("partner", &partner), "ada");
    assert!(scene.is_signed_in(0, &mut ada, OWN) && scene.is_signed_in(1, &mut ada, OWN));
    // One gate loses it: its sessions end everywhere.
    scene.reload(1, SITES);
    for gate in [1, 0] {
        scene.is_soon_over(gate, &mut ada, OWN);
    }
}
