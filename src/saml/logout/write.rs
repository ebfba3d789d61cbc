//! Our own logout messages: the request that ends the session at the identity provider (Core 3.7.1), and the response
//! that says what became of its request (Core 3.7.2). Signed whenever we have a key.

use super::message::PARTIAL;
use crate::clock::Moment;
use crate::saml::authn_request::RequestId;
use crate::saml::enveloping;
use crate::saml::instant;
use crate::saml::parties::{Binding, ServiceProvider, SloEndpoint};
use crate::saml::redirect::{self, Carries};
use crate::saml::subject::NameId;
use crate::saml::xml::{ASSERTION, PROTOCOL, escape};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::{self, Write as _};
use std::time::Duration;

/// How long our request is good; the browser carries it at once.
const GOOD_FOR: Duration = Duration::from_secs(5 * 60);

/// How a message of ours travels.
#[derive(Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A redirect to this address.
    Redirect {
        /// The identity provider's address with our query.
        url: String,
    },
    /// A page that posts to `action`.
    Post {
        /// The identity provider's address.
        action: String,
        /// The field that carries the message.
        field: &'static str,
        /// Its value.
        message: String,
        /// The field `RelayState`; leave it out when it is empty.
        relay_state: String,
    },
}

/// Says how, not what: the message names a person.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redirect { .. } => "Delivery::Redirect",
            Self::Post { .. } => "Delivery::Post",
        })
    }
}

/// What we ask an identity provider to end.
#[derive(Debug, Clone, Copy)]
pub struct Asks<'a> {
    /// Our request's ID; the answer will name it.
    pub id: &'a RequestId,
    /// The name that it gave us, with everything that it said about it.
    pub name_id: &'a NameId,
    /// Its name for the session.
    pub session_index: Option<&'a str>,
}

/// What became of an identity provider's request here. The truth, because it shows it to the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every session that was meant has ended, or there was none.
    Ended,
    /// Some have, some could not be.
    Partly,
    /// None could be.
    Failed,
}

/// Makes the LogoutRequest, for the first address by Redirect or else by POST.
///
/// # Errors
/// A sentence for the owner: the identity provider has no such address, or signing failed.
pub fn logout_request(
    sp: &ServiceProvider,
    endpoints: &[SloEndpoint],
    asks: &Asks<'_>,
    now: Moment,
) -> Result<Delivery, String> {
    let endpoint = chosen(endpoints, Binding::Redirect)?;
    let Asks { id, name_id, session_index } = asks;
    let until = instant::write(now.plus(GOOD_FOR));
    let reason = "urn:oasis:names:tc:SAML:2.0:logout:user";
    let mut own = format!("<saml:NameID{}>{}</saml:NameID>", attributes(name_id), escape(&name_id.value));
    if let Some(index) = session_index {
        // Writing to a String cannot fail.
        let _ = write!(own, "<samlp:SessionIndex>{}</samlp:SessionIndex>", escape(index));
    }
    let message = Written {
        name: "LogoutRequest",
        id,
        destination: &endpoint.location,
        further: format!(" NotOnOrAfter=\"{until}\" Reason=\"{reason}\""),
        own,
    };
    message.deliver(sp, endpoint.binding, Carries::Request, "", now)
}

/// Makes the LogoutResponse to the request of that ID, to where the identity provider wants responses: by the binding
/// of its request, where it takes that, with its relay state.
///
/// # Errors
/// A sentence for the owner: the identity provider has no such address, or signing failed.
pub fn logout_response(
    sp: &ServiceProvider,
    endpoints: &[SloEndpoint],
    prefer: Binding,
    in_response_to: &str,
    outcome: Outcome,
    relay_state: &str,
    now: Moment,
) -> Result<Delivery, String> {
    let endpoint = chosen(endpoints, prefer)?;
    let id = RequestId::random().map_err(|refusal| refusal.to_string())?;
    let message = Written {
        name: "LogoutResponse",
        id: &id,
        destination: endpoint.response_location.as_ref().unwrap_or(&endpoint.location),
        further: format!(" InResponseTo=\"{}\"", escape(in_response_to)),
        own: status(outcome),
    };
    message.deliver(sp, endpoint.binding, Carries::Response, relay_state, now)
}

fn chosen(endpoints: &[SloEndpoint], prefer: Binding) -> Result<&SloEndpoint, String> {
    let by = |binding: Binding| endpoints.iter().find(|endpoint| endpoint.binding == binding);
    by(prefer)
        .or_else(|| by(Binding::Redirect))
        .or_else(|| by(Binding::Post))
        .ok_or_else(|| "the identity provider has no address for logout messages".to_owned())
}

/// Core 3.2.2.2: one code of the first level; PartialLogout is of the second.
fn status(outcome: Outcome) -> String {
    let nested = match outcome {
        Outcome::Partly => format!("<samlp:StatusCode Value=\"{PARTIAL}\"/>"),
        Outcome::Ended | Outcome::Failed => String::new(),
    };
    let first = if outcome == Outcome::Ended { "Success" } else { "Responder" };
    format!(
        "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:{first}\">{nested}\
         </samlp:StatusCode></samlp:Status>"
    )
}

/// Everything that was said about the name, as it was said.
fn attributes(name_id: &NameId) -> String {
    let all = [
        ("NameQualifier", &name_id.name_qualifier),
        ("SPNameQualifier", &name_id.sp_name_qualifier),
        ("Format", &name_id.format),
    ];
    let written = all.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    written.map(|(name, value)| format!(" {name}=\"{}\"", escape(value))).collect()
}

/// A message on its way out.
struct Written<'a> {
    name: &'static str,
    id: &'a RequestId,
    destination: &'a str,
    further: String,
    own: String,
}

impl Written<'_> {
    fn deliver(
        &self,
        sp: &ServiceProvider,
        binding: Binding,
        carries: Carries,
        relay_state: &str,
        now: Moment,
    ) -> Result<Delivery, String> {
        let Self { name, id, destination, further, own } = self;
        let head = format!(
            "<samlp:{name} xmlns:samlp=\"{PROTOCOL}\" xmlns:saml=\"{ASSERTION}\" ID=\"{}\" Version=\"2.0\" \
             IssueInstant=\"{}\" Destination=\"{}\"{further}><saml:Issuer>{}</saml:Issuer>",
            escape(id.as_str()),
            instant::write(now),
            escape(destination),
            escape(sp.entity_id.as_str()),
        );
        let xml = format!("{head}{own}</samlp:{name}>");
        let key = sp.signing_keys.first();
        match binding {
            Binding::Redirect => {
                let url = redirect::address(destination, carries, &xml, relay_state, key)?;
                Ok(Delivery::Redirect { url })
            }
            Binding::Post => {
                let xml = match key {
                    Some(key) => enveloping::envelop(&xml, head.len(), id.as_str(), key)?,
                    None => xml,
                };
                Ok(Delivery::Post {
                    action: (*destination).to_owned(),
                    field: carries.field(),
                    message: STANDARD.encode(xml),
                    relay_state: relay_state.to_owned(),
                })
            }
        }
    }
}
