//! Several sites and identity providers in one gate, from outside: each site is a service provider of its own, and what
//! is good at one is worth nothing at another.

use crate::idp::FakeIdp;
use crate::town::{Application, Town, Visitor, claims, line};
use http::StatusCode;
use std::time::Duration;

const SITES: &str = "\
identity_providers:
  - {id: corp, metadata_file: corp.xml, email_domains: [corp.test]}
  - {id: partner, metadata_file: partner.xml, email_domains: [partner.test], allow_unsolicited: true}
session: {idle_timeout: 30m, max_age: 2h}
sites:
  - name: wiki
    public_url: https://wiki.example.com
    upstream: http://APP0
    identity_providers: [corp]
  - name: shop
    public_url: https://shop.example.com
    upstreams:
      - {paths: [/api/*], url: http://APP1, preserve_host: false}
      - {url: http://APP0}
    identity_providers: [corp, partner]
    session: {cookie_name: basket, idle_timeout: 5m}
    rules: [{paths: [/open/*], access: public}]
  - name: docs
    public_url: https://docs.example.com
    forward_auth: true
    identity_providers: [partner]
    path_prefix: /gate
    default_access: deny
    rules: [{paths: [/read/*], access: authenticated}]
";

const WIKI: &str = "https://wiki.example.com";
const SHOP: &str = "https://shop.example.com";
const DOCS: &str = "https://docs.example.com";

struct Scene {
    town: Town,
    corp: FakeIdp,
    partner: FakeIdp,
}

fn scene() -> Scene {
    let (corp, partner) =
        (FakeIdp::new("https://corp.test/metadata"), FakeIdp::new("https://partner.test/metadata"));
    let (app, api) = (Application::named("the application"), Application::named("the interface"));
    let town = Town::open(SITES, &[("corp", &corp), ("partner", &partner)], &[&app, &api]);
    Scene { town, corp, partner }
}

#[test]
fn each_site_is_a_service_provider_of_its_own() {
    let Scene { town, .. } = scene();
    let mut visitor = Visitor::default();
    for (site, prefix) in [(WIKI, "/vestibule"), (SHOP, "/vestibule"), (DOCS, "/gate")] {
        let metadata = visitor.get(&town, &format!("{site}{prefix}/saml/metadata"));
        assert_eq!(metadata.status, StatusCode::OK);
        assert!(
            metadata.body.contains(&format!("entityID=\"{site}{prefix}/saml/metadata\"")),
            "{}",
            metadata.body
        );
        assert!(
            metadata.body.contains(&format!("Location=\"{site}{prefix}/saml/acs\"")),
            "{}",
            metadata.body
        );
        assert_eq!(metadata.body.matches("example.com").count(), 2, "{}", metadata.body);
    }
    let asked = visitor.begin(&town, &format!("{WIKI}/vestibule/sign-in"));
    assert_eq!(asked.issuer, format!("{WIKI}/vestibule/saml/metadata"));
    assert_eq!(asked.acs_url, format!("{WIKI}/vestibule/saml/acs"));
}

#[test]
fn each_site_admits_its_own_identity_providers_and_no_other() {
    let Scene { town, .. } = scene();
    let mut visitor = Visitor::default();
    let refused = visitor.get(&town, &format!("{WIKI}/vestibule/sign-in?idp=partner"));
    assert_eq!(town.code(&refused), "idp-unknown");
    let refused = visitor.get(&town, &format!("{DOCS}/gate/sign-in?idp=corp"));
    assert_eq!(town.code(&refused), "idp-unknown");
    // One: straight there. Two: somebody has to choose.
    assert_eq!(visitor.get(&town, &format!("{WIKI}/vestibule/sign-in")).status, StatusCode::FOUND);
    let choice = visitor.get(&town, &format!("{SHOP}/vestibule/sign-in"));
    assert_eq!(choice.status, StatusCode::OK);
    assert!(choice.body.contains("idp=corp") && choice.body.contains("idp=partner"), "{}", choice.body);
}

#[test]
fn a_session_belongs_to_the_site_where_it_began() {
    let Scene { town, corp, .. } = scene();
    let mut visitor = Visitor::default();
    visitor.sign_in(&town, WIKI, ("corp", &corp), "ada");
    let page = visitor.get(&town, &format!("{WIKI}/page"));
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(line(&page.body, "x-forwarded-user"), Some("ada"));
    assert_eq!(line(&page.body, "x-vestibule-organization"), Some(""));
    let jwt = claims(line(&page.body, "x-vestibule-jwt-assertion").unwrap());
    assert_eq!((jwt["iss"].as_str(), jwt["aud"].as_str(), jwt.get("org")), (Some(WIKI), Some("wiki"), None));

    // The same secret under every name that the other sites know.
    let secret = visitor.jar["wiki.example.com"]["__Host-vestibule"].clone();
    for (site, name) in [("shop.example.com", "basket"), ("docs.example.com", "vestibule")] {
        visitor.carry(("wiki.example.com", "vestibule"), (site, name));
        assert_eq!(visitor.jar[site][&format!("__Host-{name}")], secret);
    }
    assert_eq!(visitor.get(&town, &format!("{SHOP}/page")).status, StatusCode::FOUND);
    assert_eq!(visitor.get(&town, &format!("{SHOP}/vestibule/whoami")).status, StatusCode::UNAUTHORIZED);
    let nginx = "/vestibule/authz/auth-request";
    let cookies = visitor.cookies("docs.example.com");
    assert_eq!(town.asks_nginx(nginx, &format!("{DOCS}/read/a"), &cookies).status, StatusCode::UNAUTHORIZED);
    assert_eq!(visitor.get(&town, &format!("{WIKI}/page")).status, StatusCode::OK);
    assert_eq!(town.metric(&["requests_total", "\"wiki\"", "\"proxy\"", "\"allowed\""]), Some(2.0));
    assert_eq!(town.metric(&["requests_total", "\"shop\"", "\"proxy\"", "\"sign_in\""]), Some(1.0));
}

#[test]
fn limits_cookies_and_rules_are_the_sites_own_over_the_common_ones() {
    let Scene { town, corp, .. } = scene();
    let mut visitor = Visitor::default();
    visitor.sign_in(&town, WIKI, ("corp", &corp), "ada");
    visitor.sign_in(&town, SHOP, ("corp", &corp), "ada");
    assert!(visitor.jar["shop.example.com"].contains_key("__Host-basket"));
    assert_eq!(visitor.get(&town, &format!("{SHOP}/open/a")).status, StatusCode::OK);
    assert_eq!(Visitor::default().get(&town, &format!("{SHOP}/open/a")).status, StatusCode::OK);
    assert_eq!(Visitor::default().get(&town, &format!("{WIKI}/open/a")).status, StatusCode::FOUND);
    town.clock.advance(Duration::from_secs(6 * 60));
    assert_eq!(
        visitor.get(&town, &format!("{SHOP}/page")).status,
        StatusCode::FOUND,
        "its own idle_timeout is 5m"
    );
    assert_eq!(visitor.get(&town, &format!("{WIKI}/page")).status, StatusCode::OK, "the common one is 30m");
}

#[test]
fn the_first_upstream_that_serves_a_path_gets_it() {
    let Scene { town, corp, .. } = scene();
    let mut visitor = Visitor::default();
    visitor.sign_in(&town, SHOP, ("corp", &corp), "ada");
    for (path, application) in [
        ("/api/orders", "the interface"),
        ("/api", "the interface"),
        ("/other/../api/x", "the interface"),
        ("/%61pi/x", "the interface"),
        ("/api/../page", "the application"),
        ("/apiary", "the application"),
        ("/", "the application"),
    ] {
        let page = visitor.get(&town, &format!("{SHOP}{path}"));
        assert_eq!(page.body.lines().next(), Some(application), "{path}: {}", page.body);
        let preserved = line(&page.body, "host") == Some("shop.example.com");
        assert_eq!(preserved, application == "the application", "{path}: {}", page.body);
        assert_eq!(line(&page.body, "x-forwarded-user"), Some("ada"), "{path}");
    }
}

#[test]
fn an_answer_for_one_site_is_refused_at_another() {
    let Scene { town, corp, .. } = scene();
    let acs = format!("{SHOP}/vestibule/saml/acs");

    // A genuine answer for the wiki, posted to the shop by somebody whose browser waits for one there too.
    let mut visitor = Visitor::default();
    let wiki = visitor.begin(&town, &format!("{WIKI}/vestibule/sign-in"));
    let shop = visitor.begin(&town, &format!("{SHOP}/vestibule/sign-in?idp=corp"));
    let answer = corp.answer(&wiki, "ada", town.now()).with("mail", &["ada@corp.test"]);
    let refused = visitor.bring(&town, &acs, &wiki, &answer);
    assert_eq!(town.code(&refused), "attempt-missing");

    // With the wiki's attempt brought along, as a thief of cookies could.
    visitor.carry(("wiki.example.com", "vestibule"), ("shop.example.com", "basket"));
    let refused = visitor.bring(&town, &acs, &wiki, &answer);
    assert_eq!(town.code(&refused), "attempt-foreign");

    // The identity provider is made to answer the shop's request for the wiki's audience, or at the wiki's address.
    let mut for_wiki = corp.answer(&shop, "ada", town.now()).with("mail", &["ada@corp.test"]);
    for_wiki.audience = wiki.issuer.clone();
    assert_eq!(town.code(&visitor.bring(&town, &acs, &shop, &for_wiki)), "audience-mismatch");
    let mut to_wiki = corp.answer(&shop, "ada", town.now()).with("mail", &["ada@corp.test"]);
    to_wiki.recipient = wiki.acs_url.clone();
    assert_eq!(town.code(&visitor.bring(&town, &acs, &shop, &to_wiki)), "recipient-mismatch");
    to_wiki.destination = wiki.acs_url.clone();
    assert_eq!(town.code(&visitor.bring(&town, &acs, &shop, &to_wiki)), "destination-mismatch");
    assert!(!visitor.jar["shop.example.com"].contains_key("__Host-basket"));

    // Nothing of all that has used up what is good.
    let good = corp.answer(&shop, "ada", town.now()).with("mail", &["ada@corp.test"]);
    assert_eq!(visitor.bring(&town, &acs, &shop, &good).status, StatusCode::SEE_OTHER);
    let good = visitor.bring(&town, &wiki.acs_url, &wiki, &answer);
    assert_eq!(good.status, StatusCode::SEE_OTHER);
    assert_eq!(good.location(), format!("{WIKI}/"));
}

#[test]
fn an_unsolicited_answer_for_one_site_is_refused_at_another() {
    let Scene { town, partner, .. } = scene();
    let acs = format!("{SHOP}/vestibule/saml/acs");
    let audience = |site: &str, prefix: &str| format!("{site}{prefix}/saml/metadata");
    let nobody = |audience: String| {
        partner.unsolicited(&acs, &audience, "eve", town.now()).with("mail", &["eve@partner.test"])
    };
    let asked = |xml: &crate::idp::Answer<'_>| crate::idp::Asked {
        id: String::new(),
        acs_url: acs.clone(),
        issuer: xml.audience.clone(),
        relay_state: None,
        xml: String::new(),
    };
    town.clock.advance(Duration::from_secs(120));
    let for_docs = nobody(audience(DOCS, "/gate"));
    let mut visitor = Visitor::default();
    let refused = visitor.bring(&town, &acs, &asked(&for_docs), &for_docs);
    assert_eq!(town.code(&refused), "audience-mismatch");
    let for_shop = nobody(audience(SHOP, "/vestibule"));
    let accepted = visitor.bring(&town, &acs, &asked(&for_shop), &for_shop);
    assert_eq!(accepted.status, StatusCode::SEE_OTHER, "{}", accepted.body);
    // A RelayState leads to this site or to its start page.
    let mut elsewhere = asked(&for_shop);
    elsewhere.relay_state = Some(format!("{WIKI}/page"));
    let again = nobody(audience(SHOP, "/vestibule"));
    let accepted = Visitor::default().bring(&town, &acs, &elsewhere, &again);
    assert_eq!(accepted.location(), format!("{SHOP}/"));
}

#[test]
fn an_answer_of_one_identity_provider_is_refused_for_an_attempt_at_another() {
    let Scene { town, corp, partner } = scene();
    let acs = format!("{SHOP}/vestibule/saml/acs");
    let mut visitor = Visitor::default();
    let asked = visitor.begin(&town, &format!("{SHOP}/vestibule/sign-in?idp=corp"));
    let foreign = partner.answer(&asked, "ada", town.now()).with("mail", &["ada@partner.test"]);
    assert_eq!(town.code(&visitor.bring(&town, &acs, &asked, &foreign)), "signature-invalid");
    // The same under the other's name: not signed by it.
    let mut forged = partner.answer(&asked, "ada", town.now()).with("mail", &["ada@corp.test"]);
    forged.issuer = corp.entity_id.clone();
    assert_eq!(town.code(&visitor.bring(&town, &acs, &asked, &forged)), "signature-invalid");
    // The address with an id is for that identity provider alone, and case counts.
    for id in ["partner", "CORP", "Corp"] {
        let at = format!("{acs}/{id}");
        let mut answer = corp.answer(&asked, "ada", town.now()).with("mail", &["ada@corp.test"]);
        answer.destination = at.clone();
        answer.recipient = at.clone();
        assert_eq!(town.code(&visitor.bring(&town, &at, &asked, &answer)), "attempt-foreign", "{id}");
    }
    let at = format!("{acs}/corp");
    let mut answer = corp.answer(&asked, "ada", town.now()).with("mail", &["ada@corp.test"]);
    answer.destination = at.clone();
    answer.recipient = at.clone();
    assert_eq!(visitor.bring(&town, &at, &asked, &answer).status, StatusCode::SEE_OTHER);
}

#[test]
fn an_attempt_of_one_site_is_worth_nothing_at_another() {
    let Scene { town, corp, .. } = scene();
    let mut thief = Visitor::default();
    let wiki = thief.begin(&town, &format!("{WIKI}/vestibule/sign-in?rd=/secret"));
    thief.carry(("wiki.example.com", "vestibule"), ("shop.example.com", "basket"));
    // Even when the answer is right for the shop in everything but whose attempt it is.
    let mut answer = corp.answer(&wiki, "ada", town.now()).with("mail", &["ada@corp.test"]);
    answer.audience = format!("{SHOP}/vestibule/saml/metadata");
    answer.recipient = format!("{SHOP}/vestibule/saml/acs");
    answer.destination = answer.recipient.clone();
    let refused = thief.bring(&town, &format!("{SHOP}/vestibule/saml/acs"), &wiki, &answer);
    assert_eq!(town.code(&refused), "attempt-foreign");
}

#[test]
fn a_return_address_leads_to_the_site_itself_or_nowhere() {
    let Scene { town, .. } = scene();
    let mut visitor = Visitor::default();
    for rd in ["https://shop.example.com/x", "https://evil.test/", "//shop.example.com/"] {
        let refused = visitor.get(&town, &format!("{WIKI}/vestibule/sign-in?rd={rd}"));
        assert_eq!(town.code(&refused), "return-address-foreign", "{rd}");
    }
    let own = visitor.get(&town, &format!("{WIKI}/vestibule/sign-in?rd={WIKI}/x"));
    assert_eq!(own.status, StatusCode::FOUND);
}

#[test]
fn a_host_of_no_site_is_refused_in_both_faces() {
    let Scene { town, .. } = scene();
    let mut visitor = Visitor::default();
    for host in [
        "https://example.com/",
        "https://wiki.example.com.evil.test/",
        "https://other.example.com/vestibule/sign-in",
    ] {
        let refused = visitor.get(&town, host);
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{host}");
        assert_eq!(town.code(&refused), "site-unknown", "{host}");
    }
    let refused = town.asks_nginx("/vestibule/authz/auth-request", "https://other.example.com/", "");
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.header("location"), None);
}

#[test]
fn a_gateways_question_is_for_the_site_whose_host_it_names_or_that_its_path_is_pinned_to() {
    let Scene { town, partner, .. } = scene();
    let mut visitor = Visitor::default();
    let asked = visitor.begin(&town, &format!("{DOCS}/gate/sign-in?rd=/read/a"));
    let answer = partner.answer(&asked, "ada", town.now()).with("mail", &["ada@partner.test"]);
    assert_eq!(visitor.bring(&town, &asked.acs_url, &asked, &answer).location(), format!("{DOCS}/read/a"));
    let cookies = visitor.cookies("docs.example.com");
    let status = |path: &str, url: &str| town.asks_nginx(path, url, &cookies).status.as_u16();
    // Every prefix serves the questions; the host says which site is meant, and the scheme is the site's own.
    for path in ["/vestibule/authz/auth-request", "/gate/authz/auth-request"] {
        assert_eq!(status(path, &format!("{DOCS}/read/a")), 200);
        assert_eq!(status(path, "http://docs.example.com:443/read/a"), 200);
        assert_eq!(status(path, &format!("{DOCS}/write/a")), 403, "default_access is its own");
        assert_eq!(status(path, &format!("{SHOP}/read/a")), 401);
        assert_eq!(status(path, "https://nobody.example.com/read/a"), 403);
    }
    let pinned = "/gate/authz/sites/docs/auth-request";
    assert_eq!(status(pinned, &format!("{DOCS}/read/a")), 200);
    assert_eq!(status(pinned, "http://docs.internal:8080/read/a"), 200);
    assert_eq!(status(pinned, &format!("{SHOP}/read/a")), 403, "the host contradicts the pin");
    assert_eq!(status("/gate/authz/sites/nobody/auth-request", &format!("{DOCS}/read/a")), 404);
    let traefik = |host: &str| {
        let headers = [
            ("x-forwarded-method", "GET"),
            ("x-forwarded-host", host),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-uri", "/read/a"),
            ("accept", "text/html"),
        ];
        town.question("/vestibule/authz/forward-auth", &headers)
    };
    let sent = traefik("docs.example.com");
    assert_eq!(sent.location(), format!("{DOCS}/gate/sign-in?rd=/read/a"));
    assert_eq!(traefik("shop.example.com").location(), format!("{SHOP}/vestibule/sign-in?rd=/read/a"));
    assert_eq!(traefik("docs.example.com, shop.example.com").status, StatusCode::FORBIDDEN);
}

const TENANTS: &str = "\
identity_providers:
  - {id: acme-okta, metadata_file: acme.xml, speaks_for_any: true}
  - {id: globex-entra, metadata_file: globex.xml, speaks_for_any: true}
sites:
  - name: app
    public_url: https://*.app.example.com
    upstream: http://APP0
    roles: {staff: reader}
    tenants:
      - {name: acme, identity_providers: [acme-okta]}
      - {name: globex, identity_providers: [globex-entra], roles: {staff: writer}}
      - {name: initech, identity_providers: [globex-entra, acme-okta], email_domains: [initech.test]}
";
const ACME: &str = "https://acme.app.example.com";
const GLOBEX: &str = "https://globex.app.example.com";

#[test]
fn each_tenant_is_a_site_with_its_own_identity_providers() {
    let (okta, entra) =
        (FakeIdp::new("https://okta.test/metadata"), FakeIdp::new("https://entra.test/metadata"));
    let app = Application::named("the application");
    let town = Town::open(TENANTS, &[("acme", &okta), ("globex", &entra)], &[&app]);
    let mut visitor = Visitor::default();
    for (tenant, id, idp, name, role) in
        [(ACME, "acme-okta", &okta, "acme", "reader"), (GLOBEX, "globex-entra", &entra, "globex", "writer")]
    {
        let asked = visitor.begin(&town, &format!("{tenant}/vestibule/sign-in"));
        assert_eq!(asked.issuer, format!("{tenant}/vestibule/saml/metadata"), "{id}");
        let answer = idp.answer(&asked, "ada", town.now()).with("groups", &["staff"]);
        assert_eq!(visitor.bring(&town, &asked.acs_url, &asked, &answer).status, StatusCode::SEE_OTHER);
        let page = visitor.get(&town, &format!("{tenant}/page"));
        assert_eq!(line(&page.body, "x-vestibule-organization"), Some(name));
        assert_eq!(line(&page.body, "x-vestibule-roles"), Some(role));
        let jwt = claims(line(&page.body, "x-vestibule-jwt-assertion").unwrap());
        assert_eq!((jwt["iss"].as_str(), jwt["aud"].as_str()), (Some(tenant), Some("app")));
        assert_eq!(jwt["org"], name);
    }

    // What is one tenant's is nothing to the other.
    let mut thief = Visitor::default();
    let refused = thief.get(&town, &format!("{GLOBEX}/vestibule/sign-in?idp=acme-okta"));
    assert_eq!(town.code(&refused), "idp-unknown");
    let asked = thief.begin(&town, &format!("{GLOBEX}/vestibule/sign-in"));
    let foreign = okta.answer(&asked, "ada", town.now());
    assert_eq!(town.code(&thief.bring(&town, &asked.acs_url, &asked, &foreign)), "signature-invalid");
    visitor.carry(("acme.app.example.com", "vestibule"), ("globex.app.example.com", "vestibule"));
    assert_eq!(visitor.get(&town, &format!("{GLOBEX}/page")).status, StatusCode::FOUND);
    // An identity provider that several tenants share may vouch for anybody, and each tenant is for its own people.
    let initech = "https://initech.app.example.com";
    for (user, mail, code) in [
        ("ada", "ada@globex.test", Some("email-domain-foreign")),
        ("ada@globex.test", "ada@initech.test", Some("email-domain-foreign")),
        ("ada@globex.test@", "ada@initech.test", Some("email-domain-foreign")),
        ("ada", "", Some("email-domain-foreign")),
        ("ada", "Ada@Initech.test", None),
    ] {
        let mut visitor = Visitor::default();
        let asked = visitor.begin(&town, &format!("{initech}/vestibule/sign-in?idp=globex-entra"));
        let answer = entra.answer(&asked, user, town.now()).with("mail", &[mail]);
        let answered = visitor.bring(&town, &asked.acs_url, &asked, &answer);
        match code {
            Some(code) => assert_eq!(town.code(&answered), code, "{user} {mail}"),
            None => assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body),
        }
    }
    // The client cannot name its tenant.
    let mut visitor = Visitor::default();
    visitor.sign_in(&town, ACME, ("acme-okta", &okta), "bob");
    let spoofed =
        visitor.send(&town, "GET", &format!("{ACME}/page"), &[("x_vestibule_organization", "globex")], "");
    assert_eq!(spoofed.body.matches("globex").count(), 0, "{}", spoofed.body);

    for nobody in
        ["https://other.app.example.com/", "https://app.example.com/", "https://x.acme.app.example.com/"]
    {
        let refused = visitor.get(&town, nobody);
        assert_eq!(town.code(&refused), "site-unknown", "{nobody}");
    }
    let cookies = visitor.cookies("acme.app.example.com");
    let status = |path: &str, url: &str| town.asks_nginx(path, url, &cookies).status.as_u16();
    assert_eq!(status("/vestibule/authz/auth-request", &format!("{ACME}/a")), 200);
    assert_eq!(status("/vestibule/authz/sites/app/acme/auth-request", &format!("{ACME}/a")), 200);
    assert_eq!(status("/vestibule/authz/sites/app/auth-request", &format!("{ACME}/a")), 200);
    assert_eq!(status("/vestibule/authz/sites/app/auth-request", &format!("{GLOBEX}/a")), 401);
    assert_eq!(status("/vestibule/authz/sites/app/auth-request", "https://app.internal/a"), 403);
    assert_eq!(status("/vestibule/authz/sites/app/globex/auth-request", &format!("{ACME}/a")), 403);
}

#[test]
fn answers_are_taken_where_the_product_before_took_them() {
    let corp = FakeIdp::new("https://corp.test/metadata");
    let app = Application::named("the application");
    let town = Town::open(
        "identity_providers: [{id: corp, metadata_file: corp.xml}]\npublic_url: https://old.example.com\n\
         upstream: http://APP0\nacs_aliases: [/mellon/postResponse, /Shibboleth.sso/SAML2/POST]\n",
        &[("corp", &corp)],
        &[&app],
    );
    let site = "https://old.example.com";
    let mut visitor = Visitor::default();
    let metadata = visitor.get(&town, &format!("{site}/vestibule/saml/metadata")).body;
    for (index, path) in
        ["/mellon/postResponse", "/Shibboleth.sso/SAML2/POST", "/vestibule/saml/acs"].iter().enumerate()
    {
        assert!(metadata.contains(&format!("Location=\"{site}{path}\" index=\"{index}\"")), "{metadata}");
    }
    // The identity provider knows the first; that is what it is asked with.
    let asked = visitor.begin(&town, &format!("{site}/vestibule/sign-in?rd=/a"));
    assert_eq!(asked.acs_url, format!("{site}/mellon/postResponse"));
    let answer = corp.answer(&asked, "ada", town.now());
    // An answer for one address is none at another.
    let refused = visitor.bring(&town, &format!("{site}/vestibule/saml/acs"), &asked, &answer);
    assert_eq!(town.code(&refused), "destination-mismatch");
    assert_eq!(visitor.bring(&town, &asked.acs_url, &asked, &answer).location(), format!("{site}/a"));
    for path in ["/Shibboleth.sso/SAML2/POST", "/vestibule/saml/acs", "/vestibule/saml/acs/corp"] {
        let asked = visitor.begin(&town, &format!("{site}/vestibule/sign-in?rd=/to{path}"));
        let mut answer = corp.answer(&asked, "ada", town.now());
        answer.destination = format!("{site}{path}");
        answer.recipient = answer.destination.clone();
        let at = answer.destination.clone();
        assert_eq!(visitor.bring(&town, &at, &asked, &answer).status, StatusCode::SEE_OTHER, "{path}");
    }
    assert_eq!(
        visitor.get(&town, &format!("{site}/mellon/postResponse")).status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let page = visitor.get(&town, &format!("{site}/mellon/other"));
    assert_eq!(page.body.lines().next(), Some("the application"));
}

#[test]
fn a_site_with_several_addresses_is_one_site() {
    let corp = FakeIdp::new("https://corp.test/metadata");
    let app = Application::named("the application");
    let town = Town::open(
        "identity_providers: [{id: corp, metadata_file: corp.xml}]\nupstream: http://APP0\n\
         public_urls: [\"https://www.example.com\", \"https://example.net:8443\"]\n",
        &[("corp", &corp)],
        &[&app],
    );
    let (first, second) = ("https://www.example.com", "https://example.net:8443");
    let mut visitor = Visitor::default();
    for site in [first, second] {
        let asked = visitor.begin(&town, &format!("{site}/vestibule/sign-in?rd=/a"));
        assert_eq!(asked.issuer, format!("{first}/vestibule/saml/metadata"));
        assert_eq!(asked.acs_url, format!("{site}/vestibule/saml/acs"));
        let answer = corp.answer(&asked, "ada", town.now());
        assert_eq!(visitor.bring(&town, &asked.acs_url, &asked, &answer).location(), format!("{site}/a"));
        let page = visitor.get(&town, &format!("{site}/page"));
        let jwt = claims(line(&page.body, "x-vestibule-jwt-assertion").unwrap());
        assert_eq!((jwt["iss"].as_str(), jwt["aud"].as_str()), (Some(first), Some("www.example.com")));
        let metadata = visitor.get(&town, &format!("{site}/vestibule/saml/metadata")).body;
        for acs in [first, second] {
            assert!(metadata.contains(&format!("Location=\"{acs}/vestibule/saml/acs\"")), "{metadata}");
        }
    }
    assert_eq!(
        town.metric(&["requests_total", "\"www.example.com\"", "\"proxy\"", "\"allowed\""]),
        Some(2.0)
    );
    let pinned = "/vestibule/authz/sites/www.example.com/auth-request";
    let cookies = visitor.cookies("example.net");
    assert_eq!(town.asks_nginx(pinned, &format!("{second}/a"), &cookies).status, StatusCode::OK);
}
