//! The front page of a sign-on host: where somebody arrives who signed in there without a destination.

use crate::sign_on::{DOCS, HALL, LAB, OWN, SHOP, SITES, STORE, Scene, WIKI, scene, scene_of};
use crate::town::Visitor;
use http::StatusCode;

/// The sites that the front page lists for somebody.
fn listed(scene: &Scene, visitor: &mut Visitor) -> Vec<String> {
    let page = visitor.get(&scene.town, &format!("{HALL}/"));
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let links = page.links().into_iter();
    links.filter(|link| !link.contains("/vestibule/")).collect()
}

#[test]
fn a_sign_in_at_the_host_without_a_destination_ends_on_a_list_of_its_sites() {
    let scene = scene();
    let mut visitor = Visitor::default();
    let choice = visitor.get(&scene.town, &format!("{HALL}/vestibule/sign-in"));
    let link = choice.links().into_iter().find(|link| link.contains("idp=corp")).unwrap();
    let asked = scene.asked(&mut visitor, &link);
    let at_acs = scene.at_acs(&mut visitor, &asked, (&scene.corp, "corp"), "ada");
    assert_eq!(at_acs.location(), format!("{HALL}/"), "{}", at_acs.body);
    let page = visitor.get(&scene.town, &at_acs.location());
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    // Each site once, with the first of its addresses, and none that signs on elsewhere.
    let places = listed(&scene, &mut visitor);
    assert_eq!(places, [WIKI, SHOP, DOCS].map(|site| format!("{site}/")));
    for shown in [">wiki<", "wiki<wbr>.example<wbr>.com", "ada", "Sign out"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    for elsewhere in [STORE, LAB, OWN] {
        assert!(!page.body.contains(elsewhere.trim_start_matches("https://")), "{elsewhere}");
    }
    // Each leads there without asking anybody.
    let (at, page) = scene.follow(&mut visitor, &places[0]);
    assert_eq!((at, page.status), (format!("{WIKI}/"), StatusCode::OK));
}

#[test]
fn a_stranger_learns_of_no_site_at_the_host_and_begins_nothing() {
    let scene = scene();
    let mut visitor = Visitor::default();
    let page = visitor.get(&scene.town, &format!("{HALL}/"));
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(visitor.cookies("auth.example.com").is_empty());
    for site in ["wiki", "shop", "docs"] {
        assert!(!page.body.contains(site), "{site}: {}", page.body);
    }
    assert!(!page.body.contains("<script") && !page.body.contains("http-equiv"), "{}", page.body);
    let sign_in: Vec<String> = page.links();
    assert_eq!(sign_in, [format!("{HALL}/vestibule/sign-in?rd=/")]);
    // It is the front page and nothing else; a site has its application there.
    assert_eq!(scene.town.code(&visitor.get(&scene.town, &format!("{HALL}/other"))), "not-served");
    let post = visitor.send(&scene.town, "POST", &format!("{HALL}/"), &[], "");
    assert_eq!((post.status, post.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD")));
}

#[test]
fn only_sites_that_let_somebody_in_are_listed_for_them() {
    let people = tempfile::tempdir().unwrap();
    let list = people.path().join("people.txt");
    std::fs::write(&list, "grace@corp.test\n").unwrap();
    let admission = format!(
        "  - name: docs\n    admission: {{just_in_time: false, invited_file: \"{}\"}}",
        list.display()
    );
    let sites = SITES.replace("  - name: docs", &admission).replace(
        "    identity: {user: [uid], groups: [memberOf]}\n",
        "    identity: {user: [staffNumber], groups: [memberOf]}\n",
    );
    let scene = scene_of(&sites);
    // The shop's mapping finds no user in what the identity provider sends; docs invites Grace alone.
    for (user, open) in [("ada", &[WIKI][..]), ("grace", &[WIKI, DOCS])] {
        let mut visitor = Visitor::default();
        scene.sign_in(&mut visitor, &format!("{WIKI}/"), user);
        let open: Vec<String> = open.iter().map(|site| format!("{site}/")).collect();
        assert_eq!(listed(&scene, &mut visitor), open, "{user}");
    }
    // Who is let in nowhere is told so, and can leave.
    let nowhere =
        SITES.replace("identity_providers: [corp]\n    rules", "identity_providers: [partner]\n    rules");
    let nowhere = nowhere.replace("identity_providers: [corp, partner]", "identity_providers: [partner]");
    let scene = scene_of(&nowhere.replace(
        "forward_auth: true\n    sign_on: hall",
        "forward_auth: true\n    sign_on: hall\n    identity_providers: [partner]",
    ));
    let mut visitor = Visitor::default();
    let asked = scene.asked(&mut visitor, &format!("{HALL}/vestibule/sign-in?idp=corp"));
    scene.at_acs(&mut visitor, &asked, (&scene.corp, "corp"), "ada");
    let page = visitor.get(&scene.town, &format!("{HALL}/"));
    assert!(page.body.contains("No application is open to you"), "{}", page.body);
    assert_eq!(page.links(), ["sign-out", "sessions"].map(|own| format!("{HALL}/vestibule/{own}")));
}

#[test]
fn head_has_no_effect() {
    let scene = scene();
    let mut ada = Visitor::default();
    let started =
        |site: &str| scene.town.metric(&["sign_ins_started", &format!("\"{site}\"")]).unwrap_or_default();
    // A sign-in is not begun by it, at the site, at the host or at an errand's address.
    for url in [format!("{WIKI}/vestibule/sign-in?rd=/x"), format!("{HALL}/vestibule/sign-in?idp=corp")] {
        let looked = ada.send(&scene.town, "HEAD", &url, &[], "");
        assert_eq!(looked.status, StatusCode::FOUND);
        assert!(!looked.headers.contains_key("set-cookie"), "{:?}", looked.headers);
    }
    assert_eq!((started("wiki"), started("hall")), (0.0, 0.0));
    let errand = ada.get(&scene.town, &format!("{WIKI}/vestibule/sign-in?rd=/x")).location();
    assert_eq!(started("wiki"), 1.0);
    assert!(!ada.send(&scene.town, "HEAD", &errand, &[], "").headers.contains_key("set-cookie"));
    // A hand-over is not spent by it.
    let ticket = scene.ticket(&mut ada, &format!("{WIKI}/"), "ada");
    let looked = ada.send(&scene.town, "HEAD", &ticket, &[], "");
    assert_eq!((looked.status, looked.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, Some("GET")));
    assert_eq!(ada.get(&scene.town, &ticket).status, StatusCode::SEE_OTHER);
    // Nor is a sign-out that a site began.
    assert_eq!(
        ada.send(&scene.town, "HEAD", &format!("{WIKI}/vestibule/sign-out"), &[], "").status,
        StatusCode::OK
    );
    let left = scene.sign_out(&mut ada, WIKI).location();
    let looked = ada.send(&scene.town, "HEAD", &left, &[], "");
    assert_eq!((looked.status, looked.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, Some("GET")));
    let asking = ada.get(&scene.town, &left);
    assert!(asking.location().starts_with("https://corp.test/slo"), "{} {}", asking.status, asking.body);
    // And the pages answer as they would.
    let looked = ada.send(&scene.town, "HEAD", &format!("{HALL}/"), &[], "");
    assert_eq!((looked.status, looked.body.as_str()), (StatusCode::OK, ""));
}

#[test]
fn a_host_gives_no_roles_and_the_audit_names_none() {
    let roles = "roles: {buyers: keeper}\ndefault_role: guest\nidentity: {groups: [memberOf]}\n";
    let sites =
        SITES.replace("name: hall", "name: roles-hall").replace("sign_on: hall", "sign_on: roles-hall");
    let sites = sites.replace("name: wiki", "name: roles-wiki");
    let scene = scene_of(&format!("{roles}{sites}"));
    let mut ada = Visitor::default();
    scene.sign_in(&mut ada, &format!("{WIKI}/"), "ada");
    let session = ada.get(&scene.town, &format!("{WIKI}/vestibule/whoami"));
    assert!(session.body.contains("keeper"), "{}", session.body);
    let session = ada.get(&scene.town, &format!("{HALL}/vestibule/whoami"));
    assert!(session.body.contains("\"roles\":[]") && session.body.contains("buyers"), "{}", session.body);
    // Other tests of this program write into the same audit: this site has a name of its own.
    let events = scene.town.events();
    let of = |site: &str| {
        let told = |event: &&serde_json::Value| event["event"] == "sign-in" && event["site"] == site;
        events.iter().rfind(told).unwrap_or_else(|| panic!("no sign-in at {site}"))["roles"].clone()
    };
    assert_eq!(of("roles-hall"), serde_json::json!([]));
    assert_eq!(of("roles-wiki"), serde_json::json!(["keeper"]));
}

#[test]
fn a_host_takes_answers_where_the_product_before_took_them() {
    let host = "    public_url: https://auth.example.com\n";
    let aliased = format!("{host}    acs_aliases: [/Shibboleth.sso/SAML2/POST]\n");
    let scene = scene_of(&SITES.replace(host, &aliased));
    let mut ada = Visitor::default();
    let asked = scene.asked(&mut ada, &format!("{WIKI}/page"));
    assert_eq!(asked.acs_url, format!("{HALL}/Shibboleth.sso/SAML2/POST"));
    let at_acs = scene.at_acs(&mut ada, &asked, (&scene.corp, "corp"), "ada");
    let (at, page) = scene.follow(&mut ada, &at_acs.location());
    assert_eq!((at, page.status), (format!("{WIKI}/page"), StatusCode::OK));
    // It is the host's, and not the site's.
    let elsewhere = ada.send(&scene.town, "POST", &format!("{DOCS}/Shibboleth.sso/SAML2/POST"), &[], "");
    assert_eq!(scene.town.code(&elsewhere), "not-served");
}
