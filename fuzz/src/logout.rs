//! The scene of single logout: an identity provider that has signed a few requests, and the gate that they are for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use std::time::Duration;
use vestibule::clock::Moment;
use vestibule::saml::authn_request::RequestId;
use vestibule::saml::logout::{Asks, Carries, Delivery, LogoutText, RawLogout, logout_request};
use vestibule::saml::parties::{
    Binding, CryptographyPolicy, EntityId, IdentityProvider, Limits, Policy, RequireSigned, ServiceProvider,
    SigningKey, SloEndpoint, TrustedKeys,
};
use vestibule::saml::response::NameId;
use vestibule::secret::Secret;

const IDP: &str = "https://idp.example.com/metadata";
const SLO: &str = "https://app.example.com/vestibule/saml/slo";

/// 2026-01-15T12:00:00Z.
const NOW: Moment = Moment::from_seconds(1_768_478_400);

/// Whose sessions a request ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Meant {
    id: String,
    name_id: NameId,
    session_index: Option<&'static str>,
}

/// The gate's side, and the requests that were signed for it.
pub struct LogoutGate {
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    meant: Vec<Meant>,
    /// Whether it is a query, and the query, or else the XML of a form.
    messages: Vec<(bool, String)>,
}

impl LogoutGate {
    /// Alice and Eva have been signed out, by query and by form, with one session and with all.
    #[allow(clippy::new_without_default, reason = "reads files")]
    pub fn new() -> Self {
        let (identity_provider, as_sender) = parties();
        let service_provider = ServiceProvider {
            entity_id: EntityId("https://app.example.com/vestibule/saml/metadata".to_owned()),
            acs_url: "https://app.example.com/vestibule/saml/acs".to_owned(),
            further_acs_urls: Vec::new(),
            slo_url: SLO.to_owned(),
            signing_keys: Vec::new(),
        };
        let (mut meant, mut messages) = (Vec::new(), Vec::new());
        for name in ["alice@example.com", "eva@example.com"] {
            for session_index in [None, Some("s1")] {
                for binding in [Binding::Redirect, Binding::Post] {
                    let name_id = NameId {
                        value: name.to_owned(),
                        format: None,
                        name_qualifier: None,
                        sp_name_qualifier: None,
                    };
                    let id = RequestId::random().unwrap();
                    let asks = Asks { id: &id, name_id: &name_id, session_index };
                    let endpoint = SloEndpoint { binding, location: SLO.to_owned(), response_location: None };
                    messages.push(match logout_request(&as_sender, &[endpoint], &asks, NOW).unwrap() {
                        Delivery::Redirect { url } => (true, url.split_once('?').unwrap().1.to_owned()),
                        Delivery::Post { message, .. } => {
                            (false, String::from_utf8(STANDARD.decode(message).unwrap()).unwrap())
                        }
                    });
                    meant.push(Meant { id: id.as_str().to_owned(), name_id, session_index });
                }
            }
        }
        let gate = Self { service_provider, identity_provider, meant, messages };
        for (is_query, message) in &gate.messages {
            let accepted = if *is_query { gate.try_query(message) } else { gate.try_form(message) };
            assert!(accepted, "an honest message is refused: {message}");
        }
        gate
    }

    /// One of the messages that were signed, whatever the number, and whether it is a query.
    pub fn honest(&self, number: usize) -> (bool, &str) {
        let (is_query, message) = &self.messages[number % self.messages.len()];
        (*is_query, message)
    }

    /// Whether the query is accepted; then it must be an honest one.
    pub fn try_query(&self, query: &str) -> bool {
        LogoutText::from_query(query, &Limits::default()).is_ok_and(|text| self.judge(&text))
    }

    /// The same for the XML of a form.
    pub fn try_form(&self, xml: &str) -> bool {
        let value = STANDARD.encode(xml);
        LogoutText::from_form(Carries::Request, &value, None, &Limits::default())
            .is_ok_and(|text| self.judge(&text))
    }

    fn judge(&self, text: &LogoutText) -> bool {
        // Nothing breaks either where signatures are not demanded.
        if let Ok(raw) = RawLogout::parse(text, &Limits::default()) {
            let _ = raw.verify(&self.identity_provider, &self.service_provider, false);
        }
        let Ok(raw) = RawLogout::parse(text, &Limits::default()) else { return false };
        let policy = Policy { clock_skew: Duration::from_secs(60) };
        let accepted =
            raw.verify(&self.identity_provider, &self.service_provider, true).and_then(|verified| {
                verified.accept_request(&self.identity_provider, &self.service_provider, &policy, NOW)
            });
        let Ok(accepted) = accepted else { return false };
        assert!(accepted.is_signed() && accepted.issuer() == IDP);
        assert!(text.relay_state().is_none(), "a note that nobody signed: {:?}", text.relay_state());
        let honest = self.meant.iter().find(|meant| meant.id == accepted.id());
        let meant = honest.unwrap_or_else(|| panic!("nobody signed {}", accepted.id()));
        for other in &self.meant {
            for index in [None, Some("s1"), Some("s2")] {
                let ends = accepted.means(&other.name_id, index);
                let should = other.name_id == meant.name_id
                    && (meant.session_index.is_none() || meant.session_index == index || index.is_none());
                assert!(!ends || should, "{meant:?} ends the session {index:?} of {:?}", other.name_id);
            }
        }
        true
    }
}

/// The identity provider as the gate knows it, and as it sends: its messages are ours, sent the other way.
fn parties() -> (IdentityProvider, ServiceProvider) {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks/keys");
    let read = |file: &str| std::fs::read(keys.join(file)).unwrap();
    let key = SigningKey::from_pem(&Secret::new(read("idp-rsa.key.pem")), &read("idp-rsa.crt.pem")).unwrap();
    let certificate = key.certificate_der().to_vec();
    let identity_provider = IdentityProvider {
        entity_id: EntityId(IDP.to_owned()),
        single_sign_on: vec![(Binding::Redirect, "https://idp.example.com/sso".to_owned())],
        keys: TrustedKeys::from_certificates(&[certificate]).unwrap().0,
        require_signed: RequireSigned::Either,
        cryptography: CryptographyPolicy::default(),
        want_authn_requests_signed: false,
        single_logout: Vec::new(),
        scopes: Vec::new(),
    };
    let as_sender = ServiceProvider {
        entity_id: EntityId(IDP.to_owned()),
        acs_url: "https://idp.example.com/acs".to_owned(),
        further_acs_urls: Vec::new(),
        slo_url: "https://idp.example.com/slo".to_owned(),
        signing_keys: vec![key],
    };
    (identity_provider, as_sender)
}
