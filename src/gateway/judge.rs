//! The one decision about a request, by whichever face and in whichever dialect it came: the proxy's requests, upgrades
//! among them, and the questions of gateways all end here.

use super::record::passes_unknown;
use crate::access::{Permit, Question, Verdict};
use crate::reason::{Reason, Refusal};
use crate::session::Session;
use crate::site::Site;
use http::HeaderMap;
use std::sync::Arc;

/// A request that was read: where it goes, and what the rules are asked.
pub(super) struct Case<'a> {
    pub(super) site: &'a Site,
    pub(super) question: Question<'a>,
    /// The client's own.
    pub(super) headers: &'a HeaderMap,
    /// Whether no body follows, as far as it can be known beside the headers.
    pub(super) bodiless: bool,
}

/// What is decided.
#[must_use]
pub(super) enum Judged {
    /// It may pass. The permit says whether somebody's identity goes along.
    Pass(Permit),
    /// It might pass after a sign-in: an ordinary one, or the one that this rule asks for, and why.
    SignIn(Option<(u16, Reason)>),
    /// It may not pass.
    Refused(Refusal),
}

/// `found` is what the store said of the request's session. What nobody need sign in for does not depend on the store:
/// it is judged, and goes on, as a stranger's.
pub(super) fn judge(
    case: &Case<'_>,
    found: Result<Option<Arc<Session>>, Refusal>,
) -> (Judged, Option<Arc<Session>>) {
    let Case { site, question, headers, bodiless } = case;
    let (session, unknown) = found.map_or_else(|refusal| (None, Some(refusal)), |found| (found, None));
    let preflight = || site.cors.preflight(question.method, headers).filter(|_| *bodiless);
    let verdict = site.rules.judge(question, session.as_deref()).or_preflight(preflight);
    let judged = match (verdict, unknown) {
        (Verdict::Allow(permit), unknown) => {
            if let Some(problem) = &unknown {
                passes_unknown(site, problem);
            }
            Judged::Pass(permit)
        }
        (Verdict::NeedsSession | Verdict::NeedsStepUp { .. }, Some(refusal))
        | (Verdict::Forbidden(refusal), _) => Judged::Refused(refusal),
        (Verdict::NeedsSession, None) => Judged::SignIn(None),
        (Verdict::NeedsStepUp { rule, because }, None) => Judged::SignIn(Some((rule, because))),
    };
    (judged, session)
}
