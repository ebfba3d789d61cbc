//! The page on which somebody chooses where to sign in.

use super::answer::{CHOOSE, Kind};
use super::texts::Words;
use super::{Branding, Frame, broken, illustrated, is_link};
use askama::Template;
use bytes::Bytes;
use http::{Response, StatusCode};

/// One way to sign in.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// What its button says.
    pub label: &'a str,
    /// Where it leads.
    pub href: &'a str,
    /// The path of its logo.
    pub logo: Option<&'a str>,
}

/// Why somebody is still here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// What was written is no e-mail address.
    NotAnAddress,
    /// Nobody speaks for its domain.
    UnknownDomain,
    /// Several do; only they are shown.
    SeveralDomains,
}

/// What somebody looks for by name.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// What was typed; empty: everything is shown.
    pub wanted: &'a str,
    /// How many there are in all.
    pub all: usize,
    /// Where all of them are shown.
    pub everything: &'a str,
}

/// The page.
#[derive(Debug, Clone, Copy)]
pub struct Chooser<'a> {
    /// Of the site, where the branding has no name.
    pub site_name: &'a str,
    /// Where both forms lead.
    pub action: &'a str,
    /// What both forms bring along.
    pub fields: &'a [(&'a str, &'a str)],
    /// Whether an e-mail address can find the way.
    pub by_email: bool,
    /// The last choice of this browser.
    pub last: Option<Choice<'a>>,
    /// The others, or those that were found.
    pub choices: &'a [Choice<'a>],
    /// Where there are many.
    pub search: Option<Search<'a>>,
    /// What to say.
    pub notice: Option<Notice>,
}

/// Buttons, an e-mail field and a search box, each where it helps.
pub fn chooser(branding: &Branding, page: &Chooser<'_>) -> Response<Bytes> {
    if !is_link(page.action) || page.search.is_some_and(|search| !is_link(search.everything)) {
        return broken(branding);
    }
    let frame = Frame::of(branding);
    let words = frame.words;
    let choices: Vec<Choice<'_>> = page.choices.iter().copied().filter(|one| is_link(one.href)).collect();
    let last = page.last.filter(|one| is_link(one.href));
    let pictures = choices.iter().chain(&last).any(|one| one.logo.is_some()) || branding.logo.is_some();
    let found = page.search.map(|search| found(words, choices.len(), search.all));
    let template = ChooserTemplate {
        title: &words.sign_in_to.with(branding.name.as_deref().unwrap_or(page.site_name)),
        found: found.as_deref(),
        notice: page.notice.map(|notice| match notice {
            Notice::NotAnAddress => words.not_an_address,
            Notice::UnknownDomain => words.unknown_domain,
            Notice::SeveralDomains => words.several_domains,
        }),
        of_address: matches!(page.notice, Some(Notice::NotAnAddress | Notice::UnknownDomain)),
        frame,
        page,
        last,
        choices: &choices,
        script: CHOOSE,
    };
    illustrated(branding, pictures, StatusCode::OK, Kind::Chooser, &template)
}

fn found(words: &Words, shown: usize, all: usize) -> String {
    match shown {
        0 => words.found_none.to_owned(),
        _ => words.found.replace("{n}", &shown.to_string()).replace("{all}", &all.to_string()),
    }
}

impl Choice<'_> {
    /// Stands where a logo would.
    fn initial(&self) -> String {
        super::initial(self.label)
    }
}

#[derive(Template)]
#[template(path = "chooser.html")]
struct ChooserTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    page: &'a Chooser<'a>,
    last: Option<Choice<'a>>,
    choices: &'a [Choice<'a>],
    found: Option<&'a str>,
    notice: Option<&'static str>,
    /// Whether the notice is about what was typed as an address.
    of_address: bool,
    script: &'static str,
}
