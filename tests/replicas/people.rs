//! People with browsers: they sign in, look at their pages, and leave.

use crate::caller::Caller;
use crate::idp::{Asked, FakeIdp};
use crate::scene::SITE;
use crate::visitor::Answer;
use http::{Method, StatusCode};
use std::collections::BTreeMap;
use vestibule::clock::{Clock as _, SystemClock};

pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Somebody with a browser.
#[derive(Clone)]
pub struct Person {
    pub name: String,
    /// Where they are signed in.
    site: &'static str,
    jar: BTreeMap<String, String>,
}

/// What somebody who is signed in was shown.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown {
    /// Their own page.
    Own,
    /// Somebody else's, or nobody's.
    Wrong(String),
    /// They are to sign in.
    SignedOut,
    Failed(String),
}

impl Person {
    pub fn new(name: impl Into<String>) -> Self {
        Self::at(SITE, name)
    }

    pub fn at(site: &'static str, name: impl Into<String>) -> Self {
        Self { name: name.into(), site, jar: BTreeMap::new() }
    }

    pub fn cookies(&self) -> String {
        self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    pub async fn send(
        &mut self,
        by: &mut Caller,
        method: Method,
        target: &str,
        lines: &[(&str, &str)],
        body: String,
    ) -> Result<Answer, String> {
        let cookies = self.cookies();
        let mut lines = lines.to_vec();
        if !cookies.is_empty() {
            lines.push(("cookie", &cookies));
        }
        let answer = by.ask(method, target, &lines, body).await?;
        for line in answer.headers.get_all("set-cookie") {
            let cookie = cookie::Cookie::parse(line.to_str().unwrap().to_owned()).unwrap();
            if cookie.max_age().is_some_and(|age| age.is_zero()) || cookie.value().is_empty() {
                self.jar.remove(cookie.name());
            } else {
                self.jar.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
        Ok(answer)
    }

    /// The whole way to the identity provider and back.
    pub async fn sign_in(&mut self, by: &mut Caller, idp: &FakeIdp) -> Result<(), String> {
        let asked = self.leave(by).await?;
        let value = idp.answer(&asked, &self.name, SystemClock.now()).form_value();
        let brought = self.bring(by, &asked, value).await?;
        match brought.status {
            StatusCode::SEE_OTHER => Ok(()),
            _ => Err(told("it was answered", &brought)),
        }
    }

    /// To the identity provider, and with what question.
    pub async fn leave(&mut self, by: &mut Caller) -> Result<Asked, String> {
        let away = self.send(by, Method::GET, "/vestibule/sign-in?rd=/page", &[], String::new()).await?;
        let location = away.location().filter(|to| to.contains("SAMLRequest="));
        Ok(Asked::from_redirect(&location.ok_or_else(|| told("it began", &away))?))
    }

    /// Brings an answer, and once more from our own site where that is asked for.
    pub async fn bring(&mut self, by: &mut Caller, asked: &Asked, value: String) -> Result<Answer, String> {
        let mut fields = vec![("SAMLResponse".to_owned(), value)];
        fields.extend(asked.relay_state.clone().map(|state| ("RelayState".to_owned(), state)));
        let lines = [FORM, ("origin", "https://idp.test"), ("sec-fetch-site", "cross-site")];
        let target = self.path(&asked.acs_url);
        let brought = self.send(by, Method::POST, target, &lines, form(&fields)).await?;
        if brought.status != StatusCode::OK {
            return Ok(brought);
        }
        let (_, action, fields) = brought.form();
        let lines = [FORM, ("origin", self.site), ("sec-fetch-site", "same-origin")];
        let target = self.path(&action);
        self.send(by, Method::POST, target, &lines, form(&fields)).await
    }

    pub async fn sign_out(&mut self, by: &mut Caller) -> Result<(), String> {
        let lines = [FORM, ("origin", self.site), ("sec-fetch-site", "same-origin")];
        let out = self.send(by, Method::POST, "/vestibule/sign-out", &lines, "rd=/bye".into()).await?;
        match out.status.is_redirection() || out.status == StatusCode::OK {
            true => Ok(()),
            false => Err(told("signing out", &out)),
        }
    }

    /// Looks at a page of the application.
    pub async fn look(&mut self, by: &mut Caller) -> Shown {
        let answer = self.send(by, Method::GET, "/page?a=1", &[], String::new()).await;
        self.judge(answer)
    }

    /// Sends the application a form, which nobody may send twice.
    pub async fn write(&mut self, by: &mut Caller) -> Shown {
        let lines = [FORM, ("origin", self.site), ("sec-fetch-site", "same-origin")];
        let answer = self.send(by, Method::POST, "/form", &lines, "text=something".into()).await;
        self.judge(answer)
    }

    /// Without the address in front.
    fn path<'u>(&self, url: &'u str) -> &'u str {
        url.strip_prefix(self.site).unwrap_or_else(|| panic!("{url} is elsewhere"))
    }

    fn judge(&self, answer: Result<Answer, String>) -> Shown {
        match answer {
            Err(problem) => Shown::Failed(problem),
            Ok(answer) if answer.status == StatusCode::OK => {
                let own = format!("x-forwarded-user: {}\n", self.name);
                if answer.body.contains(&own) { Shown::Own } else { Shown::Wrong(answer.body) }
            }
            Ok(answer) if answer.status.is_redirection() || answer.status == StatusCode::UNAUTHORIZED => {
                Shown::SignedOut
            }
            Ok(answer) => Shown::Failed(told("a page", &answer)),
        }
    }
}

/// An answer in a few words.
pub fn told(when: &str, answer: &Answer) -> String {
    let text: String = answer.body.chars().take(120).collect();
    format!("{when}: {} {text:?}", answer.status)
}

pub fn form(fields: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
