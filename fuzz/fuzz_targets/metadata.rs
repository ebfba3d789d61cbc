//! Metadata of an identity provider: described or refused, and what is described can be used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::clock::Moment;
use vestibule::saml::metadata::read_identity_provider;

/// 2026-01-15T12:00:00Z.
const NOW: Moment = Moment::from_seconds(1_768_478_400);

fuzz_target!(|data: &[u8]| {
    for entity_id in [None, Some("https://idp.example.com/metadata")] {
        if let Ok((idp, _warnings)) = read_identity_provider(data, entity_id, NOW) {
            assert!(!idp.entity_id.as_str().is_empty());
            assert!(entity_id.is_none_or(|wanted| wanted == idp.entity_id.as_str()));
            assert!(!idp.keys.certificates().is_empty());
            for (_, address) in &idp.single_sign_on {
                let address = url::Url::parse(address).expect("an address that a browser is sent to");
                assert!(matches!(address.scheme(), "http" | "https"));
            }
        }
    }
});
