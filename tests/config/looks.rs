//! What is told about looks that work, but perhaps not as meant.

use super::{NOW, here};
use vestibule::config::load;

#[test]
fn a_light_colour_and_needless_origins_are_warned_of() {
    let config =
        load(&here().join("good/looks.yaml"), &[], NOW).unwrap_or_else(|problems| panic!("{problems}"));
    let warned: Vec<(&str, &str)> =
        config.warnings.iter().map(|w| (w.path.as_str(), w.message.as_str())).collect();
    for (path, part) in [
        ("branding.accent", "the words on buttons are black, and links and outlines take the darker #"),
        ("cors.origins[2]", "is this site itself"),
        ("cors.origins[3]", "is listed twice"),
    ] {
        assert!(warned.iter().any(|(at, said)| *at == path && said.contains(part)), "{path}: {warned:?}");
    }
    let site = &config.sites[0];
    assert!(!site.keep_fragment);
    let tag = site.identity_providers[0].logo.as_ref().unwrap().tag().to_owned();
    assert_eq!(site.branding.logo.as_ref().unwrap().path, format!("/vestibule/logo?v={tag}"));
    // Pages of unknown hosts bear the name, and no picture that could not be fetched there.
    assert_eq!(config.branding.name.as_deref(), Some("Acme Intranet"));
    assert_eq!(config.branding.logo, None);
}
