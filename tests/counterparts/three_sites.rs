//! Three sites behind one gate and two identity providers that none of us wrote, SimpleSAMLphp and pysaml2: what is
//! promised of sites, identity and admission, from outside, over HTTP. One house is opened for all scenes, which are played
//! in order and named as they go.
//!
//! What neither of them can be brought to do is shown with our own signer only, in tests/flows and tests/attacks: an answer
//! to the right attempt with another audience or recipient (here it is one that nobody asked for), a time in the future, a
//! signature without KeyInfo, a damaged one, look-alike letters. That a retired one's sessions end while the gate runs is in
//! tests/flows/trial.rs, single logout in full in `identity_providers.rs`.

mod house;

use crate::idps::Counterpart as _;
use crate::support::visitor::{Answer, Visitor, unescape};
use house::{House, Told, fingerprint};
use http::StatusCode;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_sites_and_two_real_identity_providers() {
    let mut house = House::open().await;
    /// Plays them one after another; a failure is told after the name of its scene.
    macro_rules! play {
        ($($scene:ident,)+) => {$(
            let begun = Instant::now();
            eprintln!("three sites: {} ...", stringify!($scene));
            $scene(&mut house).await;
            eprintln!("three sites: {} played in {:.1?}", stringify!($scene), begun.elapsed());
        )+};
    }
    play! {
        each_site_tells_its_own_values,
        metadata_comes_by_url_by_file_and_by_pasted_values,
        each_live_one_has_a_button_and_the_staged_one_has_none,
        an_address_leads_to_who_speaks_for_its_domain,
        domains_are_their_own_with_and_without_those_below,
        only_the_invited_come_in_where_nobody_else_may,
        groups_give_roles_exactly_and_anew_at_each_sign_in,
        candidates_are_tried_in_order_in_every_spelling,
        what_is_required_must_arrive,
        what_must_be_signed_is_demanded,
        what_has_ended_or_names_nobody_is_refused,
        sha_1_is_refused,
        an_answer_for_one_site_is_refused_at_another,
        an_answer_of_one_identity_provider_is_refused_for_an_attempt_at_another,
        a_logout_must_be_signed,
        each_certificate_of_the_metadata_counts,
        a_rotation_is_audited,
        a_staged_one_is_tried_then_live_then_retired,
        no_answer_was_kept_or_logged,
    }
}

/// The refusal of somebody who must not come in.
fn refused(came: Result<Told, String>) -> String {
    came.err().expect("nobody should have come in")
}

/// The ids of a page's buttons.
fn buttons(page: &Answer) -> BTreeSet<String> {
    let ids = page.body.split("&#38;idp=").skip(1);
    ids.filter_map(|rest| Some(rest.split_once('"')?.0.replace("%2D", "-"))).collect()
}

async fn each_site_tells_its_own_values(house: &mut House) {
    for (name, site) in [("wiki", &house.wiki), ("shop", &house.shop), ("docs", &house.docs)] {
        let served = Visitor::new().get(&format!("{site}/vestibule/saml/metadata")).await.body;
        assert!(served.contains(&format!("entityID=\"{site}/vestibule/saml/metadata\"")), "{served}");
        assert!(served.contains(&format!("Location=\"{site}/vestibule/saml/acs\"")), "{served}");
        assert_eq!(house.command(&["metadata", "--site", name]).trim(), served.trim());
        let values = house.command(&["metadata", "--values", "--site", name]);
        for other in [&house.wiki, &house.shop, &house.docs] {
            assert_eq!(served.contains(&format!("{other}/")), other == site, "{served}");
            assert_eq!(values.contains(&format!("{other}/vestibule/saml/acs")), other == site, "{values}");
        }
    }
}

/// `ssp` is known by its URL, `py` by a file, `ssp-pasted` by its parts.
async fn metadata_comes_by_url_by_file_and_by_pasted_values(house: &mut House) {
    house.ssp.knows(&[(
        "alice",
        &[("uid", &["alice"]), ("mail", &["Alice@Example.com"]), ("displayName", &["Alice Liddell"])],
    )]);
    let (wiki, shop, docs) = (house.wiki.clone(), house.shop.clone(), house.docs.clone());
    for (site, idp, login, user, email) in [
        (&wiki, "ssp", "alice", "Alice@Example.com", "alice@example.com"),
        (&shop, "ssp", "alice", "alice", "alice@example.com"),
        (&shop, "py", "bob", "bob@partner.test", "bob@partner.test"),
        (&docs, "ssp-pasted", "alice", "alice", "alice@example.com"),
    ] {
        let told = house.comes(site, idp, login).await.unwrap();
        assert_eq!(told.whoami["idp"], idp);
        assert_eq!(
            (told.header("x-forwarded-user"), told.header("x-forwarded-email")),
            (user, email),
            "{site}"
        );
    }
}

async fn each_live_one_has_a_button_and_the_staged_one_has_none(house: &mut House) {
    let mut visitor = Visitor::new();
    let choice = visitor.get(&format!("{}/vestibule/sign-in?rd=/page", house.shop)).await;
    assert_eq!(buttons(&choice), BTreeSet::from(["ssp".to_owned(), "py".to_owned()]), "{choice:?}");
    assert!(choice.body.contains("Corporate login") && choice.body.contains("Partner login"), "{choice:?}");
    let (_, link) = choice.body.split_once("&#38;idp=py\"").unwrap().0.rsplit_once("href=\"").unwrap();
    let chosen = visitor.get(&unescape(&format!("{link}&#38;idp=py"))).await;
    let page = visitor.follow(chosen).await;
    assert!(page.url.starts_with(&house.py.base) && page.body.contains("password"), "{page:?}");
    // One, or one that is live: straight there.
    for site in [&house.wiki, &house.docs] {
        let away = visitor.get(&format!("{site}/vestibule/sign-in?rd=/page")).await;
        let page = visitor.follow(away).await;
        assert!(page.url.starts_with(&house.ssp.base), "{page:?}");
    }
    let staged = visitor.get(&format!("{}/vestibule/sign-in?rd=/page&idp=py-trial", house.docs)).await;
    assert_eq!(house.code(&staged), "idp-staged");
    // Of another site, or nobody's.
    for idp in ["py", "SSP", "nobody"] {
        let unknown = visitor.get(&format!("{}/vestibule/sign-in?rd=/page&idp={idp}", house.wiki)).await;
        assert_eq!(house.code(&unknown), "idp-unknown", "{idp}");
    }
}

async fn an_address_leads_to_who_speaks_for_its_domain(house: &mut House) {
    for (email, base) in [
        ("anybody@example.com", Some(&house.ssp.base)),
        ("anybody@Berlin.example.com", Some(&house.ssp.base)),
        ("bob@partner.test", Some(&house.py.base)),
        ("bob@eu.partner.test", None),
        ("somebody@elsewhere.test", None),
    ] {
        let mut visitor = Visitor::new();
        let choice = visitor.get(&format!("{}/vestibule/sign-in?rd=/page", house.shop)).await;
        let routed = visitor.submit(&choice, &[("email", email)]).await;
        let page = visitor.follow(routed).await;
        match base {
            Some(base) => {
                assert!(page.url.starts_with(base) && page.body.contains("password"), "{email}: {page:?}")
            }
            None => assert!(page.body.contains("No sign-in page is set up here"), "{email}: {page:?}"),
        }
    }
}

async fn domains_are_their_own_with_and_without_those_below(house: &mut House) {
    house.ssp.knows(&[
        ("below", &[("uid", &["below"]), ("mail", &["ada@berlin.example.com"])]),
        ("foreign", &[("uid", &["foreign"]), ("mail", &["bob@partner.test"])]),
        ("alike", &[("uid", &["alike"]), ("mail", &["ada@notexample.com"])]),
    ]);
    let shop = house.shop.clone();
    let told = house.comes(&shop, "ssp", "below").await.unwrap();
    assert_eq!(told.header("x-forwarded-email"), "ada@berlin.example.com");
    for (idp, login) in [("ssp", "foreign"), ("ssp", "alike"), ("py", "below"), ("py", "liar")] {
        assert_eq!(refused(house.comes(&shop, idp, login).await), "email-domain-foreign", "{idp} {login}");
    }
}

async fn only_the_invited_come_in_where_nobody_else_may(house: &mut House) {
    let shop = house.shop.clone();
    let told = house.comes(&shop, "py", "bob").await.unwrap();
    assert_eq!(told.header("x-vestibule-roles"), "buyer");
    // Invited without a word of roles: what its identity provider's people get.
    let told = house.comes(&shop, "py", "dan").await.unwrap();
    assert_eq!(
        (told.header("x-forwarded-email"), told.header("x-vestibule-roles")),
        ("dan@partner.test", "guest")
    );
    assert_eq!(refused(house.comes(&shop, "py", "mallory").await), "not-invited");
    // Just in time: whoever the other one vouches for, and the shop has no role for them.
    house.ssp.knows(&[("new", &[("uid", &["new"]), ("mail", &["new@example.com"])])]);
    assert_eq!(house.comes(&shop, "ssp", "new").await.unwrap().header("x-vestibule-roles"), "");
}

async fn groups_give_roles_exactly_and_anew_at_each_sign_in(house: &mut House) {
    let wiki = house.wiki.clone();
    let mut visitor = Visitor::new();
    for (groups, roles) in [
        (&["ops"][..], "admin"),
        (&["staff", "other"], "author,editor"),
        (&["Ops", "OPS", "ops ", "opsx", "admin"], "reader"),
        (&["ops,staff", "staff;ops"], "reader"),
        (&["staff", "ops"], "admin,author,editor"),
        (&[], "reader"),
    ] {
        let mail: (&str, &[&str]) = ("mail", &["alice@example.com"]);
        let with_groups = [mail, ("groups", groups)];
        house.ssp.knows(&[("alice", if groups.is_empty() { &with_groups[..1] } else { &with_groups })]);
        // The same browser, whose session is replaced.
        let told = house.comes_with(visitor, &wiki, "ssp", "alice").await.unwrap();
        let mut given: Vec<&str> = told.header("x-vestibule-roles").split(',').collect();
        given.sort_unstable();
        assert_eq!(given.join(","), roles, "{groups:?}");
        visitor = told.visitor;
    }
    house.event("session-replaced", |_| house.events("session-replaced").len() == 5);
}

async fn candidates_are_tried_in_order_in_every_spelling(house: &mut House) {
    const CLAIMS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";
    let (given, surname) = (format!("{CLAIMS}/givenname"), format!("{CLAIMS}/surname"));
    house.ssp.knows(&[
        (
            "both",
            &[
                ("uid", &["u1"]),
                ("employeeNumber", &["e1"]),
                ("mail", &["private@example.com"]),
                ("WorkMail", &["Work@Example.com"]),
            ],
        ),
        ("one", &[("uid", &["u2"]), ("workmail", &[""]), ("mail", &["second@example.com"])]),
        (
            "oid",
            &[
                ("uid", &["u3"]),
                ("urn:oid:0.9.2342.19200300.100.1.3", &["By.Oid@example.com"]),
                ("urn:oid:2.5.4.42", &["Ada"]),
                ("urn:oid:2.5.4.4", &["Lovelace"]),
            ],
        ),
        (
            "uri",
            &[
                ("uid", &["u4"]),
                (
                    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
                    &["by.uri@example.com"],
                ),
                (&given, &["Grace"]),
                (&surname, &["Hopper"]),
            ],
        ),
    ]);
    let (docs, shop) = (house.docs.clone(), house.shop.clone());
    for (site, idp, login, user, email, name) in [
        (&docs, "ssp-pasted", "both", "e1", "work@example.com", None),
        (&docs, "ssp-pasted", "one", "u2", "second@example.com", None),
        (&docs, "ssp-pasted", "oid", "u3", "by.oid@example.com", Some("Ada Lovelace")),
        (&docs, "ssp-pasted", "uri", "u4", "by.uri@example.com", Some("Grace Hopper")),
        // The defaults: the NameID is no address, so that an attribute says it.
        (&shop, "ssp", "both", "u1", "private@example.com", None),
        // pysaml2 names everything by OID.
        (&shop, "py", "bob", "bob@partner.test", "bob@partner.test", Some("Bob Berger")),
    ] {
        let told = house.comes(site, idp, login).await.unwrap();
        assert_eq!(
            (told.header("x-forwarded-user"), told.header("x-forwarded-email")),
            (user, email),
            "{login}"
        );
        assert_eq!(told.whoami["name"].as_str(), name, "{login}: {}", told.whoami);
    }
}

async fn what_is_required_must_arrive(house: &mut House) {
    house.ssp.knows(&[("nomail", &[("uid", &["u5"]), ("shoeSize", &["38"])])]);
    let (docs, shop) = (house.docs.clone(), house.shop.clone());
    assert_eq!(refused(house.comes(&docs, "ssp-pasted", "nomail").await), "identity-incomplete");
    let event = house.event("sign-in-refused", |event| event["code"] == "identity-incomplete");
    let detail = event["detail"].as_str().unwrap();
    assert!(detail.contains("shoeSize") && !detail.contains("38"), "{event}");
    // Whoever speaks for certain domains speaks for nobody without an address.
    assert_eq!(refused(house.comes(&shop, "ssp", "nomail").await), "email-domain-foreign");
}

async fn what_must_be_signed_is_demanded(house: &mut House) {
    house.ssp.knows(&[("alice", &[("uid", &["alice"]), ("mail", &["alice@example.com"])])]);
    let (wiki, docs) = (house.wiki.clone(), house.docs.clone());
    for (assertion, response, at_wiki, at_docs) in [
        (false, false, Some("signature-missing"), Some("signature-missing")),
        (true, false, None, Some("signature-missing-response")),
        (false, true, None, Some("signature-missing-assertion")),
        (true, true, None, None),
    ] {
        house.ssp_serves(&format!(
            "'saml20.sign.assertion' => {assertion}, 'saml20.sign.response' => {response}, "
        ));
        for (site, idp, code) in [(&wiki, "ssp", at_wiki), (&docs, "ssp-pasted", at_docs)] {
            let came = house.comes(site, idp, "alice").await.err();
            assert_eq!(came.as_deref(), code, "{site} assertion {assertion} response {response}");
        }
    }
    house.ssp_serves("");
}

async fn what_has_ended_or_names_nobody_is_refused(house: &mut House) {
    let wiki = house.wiki.clone();
    house.ssp_serves("'assertion.lifetime' => -5, ");
    assert_eq!(refused(house.comes(&wiki, "ssp", "alice").await), "confirmation-expired");
    house.ssp.serves(&[(
        &house.registered[0],
        "'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',",
    )]);
    assert_eq!(refused(house.comes(&wiki, "ssp", "alice").await), "nameid-transient");
    house.ssp_serves("");
}

async fn sha_1_is_refused(house: &mut House) {
    let wiki = house.wiki.clone();
    house.ssp_serves("'signature.algorithm' => 'http://www.w3.org/2000/09/xmldsig#rsa-sha1', ");
    assert_eq!(refused(house.comes(&wiki, "ssp", "alice").await), "signature-algorithm");
    house.ssp_serves("");
}

async fn an_answer_for_one_site_is_refused_at_another(house: &mut House) {
    let (wiki, shop) = (house.wiki.clone(), house.shop.clone());
    let at_shop = house.registered[1].acs.clone();
    let mut visitor = Visitor::new();
    // The shop waits for an answer too.
    visitor.get(&format!("{shop}/vestibule/sign-in?rd=/page&idp=ssp")).await;
    let answer = house.answered(&mut visitor, &wiki, "ssp", "alice").await;
    let stolen = House::bring_to(&mut visitor, &at_shop, &answer).await;
    assert_eq!(house.code(&stolen), "attempt-missing");
    // With the attempt of the wiki brought along, as a thief of cookies could.
    let cookies = visitor.jar["127.0.0.1"].clone();
    visitor.jar.get_mut("127.0.0.2").unwrap().extend(cookies);
    let stolen = House::bring_to(&mut visitor, &at_shop, &answer).await;
    assert_eq!(house.code(&stolen), "attempt-foreign");
    assert!(!house.is_known(&mut visitor, &shop).await);
    // None of that has used it up.
    assert_eq!(House::bring(&mut visitor, &answer).await.status, StatusCode::SEE_OTHER);
    assert!(house.is_known(&mut visitor, &wiki).await && !house.is_known(&mut visitor, &shop).await);
    // Nor is the session of one worth anything at the other.
    let cookies = visitor.jar["127.0.0.1"].clone();
    visitor.jar.get_mut("127.0.0.2").unwrap().extend(cookies);
    assert!(!house.is_known(&mut visitor, &shop).await);

    // Sent from a tile, without an attempt: what the answer says of itself decides.
    let tile = |house: &House| {
        format!("{}saml2/idp/SSOService.php?spentityid={}", house.ssp.base, house.registered[0].entity_id)
    };
    let page = visitor.get(&tile(house)).await;
    let answer = visitor.follow(page).await;
    house.keeps(&answer);
    let misled = House::bring_to(&mut visitor, &at_shop, &answer).await;
    assert_eq!(house.code(&misled), "destination-mismatch");
    // Where it is meant for, it is good.
    let mut stranger = Visitor::new();
    assert_eq!(House::bring(&mut stranger, &answer).await.status, StatusCode::SEE_OTHER);
    assert!(house.is_known(&mut stranger, &wiki).await);
    // The wiki is registered with the address of the shop.
    let [wiki_side, shop_side, _] = house.registered.clone();
    let mixed_up = crate::idps::Registration { acs: shop_side.acs.clone(), ..wiki_side };
    house.ssp.serves(&[(&mixed_up, ""), (&shop_side, "")]);
    let page = visitor.get(&tile(house)).await;
    let answer = visitor.follow(page).await;
    house.keeps(&answer);
    let misled = House::bring(&mut visitor, &answer).await;
    assert_eq!((misled.url.as_str(), house.code(&misled).as_str()), (&*at_shop, "audience-mismatch"));
    assert!(!house.is_known(&mut visitor, &shop).await);
    house.ssp_serves("");
}

async fn an_answer_of_one_identity_provider_is_refused_for_an_attempt_at_another(house: &mut House) {
    let shop = house.shop.clone();
    let mut visitor = Visitor::new();
    // What we ask pysaml2, signed by us, is carried to SimpleSAMLphp, which answers it.
    let away = visitor.get(&format!("{shop}/vestibule/sign-in?rd=/page&idp=py")).await;
    let to_py = url::Url::parse(&away.location().unwrap()).unwrap();
    assert!(to_py.as_str().starts_with(&house.py.base), "{to_py}");
    let carried = format!("{}saml2/idp/SSOService.php?{}", house.ssp.base, to_py.query().unwrap());
    let page = visitor.get(&carried).await;
    let page = visitor.follow(page).await;
    let answer = house.pass(&mut visitor, page, "alice").await;
    let refused = House::bring(&mut visitor, &answer).await;
    assert_eq!(house.code(&refused), "signature-invalid");
    // At the address for answers of SimpleSAMLphp alone, the attempt is not its own.
    let own = format!("{}/ssp", house.registered[1].acs);
    let refused = House::bring_to(&mut visitor, &own, &answer).await;
    assert_eq!(house.code(&refused), "attempt-foreign");
    assert!(!house.is_known(&mut visitor, &shop).await);
}

async fn a_logout_must_be_signed(house: &mut House) {
    let wiki = house.wiki.clone();
    let mut visitor = house.comes(&wiki, "ssp", "alice").await.unwrap().visitor;
    let cookies = visitor.jar["localhost"].clone();
    // What it says of itself goes before what it says of a service.
    house.ssp.signs_logout(false);
    let away = house.ssp.sign_out(&mut visitor).await;
    let told = visitor.follow(away).await;
    assert_eq!(house.code(&told), "logout-unsigned");
    assert!(house.is_known(&mut visitor, &wiki).await);
    house.ssp.signs_logout(true);
    visitor.jar.insert("localhost".to_owned(), cookies);
    let visitor = &mut house.comes_with(visitor, &wiki, "ssp", "alice").await.unwrap().visitor;
    let away = house.ssp.sign_out(visitor).await;
    visitor.follow(away).await;
    assert!(!house.is_known(visitor, &wiki).await);
}

/// Two certificates stand in SimpleSAMLphp's metadata, and two are pasted.
async fn each_certificate_of_the_metadata_counts(house: &mut House) {
    let (wiki, docs) = (house.wiki.clone(), house.docs.clone());
    let [first, next] = house.ssp.certificates();
    for certificate in [&first, &next] {
        if certificate == &next {
            assert_eq!(house.ssp.sign_with_next_key().await, next);
        }
        for (site, idp) in [(&wiki, "ssp"), (&docs, "ssp-pasted")] {
            let session = house.comes(site, idp, "alice").await.unwrap().claims()["sid"].clone();
            let event = house.event("sign-in", |event| event["session"] == session);
            assert_eq!(event["signed_by"], json!([fingerprint(certificate)]), "{event}");
        }
    }
}

async fn a_rotation_is_audited(house: &mut House) {
    let shop = house.shop.clone();
    house.py.announce_next_key().await;
    house.reads_metadata_of_py().await;
    let event = house.event("metadata-changed", |event| event["idp"] == "py" && event["how"] == "the rules");
    let session = house.comes(&shop, "py", "bob").await.unwrap().claims()["sid"].clone();
    let before = house.event("sign-in", |event| event["session"] == session);
    let next = house.py.sign_with_next_key().await;
    assert_eq!(event["certificates_added"], json!([fingerprint(&next)]), "{event}");
    assert_ne!(event["certificates_added"], before["signed_by"]);
    let session = house.comes(&shop, "py", "bob").await.unwrap().claims()["sid"].clone();
    let after = house.event("sign-in", |event| event["session"] == session);
    assert_eq!(event["certificates_added"], after["signed_by"], "{after}");
}

async fn a_staged_one_is_tried_then_live_then_retired(house: &mut House) {
    let docs = house.docs.clone();
    house.reads_metadata_of_py().await;
    let link = house.command(&["test-link", "--idp", "py-trial", "--site", "docs"]);
    let mut visitor = Visitor::new();
    let page = visitor.get(link.trim()).await;
    assert!(page.body.contains(&house.py.base), "where it will lead: {page:?}");
    let away = visitor.submit(&page, &[]).await;
    let page = visitor.follow(away).await;
    let answer = house.pass(&mut visitor, page, "bob").await;
    let result = House::bring(&mut visitor, &answer).await;
    assert_eq!(result.status, StatusCode::OK, "{result:?}");
    for part in [
        "would have been signed in",
        "bob@partner.test",
        "urn:oid:0.9.2342.19200300.100.1.3",
        "x-forwarded-user",
    ] {
        assert!(result.body.contains(part), "no {part}: {}", result.body);
    }
    assert!(!house.is_known(&mut visitor, &docs).await);
    house.event("test-sign-in", |event| event["outcome"] == "accepted" && event["idp"] == "py-trial");

    house.start("live");
    let choice = visitor.get(&format!("{docs}/vestibule/sign-in?rd=/page")).await;
    assert_eq!(
        buttons(&choice),
        BTreeSet::from(["ssp-pasted".to_owned(), "py-trial".to_owned()]),
        "{choice:?}"
    );
    let told = house.comes(&docs, "py-trial", "bob").await.unwrap();
    assert_eq!((told.whoami["idp"].as_str(), told.header("x-forwarded-user")), (Some("py-trial"), "Bob"));

    house.start("retired");
    let retired = visitor.get(&format!("{docs}/vestibule/sign-in?rd=/page&idp=py-trial")).await;
    assert_eq!(house.code(&retired), "idp-retired");
}

/// Neither in the logs, nor in the audit, nor in what lies in the folder.
async fn no_answer_was_kept_or_logged(house: &mut House) {
    assert!(house.answers.len() > 30, "{}", house.answers.len());
    let mut needles: Vec<&str> = vec!["<saml:Assertion", "<Assertion", "Assertion xmlns"];
    for (base64, xml) in &house.answers {
        // A stretch that looks the same where the body of the post is written as it came.
        let stretches = base64.split(|c: char| !c.is_ascii_alphanumeric());
        let longest = stretches.max_by_key(|stretch| stretch.len()).unwrap();
        assert!(longest.len() >= 60, "{longest}");
        needles.push(&longest[..60]);
        if let Some((_, value)) = xml.split_once("SignatureValue>") {
            needles.push(&value[..40]);
        }
    }
    let written = house.everything_written();
    for place in ["vestibule.log.1", "vestibule.log.2", "vestibule.log", "audit.log", "/state/"] {
        assert!(written.iter().any(|(name, content)| name.contains(place) && !content.is_empty()), "{place}");
    }
    for (name, content) in written {
        let text = String::from_utf8_lossy(&content);
        for needle in &needles {
            assert!(!text.contains(needle), "{name} holds {needle}");
        }
    }
}
