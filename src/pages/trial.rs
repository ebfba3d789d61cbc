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

#[cfg(test)]
mod tests {
    use super::super::answer::hash;
    use super::*;

    const HOSTILE: &str = "</textarea></pre></script><script>alert('1')</script>\u{202e}{{7*7}}";

    fn sheet(value: &str) -> Sheet {
        let own = || value.to_owned();
        Sheet {
            lead: vec![own()],
            sections: vec![Section {
                heading: "Everything",
                note: Some(own()),
                facts: vec![(own(), own())],
                table: Some(Table {
                    caption: "All",
                    columns: vec!["a", "b"],
                    rows: vec![vec![own(), own()]],
                }),
                text: Some(own()),
            }],
        }
    }

    fn pages(value: &str) -> [(Response<Bytes>, Option<&'static str>); 3] {
        let branding = Branding { name: Some(value.to_owned()), ..Branding::default() };
        let sheet = sheet(value);
        [
            (trial_ask(&branding, &sheet, "/vestibule/test-sign-in", Some(value)), None),
            (trial_result(&branding, &sheet, false), Some(COPY)),
            (trial_result(&branding, &sheet, true), Some(COPY)),
        ]
    }

    fn html(response: &Response<Bytes>) -> String {
        String::from_utf8(response.body().to_vec()).unwrap()
    }

    #[test]
    fn whatever_was_sent_is_text() {
        for (page, _) in pages(HOSTILE) {
            let html = html(&page).replace(&format!("<script>{COPY}</script>"), "");
            assert!(!html.contains("<script") && !html.contains("alert('1')"), "{html}");
            assert!(html.matches("&#60;script&#62;alert").count() >= 7, "{html}");
            assert!(html.matches("</textarea>").count() <= 1 && html.contains("{{7*7}}"), "{html}");
        }
    }

    #[test]
    fn the_policy_names_the_style_and_the_script_that_stand_in_the_page_and_nothing_else() {
        for (page, script) in pages("x") {
            let policy = page.headers()["content-security-policy"].to_str().unwrap();
            assert!(html(&page).contains(&format!("<style>{REPORT_STYLE}</style>")));
            assert!(
                policy.contains(&format!("default-src 'none'; style-src {};", hash(REPORT_STYLE))),
                "{policy}"
            );
            match script {
                Some(script) => {
                    assert!(html(&page).contains(&format!("<script>{script}</script>")));
                    assert!(
                        policy.contains(&format!("script-src {}; form-action 'none'", hash(script))),
                        "{policy}"
                    );
                }
                None => assert!(!policy.contains("script-src"), "{policy}"),
            }
            assert_eq!(page.headers()["cache-control"], "no-store");
            assert_eq!(page.headers()["x-frame-options"], "DENY");
            assert_eq!(html(&page).matches("<h1>").count(), 1);
        }
    }

    #[test]
    fn the_text_says_all_that_the_page_says() {
        assert_eq!(sheet("v").text(), "v\n\nEverything\n  v\n  v\n  v: v\n  v | v\n");
    }

    #[test]
    fn without_a_link_there_is_no_button() {
        let page = trial_ask(&Branding::default(), &sheet("x"), "/vestibule/test-sign-in", None);
        assert!(!html(&page).contains("<form"));
    }
}
