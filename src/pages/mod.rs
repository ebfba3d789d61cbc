//! What people see: a handful of pages in one plain language, light and dark, from phone to desktop.
//!
//! The templates (askama, compiled in) escape every value; the words of refusals are the catalogue of [`texts`]; the
//! headers and policies around them are `answer`'s. Pages need no script: the ones that go on by themselves show a
//! button too. Nothing of a refusal's detail is ever shown, only its reference.

mod answer;
mod branding;
mod chooser;
mod leaving;
mod own_sessions;
mod passing;
mod picture;
mod places;
pub mod texts;
mod trial;

use crate::reason::Reason;
use answer::{Extras, Kind, STYLE};
use askama::Template;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use texts::{Situation, Text, Words};

pub use branding::{Accent, Branding, Logo};
pub use chooser::{Choice, Chooser, Notice, Search, chooser};
pub use leaving::{SignOutPost, SignedOut, There, post_sign_out, sign_out_refused, signed_out_there};
pub use own_sessions::{OwnSession, OwnSessions, Since, own_sessions};
pub use passing::{Passing, arrive, auto_post, leave, leave_by_post};
pub use picture::{MAX_BYTES as MAX_PICTURE_BYTES, Picture};
pub use places::{Place, Places, nobody_here, places};
pub use texts::Language;
pub use trial::{Section, Sheet, Table, trial_ask, trial_result};

/// What a refusal page says. Texts by situation are this room's own; nothing of the detail is shown.
#[derive(Debug, Clone, Copy)]
pub struct RefusalPage<'a> {
    /// Chooses the words and the status.
    pub reason: Reason,
    /// Short, e.g. `7f3a-91c2`; the same in the audit event.
    pub reference: &'a str,
    /// A link "start again" / "sign in", when that can help.
    pub start_again: Option<&'a str>,
    /// A link "sign out" for somebody signed in but not allowed.
    pub sign_out: Option<&'a str>,
    /// Who is signed in, when somebody is.
    pub signed_in_as: Option<&'a str>,
}

/// The page of a refusal, with the reason's own status.
pub fn refusal(branding: &Branding, page: &RefusalPage<'_>) -> Response<Bytes> {
    let situation = Situation::of(page.reason);
    let text = branding.language.refusal(situation);
    let template = RefusalTemplate {
        frame: Frame::of(branding),
        title: text.title,
        reference: page.reference,
        start_again: page
            .start_again
            .or(situation.way_on())
            .filter(|url| is_link(url) && !text.action.is_empty()),
        sign_out: page.sign_out.filter(|url| is_link(url)),
        signed_in_as: page.signed_in_as,
        text,
    };
    with_retry_after(situation, rendered(branding, status(page.reason), Kind::Plain, &template))
}

/// The same for a client that is not looking at pages: `{"error": …, "reference": …}`, where the error is a word of
/// [`Situation::public_code`] and never the reason's own code.
pub fn refusal_json(reason: Reason, reference: &str) -> Response<Bytes> {
    let situation = Situation::of(reason);
    let body = serde_json::json!({ "error": situation.public_code(), "reference": reference });
    with_retry_after(situation, answer::json(status(reason), body.to_string()))
}

/// "Sign out?" with one button that posts to `action` with the hidden `rd`, and a link to the other `sessions` of the same
/// person.
pub fn sign_out_confirm(
    branding: &Branding,
    (action, sessions): (&str, &str),
    rd: Option<&str>,
    user: &str,
) -> Response<Bytes> {
    if !is_link(action) || !is_link(sessions) {
        return broken(branding);
    }
    let frame = Frame::of(branding);
    let template =
        SignOutConfirmTemplate { title: frame.words.sign_out_title, frame, action, sessions, rd, user };
    rendered(branding, StatusCode::OK, Kind::Form, &template)
}

/// Who somebody is and who they are asked to become.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The user of the living session.
    pub now: &'a str,
    /// The user that an unsolicited answer speaks of.
    pub then: &'a str,
    /// Where to go on as who one is.
    pub stay: &'a str,
}

/// "Switch accounts?" with one button that posts `fields` to `action`, and a link to stay.
pub fn exchange(
    branding: &Branding,
    action: &str,
    fields: &[(&str, &str)],
    who: &Exchange<'_>,
) -> Response<Bytes> {
    if !is_link(action) || !is_link(who.stay) {
        return broken(branding);
    }
    let frame = Frame::of(branding);
    let template = ExchangeTemplate { title: frame.words.exchange_title, frame, action, fields, who };
    rendered(branding, StatusCode::OK, Kind::Form, &template)
}

/// After the end of a session; `sign_in` is where the next one begins.
pub fn signed_out(branding: &Branding, sign_in: &str) -> Response<Bytes> {
    signed_out_there(branding, &SignedOut { there: There::NotAsked, sign_in, go_on: None })
}

/// 404 for an address under our own prefix that is not one of ours.
pub fn not_found(branding: &Branding) -> Response<Bytes> {
    let words = branding.language.words();
    let template = NoticeTemplate {
        frame: Frame::of(branding),
        title: words.not_found_title,
        what: words.not_found,
        try_this: words.check_address,
    };
    rendered(branding, StatusCode::NOT_FOUND, Kind::Plain, &template)
}

/// 405 with the methods that would do, e.g. `GET, POST`.
pub fn method_not_allowed(branding: &Branding, allow: &'static str) -> Response<Bytes> {
    let words = branding.language.words();
    let template = NoticeTemplate {
        frame: Frame::of(branding),
        title: words.wrong_method_title,
        what: words.wrong_method,
        try_this: words.start_at_front,
    };
    let mut response = rendered(branding, StatusCode::METHOD_NOT_ALLOWED, Kind::Plain, &template);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// What every page has around its words.
struct Frame<'a> {
    lang: &'static str,
    name: &'a str,
    logo: Option<&'a str>,
    help_url: Option<&'a str>,
    style: &'static str,
    accent: Option<String>,
    words: &'static Words,
}

impl<'a> Frame<'a> {
    fn of(branding: &'a Branding) -> Self {
        let words = branding.language.words();
        Self {
            lang: branding.language.tag(),
            name: branding.name.as_deref().unwrap_or(words.product),
            logo: branding.logo.as_ref().map(|logo| logo.path.as_str()),
            help_url: branding.help_url.as_deref().filter(|url| is_link(url) || is_mail_link(url)),
            style: STYLE,
            accent: branding.accent.map(Accent::style),
            words,
        }
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    text: Text,
    reference: &'a str,
    start_again: Option<&'a str>,
    sign_out: Option<&'a str>,
    signed_in_as: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "sign_out_confirm.html")]
struct SignOutConfirmTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    action: &'a str,
    sessions: &'a str,
    rd: Option<&'a str>,
    user: &'a str,
}

#[derive(Template)]
#[template(path = "exchange.html")]
struct ExchangeTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    action: &'a str,
    fields: &'a [(&'a str, &'a str)],
    who: &'a Exchange<'a>,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticeTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    what: &'a str,
    try_this: &'a str,
}

fn rendered(
    branding: &Branding,
    status: StatusCode,
    kind: Kind,
    template: &impl Template,
) -> Response<Bytes> {
    illustrated(branding, branding.logo.is_some(), status, kind, template)
}

/// A page that may show pictures of its own.
fn illustrated(
    branding: &Branding,
    pictures: bool,
    status: StatusCode,
    kind: Kind,
    template: &impl Template,
) -> Response<Bytes> {
    let accent = branding.accent.map(Accent::style);
    match template.render() {
        Ok(html) => answer::page(status, kind, Extras { style: accent.as_deref(), pictures }, html),
        Err(_) => broken(branding),
    }
}

/// When even a page cannot be made: words without a frame.
fn broken(branding: &Branding) -> Response<Bytes> {
    let (lang, title) = (branding.language.tag(), branding.language.words().broken_title);
    let html =
        format!("<!doctype html>\n<html lang=\"{lang}\"><title>{title}</title><h1>{title}</h1></html>\n");
    answer::page(StatusCode::INTERNAL_SERVER_ERROR, Kind::Plain, Extras::default(), html)
}

fn with_retry_after(situation: Situation, mut response: Response<Bytes>) -> Response<Bytes> {
    if let Some(seconds) = situation.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
    }
    response
}

fn status(reason: Reason) -> StatusCode {
    StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// An address that may stand behind a link or a form: `https:`, `http:` or a path on this host. Escaping keeps a value
/// inside its attribute; this keeps `javascript:` and its like out of it.
fn is_link(url: &str) -> bool {
    // Browsers drop tabs and line breaks and take a backslash for a slash before they read an address.
    let plain = !url.bytes().any(|b| b.is_ascii_control() || b == b'\\');
    let path = url.starts_with('/') && !url.starts_with("//");
    plain && (path || has_scheme(url, "https://") || has_scheme(url, "http://"))
}

/// What stands where a logo would: the first letter or digit of a name.
fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map_or_else(String::new, |c| c.to_uppercase().collect())
}

fn is_mail_link(url: &str) -> bool {
    !url.bytes().any(|b| b.is_ascii_control()) && has_scheme(url, "mailto:")
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests;
