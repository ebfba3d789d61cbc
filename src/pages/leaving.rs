//! The pages of a sign-out that goes on at the identity provider: what ended, what did not, and the forms between.

use super::answer::{AUTO_POST, Kind, framed_by};
use super::passing::AutoPostTemplate;
use super::texts::Situation;
use super::{Branding, Frame, RefusalTemplate, broken, is_link, rendered, status};
use crate::reason::Reason;
use askama::Template;
use bytes::Bytes;
use http::{Response, StatusCode};

/// What became of the sign-in at the identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There<'a> {
    /// It was not asked to end it.
    NotAsked,
    /// It says that all ended.
    Ended,
    /// It says that its own did, and not every other application could be told.
    Partly,
    /// It says that it did not end it.
    Refused,
    /// Its answer was refused.
    Unknown {
        /// Gives the status.
        reason: Reason,
        /// The same as in the audit event.
        reference: &'a str,
    },
}

/// After the end of a session.
#[derive(Debug, Clone, Copy)]
pub struct SignedOut<'a> {
    /// What became of the sign-in at the identity provider.
    pub there: There<'a>,
    /// Where the next sign-in begins.
    pub sign_in: &'a str,
    /// Where the person wanted to go afterwards.
    pub go_on: Option<&'a str>,
}

/// The session here has ended; what became of the one at the identity provider.
pub fn signed_out_there(branding: &Branding, page: &SignedOut<'_>) -> Response<Bytes> {
    let words = branding.language.words();
    let (there, code, reference) = match page.there {
        There::NotAsked => (words.remembered, StatusCode::OK, None),
        There::Ended => (words.ended_there, StatusCode::OK, None),
        There::Partly => (words.partly_there, StatusCode::OK, None),
        There::Refused => (words.refused_there, StatusCode::OK, None),
        There::Unknown { reason, reference } => (words.unknown_there, status(reason), Some(reference)),
    };
    let template = SignedOutTemplate {
        frame: Frame::of(branding),
        title: words.signed_out_title,
        there,
        sign_in: if is_link(page.sign_in) { page.sign_in } else { "/" },
        go_on: page.go_on.filter(|url| is_link(url)),
        reference,
    };
    rendered(branding, code, Kind::Plain, &template)
}

/// A logout message was refused, and whoever is signed in here stays so; `sign_out` is where they may leave.
pub fn sign_out_refused(
    branding: &Branding,
    reason: Reason,
    reference: &str,
    sign_out: &str,
) -> Response<Bytes> {
    // Whatever is wrong with the message is one thing to the person; that we are busy is another.
    let situation = if reason.status() >= 500 { Situation::of(reason) } else { Situation::SignOutFailed };
    let text = branding.language.refusal(situation);
    let template = RefusalTemplate {
        frame: Frame::of(branding),
        title: text.title,
        reference,
        start_again: None,
        sign_out: Some(sign_out).filter(|url| is_link(url)),
        signed_in_as: None,
        text,
    };
    super::with_retry_after(situation, rendered(branding, status(reason), Kind::Plain, &template))
}

/// Where a form of a sign-out posts itself.
#[derive(Debug, Clone, Copy)]
pub enum SignOutPost<'a> {
    /// To the identity provider.
    ToIdp {
        /// The origins that may show the page in a frame.
        framed_by: &'a [String],
    },
    /// Once more to our own single logout service, this time from our own site.
    ToSelf,
}

/// A form that posts itself, with a button for browsers without JavaScript.
pub fn post_sign_out(
    branding: &Branding,
    action: &str,
    fields: &[(&str, &str)],
    to: &SignOutPost<'_>,
) -> Response<Bytes> {
    if !is_link(action) {
        return broken(branding);
    }
    let frame = Frame::of(branding);
    let title = frame.words.signing_out_title;
    let template = AutoPostTemplate { frame, title, action, fields, kept: None, script: AUTO_POST };
    match to {
        SignOutPost::ToIdp { framed_by: origins } => {
            framed_by(rendered(branding, StatusCode::OK, Kind::PostToIdp, &template), origins)
        }
        SignOutPost::ToSelf => rendered(branding, StatusCode::OK, Kind::PostToSelf, &template),
    }
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    there: &'a str,
    sign_in: &'a str,
    go_on: Option<&'a str>,
    reference: Option<&'a str>,
}
