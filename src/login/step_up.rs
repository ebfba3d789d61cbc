//! A sign-in that a rule asked for: a session is there, perhaps, and falls short of what the rule wants.
//!
//! The address names the rule, and the configuration says what it wants: whoever makes up such an address can ask for
//! nothing else. The answer is held to what was asked for, so that a session that comes of it meets the rule. Where it
//! does not all the same, the browser is not sent a second time: the person is told, and the owner why.

use super::return_to::ReturnTo;
use super::rounds::Answered;
use crate::clock::Moment;
use crate::gate::Gate;
use crate::identity::{Authentication, Person as _};
use crate::reason::{Reason, Refusal};
use crate::site::Site;
use http::HeaderMap;

/// What is known of a sign-in for a rule.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The rule; none: it is an ordinary sign-in.
    pub(super) rule: Option<u16>,
    /// Who signed the session in that falls short: whoever did it shall do it better.
    pub(super) idp: Option<String>,
}

/// Reads the wish against the rules and the session.
///
/// # Errors
/// `step-up-failed` when the browser has just come back from a sign-in for this rule; `store-unavailable`.
pub(super) async fn wanted(
    gate: &Gate,
    site: &Site,
    rule: Option<u16>,
    headers: &HeaderMap,
    return_to: &ReturnTo,
    now: Moment,
) -> Result<Wanted, Refusal> {
    let Some(rule) = rule.filter(|rule| site.rules.step_up(*rule).is_some()) else {
        return Ok(Wanted::default());
    };
    let session = gate.resume(site, headers, now).await?;
    let just_done = Answered::read(&gate.keys, site, headers)
        .is_some_and(|answered| answered.was_for(rule, return_to, now));
    if let Some(session) = session.as_deref().filter(|_| just_done) {
        let asks = site.rules.in_words(rule);
        let found = said(session.authentication(), now);
        return Err(Refusal::new(
            Reason::StepUpFailed,
            format!("{asks}; the sign-in that followed was {found}"),
        ));
    }
    Ok(Wanted { rule: Some(rule), idp: session.map(|session| session.idp().to_owned()) })
}

fn said(how: Authentication<'_>, now: Moment) -> String {
    let class = how.class.unwrap_or("no class that was named");
    let age =
        how.instant.map_or_else(|| "some time".to_owned(), |at| format!("{} s", now.since(at).as_secs()));
    let forced = if how.forced { "forced" } else { "not forced" };
    format!("by {class}, {age} ago, {forced}")
}
