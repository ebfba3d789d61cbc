//! Requests and logout messages.
//!
//! Nothing here decides anything at run time. A request of ours is compared with what we publish; a logout message with
//! whom we know, and one that came to us is put before the very code that judges it at the gate, whose word comes first.

use super::find::{Carried, Found};
use super::report::{
    Against, Cause, CertificateSeen, Explained, Outcome, RuleSeen, State, Values, Verdict, seconds_after,
};
use super::{Party, Reader, differ, protection};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use crate::saml::logout::{Carries, LogoutText, RawLogout};
use crate::saml::parties::TrustedKeys;
use crate::saml::reading::{self, Node};
use crate::saml::trace::{self, Signer};

/// Compares a message that is not an answer to a sign-in.
pub(super) fn check(reader: &Reader<'_>, found: &Found, node: &Node, explained: &mut Explained) {
    let issuer = node.child("Issuer").map(|issuer| issuer.text.as_str()).unwrap_or_default();
    let Some(message) = Message::of(reader, issuer, node) else {
        explained.signatures = protection::signatures(node, &[], &[]);
        return;
    };
    let signer = message.signer(found, reader);
    let configured = message.party.identity_provider.keys.certificates();
    let (from, signers) = match &signer {
        Ok(signer) => (None, signer.clone().into_iter().collect()),
        Err(refusal) => (Some(refusal.clone()), Vec::<Signer>::new()),
    };
    explained.signatures = protection::signatures(node, &signers, configured);

    let at = reader
        .options
        .at
        .or(found.sent_at)
        .or_else(|| node.attribute("IssueInstant").and_then(reading::moment));
    explained.against = Some(message.against(at.unwrap_or(reader.now), reader, found));
    let mut rules = vec![
        one_of("issuer", issuer, &message.may_issue()),
        one_of("destination", node.attribute("Destination").unwrap_or_default(), &message.may_receive()),
    ];
    if node.name == "AuthnRequest"
        && let Some(acs_url) = node.attribute("AssertionConsumerServiceURL")
    {
        rules.push(one_of("assertion consumer service", acs_url, &message.party.acs_urls));
    }
    if let (Some(until), Some(at)) = (node.attribute("NotOnOrAfter").and_then(reading::moment), at) {
        rules.push(in_time(until, at, message.party));
    }
    let judged = message.judged_at_the_gate(found, reader, at.unwrap_or(reader.now));
    match judged {
        // The gate's word stands for the signature too.
        Some(judged) => {
            let now = message.judged_at_the_gate(found, reader, reader.now).and_then(Result::err);
            rules.insert(0, verdict_rule(&judged));
            explained.verdict = Some(Verdict {
                outcome: Outcome::of(judged.is_err()),
                refused: judged.err().as_ref().map(cause),
                refused_now: now.map(|refusal| refusal.reason.code().to_owned()),
                clocks: Vec::new(),
            });
        }
        None => rules.push(match from {
            Some(refusal) => plain("signature", State::Failed, refusal),
            None => signature_rule(found, signers.first(), message.is_ours),
        }),
    }
    explained.rules = rules;
}

/// Who probably sent it to whom.
struct Message<'a> {
    party: &'a Party<'a>,
    is_ours: bool,
    is_logout: bool,
    is_request: bool,
}

impl<'a> Message<'a> {
    fn of(reader: &Reader<'a>, issuer: &str, node: &Node) -> Option<Self> {
        let ours = |party: &&Party<'_>| party.service_provider.entity_id.as_str() == issuer;
        let theirs = |party: &&Party<'_>| party.identity_provider.entity_id.as_str() == issuer;
        let parties = reader.parties;
        let destination = node.attribute("Destination").unwrap_or_default();
        let asked = |party: &&Party<'_>| {
            party.identity_provider.single_sign_on.iter().any(|(_, url)| url == destination)
        };
        let party = parties
            .iter()
            .find(|party| ours(party) && asked(party))
            .or_else(|| parties.iter().find(ours))
            .or_else(|| parties.iter().find(theirs))
            .or_else(|| parties.first())?;
        let is_logout = node.name != "AuthnRequest";
        // Only we ask; what nobody of both sent is taken for theirs.
        let is_request = node.name == "LogoutRequest";
        Some(Self { is_ours: !is_logout || ours(&party), party, is_logout, is_request })
    }

    fn may_issue(&self) -> Vec<String> {
        vec![match self.is_ours {
            true => self.party.service_provider.entity_id.to_string(),
            false => self.party.identity_provider.entity_id.to_string(),
        }]
    }

    /// Where it may go; nothing where we do not know their address.
    fn may_receive(&self) -> Vec<String> {
        match (self.is_ours, self.is_logout) {
            (false, _) => vec![self.party.slo_url.clone()],
            (true, true) => Vec::new(),
            (true, false) => {
                self.party.identity_provider.single_sign_on.iter().map(|(_, url)| url.clone()).collect()
            }
        }
    }

    /// Who made the signature inside the message.
    fn signer(&self, found: &Found, reader: &Reader<'_>) -> Result<Option<Signer>, String> {
        let Some(xml) = found.carried.xml() else { return Ok(None) };
        let own: Vec<_> = self
            .party
            .service_provider
            .signing_keys
            .iter()
            .map(|key| key.certificate_der().to_vec())
            .collect();
        let keys = match self.is_ours {
            true => match TrustedKeys::from_certificates(&own) {
                Ok((keys, _)) => keys,
                // We sign nothing; whether somebody else did is of no matter.
                Err(_) => return Ok(None),
            },
            false => self.party.identity_provider.keys.clone(),
        };
        trace::signature_of_root(&xml, &keys, reader.limits, reader.now)
            .map_err(|refusal| refusal.to_string())
    }

    /// What the gate says of a logout message that came to it; none for what we sent ourselves, or where it is not known
    /// how it came. Whether a response answers a request of ours is the browser's to show: that rule is not asked.
    fn judged_at_the_gate(
        &self,
        found: &Found,
        reader: &Reader<'_>,
        at: Moment,
    ) -> Option<Result<(), Refusal>> {
        if self.is_ours || !self.is_logout {
            return None;
        }
        let Party { identity_provider: idp, service_provider: sp, logout, .. } = self.party;
        let (carries, must_be_signed) = match self.is_request {
            true => (Carries::Request, logout.signed_requests),
            false => (Carries::Response, logout.signed_responses),
        };
        let limits = reader.limits;
        let text = match &found.carried {
            Carried::Redirect { query, .. } if !query.is_empty() => LogoutText::from_query(query, limits),
            Carried::Post(value) => LogoutText::from_form(carries, value, None, limits),
            Carried::Redirect { .. } | Carried::Xml(_) => return None,
        };
        if !logout.taken {
            return Some(Err(Reason::LogoutSwitchedOff.into()));
        }
        Some(text.and_then(|text| {
            let verified = RawLogout::parse(&text, limits)?.verify(idp, sp, must_be_signed)?;
            match carries {
                Carries::Request => verified.accept_request(idp, sp, self.party.policy, at).map(drop),
                Carries::Response => Ok(()),
            }
        }))
    }

    fn against(&self, at: Moment, reader: &Reader<'_>, found: &Found) -> Against {
        let party = self.party;
        let configured = party.identity_provider.keys.certificates();
        Against {
            site: party.site.to_owned(),
            entity_id: party.service_provider.entity_id.to_string(),
            acs_url: party.service_provider.acs_url.clone(),
            idp: party.idp.to_owned(),
            idp_entity_id: party.identity_provider.entity_id.to_string(),
            certificates: configured.iter().map(|one| CertificateSeen::new(one, configured)).collect(),
            clock_skew_seconds: party.policy.clock_skew.as_secs(),
            at: at.to_string(),
            at_because: match (reader.options.at, found.sent_at) {
                (Some(_), _) => "as --at says",
                (None, Some(_)) => "when the browser sent it, by its clock",
                (None, None) => "when it was issued, by its own word",
            },
            request_id: None,
            unsolicited: false,
        }
    }
}

fn verdict_rule(judged: &Result<(), Refusal>) -> RuleSeen {
    match judged {
        Ok(()) => {
            plain("the gate's verdict", State::Passed, "every rule that can be asked here holds".to_owned())
        }
        Err(refusal) => RuleSeen {
            cause: Some(cause(refusal)),
            ..plain(refusal.reason.code(), State::Failed, refusal.detail.to_string())
        },
    }
}

fn cause(refusal: &Refusal) -> Cause {
    Cause {
        code: refusal.reason.code(),
        meaning: refusal.reason.meaning(),
        detail: refusal.detail.to_string(),
        likely_cause: refusal.reason.likely_cause(),
        what_to_change: refusal.reason.what_to_change(),
        hints: Vec::new(),
    }
}

fn one_of(code: &'static str, found: &str, allowed: &[String]) -> RuleSeen {
    let nearest = differ::nearest(allowed, found).cloned().unwrap_or_default();
    let state = match allowed {
        [] => State::CannotBeToldHere,
        allowed if allowed.iter().any(|one| one == found) => State::Passed,
        _ => State::Failed,
    };
    let compared = Values::Texts {
        found: vec![found.to_owned()],
        difference: differ::difference(found, &nearest).filter(|_| state == State::Failed),
        wanted: nearest,
    };
    RuleSeen { compared: (state != State::CannotBeToldHere).then_some(compared), ..rule(code, state) }
}

fn in_time(until: Moment, at: Moment, party: &Party<'_>) -> RuleSeen {
    let state = if until.plus(party.policy.clock_skew) > at { State::Passed } else { State::Failed };
    let compared = Values::Times {
        what: "valid until",
        then: until.to_string(),
        compared_with: at.to_string(),
        seconds_later: seconds_after(until, at),
    };
    RuleSeen { compared: Some(compared), ..rule("not expired", state) }
}

fn signature_rule(found: &Found, signer: Option<&Signer>, is_ours: bool) -> RuleSeen {
    match signer {
        Some(signer) if signer.made_by.is_some() && signer.unaltered => {
            plain("signature", State::Passed, "made by a known key; unaltered".to_owned())
        }
        Some(signer) if signer.unaltered => plain(
            "signature",
            State::Failed,
            "no known key made it; unaltered since it was signed".to_owned(),
        ),
        Some(_) => {
            plain("signature", State::Failed, "the message was altered after it was signed".to_owned())
        }
        None if found.carried.has_signed_query() => {
            plain("signature", State::CannotBeToldHere, "it is over the query, as it was sent".to_owned())
        }
        // Whether it has to be signed is their decision about ours.
        None if is_ours => {
            plain("signature", State::Passed, "not signed, or not by a key of this configuration".to_owned())
        }
        None => plain("signature", State::Failed, "it is not signed; a logout message must be".to_owned()),
    }
}

fn plain(code: &'static str, state: State, words: String) -> RuleSeen {
    RuleSeen { compared: Some(Values::Words { words }), ..rule(code, state) }
}

const fn rule(code: &'static str, state: State) -> RuleSeen {
    RuleSeen { part: "the message", code, state, unverified: false, compared: None, cause: None }
}
