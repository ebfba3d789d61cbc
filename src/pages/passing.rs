//! The pages on which nobody stays: they go on by themselves, and show a button where scripts do not run.
//!
//! They are also where the `#fragment` of an address outlives a sign-in. A browser takes it along through every redirect of
//! ours and tells no server of it; the identity provider's page, and the form that it posts, drop it. So the last page of
//! ours before keeps it in the tab's own storage, where no server sees it either, and the first one afterwards puts it
//! back. Both go on as before where there is none.

use super::answer::{ARRIVE, AUTO_POST, Kind, LEAVE};
use super::{Branding, Frame, broken, is_link, rendered};
use askama::Template;
use bytes::Bytes;
use http::{Response, StatusCode};

/// What is passed on to the identity provider.
#[derive(Debug, Clone, Copy)]
pub struct Passing<'a> {
    /// The name under which the tab keeps a fragment: letters, digits, `-` and `_`.
    pub key: &'a str,
    /// Where the sign-in goes on when there is one: it then knows that one is kept.
    pub kept: &'a str,
}

/// A form that posts itself, with a button for browsers without JavaScript: to the IdP, or (`to_idp` false) once more
/// to our own assertion consumer service, this time from our own site.
pub fn auto_post(
    branding: &Branding,
    action: &str,
    fields: &[(&str, &str)],
    to_idp: bool,
) -> Response<Bytes> {
    if !is_link(action) {
        return broken(branding);
    }
    let frame = Frame::of(branding);
    let (kind, title) = match to_idp {
        true => (Kind::PostToIdp, frame.words.to_idp_title),
        false => (Kind::PostToSelf, frame.words.to_self_title),
    };
    let template = AutoPostTemplate { frame, title, action, fields, kept: None, script: AUTO_POST };
    rendered(branding, StatusCode::OK, kind, &template)
}

/// The same to the IdP, from the page that a fragment may have come with.
pub fn leave_by_post(
    branding: &Branding,
    action: &str,
    fields: &[(&str, &str)],
    passing: Passing<'_>,
) -> Response<Bytes> {
    if !is_link(action) || !is_link(passing.kept) {
        return broken(branding);
    }
    let frame = Frame::of(branding);
    let title = frame.words.to_idp_title;
    let template = AutoPostTemplate { frame, title, action, fields, kept: Some(passing), script: LEAVE };
    rendered(branding, StatusCode::OK, Kind::Leave, &template)
}

/// A link to the IdP that follows itself, in place of a redirect: a redirect runs no script.
pub fn leave(branding: &Branding, to: &str, passing: Passing<'_>) -> Response<Bytes> {
    if !is_link(to) || !is_link(passing.kept) {
        return broken(branding);
    }
    let frame = Frame::of(branding);
    let title = frame.words.to_idp_title;
    let template =
        PassTemplate { frame, title, to, key: passing.key, kept: Some(passing.kept), script: LEAVE };
    rendered(branding, StatusCode::OK, Kind::Leave, &template)
}

/// A link into the application that follows itself, with the fragment that was kept under `key`.
pub fn arrive(branding: &Branding, to: &str, key: &str) -> Response<Bytes> {
    if !is_link(to) {
        return broken(branding);
    }
    let frame = Frame::of(branding);
    let title = frame.words.to_target_title;
    let template = PassTemplate { frame, title, to, key, kept: None, script: ARRIVE };
    rendered(branding, StatusCode::OK, Kind::Arrive, &template)
}

#[derive(Template)]
#[template(path = "auto_post.html")]
pub(super) struct AutoPostTemplate<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) title: &'a str,
    pub(super) action: &'a str,
    pub(super) fields: &'a [(&'a str, &'a str)],
    pub(super) kept: Option<Passing<'a>>,
    pub(super) script: &'static str,
}

#[derive(Template)]
#[template(path = "pass.html")]
struct PassTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    to: &'a str,
    key: &'a str,
    kept: Option<&'a str>,
    script: &'static str,
}
