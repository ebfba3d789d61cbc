//! The pages of a test sign-in: what is about to happen, and everything that happened. For the owner of the gate, so that
//! here, and here alone, values are shown.

use super::answer::{COPY, Kind, REPORT_STYLE};
use super::{Branding, Frame, broken, is_link, rendered};
use askama::Template;
use bytes::Bytes;
use http::{Response, StatusCode};
use std::fmt::Write as _;

/// What such a page says, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// First of all: what came of it, and what to do.
    pub lead: Vec<String>,
    /// The rest.
    pub sections: Vec<Section>,
}

/// One subject. What is empty is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub heading: &'static str,
    /// A sentence about it.
    pub note: Option<String>,
    /// Names with values.
    pub facts: Vec<(String, String)>,
    /// A table.
    pub table: Option<Table>,
    /// A text of several lines.
    pub text: Option<String>,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// What it lists.
    pub caption: &'static str,
    /// The names of its columns.
    pub columns: Vec<&'static str>,
    /// Its rows, each as long as there are columns.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// The same as text, to be passed on.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        for line in &self.lead {
            let _ = writeln!(text, "{line}");
        }
        for section in &self.sections {
            let _ = writeln!(text, "\n{}", section.heading);
            for line in section.note.iter().chain(&section.text).flat_map(|text| text.lines()) {
                let _ = writeln!(text, "  {line}");
            }
            for (name, value) in &section.facts {
                let _ = writeln!(text, "  {name}: {value}");
            }
            for row in section.table.iter().flat_map(|table| &table.rows) {
                let filled: Vec<&str> =
                    row.iter().map(String::as_str).filter(|cell| !cell.is_empty()).collect();
                let _ = writeln!(text, "  {}", filled.join(" | "));
            }
        }
        text
    }
}

/// What a test sign-in will ask, with one button that posts the link to `action`; none when it cannot be asked.
pub fn trial_ask(branding: &Branding, sheet: &Sheet, action: &str, link: Option<&str>) -> Response<Bytes> {
    if !is_link(action) {
        return broken(branding);
    }
    let frame = Frame { style: REPORT_STYLE, ..Frame::of(branding) };
    let template = TrialAskTemplate { title: frame.words.trial_ask_title, frame, sheet, action, link };
    rendered(branding, StatusCode::OK, Kind::ReportForm, &template)
}

/// Everything that happened. The test has been carried out, however it ended, so the status is 200.
pub fn trial_result(branding: &Branding, sheet: &Sheet, refused: bool) -> Response<Bytes> {
    let frame = Frame { style: REPORT_STYLE, ..Frame::of(branding) };
    let title = if refused { frame.words.trial_refused_title } else { frame.words.trial_accepted_title };
    let text = sheet.text();
    let template = TrialResultTemplate { frame, title, sheet, refused, text: &text, script: COPY };
    rendered(branding, StatusCode::OK, Kind::Report, &template)
}

#[derive(Template)]
#[template(path = "trial_ask.html")]
struct TrialAskTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    sheet: &'a Sheet,
    action: &'a str,
    link: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "trial_result.html")]
struct TrialResultTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    sheet: &'a Sheet,
    refused: bool,
    text: &'a str,
    script: &'static str,
}
