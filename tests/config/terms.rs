//! What every later reading of an identity provider's metadata is told by the configuration.

use super::{NOW, here, loaded};
use vestibule::config::Config;

fn config(identity_providers: &str) -> Config {
    let files = here().join("files").display().to_string();
    let text = format!(
        "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\n\
         service_provider: {{private_key_file: {files}/sp-key.pem, certificate_file: {files}/sp.pem}}\n\
         session: {{secret_file: {files}/secret}}\nidentity_providers:\n{identity_providers}"
    )
    .replace("FILES", &files);
    loaded(&text)
}

#[test]
fn each_one_is_told_the_names_of_the_others() {
    let config = config(
        "  - {id: a, metadata_url: \"https://a.test/\", entity_id: \"urn:a\", speaks_for_any: true}\n  \
           - {id: b, metadata_url: \"https://b.test/\", speaks_for_any: true}\n  \
           - {id: c, metadata_file: FILES/idp-metadata.xml, speaks_for_any: true}\n",
    );
    let others: Vec<Vec<_>> = config
        .watches
        .iter()
        .map(|watch| {
            let named = |other: &vestibule::federation::Other| {
                let known = other.idp.known().map(|saml| saml.entity_id.0.clone());
                (other.idp.id.clone(), known.or_else(|| other.written.clone()).unwrap_or_default())
            };
            watch.terms.others.iter().map(named).collect()
        })
        .collect();
    let named = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    let (a, b, c) = (named("a", "urn:a"), named("b", ""), named("c", "https://idp.example.com"));
    assert_eq!(others, [vec![b.clone(), c.clone()], vec![a.clone(), c], vec![a, b]]);
}

#[test]
fn a_document_that_is_valid_for_too_long_is_refused_where_the_owner_says_so() {
    let of = |more: &str| config(&format!("  - {{id: a, metadata_url: \"https://a.test/\"{more}}}\n"));
    let document = std::fs::read_to_string(here().join("files/other-metadata.xml")).expect("the file");
    let until = |days: u64| {
        let until = NOW.plus(std::time::Duration::from_secs(days * 86_400)).to_string();
        document.replacen(" entityID=", &format!(" validUntil=\"{until}\" entityID="), 1)
    };
    let judged = |more: &str, document: &str| {
        let described = of(more).watches[0].terms.describe(document.as_bytes(), NOW);
        described.err().map(|problem| problem.reason.code())
    };
    let bounded = ", metadata_valid_at_most: 14d";
    assert_eq!(judged("", &document), None);
    assert_eq!(judged(bounded, &document), Some("metadata-valid-until-missing"));
    assert_eq!(judged(bounded, &until(13)), None);
    assert_eq!(judged(bounded, &until(15)), Some("metadata-valid-until-far"));
}

#[tokio::test]
async fn requests_that_are_never_signed_and_logout_without_an_address_are_warned_about_later_too() {
    let of = |more: &str| {
        let source = "metadata_url: \"https://a.test/\"";
        config(&format!("  - {{id: a, {source}, {more}speaks_for_any: true}}\n"))
    };
    let document = std::fs::read(here().join("files/other-metadata.xml")).expect("the file");
    for (more, warned) in [
        ("", None),
        ("sign_requests: never, ", Some("sign_requests: never")),
        ("single_logout: true, ", Some("single_logout: true")),
        ("single_logout: true, slo_url: \"https://a.test/slo\", ", None),
    ] {
        let config = of(more);
        let described = config.watches[0].terms.describe(&document, NOW).expect("metadata");
        let found =
            described.warnings.iter().filter(|w| w.contains("sign_requests") || w.contains("single_logout"));
        let found: Vec<_> = found.collect();
        assert_eq!(found.len(), usize::from(warned.is_some()), "{more}: {found:?}");
        assert!(
            found.iter().all(|warning| warned.is_some_and(|warned| warning.contains(warned))),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn what_the_check_has_said_of_a_file_is_not_said_again_at_the_first_look() {
    let file = "metadata_file: FILES/other-metadata.xml";
    let config = config(&format!("  - {{id: a, {file}, sign_requests: never, speaks_for_any: true}}\n"));
    let said = config.warnings.iter().filter(|warning| warning.message.contains("wants signed requests"));
    assert_eq!(said.count(), 1, "{:?}", config.warnings);
    let [watch] = config.watches.as_slice() else { panic!("one") };
    let found = watch.look(NOW).await.expect("metadata");
    let told = &watch.running().expect("known").described.warnings;
    assert!(!found.warnings.is_empty() && found.warnings.iter().all(|warning| told.contains(warning)));
}
