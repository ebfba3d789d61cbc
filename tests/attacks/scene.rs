//! The one scene in which every case plays; generate/world.py holds the same values.
//!
//! Alice signs in. The gate asked at 11:59:30, the identity provider answered at 11:59:58, it is now 12:00:00 and the
//! clocks may differ by one minute.

use crate::table::World;
use base64::Engine;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vestibule::clock::Moment;
use vestibule::explain::{LogoutDemand, Party, Request};
use vestibule::identity::Mapping;
use vestibule::reason::Refusal;
use vestibule::saml::demand::Demand;
use vestibule::saml::parties::{
    Binding, Cbc, CryptographyPolicy, EntityId, Hash, IdentityProvider, Limits, Policy, RequireSigned,
    ServiceProvider, SignatureAlgorithm, SigningKey, TrustedKeys,
};
use vestibule::saml::response::{AcceptedAssertion, Answers, Expected, RawResponse, ResponseText};
use vestibule::secret::Secret;

pub(crate) const IDP: &str = "https://idp.example.com/metadata";
pub(crate) const SP: &str = "https://app.example.com/vestibule/saml/metadata";
pub(crate) const ACS: &str = "https://app.example.com/vestibule/saml/acs";
const SLO: &str = "https://app.example.com/vestibule/saml/slo";
pub(crate) const REQUEST: &str = "_request-5f0c3a7b9d2e4186a1b2c3d4e5f60718";

/// 2026-01-15T12:00:00Z.
pub(crate) const NOW: Moment = Moment::from_seconds(1_768_478_400);
const REQUESTED_AT: Moment = Moment::from_seconds(1_768_478_370);
/// Since five minutes ago the gate remembers what was used.
const REMEMBERS_SINCE: Moment = Moment::from_seconds(1_768_478_100);
const SKEW: Duration = Duration::from_secs(60);

/// What the metadata of the identity provider names: good keys of every kind, one too weak and one of the wrong kind.
const METADATA_KEYS: [&str; 7] =
    ["idp-rsa", "idp-rsa-next", "idp-p256", "idp-p384", "idp-p521", "idp-rsa-1024", "idp-dsa"];

/// What was read from an accepted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) name_id: String,
    pub(crate) attributes: Vec<(String, Vec<String>)>,
}

/// The gate's side of the scene: whom it trusts and what it asked for.
pub(crate) struct Scene {
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    policy: Policy,
    mapping: Mapping,
    unsolicited: bool,
    demand: Demand,
    now: Moment,
}

/// What was asked, as `vestibule explain` is told.
pub(crate) fn request() -> Request {
    Request { id: REQUEST.to_string(), issued: Some(REQUESTED_AT), destination: None, acs_url: None }
}

/// The certificates that the metadata of this world names.
pub(crate) fn certificates(world: &World) -> Vec<Vec<u8>> {
    match &world.keys {
        Some(names) => names.iter().map(|name| certificate(name)).collect(),
        None => METADATA_KEYS.iter().map(|name| certificate(name)).collect(),
    }
}

impl Scene {
    pub(crate) fn of(world: &World) -> Self {
        let (keys, _skipped) =
            TrustedKeys::from_certificates(&certificates(world)).expect("a good key is among them");
        Self {
            service_provider: ServiceProvider {
                entity_id: EntityId(SP.to_string()),
                acs_url: ACS.to_string(),
                further_acs_urls: Vec::new(),
                slo_url: SLO.to_string(),
                signing_keys: world.sp_keys.iter().flatten().map(|name| our_key(name)).collect(),
            },
            identity_provider: IdentityProvider {
                entity_id: EntityId(IDP.to_string()),
                single_sign_on: vec![(Binding::Redirect, "https://idp.example.com/sso".to_string())],
                keys,
                require_signed: world.require_signed.unwrap_or_default().into(),
                cryptography: cryptography(world),
                want_authn_requests_signed: false,
                single_logout: Vec::new(),
                scopes: Vec::new(),
            },
            policy: Policy { clock_skew: SKEW },
            mapping: Mapping::default(),
            unsolicited: world.unsolicited,
            demand: Demand {
                force_authn: world.force_authn,
                authn_context: world.authn_context.clone(),
                max_authn_age: world.max_authn_age.map(Duration::from_secs),
                ..Demand::default()
            },
            now: NOW,
        }
    }

    pub(crate) const fn is_unsolicited(&self) -> bool {
        self.unsolicited
    }

    /// The same for `vestibule explain`.
    pub(crate) fn party(&self) -> Party<'_> {
        Party {
            site: "app.example.com",
            idp: "corp",
            service_provider: &self.service_provider,
            acs_urls: vec![ACS.to_string()],
            slo_url: "https://app.example.com/vestibule/saml/slo".to_string(),
            logout: LogoutDemand { taken: true, signed_requests: true, signed_responses: true },
            identity_provider: &self.identity_provider,
            policy: &self.policy,
            demand: &self.demand,
            allow_unsolicited: self.unsolicited,
            mapping: &self.mapping,
            email_domains: None,
            site_domains: None,
            admission: None,
        }
    }

    pub(crate) fn at(mut self, now: Moment) -> Self {
        self.now = now;
        self
    }

    pub(crate) fn requiring(mut self, signed: RequireSigned) -> Self {
        self.identity_provider.require_signed = signed;
        self
    }

    /// The verdict on the literal value of the form field, the way in that a browser takes.
    pub(crate) fn judge_form(&self, value: &str) -> Result<Seen, Refusal> {
        self.judge_text(&ResponseText::from_form_value(value, &Limits::default())?)
    }

    /// The verdict on XML, the way in that `vestibule explain` takes.
    pub(crate) fn judge_xml(&self, xml: String) -> Result<Seen, Refusal> {
        self.judge_text(&ResponseText::from_xml(xml, &Limits::default())?)
    }

    /// The text and the assertion of a message that is let in.
    #[cfg(feature = "second-opinion")]
    pub(crate) fn accepted(&self, value: &str) -> Result<(ResponseText, AcceptedAssertion), Refusal> {
        let text = ResponseText::from_form_value(value, &Limits::default())?;
        let accepted = self.accept(&text)?;
        Ok((text, accepted))
    }

    fn judge_text(&self, text: &ResponseText) -> Result<Seen, Refusal> {
        Ok(Seen::in_assertion(&self.accept(text)?))
    }

    fn accept(&self, text: &ResponseText) -> Result<AcceptedAssertion, Refusal> {
        let expected = Expected {
            answers: match self.unsolicited {
                false => Answers::Request { id: REQUEST, issued: REQUESTED_AT },
                true => Answers::Nobody { remembers_since: REMEMBERS_SINCE },
            },
            service_provider: &self.service_provider,
            identity_provider: &self.identity_provider,
            acs_url: ACS,
            demand: &self.demand,
        };
        RawResponse::parse(text, &Limits::default())?
            .verify(&self.identity_provider, &self.service_provider, self.now)?
            .accept(&expected, &self.policy, self.now)
    }
}

impl Seen {
    fn in_assertion(assertion: &AcceptedAssertion) -> Self {
        let attributes = assertion.attributes().iter().map(|a| (a.name.clone(), a.values.clone())).collect();
        Self { name_id: assertion.name_id().value.clone(), attributes }
    }
}

pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks")
}

fn cryptography(world: &World) -> CryptographyPolicy {
    let algorithm = |name: &String| match name.as_str() {
        "rsa-sha256" => SignatureAlgorithm::RsaPkcs1(Hash::Sha256),
        "ecdsa-sha256" => SignatureAlgorithm::Ecdsa(Hash::Sha256),
        other => panic!("{other} is not an algorithm of these tests"),
    };
    CryptographyPolicy {
        cbc: world.cbc.map_or(Cbc::Accept, Cbc::from),
        require_encrypted: world.require_encrypted.unwrap_or(false),
        algorithms: world.algorithms.as_ref().map(|listed| listed.iter().map(algorithm).collect()),
        sha1_until: world.sha1_until.map(|seconds| Moment::from_seconds(NOW.seconds() + seconds)),
    }
}

/// A key pair of ours.
fn our_key(name: &str) -> SigningKey {
    let read = |ending: &str| {
        let path = here().join("keys").join(format!("{name}.{ending}.pem"));
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    SigningKey::from_pem(&Secret::new(read("key")), &read("crt")).expect("a good pair")
}

fn certificate(name: &str) -> Vec<u8> {
    let path = here().join("keys").join(format!("{name}.crt.pem"));
    let pem = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(base64).expect("PEM holds base64")
}
