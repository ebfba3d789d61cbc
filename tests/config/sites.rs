//! Several sites in one file: what each of them comes to.

use super::{NOW, here, load_with, loaded};
use vestibule::access::{Access, Cors};
use vestibule::config::{Config, load_ourselves};
use vestibule::site::{Face, Site};

fn sites() -> Config {
    load_with(&here().join("good/sites.yaml"), &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

fn named<'c>(config: &'c Config, name: &str) -> &'c Site {
    config.sites.iter().find(|site| site.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn seconds(site: &Site) -> (u64, u64) {
    (site.session_limits.idle_timeout.as_secs(), site.session_limits.max_age.as_secs())
}

#[test]
fn what_a_site_says_overrides_the_top_level_key_by_key() {
    let config = sites();
    let names: Vec<_> = config.sites.iter().map(|site| site.name.as_str()).collect();
    // A site with two addresses stands there once for each.
    assert_eq!(names, ["wiki", "shop", "shop", "app/acme", "app/globex"]);
    for (place, site) in config.sites.iter().enumerate() {
        assert_eq!(usize::from(site.id), place);
    }
    let (wiki, shop) = (named(&config, "wiki"), named(&config, "shop"));
    assert_eq!(seconds(wiki), (5 * 60, 8 * 3600), "one of two keys of a section is its own");
    assert_eq!(seconds(shop), (30 * 60, 8 * 3600));
    assert_eq!(wiki.rules.default_access(), &Access::Deny);
    assert_eq!(shop.rules.default_access(), &Access::Authenticated);
    assert_eq!((wiki.rules.rules().len(), shop.rules.rules().len()), (1, 0));
    assert_eq!(wiki.headers.specs().len(), shop.headers.specs().len(), "the common preset");
    assert_eq!((wiki.headers.budget(), shop.headers.budget()), (3072, 2048));
    assert_eq!(wiki.mapping.roles, [("staff".to_owned(), "reader".to_owned())]);
    assert_eq!(shop.mapping.roles, [("buyers".to_owned(), "buyer".to_owned())]);
    assert_eq!(
        (wiki.mapping.default_role.as_deref(), shop.mapping.default_role.as_deref()),
        (None, Some("guest"))
    );
    assert_eq!((wiki.policy.clock_skew.as_secs(), shop.policy.clock_skew.as_secs()), (30, 10));
    assert_eq!((wiki.path_prefix.as_str(), shop.path_prefix.as_str()), ("/vestibule", "/gate"));
    assert_eq!((wiki.allow_encoded_slash, shop.allow_encoded_slash), (false, true));
    assert_eq!((wiki.jwt_keys.is_some(), shop.jwt_keys.is_some()), (false, true));
}

#[test]
fn each_site_has_its_own_look_over_the_common_one() {
    let config = sites();
    let (wiki, shop) = (named(&config, "wiki"), named(&config, "shop"));
    let look = |site: &Site| {
        let branding = &site.branding;
        let path = branding.logo.as_ref().map(|logo| logo.path.split('?').next().unwrap().to_owned());
        (branding.name.clone().unwrap(), branding.accent.unwrap().hex(), path)
    };
    assert_eq!(look(wiki), ("Example Ltd".into(), "#0b5fff".into(), None));
    assert_eq!(look(shop), ("The Shop".into(), "#0b5fff".into(), Some("/gate/logo".into())));
    assert_eq!(look(named(&config, "app/acme")), look(wiki));
    assert_ne!(wiki.cors, Cors::default());
    assert_eq!(shop.cors, Cors::default(), "an empty list of its own");
    assert_eq!((wiki.keep_fragment, shop.keep_fragment), (true, false));
}

#[test]
fn each_site_is_a_service_provider_of_its_own_under_the_common_key() {
    let config = sites();
    let (wiki, shop) = (named(&config, "wiki"), named(&config, "shop"));
    assert_eq!(wiki.service_provider.entity_id.as_str(), "https://wiki.example.com/vestibule/saml/metadata");
    assert_eq!(shop.service_provider.entity_id.as_str(), "urn:shop");
    let key = |site: &Site| site.service_provider.signing_keys[0].certificate().sha256;
    assert_ne!(key(wiki), key(shop));
    assert_eq!(key(wiki), key(named(&config, "app/acme")));
    let acs: Vec<_> = shop.service_provider.acs_urls().collect();
    assert_eq!(
        acs,
        [
            "https://shop.example.com/mellon/postResponse",
            "https://shop.example.com/gate/saml/acs",
            "https://shop.example.net:8443/mellon/postResponse",
            "https://shop.example.net:8443/gate/saml/acs",
        ]
    );
    let elsewhere = &config.sites[2];
    assert_eq!(elsewhere.service_provider.acs_url, "https://shop.example.net:8443/mellon/postResponse");
    assert_eq!(elsewhere.service_provider.acs_urls().count(), 4);
    assert_eq!((elsewhere.key, &elsewhere.canonical_url), (shop.key, &shop.public_url));
}

#[test]
fn identity_providers_are_described_once_and_watched_once() {
    let config = sites();
    let ids = |name: &str| -> Vec<String> {
        named(&config, name).identity_providers.iter().map(|idp| idp.id.clone()).collect()
    };
    assert_eq!(ids("wiki"), ["corp"]);
    assert_eq!(ids("shop"), ["corp", "partner"], "left out: all");
    assert_eq!(ids("app/acme"), ["corp", "partner"], "as its site says");
    assert_eq!(ids("app/globex"), ["partner"]);
    let corp = |name: &str| &named(&config, name).identity_providers[0];
    assert!(std::sync::Arc::ptr_eq(corp("wiki"), corp("shop")));
    assert_eq!(config.watches.len(), 2);
    let not: Vec<_> = config.watches.iter().map(|watch| watch.terms.not.len()).collect();
    assert_eq!(not, [4, 4], "every entity ID of ours at which it is admitted");
    assert!(config.watches.iter().all(|watch| watch.site.is_empty() && watch.terms.others.len() == 1));
}

#[test]
fn a_tenant_is_a_site_below_the_wildcard() {
    let config = sites();
    let (acme, globex) = (named(&config, "app/acme"), named(&config, "app/globex"));
    assert_eq!(acme.public_url.origin(), "https://acme.app.example.com");
    assert_eq!((acme.audience.as_str(), acme.organization.as_deref()), ("app", Some("acme")));
    assert!(matches!(acme.face, Face::ForwardAuth));
    assert_ne!(acme.key, globex.key);
    assert_eq!(
        acme.service_provider.entity_id.as_str(),
        "https://acme.app.example.com/vestibule/saml/metadata"
    );
    assert_eq!(globex.service_provider.entity_id.as_str(), "urn:globex");
    assert_eq!((seconds(acme), seconds(globex)), ((1800, 8 * 3600), (1800, 3600)));
}

#[test]
fn a_site_is_known_by_its_name_wherever_it_stands() {
    let text = std::fs::read_to_string(here().join("good/sites.yaml")).expect("the file");
    let (head, list) = text.split_once("  - name: wiki").expect("the first");
    let (first, others) = list.split_once("  - name: shop").expect("the second");
    let moved = format!("{head}  - name: shop{others}  - name: wiki{first}");
    let files = here().join("files").display().to_string();
    let moved = loaded(&moved.replace("../files", &files));
    let before = sites();
    assert_eq!(moved.sites[0].name, "shop");
    for site in &before.sites {
        assert_eq!(named(&moved, &site.name).key, site.key);
    }
}

#[test]
fn keys_of_a_site_have_their_twins_in_the_environment() {
    let twins = [
        ("VESTIBULE__SITES__0__SESSION__IDLE_TIMEOUT", "7m"),
        ("VESTIBULE__SITES__2__TENANTS__0__NAME", "initech"),
    ];
    let config =
        load_with(&here().join("good/sites.yaml"), &twins).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(seconds(named(&config, "wiki")).0, 420);
    assert_eq!(named(&config, "app/initech").public_url.origin(), "https://initech.app.example.com");
}

#[test]
fn an_identity_provider_that_no_site_admits_is_told_of_and_not_asked() {
    let text = "identity_providers:\n  - {id: corp, metadata_url: \"https://a.test/\"}\n  - {id: idle, metadata_url: \"https://b.test/\"}\n\
                session: {secret: 0123456789012345678901234567890123456789}\nsites:\n\
                \x20 - {name: a, public_url: \"https://a.example.com\", forward_auth: true, identity_providers: [corp]}\n";
    let config = loaded(text);
    let said: Vec<_> = config.warnings.iter().filter(|w| w.path == "identity_providers[1]").collect();
    assert_eq!(said.len(), 1, "{:?}", config.warnings);
    assert!(said[0].message.contains("no site admits it"), "{}", said[0]);
    let watched: Vec<_> =
        config.watches.iter().map(|watch| (watch.idp.id.as_str(), watch.site.as_str())).collect();
    assert_eq!(watched, [("corp", "a")]);
    // What is wrong at the top level is said once, however many sites read it.
    let listed = config.warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut once = listed.clone();
    once.dedup();
    assert_eq!(once, listed);
}

#[test]
fn a_site_is_not_held_to_what_identity_providers_do_that_it_does_not_admit() {
    let files = here().join("files").display().to_string();
    let text = format!(
        "identity_providers:\n  - {{id: corp, metadata_file: {files}/idp-metadata.xml}}\n  - {{id: partner, metadata_file: {files}/other-metadata.xml, \
         name_id_format: transient, default_role: guest}}\nsites:\n  - name: a\n    public_url: https://a.example.com\n    forward_auth: true\n    \
         identity_providers: [corp]\n    identity: {{email: NameID, required: [email]}}\n    rules: [{{access: {{role: guest}}}}]\n  - name: b\n    \
         public_url: https://b.example.com\n    forward_auth: true\n    identity_providers: [partner]\n    identity: {{user: uid}}\n"
    );
    let config = loaded(&text);
    assert!(named(&config, "a").mapping.default_role_of.is_empty());
    assert_eq!(named(&config, "b").mapping.default_role_at("partner"), Some("guest"));
    let said: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|said| said.contains("nobody can hold the role `guest`")), "{said:?}");
}

#[test]
fn people_of_a_domain_for_which_nobody_may_speak_are_told_of() {
    let files = here().join("files").display().to_string();
    let text = format!(
        "identity_providers: [{{id: corp, metadata_file: {files}/idp-metadata.xml, email_domains: [corp.test, \"*.corp.test\"]}}]\n\
         sites:\n  - name: a\n    public_url: https://a.example.com\n    forward_auth: true\n    rules:\n      \
         - {{paths: [/a], access: {{email_domain: other.test}}}}\n      - {{paths: [/b], access: {{email: root@other.test}}}}\n      \
         - {{paths: [/c], access: {{any: [{{email_domain: corp.test}}, {{email: root@a.corp.test}}]}}}}\n  - name: b\n    \
         public_url: https://*.b.example.com\n    forward_auth: true\n    tenants:\n      \
         - {{name: t, email_domains: [other.test, corp.test, a.corp.test, \"*.a.corp.test\"]}}\n"
    );
    let config = loaded(&text);
    let said = config.warnings.iter().filter(|warning| {
        warning.message.contains("may speak for it") || warning.message.contains("spoken for")
    });
    let said: Vec<_> = said.map(|warning| warning.path.as_str()).collect();
    assert_eq!(
        said,
        [
            "sites[0].rules[0].access.email_domain",
            "sites[0].rules[1].access.email",
            "sites[1].tenants[0].email_domains[0]",
        ]
    );
}

#[test]
fn a_rule_that_an_earlier_one_hides_is_told_of_with_both_places() {
    let text = std::fs::read_to_string(here().join("good/sites.yaml")).expect("the file");
    let files = here().join("files").display().to_string();
    let text = text.replace("../files", &files).replace(
        "      - {paths: [/staff/*], access: {role: reader}}\n",
        "      - {paths: [/staff/*, /x], access: {role: reader}}\n      - {paths: [/staff/a, /x], methods: [GET], access: public}\n      \
         - {paths: [/y], access: {role: ghost}}\n",
    );
    let config = loaded(&text);
    let said = |path: &str| {
        let found = config.warnings.iter().find(|warning| warning.path == path);
        found.unwrap_or_else(|| panic!("{path}: {:?}", config.warnings)).message.clone()
    };
    let hidden = said("sites[0].rules[1]");
    assert!(hidden.contains("is never reached: sites[0].rules[0] (line "), "{hidden}");
    assert!(said("sites[0].rules[2].access.role").contains("nobody can hold the role `ghost`"));
}

#[test]
fn our_own_side_of_each_site_can_be_had_while_the_file_cannot_serve_yet() {
    let text = "identity_providers: [{id: corp, metadata_file: not-there.xml}]\nsites:\n  - name: a\n    public_url: https://a.example.com\n\
                \x20 - name: b\n    public_url: https://*.b.example.com\n    tenants: [{name: acme}]\n";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("c.yaml");
    std::fs::write(&file, text).expect("the file");
    let ourselves = load_ourselves(&file, &[], NOW).unwrap_or_else(|problems| panic!("{problems}"));
    let names: Vec<_> = ourselves
        .sites
        .iter()
        .map(|side| (side.name.as_str(), side.service_provider.acs_url.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("a", "https://a.example.com/vestibule/saml/acs"),
            ("b/acme", "https://acme.b.example.com/vestibule/saml/acs"),
        ]
    );
    assert!(!ourselves.problems.is_empty());
    std::fs::write(&file, text.replace("name: a\n", "name: a/b\n")).expect("the file");
    let problems = load_ourselves(&file, &[], NOW).expect_err("a name that cannot be");
    assert_eq!(problems.0.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), ["sites[0].name"]);
}

#[test]
fn whom_no_identity_provider_of_a_site_may_speak_for_is_warned_of() {
    let files = here().join("files").display().to_string();
    let text = format!(
        "identity_providers:\n\
         \x20 - {{id: corp, metadata_file: {files}/idp-metadata.xml, email_domains: [example.com]}}\n\
         \x20 - {{id: partner, metadata_file: {files}/other-metadata.xml, email_domains: [\"*.example.org\"]}}\n\
         session: {{secret_file: {files}/secret}}\nsites:\n\
         \x20 - name: app\n    public_url: https://*.app.example.com\n    forward_auth: true\n    tenants:\n\
         \x20     - {{name: acme, identity_providers: [corp, partner], email_domains: [a.example.org]}}\n\
         \x20 - name: wiki\n    public_url: https://wiki.example.com\n    forward_auth: true\n    rules:\n\
         \x20     - {{paths: [/a], access: {{email_domain: example.org}}}}\n\
         \x20     - {{paths: [/b], access: {{any: [{{email: x@b.example.org}}, {{email: x@elsewhere.test}}]}}}}\n"
    );
    let config = loaded(&text);
    let said = |path: &str| -> Vec<&str> {
        let about = config.warnings.iter().filter(|warning| warning.path == path);
        about.map(|warning| warning.message.as_str()).collect()
    };
    assert!(said("sites[0].tenants[0].email_domains").is_empty(), "{:?}", config.warnings);
    assert_eq!(said("sites[1].rules[0].access.email_domain").len(), 1, "{:?}", config.warnings);
    assert!(said("sites[1].rules[1].access.any[0].email").is_empty(), "{:?}", config.warnings);
    assert_eq!(said("sites[1].rules[1].access.any[1].email").len(), 1, "{:?}", config.warnings);
}
