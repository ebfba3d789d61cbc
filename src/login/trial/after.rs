//! What came of a test sign-in.

use super::sheet::{self, Judged};
use super::{Answer, Trial};
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::explain::{self, Arrived, Explained, LogoutDemand, Party, Request};
use crate::gate::Gate;
use crate::identity::Person as _;
use crate::login::answers::Stopped;
use crate::login::attempt::Attempt;
use crate::observe::audit::{self, Event, Reference};
use crate::pages;
use crate::reason::{Reason, Refusal};
use crate::session::Session;
use crate::site::{Face, Idp, Site};
use bytes::Bytes;
use http::Response;
use http::header::SET_COOKIE;
use std::net::IpAddr;
use std::sync::Arc;

/// What an accepted answer would have led to.
pub(in crate::login) struct Outcome<'a> {
    pub(in crate::login) attempt: &'a Attempt,
    pub(in crate::login) answer: Answer,
    pub(in crate::login) idp: &'a Arc<Idp>,
    /// The session that is not made: it is in no store, and nobody is given its secret.
    pub(in crate::login) session: &'a Session,
    /// What admission said, as names with values.
    pub(in crate::login) admission: Vec<(&'static str, String)>,
}

/// The page of a test sign-in that every rule lets pass. Only its own attempt is forgotten: whoever was signed in stays so.
pub(in crate::login) async fn accepted(
    gate: &Gate,
    site: &Site,
    outcome: Outcome<'_>,
    client: IpAddr,
    now: Moment,
) -> Response<Bytes> {
    let reference = record(site, &outcome.attempt.idp, None, client);
    let how = How::Explained(outcome.attempt.clone());
    let explained = explained(gate, site, outcome.idp, outcome.answer, how, now).await;
    let saml = outcome.idp.known();
    let judged = Judged { site, saml: saml.as_deref(), explained: explained.as_ref().ok(), now };
    let told = gate.told(site, outcome.session, now);
    let mut sheet = sheet::accepted(&judged, outcome.session, &outcome.admission, &told);
    sheet.lead.insert(0, format!("Accepted. {:?} would have been signed in.", outcome.session.user()));
    sheet.lead.extend(without_rules(&explained));
    sheet.lead.push(format!("Reference: {reference}"));
    let mut response = pages::trial_result(&site.branding, &sheet, false);
    let answered = site.cookies.clear(&Kind::Attempt(outcome.attempt.suffix()));
    response.headers_mut().append(SET_COOKIE, answered);
    response
}

/// The page of a test sign-in that some rule refuses.
pub(in crate::login) async fn refused(
    gate: &Gate,
    site: &Site,
    stopped: &Stopped,
    trial: &Trial,
    client: IpAddr,
) -> Response<Bytes> {
    let now = gate.clock.now();
    let refusal = &stopped.refusal;
    let reference = record(site, &trial.attempt.idp, Some(refusal), client);
    let idp = site.identity_providers.iter().find(|idp| idp.id == trial.attempt.idp);
    let explained = match (idp, &trial.answer) {
        // Whoever can tell how a decryption ended can have things decrypted (login/tries.rs): nothing is said about it.
        _ if refusal.is_behind_decryption() => None,
        (Some(idp), Some(answer)) => {
            let attempt = trial.attempt.clone();
            let how = if trial.is_past_saml { How::Explained(attempt) } else { How::Unopened(attempt) };
            Some(explained(gate, site, idp, answer.clone(), how, now).await)
        }
        _ => None,
    };
    let saml = idp.and_then(|idp| idp.known());
    let rules = explained.as_ref().and_then(|explained| explained.as_ref().ok());
    let judged = Judged { site, saml: saml.as_deref(), explained: rules, now };
    let mut sheet = sheet::refused(&judged, refusal);
    sheet.lead.extend(explained.iter().flat_map(without_rules));
    sheet.lead.push(format!("Reference: {reference}"));
    pages::trial_result(&site.branding, &sheet, true)
}

fn record(site: &Site, idp: &str, refusal: Option<&Refusal>, client: IpAddr) -> Reference {
    let reference = Reference::random();
    audit::record(&Event::TestSignIn {
        site: &site.name,
        idp,
        reference: reference.as_str(),
        refusal,
        client: Some(client),
    });
    reference
}

fn without_rules(explained: &Result<Explained, Refusal>) -> Option<String> {
    let refusal = explained.as_ref().err()?;
    Some(match refusal.reason {
        Reason::Busy => "The gate is too busy to explain the rules just now. Try again.".to_owned(),
        _ => format!("The rules cannot be explained: {refusal}."),
    })
}

/// How much of an answer may be explained.
enum How {
    /// All of it.
    Explained(Attempt),
    /// All of it, unless it is encrypted: then what stands outside.
    Unopened(Attempt),
}

/// The rules, asked once more with a pen in hand, on the threads that verify answers.
async fn explained(
    gate: &Gate,
    site: &Site,
    idp: &Arc<Idp>,
    answer: Answer,
    how: How,
    now: Moment,
) -> Result<Explained, Refusal> {
    let saml = idp.saml(now)?;
    let Some(site) = gate.shared(site) else {
        return Err(Refusal::new(Reason::Internal, "the site is not one of this gate's"));
    };
    let (idp, limits, second_opinion) = (Arc::clone(idp), gate.message_limits, gate.second_opinion);
    gate.verifier
        .run(move || {
            let attempt = match how {
                How::Explained(attempt) => attempt,
                How::Unopened(attempt) => {
                    let decoded = explain::decoded(&answer.saml_response, &limits, now);
                    if !decoded.encrypted.is_empty() {
                        return decoded;
                    }
                    attempt
                }
            };
            let party = Party {
                site: &site.name,
                idp: &idp.id,
                service_provider: &site.service_provider,
                acs_urls: vec![answer.acs_url],
                slo_url: site.service_provider.slo_url.clone(),
                logout: LogoutDemand { taken: false, signed_requests: true, signed_responses: true },
                identity_provider: &saml,
                policy: &site.policy,
                demand: &idp.demand,
                allow_unsolicited: false,
                mapping: &site.mapping,
                email_domains: idp.email_domains.as_deref(),
                site_domains: site.email_domains.as_deref(),
                admission: (!matches!(site.face, Face::SignOn)).then_some(&site.admission),
            };
            let request = Request {
                id: attempt.request_id.as_str().to_owned(),
                issued: Some(attempt.created),
                destination: None,
                acs_url: Some(attempt.acs_url.clone()),
            };
            Arrived { saml_response: &answer.saml_response, party, request, second_opinion }
                .explained(&limits, now)
        })
        .await
}
