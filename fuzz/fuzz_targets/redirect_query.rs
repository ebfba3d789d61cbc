//! The query of a redirect: a return address leads home or nowhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vestibule::login::return_to::ReturnTo;
use vestibule::site::PublicUrl;

static SITE: LazyLock<PublicUrl> =
    LazyLock::new(|| PublicUrl::parse("https://app.example.com").expect("an address"));

fuzz_target!(|query: &str| {
    let values = url::form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned());
    for value in values.chain([query.to_owned()]) {
        if let Ok(return_to) = ReturnTo::parse(&value, &SITE) {
            let address = return_to.absolute(&SITE);
            assert!(
                address.is_ascii() && !address.contains(['\r', '\n', '\\', '<', '>', '"', ' ']),
                "{address:?}"
            );
            let url = url::Url::parse(&address).expect("an address");
            assert_eq!(url.origin().ascii_serialization(), "https://app.example.com", "{address:?}");
            assert!(url.username().is_empty() && url.password().is_none(), "{address:?}");
            // Alone, as a browser resolves it, it stays at home too.
            let relative =
                url::Url::parse("https://app.example.com/x/y").and_then(|base| base.join(return_to.as_str()));
            assert_eq!(relative.expect("a path").origin(), url.origin(), "{address:?}");
        }
    }
});
