//! Attacks that need more than a message: several sites and identity providers in one gate, a browser's cookies, hand-overs,
//! the rules of an application. scenarios.toml is the table; town.yaml is the gate, real listeners and all.
//!
//! The attack goes first and its twin afterwards, in the same gate where they can: what is refused must not use up what is
//! good.

use crate::idp::{Answer, Asked, FakeIdp};
use crate::scene::here;
use crate::town::{Application, Town, Visitor, line};
use http::StatusCode;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;
use vestibule::reason::Reason;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    attack: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    story: String,
    expect: Option<String>,
    told: Option<BTreeMap<String, String>>,
    scene: toml::Table,
    attack: toml::Table,
}

/// A sign-in, and what is opened after it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scene {
    site: String,
    idp: String,
    signed_by: Option<String>,
    issuer: Option<String>,
    audience: Option<String>,
    recipient: Option<String>,
    destination: Option<String>,
    posted_to: Option<String>,
    acs_idp: Option<String>,
    cookies_of: Option<String>,
    #[serde(default)]
    by_another_browser: bool,
    user: Option<String>,
    mail: Option<Vec<String>>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    further_groups: usize,
    long_group: Option<usize>,
    long_user: Option<usize>,
    #[serde(default)]
    groups_link: bool,
    ticket: Option<Ticket>,
    before: Option<Box<Scene>>,
    session_of: Option<String>,
    session_at: Option<String>,
    #[serde(default)]
    script: bool,
    opens: Option<String>,
}

/// What is done with a hand-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ticket {
    Stolen,
    Replayed,
    Elsewhere,
    AtLabs,
    Late,
    Changed,
}

/// How it ended: the code of the refusal, or what the application was sent.
type Outcome = Result<String, String>;

impl Row {
    fn twin(&self) -> Scene {
        self.scene.clone().try_into().unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    fn attack(&self) -> Scene {
        let mut changed = self.scene.clone();
        changed.extend(self.attack.clone());
        changed.try_into().unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }
}

fn table() -> Vec<Row> {
    let path = here().join("scenarios/scenarios.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    toml::from_str::<Table>(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())).attack
}

/// How a script asks.
const SCRIPT: &[(&str, &str)] =
    &[("accept", "application/json"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];

struct Stage {
    town: Town,
    idps: BTreeMap<&'static str, FakeIdp>,
}

impl Stage {
    fn open() -> Self {
        let folder = here().join("scenarios");
        let yaml = std::fs::read_to_string(folder.join("town.yaml")).unwrap();
        let yaml = yaml.replace("FOLDER", folder.to_str().unwrap());
        let idps: BTreeMap<_, _> = ["corp", "partner", "acme", "globex"]
            .map(|id| (id, FakeIdp::new(&format!("https://{id}.test/metadata"))))
            .into();
        let listed: Vec<_> = idps.iter().map(|(id, idp)| (*id, idp)).collect();
        let town = Town::open(&yaml, &listed, &[&Application::named("the application")]);
        Self { town, idps }
    }

    fn idp(&self, id: &str) -> &FakeIdp {
        self.idps.get(id).unwrap_or_else(|| panic!("no identity provider {id}"))
    }

    /// From "not signed in" to the page, or to the refusal.
    fn play(&self, scene: &Scene) -> Outcome {
        if let Some(before) = &scene.before {
            self.play(before).unwrap_or_else(|code| panic!("who came before was refused: {code}"));
        }
        let mut browser = Visitor::default();
        let asked = self.leave(&mut browser, scene)?;
        let answer = self.answer(scene, &asked);
        let to = scene.posted_to.as_ref().map_or_else(|| asked.acs_url.clone(), |site| acs_url(site));
        let to = scene.acs_idp.as_ref().map_or(to.clone(), |id| format!("{to}/{id}"));
        if let Some(site) = &scene.cookies_of {
            let posted_to = scene.posted_to.as_ref().unwrap();
            browser.carry((&host(site), "vestibule"), (&host(posted_to), "vestibule"));
        }
        if scene.by_another_browser {
            browser = Visitor::default();
        }
        let answered = browser.bring(&self.town, &to, &asked, &answer);
        if answered.status != StatusCode::SEE_OTHER {
            return Err(self.town.code(&answered));
        }
        if is_handed_over(&scene.site) {
            self.hand_over(&mut browser, scene, &answered.location())?;
        }
        let at = scene.session_at.as_ref().unwrap_or(&scene.site);
        if scene.session_at.is_some() {
            let of = scene.session_of.as_ref().unwrap_or(&scene.site);
            browser.carry((&host(of), "vestibule"), (&host(at), "vestibule"));
            assert!(browser.jar[&host(at)].contains_key("__Host-vestibule"), "there is no session at {of}");
        }
        let page = format!("{}{}", origin(at), scene.opens.as_deref().unwrap_or("/page"));
        let page = match scene.script {
            false => browser.get(&self.town, &page),
            true => browser.send(&self.town, "GET", &page, SCRIPT, ""),
        };
        if page.status == StatusCode::OK {
            return Ok(page.body);
        }
        let json = serde_json::from_str::<serde_json::Value>(&page.body).ok();
        let code = json.and_then(|json| json["error"].as_str().map(str::to_owned));
        Err(code.unwrap_or_else(|| self.town.code(&page)))
    }

    /// As far as the identity provider's door.
    fn leave(&self, browser: &mut Visitor, scene: &Scene) -> Result<Asked, String> {
        let mut at = format!("{}/vestibule/sign-in?idp={}", origin(&scene.site), scene.idp);
        for _ in 0..10 {
            let answer = browser.get(&self.town, &at);
            if !answer.status.is_redirection() {
                return Err(self.town.code(&answer));
            }
            at = answer.location();
            if !at.contains(".example.com/") || at.contains("SAMLRequest=") {
                return Ok(Asked::from_redirect(&at));
            }
        }
        panic!("round and round from {}", scene.site);
    }

    fn answer(&self, scene: &Scene, asked: &Asked) -> Answer<'_> {
        let user = match scene.long_user {
            Some(letters) => "u".repeat(letters),
            None => scene.user.clone().unwrap_or_else(|| "ada".to_owned()),
        };
        let signer = self.idp(scene.signed_by.as_ref().unwrap_or(&scene.idp));
        let mut answer = signer.answer(asked, &user, self.town.now());
        answer.issuer = self.idp(scene.issuer.as_ref().unwrap_or(&scene.idp)).entity_id.clone();
        if let Some(site) = &scene.audience {
            answer.audience = format!("{}/vestibule/saml/metadata", origin(site));
        }
        if let Some(id) = &scene.acs_idp {
            answer.recipient = format!("{}/{id}", asked.acs_url);
            answer.destination = answer.recipient.clone();
        }
        if let Some(site) = &scene.recipient {
            answer.recipient = acs_url(site);
        }
        if let Some(site) = &scene.destination {
            answer.destination = acs_url(site);
        }
        let mail = scene.mail.clone().unwrap_or_else(|| vec![format!("ada@{}.test", scene.idp)]);
        let further = (0..scene.further_groups).map(|number| format!("one-of-many-{number}"));
        let long = scene.long_group.map(|letters| "g".repeat(letters));
        let groups: Vec<String> = scene.groups.iter().cloned().chain(further).chain(long).collect();
        for (name, values) in [("mail", mail), ("groups", groups)] {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            if !values.is_empty() {
                answer = answer.with(name, &values);
            }
        }
        match scene.groups_link {
            true => answer.with("http://schemas.microsoft.com/claims/groups.link", &["https://graph.test/x"]),
            false => answer,
        }
    }

    /// From the sign-on host to the site, with what somebody does to the hand-over on its way.
    fn hand_over(&self, browser: &mut Visitor, scene: &Scene, at_host: &str) -> Result<(), String> {
        let handed = browser.get(&self.town, at_host);
        if handed.status != StatusCode::SEE_OTHER {
            return Err(self.town.code(&handed));
        }
        let ticket = handed.location();
        let site = host(&scene.site);
        let (mut bringer, url) = match scene.ticket {
            None => (std::mem::take(browser), ticket),
            Some(Ticket::Stolen) => (Visitor::default(), ticket),
            Some(Ticket::Replayed) => {
                let mut copy = Visitor::default();
                copy.jar.insert(site.clone(), browser.jar[&site].clone());
                assert_eq!(browser.get(&self.town, &ticket).status, StatusCode::SEE_OTHER);
                (copy, ticket)
            }
            Some(Ticket::Elsewhere | Ticket::AtLabs) => {
                let other = if scene.ticket == Some(Ticket::AtLabs) { "labs" } else { "mail" };
                browser.carry((&site, "vestibule"), (&host(other), "vestibule"));
                let moved = ticket.replace(&origin(&scene.site), &origin(other));
                assert_ne!(moved, ticket);
                (std::mem::take(browser), moved)
            }
            Some(Ticket::Late) => {
                self.town.clock.advance(Duration::from_secs(61));
                (std::mem::take(browser), ticket)
            }
            Some(Ticket::Changed) => {
                let (head, value) = ticket.rsplit_once('=').unwrap();
                let (first, rest) = value.split_at(value.len() / 2);
                let other = if rest.starts_with('A') { "B" } else { "A" };
                (std::mem::take(browser), format!("{head}={first}{other}{}", &rest[1..]))
            }
        };
        let arrived = bringer.get(&self.town, &url);
        *browser = bringer;
        if arrived.status == StatusCode::SEE_OTHER { Ok(()) } else { Err(self.town.code(&arrived)) }
    }
}

fn host(site: &str) -> String {
    match site {
        "acme" | "globex" | "initech" => format!("{site}.app.example.com"),
        "shared" => "shared.desk.example.com".to_owned(),
        site => format!("{site}.example.com"),
    }
}

fn origin(site: &str) -> String {
    format!("https://{}", host(site))
}

fn acs_url(site: &str) -> String {
    format!("{}/vestibule/saml/acs", origin(site))
}

fn is_handed_over(site: &str) -> bool {
    matches!(site, "news" | "mail" | "shared")
}

/// The code, or the lines that were wished for of what the application was sent.
fn told(outcome: &Outcome, wished: Option<&BTreeMap<String, String>>) -> String {
    match outcome {
        Err(code) => code.clone(),
        Ok(body) => wished.map_or_else(
            || "let in".to_owned(),
            |wished| {
                let lines =
                    wished.keys().map(|name| format!("{name}: {}", line(body, name).unwrap_or("(none)")));
                lines.collect::<Vec<_>>().join(", ")
            },
        ),
    }
}

#[test]
fn every_scenario_ends_as_it_must_and_its_twin_is_let_in() {
    let shared = Stage::open();
    let mut wrong = String::new();
    for row in table() {
        let (attack, twin) = (row.attack(), row.twin());
        // Who came before stays remembered, and a clock that went on stays there.
        let alone = attack.before.is_some() || attack.ticket == Some(Ticket::Late);
        let apart = alone.then(|| (Stage::open(), Stage::open()));
        let (of_attack, of_twin) = apart.as_ref().map_or((&shared, &shared), |(one, other)| (one, other));
        let expected = match (&row.expect, &row.told) {
            (Some(code), None) => code.clone(),
            (None, Some(lines)) => {
                lines.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ")
            }
            _ => panic!("{} expects a code, or what the application is told", row.name),
        };
        let got = told(&of_attack.play(&attack), row.told.as_ref());
        if got != expected {
            writeln!(wrong, "{:<52} expected {expected}, got {got}", row.name).unwrap();
        }
        let got = told(&of_twin.play(&twin), None);
        if got != "let in" {
            writeln!(wrong, "{:<52} its twin got {got}", row.name).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_row_has_a_name_a_story_and_a_code_that_there_is() {
    let rows = table();
    let names: BTreeSet<_> = rows.iter().map(|row| &row.name).collect();
    assert_eq!(names.len(), rows.len(), "a name occurs twice");
    assert!(rows.len() >= 60, "{} rows", rows.len());
    let known: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    for row in &rows {
        assert!(row.story.ends_with('.'), "{} has no story", row.name);
        assert!(!row.attack.is_empty(), "{} attacks nothing", row.name);
        assert!(row.expect.as_deref().is_none_or(|code| known.contains(code)), "{}: no such code", row.name);
    }
}
