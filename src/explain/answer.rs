//! A response: held against the party that it is for, rule by rule.

use super::find::{Carried, Found};
use super::person::Person;
use super::report::{
    Against, AttributeSeen, CertificateSeen, Explained, Fact, IdentitySeen, Outcome, RuleSeen, State, Verdict,
};
use super::says::{Privacy, last_part};
use super::{Party, Reader, Request, advice, person, protection};
use crate::clock::Moment;
use crate::identity::{self, Groups, Preview};
use crate::reason::{Reason, Refusal};
use crate::saml;
use crate::saml::reading::{self, Node};
use crate::saml::response::{Answers, Expected, ResponseText};
use crate::saml::trace::{self, Compared, Part, Rule, Said, Trace};

/// Judges a message as the assertion consumer service would; `node` is what could be read of it.
pub(super) fn judge(reader: &Reader<'_>, found: &Found, node: Option<&Node>, explained: &mut Explained) {
    let request = node
        .map(|node| reader.request_for(node.attribute("InResponseTo")))
        .unwrap_or_else(|| reader.request_for(None));
    let Some(party) = suiting(reader.parties, node, request) else {
        explained.signatures = node.map(|node| protection::signatures(node, &[], &[])).unwrap_or_default();
        return;
    };
    let (at, at_because) = moment(reader, found, node);
    let acs_url = address(party, found, node, request);
    let claimed = claimed_request(node);
    // As the gate does: what names no request is nobody's answer, where that is allowed.
    let names_none = node.is_some_and(|node| node.attribute("InResponseTo").is_none());
    let unsolicited = reader.options.unsolicited || names_none && party.allow_unsolicited;
    let request = request.filter(|_| !unsolicited);
    let expected = Expected {
        answers: match request {
            _ if unsolicited => Answers::Nobody { remembers_since: LONG_AGO },
            Some(request) => Answers::Request { id: &request.id, issued: request.issued.unwrap_or(LONG_AGO) },
            None => Answers::Request { id: &claimed, issued: LONG_AGO },
        },
        service_provider: party.service_provider,
        identity_provider: party.identity_provider,
        acs_url: &acs_url,
        demand: party.demand,
    };

    let text = match &found.carried {
        Carried::Post(value) => ResponseText::from_form_value(value, reader.limits),
        Carried::Redirect { xml, .. } | Carried::Xml(xml) => {
            ResponseText::from_xml(xml.clone(), reader.limits)
        }
    };
    let (trace, now) = match &text {
        Ok(text) => (
            trace::trace(text, &expected, party.policy, reader.limits, at),
            saml::validate(text, &expected, party.policy, reader.limits, reader.now).err(),
        ),
        Err(refusal) => (Trace::undecoded(refusal.clone()), Some(refusal.clone())),
    };

    let configured = party.identity_provider.keys.certificates();
    explained.signatures =
        node.map(|node| protection::signatures(node, &trace.signatures, configured)).unwrap_or_default();
    explained.against = Some(Against {
        site: party.site.to_owned(),
        entity_id: party.service_provider.entity_id.to_string(),
        acs_url: acs_url.clone(),
        idp: party.idp.to_owned(),
        idp_entity_id: party.identity_provider.entity_id.to_string(),
        certificates: configured.iter().map(|one| CertificateSeen::new(one, configured)).collect(),
        clock_skew_seconds: party.policy.clock_skew.as_secs(),
        at: at.to_string(),
        at_because,
        request_id: request.map(|request| request.id.clone()),
        unsolicited,
    });

    for part in &mut explained.encrypted {
        part.opened = opened(&trace);
    }
    let person = trace.said.as_ref().map(|said| Person::of(said, party));
    let (second_opinion, disagreed) = second_opinion(reader, &text, &trace);
    explained.second_opinion = second_opinion;
    let refused = trace.verdict.as_ref().err().cloned().or_else(|| disagreed.clone());
    // The sign-in goes on where SAML has nothing against it.
    let not_a_user = person.as_ref().and_then(|person| person.refusal().cloned());
    let refusal = refused.or_else(|| not_a_user.clone());
    let case = advice::Case { reader, party, node, request, at, signatures: &explained.signatures };
    let known = Known {
        request: unsolicited || request.is_some(),
        issued: unsolicited || request.is_some_and(|request| request.issued.is_some()),
    };
    explained.rules = trace.rules.iter().map(|rule| seen(rule, known, &case)).collect();
    explained.rules.extend(person::rules(person.as_ref(), trace.said.as_ref(), &case));
    explained.rules.extend(ELSEWHERE.iter().map(|reason| RuleSeen {
        part: "the sign-in",
        code: reason.code(),
        state: State::CannotBeToldHere,
        unverified: false,
        compared: None,
        cause: None,
    }));
    explained.verdict = Some(Verdict {
        outcome: Outcome::of(refusal.is_some()),
        refused: refusal.as_ref().map(|refusal| case.cause(refusal, compared_by(&trace, refusal))),
        refused_now: now
            .map(|refusal| refusal.reason)
            .or(disagreed.or(not_a_user).map(|r| r.reason))
            .map(|r| r.code().to_owned()),
        clocks: case.clocks(),
    });
    explained.identity = trace
        .said
        .as_ref()
        .map(|said| identity_seen(said, person.as_ref().and_then(Person::known), party, reader.privacy));
}

/// What other code says of an answer that ours accepts, in words, and the refusal that follows where it counts.
fn second_opinion(
    reader: &Reader<'_>,
    text: &Result<ResponseText, Refusal>,
    trace: &Trace,
) -> (Option<String>, Option<Refusal>) {
    let (Some(second), Ok(text), Ok(accepted)) = (&reader.options.second_opinion, text, &trace.verdict)
    else {
        return (None, None);
    };
    let opinion = second.of(text, accepted);
    (Some(opinion.to_string()), second.weigh(text, accepted).err())
}

/// Before every request: a rule that compares with it holds.
const LONG_AGO: Moment = Moment::from_millis(i64::MIN);

/// What only a running gate knows: cookies, and what was answered before.
const ELSEWHERE: &[Reason] = &[
    Reason::AttemptMissing,
    Reason::AttemptExpired,
    Reason::AttemptBeforeStart,
    Reason::AttemptForeign,
    Reason::AssertionReplayed,
    Reason::RequestAnswered,
];

/// The party that the message is most probably for: by the request that it answers, else by its issuer, else by its
/// addresses; the first one where nothing tells.
fn suiting<'p, 'a>(
    parties: &'p [Party<'a>],
    node: Option<&Node>,
    request: Option<&Request>,
) -> Option<&'p Party<'a>> {
    let texts = |names: &[&str]| node.and_then(|node| node.at(names)).map(|found| found.text.clone());
    let issuers: Vec<_> =
        [texts(&["Assertion", "Issuer"]), texts(&["Issuer"])].into_iter().flatten().collect();
    let destination = node.and_then(|node| node.attribute("Destination"));
    let audience = texts(&["Assertion", "Conditions", "AudienceRestriction", "Audience"]);
    let plain = |text: &str| text.trim_end_matches('/').to_lowercase();
    let suits = |party: &Party<'_>| {
        let asked = request.and_then(|request| request.destination.as_deref()).is_some_and(|destination| {
            party.identity_provider.single_sign_on.iter().any(|(_, url)| same_address(url, destination))
        });
        let entity_id = party.identity_provider.entity_id.as_str();
        let named = issuers.iter().any(|issuer| issuer == entity_id);
        let nearly = issuers.iter().any(|issuer| plain(issuer) == plain(entity_id));
        let here = destination.is_some_and(|destination| party.acs_urls.iter().any(|url| url == destination));
        let audience = audience.as_deref() == Some(party.service_provider.entity_id.as_str());
        u8::from(asked) * 16
            + u8::from(named) * 8
            + u8::from(nearly) * 4
            + u8::from(here) * 2
            + u8::from(audience)
    };
    // The first of the best: `max_by_key` gives the last.
    parties.iter().rev().max_by_key(|party| suits(party))
}

/// Whether two addresses are one, but for what a request puts behind the question mark.
fn same_address(one: &str, other: &str) -> bool {
    let start = |url: &str| url.split(['?', '#']).next().unwrap_or_default().to_owned();
    start(one) == start(other)
}

/// The moment to judge at, and why that one.
fn moment(reader: &Reader<'_>, found: &Found, node: Option<&Node>) -> (Moment, &'static str) {
    if let Some(at) = reader.options.at {
        return (at, "as --at says");
    }
    if let Some(at) = found.sent_at {
        return (at, "when the browser posted it, by its clock");
    }
    let issued = |names: &[&str]| node.and_then(|node| node.at(names)?.attribute("IssueInstant"));
    match issued(&[]).or_else(|| issued(&["Assertion"])).and_then(reading::moment) {
        Some(at) => (at, "when it was issued, by its own word"),
        None => (reader.now, "now, for it does not say when it was issued"),
    }
}

/// The address at which it was, or would have been, delivered: one of ours, and if the message names one, that one.
fn address(party: &Party<'_>, found: &Found, node: Option<&Node>, request: Option<&Request>) -> String {
    let named = node.and_then(|node| node.attribute("Destination"));
    let wishes = [found.sent_to.as_deref(), request.and_then(|request| request.acs_url.as_deref()), named];
    let ours = wishes.into_iter().flatten().find(|wish| party.acs_urls.iter().any(|url| url == wish));
    let published = &party.service_provider.acs_url;
    ours.unwrap_or(published).to_owned()
}

/// The request that the message claims to answer. Without knowledge of the request it is compared with itself: the
/// response and the confirmation may still differ.
fn claimed_request(node: Option<&Node>) -> String {
    const DATA: [&str; 4] = ["Assertion", "Subject", "SubjectConfirmation", "SubjectConfirmationData"];
    let of = |node: &Node| node.attribute("InResponseTo").map(str::to_owned);
    node.and_then(|node| of(node).or_else(|| node.at(&DATA).and_then(of))).unwrap_or_default()
}

/// What is known of the request, where there was one.
#[derive(Clone, Copy)]
struct Known {
    request: bool,
    issued: bool,
}

fn seen(rule: &Rule, known: Known, case: &advice::Case<'_>) -> RuleSeen {
    let untold = rule.state == trace::State::Passed
        && match rule.reason {
            Reason::InResponseToMismatch | Reason::ConfirmationInResponseToMismatch => !known.request,
            Reason::IssueInstantOld => !known.issued,
            // Only a sign-in that was forced is compared with the request.
            Reason::AuthnTooOld => !known.issued && case.party.demand.force_authn,
            // The message is compared with the start of the gate.
            Reason::AttemptBeforeStart => true,
            _ => false,
        };
    let state = match rule.state {
        _ if untold => State::CannotBeToldHere,
        trace::State::Passed => State::Passed,
        trace::State::Failed => State::Failed,
        trace::State::NotReached => State::NotReached,
    };
    let refusal = || {
        let detail = rule.compared.as_ref().map(Compared::to_string).unwrap_or_default();
        case.cause(&Refusal::new(rule.reason, detail), rule.compared.as_ref())
    };
    RuleSeen {
        part: title(rule.part),
        code: rule.reason.code(),
        state,
        unverified: rule.unverified,
        // What a rule compares with itself is no comparison.
        compared: rule
            .compared
            .as_ref()
            .filter(|_| !untold)
            .map(|compared| case.values(rule.reason, compared)),
        cause: (state == State::Failed).then(refusal),
    }
}

/// What came of what is encrypted.
fn opened(trace: &Trace) -> String {
    match &trace.verdict {
        _ if trace.said.as_ref().is_some_and(|said| said.verified) => "opened with a key of ours".to_owned(),
        Ok(_) => "opened with a key of ours".to_owned(),
        Err(refusal) => format!("not opened here: {}", refusal.reason.code()),
    }
}

/// How many are GUIDs, as Entra ID sends them, that nobody has given a name to.
fn nameless_groups(groups: &Groups) -> usize {
    let is_guid = |group: &String| {
        let parts: Vec<&str> = group.split('-').collect();
        let hex = |part: &&str| part.bytes().all(|b| b.is_ascii_hexdigit());
        parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(hex)
    };
    match groups {
        Groups::Known(groups) => groups.iter().filter(|group| is_guid(group)).count(),
        Groups::Unknown => 0,
    }
}

/// What the rule compared by which the message is refused.
fn compared_by<'t>(trace: &'t Trace, refusal: &Refusal) -> Option<&'t Compared> {
    let failed = |rule: &&Rule| rule.state == trace::State::Failed && rule.reason == refusal.reason;
    trace.rules.iter().find(failed).and_then(|rule| rule.compared.as_ref())
}

const fn title(part: Part) -> &'static str {
    match part {
        Part::Encoding => "from the form field to text",
        Part::Xml => "XML",
        Part::Structure => "what stands where",
        Part::SignatureShape => "what a signature is made of",
        Part::Presence => "which parts are signed",
        Part::Encryption => "what is encrypted",
        Part::Signature => "who signed",
        Part::Response => "the response",
        Part::Assertion => "the assertion",
        Part::Profile => "the Web Browser SSO profile",
    }
}

fn identity_seen(said: &Said, person: Option<&Preview>, party: &Party<'_>, privacy: Privacy) -> IdentitySeen {
    let mut told = Vec::new();
    let mut tell = |name: &str, value: Option<String>| {
        let value = value.unwrap_or_else(|| "(nothing)".to_owned());
        told.push(Fact { name: name.to_owned(), value });
    };
    if let Some(person) = person {
        let hidden = |value: &Option<String>| value.as_deref().map(|value| privacy.of(value));
        tell("user", Some(privacy.of(&person.user)));
        tell("email", hidden(&person.email));
        tell("name", hidden(&person.name));
        tell("preferred username", hidden(&person.preferred_username));
        for (part, value) in person.others.iter().filter(|(_, value)| value.is_some()) {
            tell(part, hidden(value));
        }
        tell(
            "groups",
            Some(match &person.groups {
                Groups::Unknown => "unknown: rules that ask for a group or role deny".to_owned(),
                Groups::Known(groups) if privacy.show_values => groups.join(", "),
                Groups::Known(groups) => format!("{} of them", groups.len()),
            }),
        );
        let nameless = nameless_groups(&person.groups);
        if nameless > 0 {
            let words = format!("{nameless} of them are GUIDs without a name in group_aliases");
            tell("groups of Entra ID", Some(words));
        }
        tell("roles", (!person.roles.is_empty()).then(|| person.roles.join(", ")));
    }
    let attribute = |attribute: &saml::response::Attribute| AttributeSeen {
        name: attribute.name.clone(),
        friendly_name: attribute.friendly_name.clone(),
        values: attribute.values.iter().map(|value| privacy.of(value)).collect(),
        read_as: identity::read_as(attribute, &said.name_id, &said.attributes, party.mapping),
    };
    IdentitySeen {
        verified: said.verified,
        name_id_format: last_part(said.name_id.format.as_deref().unwrap_or("unspecified")).to_owned(),
        told,
        attributes: said.attributes.iter().map(attribute).collect(),
    }
}
