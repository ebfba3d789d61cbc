//! Where somebody is signed in: the list of their own sessions.

use super::answer::Kind;
use super::texts::Words;
use super::{Branding, Frame, broken, is_link, rendered};
use askama::Template;
use bytes::Bytes;
use http::{Response, StatusCode};

/// How long ago something was.
#[derive(Debug, Clone)]
pub struct Since {
    /// So many seconds.
    pub seconds: u64,
    /// The moment itself, RFC 3339.
    pub at: String,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct OwnSession<'a> {
    /// What the form says to end it; none: it is the one that looks.
    pub name: Option<&'a str>,
    /// The browser, where it is known.
    pub browser: Option<&'a str>,
    /// The system that it runs on, where it is known.
    pub system: Option<&'a str>,
    /// It is one to hold in the hand.
    pub is_handheld: bool,
    /// The label of the identity provider.
    pub by: &'a str,
    /// The applications that it is signed in to, where it can be several.
    pub places: &'a [&'a str],
    /// When it began.
    pub signed_in: Since,
    /// When it was used last.
    pub used: Since,
}

/// The page.
#[derive(Debug, Clone, Copy)]
pub struct OwnSessions<'a> {
    /// The one that looks first.
    pub sessions: &'a [OwnSession<'a>],
    /// How many are not shown.
    pub more: usize,
    /// What the form says to end all others; none: there are no others.
    pub others: Option<&'a str>,
    /// How many have just ended.
    pub ended: Option<u32>,
    /// Who they are.
    pub user: &'a str,
    /// What this place is called.
    pub place: &'a str,
    /// Where the forms post to.
    pub action: &'a str,
    /// Where this one leaves.
    pub sign_out: &'a str,
    /// The name and the address of the page that shows more than this site.
    pub everywhere: Option<(&'a str, &'a str)>,
}

/// "Where you are signed in".
pub fn own_sessions(branding: &Branding, page: &OwnSessions<'_>) -> Response<Bytes> {
    let links = [page.action, page.sign_out].into_iter().chain(page.everywhere.map(|(_, url)| url));
    if !links.into_iter().all(is_link) {
        return broken(branding);
    }
    let frame = Frame::of(branding);
    let template = OwnSessionsTemplate { title: frame.words.own_title, frame, page };
    rendered(branding, StatusCode::OK, Kind::Form, &template)
}

impl OwnSession<'_> {
    fn described(&self, words: &Words) -> String {
        match (self.browser, self.system) {
            (Some(browser), Some(system)) => format!("{browser}{}{system}", words.own_on),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => words.own_unknown.to_owned(),
        }
    }

    /// What a screen reader says of the button, which has to tell one from another.
    fn button(&self, words: &Words) -> String {
        let used = words.own_used.with(&self.used.in_words(words));
        format!("{}: {}. {}", words.sign_out, self.described(words), used)
    }
}

impl Since {
    /// Roughly: nobody needs the minute, and the reader's time zone is not known here.
    fn in_words(&self, words: &Words) -> String {
        let (count, unit) = match self.seconds {
            0..120 => return words.own_now.to_owned(),
            120..5400 => (self.seconds / 60, words.own_minutes),
            5400..129_600 => ((self.seconds + 1800) / 3600, words.own_hours),
            _ => ((self.seconds + 43_200) / 86_400, words.own_days),
        };
        unit.with(&count.to_string())
    }
}

impl OwnSessions<'_> {
    fn said(&self, words: &Words) -> Option<String> {
        Some(match self.ended? {
            0 => words.own_ended_none.to_owned(),
            1 => words.own_ended_one.to_owned(),
            several => words.own_ended.with(&several.to_string()),
        })
    }
}

#[derive(Template)]
#[template(path = "own_sessions.html")]
struct OwnSessionsTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    page: &'a OwnSessions<'a>,
}

#[cfg(test)]
mod tests {
    use super::super::texts::Language;
    use super::*;

    #[test]
    fn times_are_said_roughly_and_never_as_one_of_several() {
        let said = |seconds| Since { seconds, at: String::new() }.in_words(Language::English.words());
        for (seconds, words) in [
            (0, "just now"),
            (119, "just now"),
            (120, "2 minutes ago"),
            (5399, "89 minutes ago"),
            (5400, "2 hours ago"),
            (86_400, "24 hours ago"),
            (129_599, "36 hours ago"),
            (129_600, "2 days ago"),
            (864_000, "10 days ago"),
        ] {
            assert_eq!(said(seconds), words, "{seconds}");
        }
    }
}
