//! `vestibule explain`: what a SAML message says, every rule that is applied to it, and what to change where.
//!
//! ```text
//! bytes --find--> messages --answer.rs--> saml::trace (the gate's own rules) --advice.rs--> Report --render.rs--> text
//!                          \-checks.rs--> requests and logout messages
//! ```
//!
//! Bytes, parties and a moment in, a [`Report`] out: nothing is fetched, served or stored. The verdict on a response is
//! the gate's own, because it is [`saml::trace`](crate::saml::trace) that gives it; this room only puts it into words. It
//! can show what nobody signed, and says so; no identity is made here.

mod advice;
mod answer;
mod checks;
mod differ;
mod find;
mod person;
mod protection;
mod render;
pub mod report;
mod says;

pub use find::Unreadable;
pub use render::render;
pub use report::{Explained, Report};

use crate::admission::Admission;
use crate::clock::Moment;
use crate::identity::{Domain, Mapping};
use crate::saml::demand::Demand;
use crate::saml::parties::{IdentityProvider, Limits, Policy, ServiceProvider};
use crate::saml::reading::{self, Node};
use crate::saml::second_opinion::SecondOpinion;
use find::{Carried, Found};
use report::Fact;
use says::Privacy;

/// What the gate demands of an identity provider's logout messages.
#[derive(Debug, Clone, Copy)]
pub struct LogoutDemand {
    /// Whether it takes any.
    pub taken: bool,
    /// Whether requests must be signed.
    pub signed_requests: bool,
    /// Whether answers to ours must be signed.
    pub signed_responses: bool,
}

/// One pair of a site and an identity provider that it admits.
#[derive(Debug)]
pub struct Party<'a> {
    /// The site's name.
    pub site: &'a str,
    /// The `id` of the identity provider.
    pub idp: &'a str,
    /// Our side.
    pub service_provider: &'a ServiceProvider,
    /// Every address to which answers may be posted; the published one first.
    pub acs_urls: Vec<String>,
    /// Where logout messages to us go.
    pub slo_url: String,
    /// What the gate demands of logout messages.
    pub logout: LogoutDemand,
    /// Their side.
    pub identity_provider: &'a IdentityProvider,
    /// What the profile's rules are told.
    pub policy: &'a Policy,
    /// What is demanded of the identity provider.
    pub demand: &'a Demand,
    /// Whether it may answer what nobody asked.
    pub allow_unsolicited: bool,
    /// How attributes become an identity.
    pub mapping: &'a Mapping,
    /// The domains that the identity provider speaks for; none: any.
    pub email_domains: Option<&'a [Domain]>,
    /// The domains whose people the site is for; none: anybody's.
    pub site_domains: Option<&'a [Domain]>,
    /// Who is let in at all; none: each of several sites says so for itself.
    pub admission: Option<&'a Admission>,
}

/// What the owner says about the message.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Judge at this moment; none: at the message's own.
    pub at: Option<Moment>,
    /// The request that a response had to answer; none: as a recording tells, or unknown.
    pub request: Option<Request>,
    /// Judge responses as answers that nobody asked for, even if they name a request.
    pub unsolicited: bool,
    /// Show names, addresses and attribute values.
    pub show_values: bool,
    /// Who is asked about an accepted answer once more.
    pub second_opinion: Option<SecondOpinion>,
}

/// A request of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its ID.
    pub id: String,
    /// When it was issued, where that is known.
    pub issued: Option<Moment>,
    /// Where it was sent, where that is known: tells which identity provider was asked.
    pub destination: Option<String>,
    /// Where it wanted the answer, where that is known.
    pub acs_url: Option<String>,
}

/// Explains every message in the input against these parties; without parties they are only decoded.
///
/// # Errors
/// There is no SAML message in the input.
pub fn explain(
    input: &[u8],
    parties: &[Party<'_>],
    limits: &Limits,
    options: &Options,
    now: Moment,
) -> Result<Report, Unreadable> {
    let found = find::find(input, limits)?;
    let mut reader = Reader {
        parties,
        limits,
        options,
        now,
        privacy: Privacy { show_values: options.show_values },
        asked: Vec::new(),
    };
    let messages: Vec<_> = found.iter().map(|found| reader.message(found)).collect();
    let mut notes = Vec::new();
    if parties.is_empty() {
        notes.push(
            "there is no configuration to hold this against: it is decoded, and no rule is applied"
                .to_owned(),
        );
    } else if reader.asked.is_empty()
        && options.request.is_none()
        && messages.iter().any(is_compared_with_a_request)
    {
        notes.push(
            "the request is not known, so whether it is the one that was answered cannot be told here: \
             give --request-id, or a recording of the whole sign-in"
                .to_owned(),
        );
    }
    Ok(Report { messages, notes })
}

/// Explains an answer that has just come to the gate, with every value: whoever is shown it began the sign-in.
#[derive(Debug)]
pub struct Arrived<'a> {
    /// The value of the form field.
    pub saml_response: &'a str,
    /// Whom it was for. `acs_urls` holds the address to which it was posted, and no other.
    pub party: Party<'a>,
    /// The request that it must answer.
    pub request: Request,
    /// Who is asked about it once more, where somebody is.
    pub second_opinion: Option<SecondOpinion>,
}

impl Arrived<'_> {
    /// Every rule at this moment. Opens what is encrypted, if there is a key: for answers that the gate has verified.
    pub fn explained(self, limits: &Limits, now: Moment) -> Explained {
        let parties = [self.party];
        let options = Options {
            at: Some(now),
            request: Some(self.request),
            unsolicited: false,
            show_values: true,
            second_opinion: self.second_opinion,
        };
        posted(self.saml_response, &parties, &options, limits, now)
    }
}

/// What such an answer says by itself: no rule is applied, and nothing is opened.
pub fn decoded(saml_response: &str, limits: &Limits, now: Moment) -> Explained {
    let options = Options { show_values: true, ..Options::default() };
    posted(saml_response, &[], &options, limits, now)
}

fn posted(
    saml_response: &str,
    parties: &[Party<'_>],
    options: &Options,
    limits: &Limits,
    now: Moment,
) -> Explained {
    let found = Found {
        place: "as it was posted".to_owned(),
        carried: Carried::Post(saml_response.to_owned()),
        field: Some("SAMLResponse"),
        sent_to: parties.first().and_then(|party| party.acs_urls.first()).cloned(),
        sent_at: None,
        notes: Vec::new(),
    };
    let privacy = Privacy { show_values: options.show_values };
    Reader { parties, limits, options, now, privacy, asked: Vec::new() }.message(&found)
}

/// Whether the request would have made a difference.
fn is_compared_with_a_request(message: &Explained) -> bool {
    message.kind == "Response" && message.against.as_ref().is_some_and(|against| !against.unsolicited)
}

/// Goes through the messages in their order and remembers what was asked.
struct Reader<'a> {
    parties: &'a [Party<'a>],
    limits: &'a Limits,
    options: &'a Options,
    now: Moment,
    privacy: Privacy,
    asked: Vec<Request>,
}

impl Reader<'_> {
    fn message(&mut self, found: &Found) -> Explained {
        let xml = found.carried.xml();
        let read = xml.as_deref().map(|xml| Node::read(xml, self.limits));
        let node = read.as_ref().and_then(|read| read.as_ref().ok());
        let mut explained = Explained {
            // What cannot be read was posted as a response or not at all.
            kind: node.map_or_else(|| "Response".to_owned(), |node| node.name.clone()),
            found: found.place.clone(),
            carried: found.carried.name(),
            notes: found.notes.clone(),
            says: node.map(|node| says::says(node, self.privacy)).unwrap_or_default(),
            signatures: Vec::new(),
            encrypted: node.map(protection::encrypted).unwrap_or_default(),
            against: None,
            second_opinion: None,
            verdict: None,
            rules: Vec::new(),
            identity: None,
        };
        self.note_the_carriage(found, node, &mut explained);
        match (node.map(|node| node.name.as_str()), node) {
            (Some("AuthnRequest" | "LogoutRequest" | "LogoutResponse"), Some(node))
                if !self.is_posted_as_answer(found) =>
            {
                checks::check(self, found, node, &mut explained);
                if node.name == "AuthnRequest" {
                    self.asked.extend(Request::of(node));
                }
            }
            _ => answer::judge(self, found, node, &mut explained),
        }
        explained
    }

    /// Whether the assertion consumer service would have to judge it, whatever it is.
    fn is_posted_as_answer(&self, found: &Found) -> bool {
        let to = found.sent_to.as_ref();
        found.field == Some("SAMLResponse")
            && self.parties.iter().any(|p| p.acs_urls.iter().any(|url| Some(url) == to))
    }

    fn note_the_carriage(&self, found: &Found, node: Option<&Node>, explained: &mut Explained) {
        if matches!(found.carried, Carried::Redirect { .. })
            && node.is_some_and(|node| node.name == "Response")
        {
            explained
                .notes
                .push("a Response must be posted; this one came in a query (Profiles 4.1.2)".to_owned());
        }
        if found.carried.has_signed_query() {
            explained.notes.push("its query is signed".to_owned());
        }
        if let Some(at) = found.sent_at {
            explained
                .says
                .insert(0, Fact { name: "sent".to_owned(), value: format!("{at} by the browser's clock") });
        }
    }

    /// The request that a message answers, as far as it is known: the one the owner names; else, in a recording, the
    /// one with its ID, or the last one before it.
    fn request_for(&self, in_response_to: Option<&str>) -> Option<&Request> {
        let by_id = || self.asked.iter().find(|asked| Some(asked.id.as_str()) == in_response_to);
        self.options.request.as_ref().or_else(by_id).or_else(|| self.asked.last())
    }
}

impl Request {
    fn of(request: &Node) -> Option<Self> {
        let text = |name: &str| request.attribute(name).map(str::to_owned);
        Some(Self {
            id: text("ID")?,
            issued: request.attribute("IssueInstant").and_then(reading::moment),
            destination: text("Destination"),
            acs_url: text("AssertionConsumerServiceURL"),
        })
    }
}

#[cfg(test)]
mod tests;
