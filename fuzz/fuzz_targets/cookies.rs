//! Cookie lines, each a line of the input: no value is opened that we did not seal, and none of ours is forwarded.
#![no_main]

use http::{HeaderMap, HeaderValue, header::COOKIE};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vestibule::cookies::CookiePolicy;
use vestibule::seal::{KeyRing, Purpose};
use vestibule::session::SessionKey;

static KEYS: LazyLock<KeyRing> = LazyLock::new(KeyRing::random);

fuzz_target!(|data: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in data.split(|octet| *octet == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(COOKIE, value);
        }
    }
    for policy in [CookiePolicy::new(true, "vestibule"), CookiePolicy::new(false, "vestibule")] {
        if let Some(value) = policy.session(&headers) {
            assert_eq!(SessionKey::of_cookie(value).is_some(), value.len() == 43, "{value:?}");
        }
        let attempts = policy.attempts(&headers);
        assert!(attempts.len() <= vestibule::cookies::MAX_ATTEMPTS, "{} attempts", attempts.len());
        let sealed = attempts.iter().map(|(_, value)| *value).chain(policy.answered(&headers)).chain(policy.choice(&headers));
        for value in sealed {
            for purpose in [Purpose::Attempt, Purpose::Refusal, Purpose::Choice] {
                assert!(KEYS.open(purpose, b"site", value).is_none(), "opened what nobody sealed: {value:?}");
            }
        }
        let mut forwarded = headers.clone();
        policy.strip_ours(&mut forwarded);
        assert!(policy.session(&forwarded).is_none(), "the session's cookie is forwarded");
        assert!(policy.attempts(&forwarded).is_empty(), "an attempt's cookie is forwarded");
        assert!(policy.answered(&forwarded).is_none());
    }
});
