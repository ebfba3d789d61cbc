//! Logout messages of the tests' identity provider, by query and by form, written by hand like its answers; and a
//! reader of ours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]
#![allow(dead_code, reason = "each test program uses its own part")]

use crate::browser::Answered;
use crate::idp::{FakeIdp, attribute, fresh_id, instant, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::io::{Read as _, Write as _};
use std::time::Duration;
use vestibule::clock::Moment;

pub const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
pub const RESPONDER: &str = "urn:oasis:names:tc:SAML:2.0:status:Responder";
pub const PARTIAL: &str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";

/// A logout message in the making; change it, then [`Message::query`] or [`Message::form_value`].
#[derive(Clone)]
pub struct Message<'a> {
    idp: &'a FakeIdp,
    pub id: String,
    pub issuer: String,
    pub destination: Option<String>,
    pub issued: Moment,
    pub content: Content,
}

#[derive(Clone)]
pub enum Content {
    Request {
        name_id: String,
        /// Attributes of the NameID, in canonical order.
        qualifiers: Vec<(&'static str, String)>,
        session_indexes: Vec<String>,
        not_on_or_after: Option<Moment>,
    },
    Response {
        in_response_to: Option<String>,
        /// First level, second level.
        status: Vec<&'static str>,
    },
}

const SLO: &str = "https://app.example.com/vestibule/saml/slo";

impl<'a> Message<'a> {
    /// A request that ends every session of the name.
    pub fn request(idp: &'a FakeIdp, name_id: &str, now: Moment) -> Self {
        let content = Content::Request {
            name_id: name_id.into(),
            qualifiers: Vec::new(),
            session_indexes: Vec::new(),
            not_on_or_after: Some(now.plus(Duration::from_secs(300))),
        };
        Self::with(idp, content, now)
    }

    /// A response that says success.
    pub fn response(idp: &'a FakeIdp, in_response_to: &str, now: Moment) -> Self {
        let content =
            Content::Response { in_response_to: Some(in_response_to.into()), status: vec![SUCCESS] };
        Self::with(idp, content, now)
    }

    fn with(idp: &'a FakeIdp, content: Content, now: Moment) -> Self {
        Self {
            idp,
            id: fresh_id(),
            issuer: idp.entity_id.clone(),
            destination: Some(SLO.into()),
            issued: now,
            content,
        }
    }

    /// Of this session only.
    #[must_use]
    pub fn of_session(mut self, index: &str) -> Self {
        if let Content::Request { session_indexes, .. } = &mut self.content {
            session_indexes.push(index.into());
        }
        self
    }

    #[must_use]
    pub fn saying(mut self, codes: &[&'static str]) -> Self {
        if let Content::Response { status, .. } = &mut self.content {
            *status = codes.to_vec();
        }
        self
    }

    pub fn field(&self) -> &'static str {
        match self.content {
            Content::Request { .. } => "SAMLRequest",
            Content::Response { .. } => "SAMLResponse",
        }
    }

    /// The document in canonical form, with this signature behind the issuer.
    pub fn xml(&self, signature: &str) -> String {
        let destination = self
            .destination
            .as_ref()
            .map(|d| format!(" Destination=\"{}\"", attribute(d)))
            .unwrap_or_default();
        let (name, before, after, content) = match &self.content {
            Content::Request { name_id, qualifiers, session_indexes, not_on_or_after } => {
                let until = not_on_or_after.map(|m| format!(" NotOnOrAfter=\"{}\"", instant(m)));
                let qualifiers: String =
                    qualifiers.iter().map(|(n, v)| format!(" {n}=\"{}\"", attribute(v))).collect();
                let indexes: String = session_indexes
                    .iter()
                    .map(|index| format!("<samlp:SessionIndex>{}</samlp:SessionIndex>", text(index)))
                    .collect();
                let name = format!(
                    "<saml:NameID xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"{qualifiers}>{}</saml:NameID>",
                    text(name_id)
                );
                ("LogoutRequest", String::new(), until.unwrap_or_default(), format!("{name}{indexes}"))
            }
            Content::Response { in_response_to, status } => {
                let to = in_response_to.as_ref().map(|id| format!(" InResponseTo=\"{}\"", attribute(id)));
                let codes = status.iter().rev().fold(String::new(), |inner, code| {
                    format!("<samlp:StatusCode Value=\"{code}\">{inner}</samlp:StatusCode>")
                });
                let status = format!("<samlp:Status>{codes}</samlp:Status>");
                ("LogoutResponse", to.unwrap_or_default(), String::new(), status)
            }
        };
        format!(
            "<samlp:{name} xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\"{destination} ID=\"{}\"{before} \
             IssueInstant=\"{}\"{after} Version=\"2.0\">\
             <saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">{}</saml:Issuer>{signature}{content}</samlp:{name}>",
            attribute(&self.id),
            instant(self.issued),
            text(&self.issuer),
        )
    }

    /// With an enveloped signature, as the value of a form's field.
    pub fn form_value(&self) -> String {
        STANDARD.encode(self.xml(&self.idp.signature(&self.id, &self.xml(""))))
    }

    /// The pieces of the query before the signature.
    pub fn unsigned_query(&self, relay_state: Option<&str>) -> String {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(self.xml("").as_bytes()).unwrap();
        let message = STANDARD.encode(encoder.finish().unwrap());
        let mut query = format!("{}={}", self.field(), utf8_percent_encode(&message, NON_ALPHANUMERIC));
        if let Some(state) = relay_state {
            query += &format!("&RelayState={}", utf8_percent_encode(state, NON_ALPHANUMERIC));
        }
        query
    }

    /// The query, signed.
    pub fn query(&self, relay_state: Option<&str>) -> String {
        self.idp.signed_query(&self.unsigned_query(relay_state))
    }

    /// The address at the gate that carries it.
    pub fn address(&self, relay_state: Option<&str>) -> String {
        format!("{SLO}?{}", self.query(relay_state))
    }
}

impl FakeIdp {
    /// Adds algorithm and signature to the pieces of a query.
    pub fn signed_query(&self, pieces: &str) -> String {
        let algorithm = format!("http://www.w3.org/2001/04/xmldsig-more#{}", self.method());
        let signed = format!("{pieces}&SigAlg={}", utf8_percent_encode(&algorithm, NON_ALPHANUMERIC));
        let value = STANDARD.encode(self.sign(signed.as_bytes()));
        format!("{signed}&Signature={}", utf8_percent_encode(&value, NON_ALPHANUMERIC))
    }
}

/// A logout message of the gate's, as it reaches the identity provider.
#[derive(Debug)]
pub struct Received {
    pub to: String,
    pub field: &'static str,
    pub xml: String,
    pub relay_state: Option<String>,
    pub signed: bool,
}

impl Received {
    /// From a redirect, or from the page that posts it.
    pub fn from(answered: &Answered) -> Self {
        if answered.status.is_redirection() {
            let url = url::Url::parse(&answered.location()).unwrap();
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let (field, value) = message(&pairs);
            let mut xml = String::new();
            let deflated = STANDARD.decode(value).unwrap();
            flate2::read::DeflateDecoder::new(&deflated[..]).read_to_string(&mut xml).unwrap();
            let to = answered.location().split('?').next().unwrap().to_owned();
            let signed = pairs.iter().any(|(name, _)| name == "Signature");
            return Self { to, field, xml, relay_state: relay_state(&pairs), signed };
        }
        let fields = answered.fields();
        let (field, value) = message(&fields);
        let xml = String::from_utf8(STANDARD.decode(value).unwrap()).unwrap();
        let signed = xml.contains("<ds:SignatureValue>");
        Self { to: answered.action(), field, xml, relay_state: relay_state(&fields), signed }
    }

    /// The value of an attribute, or the text of an element without attributes.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.xml.split_once(&format!(" {name}=\""))?.1.split('"').next()
    }

    pub fn text_of(&self, element: &str) -> Option<&str> {
        let (_, rest) = self.xml.split_once(&format!("<{element}"))?;
        rest.split_once('>')?.1.split('<').next()
    }

    /// The codes of the status, outer first.
    pub fn status(&self) -> Vec<&str> {
        self.xml
            .split("<samlp:StatusCode Value=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect()
    }
}

fn message(pairs: &[(String, String)]) -> (&'static str, &str) {
    for field in ["SAMLRequest", "SAMLResponse"] {
        if let Some((_, value)) = pairs.iter().find(|(name, _)| name == field) {
            return (field, value);
        }
    }
    panic!("no message in {pairs:?}");
}

fn relay_state(pairs: &[(String, String)]) -> Option<String> {
    pairs.iter().find(|(name, _)| name == "RelayState").map(|(_, value)| value.clone())
}
