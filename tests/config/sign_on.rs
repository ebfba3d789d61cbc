//! Sign-on hosts: what a host and its sites come to.

use super::{NOW, here, load_with, loaded};
use vestibule::access::Access;
use vestibule::config::{Config, load_ourselves};
use vestibule::site::{Face, Site};

fn config() -> Config {
    load_with(&here().join("good/sign-on.yaml"), &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

fn named<'c>(config: &'c Config, name: &str) -> &'c Site {
    config.sites.iter().find(|site| site.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn ids(site: &Site) -> Vec<&str> {
    site.identity_providers.iter().map(|idp| idp.id.as_str()).collect()
}

#[test]
fn a_host_is_the_service_provider_of_its_sites() {
    let config = config();
    let hall = named(&config, "hall");
    assert!(matches!(hall.face, Face::SignOn) && hall.sign_on.is_none());
    assert_eq!(hall.rules.default_access(), &Access::Deny, "nothing is behind it");
    assert_eq!(hall.service_provider.entity_id.as_str(), "urn:hall");
    assert_eq!(hall.service_provider.acs_url, "https://auth.example.com/door/saml/acs");
    assert_eq!(hall.session_limits.max_age.as_secs(), 4 * 3600);
    assert_eq!(hall.service_provider.signing_keys.len(), 1, "the common key");
    for name in ["wiki", "docs", "app/acme", "app/globex"] {
        let site = named(&config, name);
        assert_eq!(site.sign_on, Some(hall.key), "{name}");
        assert_eq!(site.service_provider.entity_id.as_str(), "urn:hall");
        assert_eq!(site.service_provider.acs_url, hall.service_provider.acs_url);
        assert_eq!(site.session_limits.max_age.as_secs(), 8 * 3600, "{name}");
    }
    let own = named(&config, "own");
    assert!(own.sign_on.is_none());
    assert_eq!(own.service_provider.entity_id.as_str(), "https://own.example.com/vestibule/saml/metadata");
    let twice: Vec<_> = config.sites.iter().filter(|site| site.name == "wiki").collect();
    assert_eq!(twice[1].service_provider.acs_url, hall.service_provider.acs_url);
    assert_eq!(twice[1].public_url.authority(), "wiki.example.net");
}

#[test]
fn a_site_narrows_the_identity_providers_of_its_host() {
    let config = config();
    assert_eq!(ids(named(&config, "hall")), ["corp", "partner"]);
    assert_eq!(ids(named(&config, "wiki")), ["corp"]);
    assert_eq!(ids(named(&config, "docs")), ["corp", "partner"], "left out: those of the host");
    assert_eq!(ids(named(&config, "app/acme")), ["partner"]);
}

#[test]
fn an_identity_provider_that_only_a_host_admits_is_warned_of_and_can_be_tried_there() {
    let text = "identity_providers:\n  - {id: corp, metadata_url: \"https://a.test/\", speaks_for_any: true}\n\
                \x20 - {id: idle, metadata_url: \"https://b.test/\", speaks_for_any: true}\n\
                session: {secret: 0123456789012345678901234567890123456789}\n\
                sign_on: [{name: hall, public_url: \"https://auth.example.com\"}]\nsites:\n\
                \x20 - {name: a, public_url: \"https://a.example.com\", forward_auth: true, sign_on: hall, identity_providers: [corp]}\n";
    let config = loaded(text);
    let said: Vec<_> = config.warnings.iter().filter(|w| w.path == "identity_providers[1]").collect();
    assert_eq!(said.len(), 1, "{:?}", config.warnings);
    assert!(said[0].message.contains("only a sign-on host"), "{}", said[0]);
    assert_eq!(ids(named(&config, "hall")), ["corp", "idle"]);
    assert_eq!(config.watches.len(), 2, "its metadata is read for the host");
}

#[test]
fn a_host_that_no_site_uses_is_warned_of() {
    let config = config();
    let warned = config.warnings.iter().filter(|warning| warning.path.starts_with("sign_on"));
    let said: Vec<_> = warned.map(|warning| (warning.path.as_str(), warning.message.as_str())).collect();
    assert_eq!(said, [("sign_on[1]", "no site signs on here: nobody comes by")]);
}

#[test]
fn what_identity_providers_are_told_is_told_once_for_each_host() {
    let told = load_ourselves(&here().join("good/sign-on.yaml"), &[], NOW).unwrap();
    let names: Vec<_> = told.sites.iter().map(|site| site.name.as_str()).collect();
    assert_eq!(names, ["own", "hall", "porch"]);
    let users: Vec<_> = told.signing_on.iter().map(|user| (user.site.as_str(), user.host.as_str())).collect();
    assert_eq!(users, [("wiki", "hall"), ("docs", "hall"), ("app/acme", "hall"), ("app/globex", "hall")]);
    let acme = told.signing_on[2].sign_in.as_deref();
    assert_eq!(acme, Some("https://acme.app.example.com/vestibule/sign-in"));
}
