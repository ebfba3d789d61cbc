//! Sites that sign on at a host of their own: one registration at the identity provider, a hand-over for each site, and
//! what somebody could try with one.

use crate::browser::Answered;
use crate::idp::{Asked, FakeIdp};
use crate::logout::{Message, Received, SUCCESS};
use crate::town::{Application, Town, Visitor, claims, line};
use http::StatusCode;
use std::time::Duration;

pub(crate) const SITES: &str = "\
identity_providers:
  - {id: corp, metadata_file: corp.xml, email_domains: [corp.test]}
  - {id: partner, metadata_file: partner.xml, email_domains: [partner.test], allow_unsolicited: true}
  - {id: strict, metadata_file: strict.xml, email_domains: [strict.test], force_authn: true}
session: {idle_timeout: 30m, max_age: 2h}
sign_on:
  - name: hall
    public_url: https://auth.example.com
    service_provider: {private_key_file: KEYS/sp-key.pem, certificate_file: KEYS/sp.pem}
  - name: lab-hall
    public_url: https://lab-auth.example.com
    identity_providers: [corp]
sites:
  - name: wiki
    public_url: https://wiki.example.com
    upstream: http://APP0
    sign_on: hall
    identity_providers: [corp]
    rules:
      - {paths: [/mfa/*], access: {authn_context: https://refeds.org/profile/mfa}}
      - {paths: [/fresh/*], access: {fresh: 5m}}
  - name: shop
    public_urls: [https://shop.example.com, https://store.example.com]
    upstream: http://APP0
    sign_on: hall
    identity_providers: [corp, partner]
    identity: {user: [uid], groups: [memberOf]}
    roles: {buyers: buyer}
    session: {cookie_name: basket}
    rules: [{paths: [/buy/*], access: {role: buyer}}]
  - name: docs
    public_url: https://docs.example.com
    forward_auth: true
    sign_on: hall
    path_prefix: /gate
  - name: lab
    public_url: https://lab.example.com
    upstream: http://APP0
    sign_on: lab-hall
  - name: own
    public_url: https://own.example.com
    upstream: http://APP0
    identity_providers: [corp]
";

pub(crate) const HALL: &str = "https://auth.example.com";
pub(crate) const WIKI: &str = "https://wiki.example.com";
pub(crate) const SHOP: &str = "https://shop.example.com";
pub(crate) const STORE: &str = "https://store.example.com";
pub(crate) const DOCS: &str = "https://docs.example.com";
pub(crate) const LAB: &str = "https://lab.example.com";
pub(crate) const OWN: &str = "https://own.example.com";
const SLO: &str = "https://auth.example.com/vestibule/saml/slo";

pub(crate) struct Scene {
    pub(crate) town: Town,
    pub(crate) corp: FakeIdp,
    partner: FakeIdp,
    strict: FakeIdp,
}

pub(crate) fn scene() -> Scene {
    scene_of(SITES)
}

pub(crate) fn scene_of(sites: &str) -> Scene {
    let idp = |name: &str| {
        let mut idp = FakeIdp::new(&format!("https://{name}.test/metadata"));
        idp.logout_bindings = vec!["HTTP-Redirect"];
        idp
    };
    let (corp, partner, strict) = (idp("corp"), idp("partner"), idp("strict"));
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/files");
    let app = Application::named("the application");
    let idps = [("corp", &corp), ("partner", &partner), ("strict", &strict)];
    let town = Town::open(&sites.replace("KEYS", keys), &idps, &[&app]);
    Scene { town, corp, partner, strict }
}

impl Scene {
    /// Follows redirects from `url` as long as they stay in the town; the last answer, and where it was.
    pub(crate) fn follow(&self, visitor: &mut Visitor, url: &str) -> (String, Answered) {
        let mut at = url.to_owned();
        for _ in 0..10 {
            let answer = visitor.get(&self.town, &at);
            if !answer.status.is_redirection() || !answer.location().contains(".example.com") {
                return (at, answer);
            }
            at = answer.location();
        }
        panic!("round and round from {url}");
    }

    /// To the identity provider's door.
    pub(crate) fn asked(&self, visitor: &mut Visitor, url: &str) -> Asked {
        let (_, answer) = self.follow(visitor, url);
        assert_eq!(answer.status, StatusCode::FOUND, "{}", answer.body);
        Asked::from_redirect(&answer.location())
    }

    /// Back from there with an answer, as far as the last redirect before `stop`.
    fn back(&self, visitor: &mut Visitor, asked: &Asked, user: &str) -> Answered {
        let at_acs = self.at_acs(visitor, asked, (&self.corp, "corp"), user);
        assert_eq!(at_acs.status, StatusCode::SEE_OTHER, "{}", at_acs.body);
        assert!(
            at_acs.location().starts_with(&format!("{HALL}/vestibule/sign-in?for=")),
            "{}",
            at_acs.location()
        );
        visitor.get(&self.town, &at_acs.location())
    }

    pub(crate) fn at_acs(
        &self,
        visitor: &mut Visitor,
        asked: &Asked,
        idp: (&FakeIdp, &str),
        user: &str,
    ) -> Answered {
        let answer = idp
            .0
            .answer(asked, user, self.town.now())
            .with("mail", &[&format!("{user}@{}.test", idp.1)])
            .with("uid", &[&format!("uid-of-{user}")])
            .with("memberOf", &["buyers"]);
        visitor.bring(&self.town, &asked.acs_url, asked, &answer)
    }

    /// The hand-over's address for a sign-in at `url`, which leads there by the identity provider.
    pub(crate) fn ticket(&self, visitor: &mut Visitor, url: &str, user: &str) -> String {
        let asked = self.asked(visitor, url);
        let handed = self.back(visitor, &asked, user);
        assert_eq!(handed.status, StatusCode::SEE_OTHER, "{}", handed.body);
        handed.location()
    }

    /// The whole way.
    pub(crate) fn sign_in(&self, visitor: &mut Visitor, url: &str, user: &str) -> Answered {
        let ticket = self.ticket(visitor, url, user);
        visitor.get(&self.town, &ticket)
    }

    fn is_signed_in(&self, visitor: &mut Visitor, site: &str) -> bool {
        let prefix = if site == DOCS { "/gate" } else { "/vestibule" };
        visitor.get(&self.town, &format!("{site}{prefix}/whoami")).status == StatusCode::OK
    }

    pub(crate) fn sign_out(&self, visitor: &mut Visitor, site: &str) -> Answered {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", site),
            ("sec-fetch-site", "same-origin"),
        ];
        visitor.send(&self.town, "POST", &format!("{site}/vestibule/sign-out"), &headers, "rd=/bye")
    }
}

#[test]
fn one_sign_in_at_the_host_opens_every_site_without_asking_again() {
    let scene = scene();
    let mut visitor = Visitor::default();
    let asked = scene.asked(&mut visitor, &format!("{WIKI}/page?x=1"));
    assert_eq!(asked.issuer, format!("{HALL}/vestibule/saml/metadata"));
    assert_eq!(asked.acs_url, format!("{HALL}/vestibule/saml/acs"));
    let handed = scene.back(&mut visitor, &asked, "ada");
    assert!(
        handed.location().starts_with(&format!("{WIKI}/vestibule/handoff?ticket=")),
        "{}",
        handed.location()
    );
    assert!(
        !handed.location().contains("corp.test") && handed.location().len() < 600,
        "{}",
        handed.location()
    );
    let arrived = visitor.get(&scene.town, &handed.location());
    assert_eq!(arrived.status, StatusCode::SEE_OTHER, "{}", arrived.body);
    assert_eq!(arrived.location(), format!("{WIKI}/page?x=1"));
    assert_eq!(arrived.header("cache-control"), Some("no-store"));
    let page = visitor.get(&scene.town, &arrived.location());
    assert_eq!(line(&page.body, "x-forwarded-user"), Some("ada"));
    let jwt = claims(line(&page.body, "x-vestibule-jwt-assertion").unwrap());
    assert_eq!((jwt["iss"].as_str(), jwt["aud"].as_str()), (Some(WIKI), Some("wiki")));
    assert!(!visitor.cookies("wiki.example.com").contains("attempt"), "the answered attempt is gone");

    // Nobody is asked at the others, and each reads the assertion in its own way.
    let (at, page) = scene.follow(&mut visitor, &format!("{SHOP}/buy/hats"));
    assert_eq!(
        (at.as_str(), page.status),
        ("https://shop.example.com/buy/hats", StatusCode::OK),
        "{}",
        page.body
    );
    assert_eq!(line(&page.body, "x-forwarded-user"), Some("uid-of-ada"));
    assert_eq!(line(&page.body, "x-vestibule-roles"), Some("buyer"));
    let (at, _) = scene.follow(&mut visitor, &format!("{STORE}/buy/hats"));
    assert_eq!(at, format!("{STORE}/buy/hats"), "at the address that was asked for");
    // Behind a gateway: its question leads to the same way.
    let nginx = "/gate/authz/auth-request";
    let url = format!("{DOCS}/read");
    assert_eq!(scene.town.asks_nginx(nginx, &url, "").status, StatusCode::UNAUTHORIZED);
    let (_, landed) = scene.follow(&mut visitor, &format!("{DOCS}/gate/sign-in?rd=/read"));
    assert_eq!(scene.town.code(&landed), "not-served", "docs has its gateway in front");
    let cookies = visitor.cookies("docs.example.com");
    let allowed = scene.town.asks_nginx(nginx, &url, &cookies);
    assert_eq!(allowed.status, StatusCode::OK);
    assert_eq!(allowed.header("x-forwarded-user"), Some("ada"));

    // What is a site of its own asks for itself.
    let asked = scene.asked(&mut visitor, &format!("{OWN}/"));
    assert_eq!(asked.issuer, format!("{OWN}/vestibule/saml/metadata"));
    let asked = scene.asked(&mut visitor, &format!("{LAB}/"));
    assert_eq!(asked.issuer, "https://lab-auth.example.com/vestibule/saml/metadata");
}

#[test]
fn a_session_of_one_site_or_of_the_host_is_none_at_another() {
    let scene = scene();
    let mut visitor = Visitor::default();
    scene.sign_in(&mut visitor, &format!("{WIKI}/"), "ada");
    let secret = visitor.jar["auth.example.com"]["__Host-vestibule"].clone();
    for (host, name) in [("shop.example.com", "__Host-basket"), ("docs.example.com", "__Host-vestibule")] {
        let mut thief = Visitor::default();
        thief.jar.entry(host.to_owned()).or_default().insert(name.to_owned(), secret.clone());
        assert!(!scene.is_signed_in(&mut thief, &format!("https://{host}")), "{host}");
    }
    let mut twin = Visitor::default();
    twin.jar.insert("auth.example.com".into(), visitor.jar["wiki.example.com"].clone());
    assert!(!scene.is_signed_in(&mut twin, HALL));
    assert!(scene.is_signed_in(&mut visitor, HALL) && scene.is_signed_in(&mut visitor, WIKI));
    // There is nothing behind the host, whoever asks.
    let (_, page) = scene.follow(&mut visitor, &format!("{HALL}/page"));
    assert_eq!(scene.town.code(&page), "not-served");
    // What browsers ask for of their own accord is no event, and has no reference.
    let icon = visitor.get(&scene.town, &format!("{HALL}/favicon.ico"));
    assert_eq!(icon.status, StatusCode::NOT_FOUND);
    assert!(!icon.body.contains("Reference"), "{}", icon.body);
}

#[test]
fn a_site_admits_its_own_identity_providers_at_the_host_and_no_other() {
    let scene = scene();
    let mut visitor = Visitor::default();
    // One: straight there. Two: somebody chooses, at the host.
    assert_eq!(
        scene.asked(&mut visitor, &format!("{WIKI}/")).issuer,
        format!("{HALL}/vestibule/saml/metadata")
    );
    let (at, choice) = scene.follow(&mut visitor, &format!("{SHOP}/buy/x"));
    assert!(at.starts_with(&format!("{HALL}/vestibule/sign-in?for=")), "{at}");
    assert_eq!(choice.status, StatusCode::OK);
    assert!(choice.body.contains("idp=corp") && choice.body.contains("idp=partner"), "{}", choice.body);
    assert!(!choice.body.contains("idp=strict"), "{}", choice.body);
    // The choice leads the same way on.
    let link = choice.links().into_iter().find(|link| link.contains("idp=partner")).unwrap();
    let asked = scene.asked(&mut visitor, &link);
    let at_acs = scene.at_acs(&mut visitor, &asked, (&scene.partner, "partner"), "eve");
    let (at, page) = scene.follow(&mut visitor, &at_acs.location());
    assert_eq!((at, page.status), (format!("{SHOP}/buy/x"), StatusCode::OK));

    // Whom the wiki does not admit is asked anew there, by whom it does.
    let asked = scene.asked(&mut visitor, &format!("{WIKI}/"));
    assert!(asked.xml.contains("https://corp.test/sso"), "{}", asked.xml);
    let refused = visitor.get(&scene.town, &format!("{WIKI}/vestibule/sign-in?idp=partner"));
    assert_eq!(scene.town.code(&refused), "idp-unknown");
    let begun = visitor.get(&scene.town, &format!("{WIKI}/vestibule/sign-in")).location();
    let refused = visitor.get(&scene.town, &format!("{begun}&idp=partner"));
    assert_eq!(scene.town.code(&refused), "idp-unknown");
    // By name, at the shop, the living session of another identity provider will not do.
    let asked = scene.asked(&mut visitor, &format!("{SHOP}/vestibule/sign-in?idp=corp"));
    assert!(asked.xml.contains("https://corp.test/sso"), "{}", asked.xml);
}

#[test]
fn an_e_mail_address_at_the_host_leads_on_to_the_site_that_asked() {
    let scene = scene();
    let mut visitor = Visitor::default();
    let (at, choice) = scene.follow(&mut visitor, &format!("{SHOP}/buy/x"));
    let rd = choice.fields().into_iter().find(|(name, _)| name == "rd").unwrap().1;
    assert!(at.ends_with(&rd), "{at} {rd}");
    let typed = |visitor: &mut Visitor, email: &str| {
        let fields = [("rd".to_owned(), rd.clone()), ("email".to_owned(), email.to_owned())];
        visitor.post(&scene.town, &format!("{HALL}/vestibule/sign-in"), &fields)
    };
    // Whom the host knows and the shop does not admit is shown to nobody who comes from the shop.
    let page = typed(&mut visitor, "sam@strict.test");
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("idp=corp") && !page.body.contains("idp=strict"), "{}", page.body);

    let found = typed(&mut visitor, "eve@partner.test");
    assert_eq!(found.status, StatusCode::SEE_OTHER, "{}", found.body);
    let asked = scene.asked(&mut visitor, &found.location());
    assert!(asked.xml.contains("https://partner.test/sso"), "{}", asked.xml);
    let at_acs = scene.at_acs(&mut visitor, &asked, (&scene.partner, "partner"), "eve");
    let (at, page) = scene.follow(&mut visitor, &at_acs.location());
    assert_eq!((at, page.status), (format!("{SHOP}/buy/x"), StatusCode::OK));
}

#[test]
fn where_everybody_is_to_be_asked_each_site_asks() {
    let scene = scene();
    let mut visitor = Visitor::default();
    for _ in 0..2 {
        let asked = scene.asked(&mut visitor, &format!("{DOCS}/gate/sign-in?rd=/read&idp=strict"));
        assert!(asked.xml.contains("ForceAuthn=\"true\""), "{}", asked.xml);
        let at_acs = scene.at_acs(&mut visitor, &asked, (&scene.strict, "strict"), "sam");
        assert_eq!(at_acs.status, StatusCode::SEE_OTHER, "{}", at_acs.body);
        scene.follow(&mut visitor, &at_acs.location());
        assert!(scene.is_signed_in(&mut visitor, DOCS));
        scene.town.clock.advance(Duration::from_secs(300));
    }
}

#[test]
fn what_a_rule_of_a_site_asks_for_is_asked_by_the_host_and_the_answer_is_held_to_it() {
    let scene = scene();
    let mut visitor = Visitor::default();
    scene.sign_in(&mut visitor, &format!("{WIKI}/"), "ada");
    let begun = |visitor: &mut Visitor| scene.asked(visitor, &format!("{WIKI}/mfa/a"));
    let answered = |visitor: &mut Visitor, asked: &Asked, class: &str| {
        let mut answer = scene.corp.answer(asked, "ada", scene.town.now()).with("mail", &["ada@corp.test"]);
        answer.authn_context_class = class.to_owned();
        visitor.bring(&scene.town, &asked.acs_url, asked, &answer)
    };
    let asked = begun(&mut visitor);
    assert!(
        asked.xml.contains("https://refeds.org/profile/mfa</saml:AuthnContextClassRef>"),
        "{}",
        asked.xml
    );
    let refused = answered(&mut visitor, &asked, "urn:oasis:names:tc:SAML:2.0:ac:classes:Password");
    assert_eq!(scene.town.code(&refused), "authn-context-mismatch");
    let asked = begun(&mut visitor);
    let at_acs = answered(&mut visitor, &asked, "https://refeds.org/profile/mfa");
    let (at, page) = scene.follow(&mut visitor, &at_acs.location());
    assert_eq!((at, page.status), (format!("{WIKI}/mfa/a"), StatusCode::OK), "{}", page.body);

    // Anew, whatever the host remembers; and that is what the next site gets.
    let asked = scene.asked(&mut visitor, &format!("{WIKI}/fresh/a"));
    assert!(asked.xml.contains("ForceAuthn=\"true\""), "{}", asked.xml);
    let at_acs = scene.at_acs(&mut visitor, &asked, (&scene.corp, "corp"), "ada");
    let (at, page) = scene.follow(&mut visitor, &at_acs.location());
    assert_eq!((at, page.status), (format!("{WIKI}/fresh/a"), StatusCode::OK), "{}", page.body);
    let (_, page) = scene.follow(&mut visitor, &format!("{SHOP}/vestibule/sign-in?rd=/buy/x&idp=corp"));
    assert_eq!(page.status, StatusCode::OK);
}

#[test]
fn an_address_that_is_typed_at_the_host_leads_on_to_the_page_that_was_asked_for() {
    let scene = scene();
    let mut visitor = Visitor::default();
    let (at, page) = scene.follow(&mut visitor, &format!("{SHOP}/vestibule/sign-in?rd=/buy/x"));
    assert!(at.starts_with(HALL) && page.status == StatusCode::OK, "{at}");
    let typed = |address: &str| {
        let mut fields: Vec<_> = page.fields().into_iter().filter(|(name, _)| name != "email").collect();
        fields.push(("email".to_owned(), address.to_owned()));
        fields
    };
    let sign_in = format!("{HALL}/vestibule/sign-in");
    // The shop does not admit whoever speaks for this domain.
    let foreign = visitor.post(&scene.town, &sign_in, &typed("ada@strict.test"));
    assert_eq!(foreign.status, StatusCode::OK, "{:?}", foreign.headers);
    let led = visitor.post(&scene.town, &sign_in, &typed("ada@corp.test"));
    assert_eq!(led.status, StatusCode::SEE_OTHER, "{}", led.body);
    let asked = scene.asked(&mut visitor, &led.location());
    let at_acs = scene.at_acs(&mut visitor, &asked, (&scene.corp, "corp"), "ada");
    let (at, page) = scene.follow(&mut visitor, &at_acs.location());
    assert_eq!((at, page.status), (format!("{SHOP}/buy/x"), StatusCode::OK), "{}", page.body);
}

#[test]
fn a_site_decides_whom_it_lets_in_and_the_host_does_not() {
    let people = tempfile::tempdir().unwrap();
    let list = people.path().join("people.txt");
    std::fs::write(&list, "grace@corp.test\n").unwrap();
    let admission = format!(
        "  - name: docs\n    admission: {{just_in_time: false, invited_file: \"{}\"}}",
        list.display()
    );
    let scene = scene_of(&SITES.replace("  - name: docs", &admission));
    let mut ada = Visitor::default();
    scene.sign_in(&mut ada, &format!("{WIKI}/"), "ada");
    let (_, refused) = scene.follow(&mut ada, &format!("{DOCS}/gate/sign-in?rd=/read"));
    assert_eq!(scene.town.code(&refused), "not-invited");
    // However often they try, it is they who are refused, and not the browser that is suspected of losing cookies.
    for _ in 0..4 {
        let (_, again) = scene.follow(&mut ada, &format!("{DOCS}/gate/sign-in?rd=/read"));
        assert_eq!(scene.town.code(&again), "not-invited");
    }
    // Signing in again would bring the same person: the way out is at the host.
    assert!(refused.body.contains(&format!("{HALL}/vestibule/sign-out")), "{}", refused.body);
    assert!(!scene.is_signed_in(&mut ada, DOCS) && scene.is_signed_in(&mut ada, WIKI));
    let mut grace = Visitor::default();
    scene.sign_in(&mut grace, &format!("{WIKI}/"), "grace");
    scene.follow(&mut grace, &format!("{DOCS}/gate/sign-in?rd=/read"));
    assert!(scene.is_signed_in(&mut grace, DOCS));
}

#[test]
fn max_age_counts_from_the_sign_in_at_the_host() {
    let scene = scene();
    let mut visitor = Visitor::default();
    scene.sign_in(&mut visitor, &format!("{WIKI}/"), "ada");
    // Used all the time, the session at the host is there to its last moment.
    for _ in 0..5 {
        scene.town.clock.advance(Duration::from_secs(20 * 60));
        assert!(scene.is_signed_in(&mut visitor, HALL));
    }
    let (at, page) = scene.follow(&mut visitor, &format!("{SHOP}/buy/x"));
    assert_eq!((at.as_str(), page.status), ("https://shop.example.com/buy/x", StatusCode::OK));
    scene.town.clock.advance(Duration::from_secs(19 * 60));
    assert!(scene.is_signed_in(&mut visitor, SHOP));
    scene.town.clock.advance(Duration::from_secs(60));
    assert!(
        !scene.is_signed_in(&mut visitor, SHOP),
        "two hours after the sign-in, twenty minutes after the hand-over"
    );
    scene.asked(&mut visitor, &format!("{WIKI}/"));
}

#[test]
fn a_stolen_hand_over_is_refused_and_spent() {
    let scene = scene();
    let (mut ada, mut thief) = (Visitor::default(), Visitor::default());
    let ticket = scene.ticket(&mut ada, &format!("{WIKI}/"), "ada");
    let refused = thief.get(&scene.town, &ticket);
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(scene.town.code(&refused), "handoff-unasked");
    assert!(!scene.is_signed_in(&mut thief, WIKI));
    // Not even a thief with a sign-in of their own under way, nor one who is faster than Ada the next time.
    let refused = ada.get(&scene.town, &ticket);
    assert_eq!(scene.town.code(&refused), "handoff-replayed");
    let (at, page) = scene.follow(&mut ada, &format!("{WIKI}/page"));
    assert_eq!((at, page.status), (format!("{WIKI}/page"), StatusCode::OK), "her next one is good");
    thief.get(&scene.town, &format!("{WIKI}/vestibule/sign-in"));
    let ticket = ada.get(&scene.town, &format!("{WIKI}/vestibule/sign-in")).location();
    let ticket = ada.get(&scene.town, &ticket).location();
    assert_eq!(scene.town.code(&thief.get(&scene.town, &ticket)), "handoff-unasked");
}

#[test]
fn a_hand_over_that_the_browser_did_not_ask_for_signs_nobody_in() {
    let scene = scene();
    let (mut eve, mut victim) = (Visitor::default(), Visitor::default());
    // Eve sends her own hand-over to somebody who is about to sign in, and to somebody who has.
    let hers = scene.ticket(&mut eve, &format!("{WIKI}/"), "eve");
    victim.get(&scene.town, &format!("{WIKI}/vestibule/sign-in"));
    assert_eq!(scene.town.code(&victim.get(&scene.town, &hers)), "handoff-unasked");
    assert!(!scene.is_signed_in(&mut victim, WIKI));
    let landed = scene.sign_in(&mut victim, &format!("{WIKI}/page"), "ada");
    assert_eq!(landed.location(), format!("{WIKI}/page"));
    let begun = eve.get(&scene.town, &format!("{WIKI}/vestibule/sign-in")).location();
    let hers = eve.get(&scene.town, &begun).location();
    assert_eq!(scene.town.code(&victim.get(&scene.town, &hers)), "handoff-unasked");
    let page = victim.get(&scene.town, &format!("{WIKI}/page"));
    assert_eq!(line(&page.body, "x-forwarded-user"), Some("ada"));

    // Or lets the victim's session at the host answer her attempt: it goes to the victim's browser, which did not ask.
    let begun = eve.get(&scene.town, &format!("{SHOP}/vestibule/sign-in?idp=corp")).location();
    let handed = victim.get(&scene.town, &begun);
    assert_eq!(handed.status, StatusCode::SEE_OTHER);
    assert_eq!(scene.town.code(&victim.get(&scene.town, &handed.location())), "handoff-unasked");
    assert_eq!(scene.town.code(&eve.get(&scene.town, &handed.location())), "handoff-replayed");
    assert!(!scene.is_signed_in(&mut eve, SHOP));
}

#[test]
fn a_hand_over_is_good_once() {
    let scene = scene();
    let mut ada = Visitor::default();
    let ticket = scene.ticket(&mut ada, &format!("{WIKI}/page"), "ada");
    let held = ada.jar["wiki.example.com"].clone();
    assert_eq!(ada.get(&scene.town, &ticket).location(), format!("{WIKI}/page"));
    // The back button of whoever is signed in leads on.
    let again = ada.get(&scene.town, &ticket);
    assert_eq!((again.status, again.location()), (StatusCode::SEE_OTHER, format!("{WIKI}/page")));
    // A copy of everything that the browser held before does not.
    let mut copy = Visitor::default();
    copy.jar.insert("wiki.example.com".into(), held.clone());
    assert_eq!(scene.town.code(&copy.get(&scene.town, &ticket)), "handoff-replayed");
    // Nor does a second hand-over for an attempt that was answered.
    let at = ada.get(&scene.town, &format!("{WIKI}/vestibule/sign-in")).location();
    let first = ada.get(&scene.town, &at).location();
    let second = ada.get(&scene.town, &at).location();
    assert_ne!(first, second);
    copy.jar.insert("wiki.example.com".into(), ada.jar["wiki.example.com"].clone());
    copy.jar.get_mut("wiki.example.com").unwrap().remove("__Host-vestibule");
    assert_eq!(ada.get(&scene.town, &first).status, StatusCode::SEE_OTHER);
    assert_eq!(scene.town.code(&copy.get(&scene.town, &second)), "handoff-replayed");
    assert!(!scene.is_signed_in(&mut copy, WIKI));
}

#[test]
fn a_hand_over_for_one_site_is_refused_at_another() {
    let scene = scene();
    for (other, prefix) in [(SHOP, "/vestibule"), (DOCS, "/gate"), (LAB, "/vestibule"), (OWN, "/vestibule")] {
        let mut ada = Visitor::default();
        let ticket = scene.ticket(&mut ada, &format!("{WIKI}/"), "ada");
        let host = other.trim_start_matches("https://").to_owned();
        let carried = ada.jar["wiki.example.com"].clone();
        let carried = carried.into_iter().map(|(name, value)| match host.starts_with("shop") {
            true => (name.replace("__Host-vestibule", "__Host-basket"), value),
            false => (name, value),
        });
        ada.jar.entry(host.clone()).or_default().extend(carried);
        let query = ticket.split_once('?').unwrap().1;
        let refused = ada.get(&scene.town, &format!("{other}{prefix}/handoff?{query}"));
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{other}");
        assert_eq!(scene.town.code(&refused), "handoff-foreign", "{other}");
        assert!(!scene.is_signed_in(&mut ada, other));
        assert_eq!(scene.town.code(&ada.get(&scene.town, &ticket)), "handoff-replayed", "it is spent");
    }
    // At another address of the same site: the cookie is not there either.
    let mut ada = Visitor::default();
    let ticket = scene.ticket(&mut ada, &format!("{SHOP}/vestibule/sign-in?idp=corp"), "ada");
    let moved = ticket.replace(SHOP, STORE);
    assert_eq!(scene.town.code(&ada.get(&scene.town, &moved)), "handoff-foreign");
}

#[test]
fn a_hand_over_is_good_for_a_minute() {
    let scene = scene();
    let mut ada = Visitor::default();
    let ticket = scene.ticket(&mut ada, &format!("{WIKI}/"), "ada");
    scene.town.clock.advance(Duration::from_secs(61));
    let late = ada.get(&scene.town, &ticket);
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
    assert_eq!(scene.town.code(&late), "handoff-expired");
    // The page's link begins again, and nobody is asked.
    let again = late.links().into_iter().find(|link| link.contains("/sign-in")).unwrap();
    let ticket = ada.get(&scene.town, &again).location();
    let ticket = ada.get(&scene.town, &ticket).location();
    scene.town.clock.advance(Duration::from_secs(59));
    assert_eq!(ada.get(&scene.town, &ticket).location(), format!("{WIKI}/"));
}

#[test]
fn a_changed_or_foreign_hand_over_cannot_be_read() {
    let (here, elsewhere) = (scene(), scene());
    let mut ada = Visitor::default();
    let ticket = here.ticket(&mut ada, &format!("{WIKI}/"), "ada");
    let (address, value) = ticket.rsplit_once('=').unwrap();
    let middle = value.len() / 2;
    let other = if value.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let mut tampered = value.to_owned();
    tampered.replace_range(middle..=middle, other);
    let of_another_gate = elsewhere.ticket(&mut Visitor::default(), &format!("{WIKI}/"), "ada");
    let of_another_gate = of_another_gate.rsplit_once('=').unwrap().1.to_owned();
    let attempt = ada.jar["wiki.example.com"].values().next().unwrap().clone();
    let errand = ada.get(&here.town, &format!("{WIKI}/vestibule/sign-in?rd=/x")).location();
    let errand = errand.rsplit_once('=').unwrap().1.to_owned();
    for forged in [&tampered, &value[..value.len() - 4], &of_another_gate, "", "x", &attempt, &errand] {
        let refused = ada.get(&here.town, &format!("{address}={forged}"));
        assert_eq!(here.town.code(&refused), "handoff-invalid", "{forged}");
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(ada.get(&here.town, &ticket).status, StatusCode::SEE_OTHER, "none of that has spent it");
    // The other direction alike.
    for forged in ["x", &value[4..], &of_another_gate, value] {
        let refused = ada.get(&here.town, &format!("{HALL}/vestibule/sign-in?for={forged}"));
        assert_eq!(here.town.code(&refused), "handoff-invalid", "{forged}");
    }
    let at_the_lab = ada.get(&here.town, &format!("{LAB}/vestibule/sign-in")).location();
    let moved = at_the_lab.replace("https://lab-auth.example.com", HALL);
    assert_eq!(here.town.code(&ada.get(&here.town, &moved)), "handoff-invalid", "an errand for another host");
}

#[test]
fn a_hand_over_whose_session_has_ended_meanwhile_is_refused() {
    let scene = scene();
    let mut ada = Visitor::default();
    let ticket = scene.ticket(&mut ada, &format!("{WIKI}/"), "ada");
    scene.sign_out(&mut ada, HALL);
    let refused = ada.get(&scene.town, &ticket);
    assert_eq!(scene.town.code(&refused), "handoff-ended");
    assert!(!scene.is_signed_in(&mut ada, WIKI));
    scene.asked(&mut ada, &format!("{WIKI}/"));
}

#[test]
fn an_errand_that_took_too_long_begins_again_at_the_site() {
    let scene = scene();
    let mut visitor = Visitor::default();
    let errand = visitor.get(&scene.town, &format!("{WIKI}/vestibule/sign-in?rd=/page")).location();
    scene.town.clock.advance(Duration::from_secs(15 * 60));
    let again = visitor.get(&scene.town, &errand);
    assert_eq!(again.status, StatusCode::FOUND);
    assert_eq!(again.location(), format!("{WIKI}/vestibule/sign-in?rd=/"));
}

#[test]
fn return_addresses_lead_to_the_site_or_nowhere() {
    let scene = scene();
    let mut visitor = Visitor::default();
    for rd in ["https://evil.test/", "//evil.test/", HALL, SHOP, &format!("{HALL}/vestibule/sign-in")] {
        let refused = visitor.get(&scene.town, &format!("{WIKI}/vestibule/sign-in?rd={rd}"));
        assert_eq!(scene.town.code(&refused), "return-address-foreign", "{rd}");
    }
    // At the host: an address of a site that signs on here begins there.
    let begun = visitor.get(&scene.town, &format!("{HALL}/vestibule/sign-in?rd={STORE}/buy/x&idp=corp"));
    assert_eq!(begun.location(), format!("{STORE}/vestibule/sign-in?rd=/buy/x&idp=corp"));
    for rd in [
        "https://evil.test/",
        OWN,
        LAB,
        "https://wiki.example.com.evil.test/",
        "https://wiki.example.com@evil.test/",
    ] {
        for path in ["sign-in", "handoff"] {
            let refused = visitor.get(&scene.town, &format!("{HALL}/vestibule/{path}?rd={rd}"));
            assert_eq!(scene.town.code(&refused), "return-address-foreign", "{path} {rd}");
        }
    }
}

#[test]
fn a_sign_in_that_begins_at_the_identity_provider_leads_to_the_site_that_it_names() {
    let scene = scene();
    scene.town.clock.advance(Duration::from_secs(120));
    let acs = format!("{HALL}/vestibule/saml/acs");
    for (relay_state, lands) in [(format!("{STORE}/buy/x"), true), ("https://evil.test/".into(), false)] {
        let mut visitor = Visitor::default();
        let audience = format!("{HALL}/vestibule/saml/metadata");
        let answer = scene.partner.unsolicited(&acs, &audience, "eve", scene.town.now());
        let answer =
            answer.with("mail", &["eve@partner.test"]).with("uid", &["eve"]).with("memberOf", &["buyers"]);
        let asked = Asked {
            id: String::new(),
            acs_url: acs.clone(),
            issuer: audience,
            relay_state: Some(relay_state),
            xml: String::new(),
        };
        let at_acs = visitor.bring(&scene.town, &acs, &asked, &answer);
        assert_eq!(at_acs.status, StatusCode::SEE_OTHER, "{}", at_acs.body);
        let (at, page) = scene.follow(&mut visitor, &at_acs.location());
        if lands {
            assert_eq!((at, page.status), (format!("{STORE}/buy/x"), StatusCode::OK));
        } else {
            assert_eq!(scene.town.code(&page), "return-address-foreign");
        }
    }
}

#[test]
fn messages_of_identity_providers_are_taken_at_the_host_alone() {
    let scene = scene();
    let mut visitor = Visitor::default();
    let asked = scene.asked(&mut visitor, &format!("{WIKI}/"));
    let answer = scene.corp.answer(&asked, "ada", scene.town.now()).with("mail", &["ada@corp.test"]);
    for at in [format!("{WIKI}/vestibule/saml/acs"), format!("{WIKI}/vestibule/saml/acs/corp")] {
        assert_eq!(visitor.bring(&scene.town, &at, &asked, &answer).status, StatusCode::NOT_FOUND);
    }
    assert_eq!(visitor.get(&scene.town, &format!("{WIKI}/vestibule/saml/slo")).status, StatusCode::NOT_FOUND);
    let metadata = visitor.get(&scene.town, &format!("{WIKI}/vestibule/saml/metadata"));
    assert!(
        metadata.body.contains(&format!("entityID=\"{HALL}/vestibule/saml/metadata\"")),
        "{}",
        metadata.body
    );
    assert_eq!(scene.back(&mut visitor, &asked, "ada").status, StatusCode::SEE_OTHER);
}

#[test]
fn a_site_that_loses_its_cookies_is_stopped_in_the_third_round() {
    let scene = scene();
    let mut visitor = Visitor::default();
    scene.sign_in(&mut visitor, &format!("{WIKI}/page"), "ada");
    for _ in 0..2 {
        // A gateway that does not pass the session on.
        visitor.jar.get_mut("wiki.example.com").unwrap().remove("__Host-vestibule");
        let (_, page) = scene.follow(&mut visitor, &format!("{WIKI}/page"));
        if page.status != StatusCode::OK {
            assert_eq!(scene.town.code(&page), "sign-in-loop");
            return;
        }
    }
    panic!("round and round");
}

#[test]
fn nobody_takes_memory_before_signing_in() {
    let scene = scene();
    let sessions = || scene.town.metric(&["vestibule_store_sessions"]).or(scene.town.metric(&["sessions"]));
    let claims = || scene.town.metric(&["claims"]);
    let before = (sessions(), claims());
    for _ in 0..50 {
        let mut visitor = Visitor::default();
        scene.follow(&mut visitor, &format!("{WIKI}/page"));
        visitor.get(&scene.town, &format!("{WIKI}/vestibule/handoff?ticket=made-up"));
        visitor.get(&scene.town, &format!("{HALL}/vestibule/sign-out?for=made-up"));
    }
    assert_eq!((sessions(), claims()), before);
    assert!(before.1.is_some(), "the figure is there");
}

#[test]
fn a_background_request_is_not_handed_over() {
    let scene = scene();
    let mut visitor = Visitor::default();
    scene.sign_in(&mut visitor, &format!("{WIKI}/"), "ada");
    let begun = visitor.get(&scene.town, &format!("{SHOP}/vestibule/sign-in?idp=corp")).location();
    let framed = [("sec-fetch-dest", "iframe"), ("sec-fetch-site", "cross-site")];
    let town = &scene.town;
    let answer = visitor.send(town, "GET", &begun, &framed, "");
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(visitor.get(town, &begun).status, StatusCode::SEE_OTHER);
}

#[test]
fn a_sign_out_at_one_site_ends_everything_that_came_of_the_sign_in() {
    let scene = scene();
    let (mut ada, mut elsewhere) = (Visitor::default(), Visitor::default());
    scene.sign_in(&mut ada, &format!("{WIKI}/"), "ada");
    scene.follow(&mut ada, &format!("{SHOP}/buy/x"));
    scene.sign_in(&mut elsewhere, &format!("{WIKI}/"), "ada");

    let left = scene.sign_out(&mut ada, WIKI);
    assert_eq!(left.status, StatusCode::SEE_OTHER, "{}", left.body);
    assert!(left.location().starts_with(&format!("{HALL}/vestibule/sign-out?for=")), "{}", left.location());
    assert!(!left.location().contains("corp.test"));
    for site in [WIKI, SHOP, HALL] {
        assert!(!scene.is_signed_in(&mut ada, site), "{site}");
        assert_eq!(
            scene.is_signed_in(&mut elsewhere, site),
            site != SHOP,
            "{site}: another browser's sign-in stays"
        );
    }
    // The host asks the identity provider, whose answer leads back to where the person wanted to go.
    let asking = ada.get(&scene.town, &left.location());
    assert!(asking.location().starts_with("https://corp.test/slo?SAMLRequest="), "{}", asking.location());
    let request = Received::from(&asking);
    assert_eq!(request.text_of("saml:NameID"), Some("ada"));
    assert_eq!(request.text_of("saml:Issuer"), Some("https://auth.example.com/vestibule/saml/metadata"));
    let mut response = Message::response(&scene.corp, request.attribute("ID").unwrap(), scene.town.now());
    response.destination = Some(SLO.into());
    let done = ada.get(&scene.town, &format!("{SLO}?{}", response.query(None)));
    let back = ada.get(&scene.town, &done.location());
    assert_eq!((back.status, back.location()), (StatusCode::SEE_OTHER, format!("{WIKI}/bye")));
    // Once, and within a minute.
    assert_eq!(scene.town.code(&ada.get(&scene.town, &left.location())), "handoff-replayed");
    let later = scene.sign_out(&mut elsewhere, WIKI);
    scene.town.clock.advance(Duration::from_secs(61));
    assert_eq!(scene.town.code(&elsewhere.get(&scene.town, &later.location())), "handoff-expired");
}

#[test]
fn a_sign_out_at_the_host_ends_the_sites_too_and_leaves_other_people_alone() {
    let scene = scene();
    let (mut ada, mut grace) = (Visitor::default(), Visitor::default());
    for (visitor, user) in [(&mut ada, "ada"), (&mut grace, "grace")] {
        scene.sign_in(visitor, &format!("{WIKI}/"), user);
        scene.follow(visitor, &format!("{SHOP}/buy/x"));
    }
    assert!(scene.sign_out(&mut ada, HALL).location().starts_with("https://corp.test/slo"));
    for site in [WIKI, SHOP, HALL] {
        assert!(!scene.is_signed_in(&mut ada, site) && scene.is_signed_in(&mut grace, site), "{site}");
    }
    // What Ada brings from a sign-out does not end Grace's session in whose browser it is opened.
    let mut again = Visitor::default();
    scene.sign_in(&mut again, &format!("{WIKI}/"), "ada");
    let left = scene.sign_out(&mut again, WIKI);
    grace.get(&scene.town, &left.location());
    assert!(scene.is_signed_in(&mut grace, HALL) && scene.is_signed_in(&mut grace, WIKI));
}

#[test]
fn a_newer_sign_in_at_the_host_ends_with_the_sign_out_of_a_site_that_came_of_an_older_one() {
    let scene = scene();
    let mut ada = Visitor::default();
    scene.sign_in(&mut ada, &format!("{SHOP}/vestibule/sign-in?idp=corp"), "ada");
    // The wiki asks anew, and the host has a newer session since.
    scene.sign_in(&mut ada, &format!("{WIKI}/fresh/a"), "ada");
    assert!(scene.is_signed_in(&mut ada, SHOP) && scene.is_signed_in(&mut ada, WIKI));
    let left = scene.sign_out(&mut ada, SHOP);
    assert!(!scene.is_signed_in(&mut ada, SHOP));
    let asking = ada.get(&scene.town, &left.location());
    assert!(asking.location().starts_with("https://corp.test/slo"), "{}", asking.location());
    assert!(!scene.is_signed_in(&mut ada, HALL) && !scene.is_signed_in(&mut ada, WIKI));
}

#[test]
fn a_sign_out_ends_what_came_of_an_older_sign_in_whose_session_at_the_host_is_gone() {
    let scene = scene();
    let (mut ada, mut elsewhere) = (Visitor::default(), Visitor::default());
    scene.sign_in(&mut elsewhere, &format!("{WIKI}/"), "ada");
    scene.sign_in(&mut ada, &format!("{SHOP}/vestibule/sign-in?idp=corp"), "ada");
    // The wiki asks anew, and the newer session at the host takes the place of the older one.
    scene.sign_in(&mut ada, &format!("{WIKI}/fresh/a"), "ada");
    scene.sign_out(&mut ada, WIKI);
    for site in [WIKI, SHOP, HALL] {
        assert!(!scene.is_signed_in(&mut ada, site), "{site}");
    }
    assert!(scene.is_signed_in(&mut elsewhere, WIKI), "another browser's sign-in stays");

    // The same when nobody used the older one at the host for too long, and the shop was in use.
    scene.sign_in(&mut ada, &format!("{SHOP}/vestibule/sign-in?idp=corp"), "ada");
    for _ in 0..2 {
        scene.town.clock.advance(Duration::from_secs(20 * 60));
        let answer = ada.get(&scene.town, &format!("{SHOP}/vestibule/whoami"));
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    scene.sign_in(&mut ada, &format!("{WIKI}/"), "ada");
    assert!(scene.is_signed_in(&mut ada, SHOP) && scene.is_signed_in(&mut ada, WIKI));
    scene.sign_out(&mut ada, WIKI);
    assert!(!scene.is_signed_in(&mut ada, SHOP), "what outlives a sign-out");
}

#[test]
fn the_identity_provider_ends_the_sessions_of_every_site() {
    let scene = scene();
    let (mut ada, mut grace) = (Visitor::default(), Visitor::default());
    for (visitor, user) in [(&mut ada, "ada"), (&mut grace, "grace")] {
        scene.sign_in(visitor, &format!("{WIKI}/"), user);
        scene.follow(visitor, &format!("{SHOP}/buy/x"));
    }
    scene.town.clock.advance(Duration::from_secs(2));
    let mut request = Message::request(&scene.corp, "ada", scene.town.now());
    request.destination = Some(SLO.into());
    let answered = Visitor::default().get(&scene.town, &format!("{SLO}?{}", request.query(None)));
    assert_eq!(Received::from(&answered).status(), [SUCCESS]);
    for site in [WIKI, SHOP, HALL] {
        assert!(!scene.is_signed_in(&mut ada, site) && scene.is_signed_in(&mut grace, site), "{site}");
    }
}

#[test]
fn a_sign_out_at_a_site_whose_session_has_run_out_is_asked_for_at_its_host() {
    let scene = scene();
    let mut visitor = Visitor::default();
    scene.sign_in(&mut visitor, &format!("{WIKI}/a"), "ada");
    visitor.jar.get_mut("wiki.example.com").unwrap().retain(|name, _| !name.ends_with("vestibule"));
    assert!(!scene.is_signed_in(&mut visitor, WIKI) && scene.is_signed_in(&mut visitor, HALL));
    let sent = visitor.get(&scene.town, &format!("{WIKI}/vestibule/sign-out?rd=/bye"));
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let (_, asks) = scene.follow(&mut visitor, &sent.location());
    assert!(asks.body.contains("<form"), "{}", asks.body);
    let rd = asks.fields().into_iter().find(|(name, _)| name == "rd").unwrap().1;
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", HALL),
        ("sec-fetch-site", "same-origin"),
    ];
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("rd", &rd).finish();
    let left = visitor.send(&scene.town, "POST", &format!("{HALL}/vestibule/sign-out"), &form, &body);
    assert!(!scene.is_signed_in(&mut visitor, HALL));
    assert_eq!(left.status, StatusCode::SEE_OTHER, "{}", left.body);
    // A foreign address is still none.
    let foreign = visitor.get(&scene.town, &format!("{HALL}/vestibule/sign-out?rd=https://evil.test/"));
    assert!(!foreign.body.contains("evil.test"), "{}", foreign.body);
}

#[test]
fn a_sign_in_over_a_host_is_one_trace_and_the_next_one_is_another() {
    // Recorded or not: what the events say is the same.
    let tracing = "tracing: {otlp_endpoint: \"http://127.0.0.1:9\", sample: 0}\n";
    let scene = scene_of(&format!("{SITES}{tracing}"));
    let traces = |user: &str| -> Vec<String> {
        let events = scene.town.events();
        let of_user = events.iter().filter(|event| {
            event["event"] == "sign-in" && event["user"].as_str().is_some_and(|known| known.contains(user))
        });
        of_user.map(|event| event["trace_id"].as_str().unwrap().to_owned()).collect()
    };
    let mut seen = Vec::new();
    for user in ["trina", "tracy"] {
        scene.sign_in(&mut Visitor::default(), &format!("{WIKI}/a"), user);
        let traces = traces(user);
        assert_eq!(traces.len(), 2, "at the host and at the site");
        assert_eq!(traces[0], traces[1]);
        seen.push(traces[0].clone());
    }
    assert_ne!(seen[0], seen[1]);
}
