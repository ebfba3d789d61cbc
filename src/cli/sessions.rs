//! `vestibule sessions`: who is signed in at the running gate, and ends it.

use super::ask::{Place, reachable};
use super::{ConfigFile, Exit, print_problems};
use crate::clock::Moment;
use crate::config::{Config, ConsoleAddress};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io::{self, Write};
use std::time::Duration;
use zeroize::Zeroizing;

pub(super) const HELP: &str = "\
Needs console.listen in the configuration:

  vestibule sessions list                            who is signed in
  vestibule sessions list --user ada@example.com     from how many browsers
  vestibule sessions revoke --user ada@example.com   end them all, everywhere
  vestibule sessions revoke --idp corp               all who came by this one
  vestibule sessions revoke tR9wQ0cN2yqDqvB0T2J0cA   one of the list

They ask the gate that runs with this configuration, at its console.listen.
Somebody whose sessions are revoked can sign in again: close the account at the
identity provider first. What was open, a WebSocket for instance, ends too.";

/// A list of many sessions takes a moment; a gate that hangs does not get longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// No answer is larger: 10,000 sessions of some hundred octets.
const MAX_ANSWER: u64 = 32 << 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the live sessions, the one used last first; of more than --limit any so many.
    List(ListArguments),
    /// End sessions, and with each all others of the same sign-in at a sign-on host.
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
struct Meant {
    /// Of this user, or of the user with this e-mail address; at every identity provider unless --idp says which.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Signed in by this identity provider, by its id.
    #[arg(long, value_name = "ID")]
    idp: Option<String>,
    /// At this site, by its name.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
}

#[derive(Debug, Args)]
struct ListArguments {
    #[command(flatten)]
    meant: Meant,
    /// At most so many.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true).args(["sessions", "user", "idp", "site", "all"]))]
struct RevokeArguments {
    /// Sessions by the names that `list` and the audit show.
    #[arg(value_name = "SESSION", conflicts_with_all = ["user", "idp", "site", "all"])]
    sessions: Vec<String>,
    #[command(flatten)]
    meant: Meant,
    /// Everybody: all sessions of the gate.
    #[arg(long, conflicts_with_all = ["user", "idp", "site"])]
    all: bool,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn sessions(
    arguments: &Arguments,
    now: Moment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let file = match &arguments.what {
        What::List(list) => &list.file,
        What::Revoke(revoke) => &revoke.file,
    };
    let config = match file.load(now) {
        Ok(config) => config,
        Err(problems) => {
            print_problems(err, &problems.0)?;
            return Ok(Exit::Usage);
        }
    };
    let Some(console) = Console::of(&config) else {
        writeln!(
            err,
            "console.listen is off, so there is nobody to ask; for instance\n\n  console: {{listen: unix:/run/vestibule/console.sock}}"
        )?;
        return Ok(Exit::Usage);
    };
    match &arguments.what {
        What::List(list) => console.list(list, out, err),
        What::Revoke(revoke) => console.revoke(revoke, out, err),
    }
}

/// The running gate's.
struct Console<'a> {
    address: &'a ConsoleAddress,
    token: Option<&'a [u8]>,
}

impl<'a> Console<'a> {
    fn of(config: &'a Config) -> Option<Self> {
        let console = config.console.as_ref()?;
        Some(Self { address: &console.listen, token: console.token.as_ref().map(|token| token.expose()) })
    }

    fn list(&self, arguments: &ListArguments, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
        let Meant { user, idp, site } = &arguments.meant;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &arguments.limit.to_string());
        for (name, value) in [("user", user), ("idp", idp), ("site", site)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let answer = match self.ask("GET", &format!("/v1/sessions?{}", query.finish()), "") {
            Ok(answer) => answer,
            Err(complaint) => return complaint.tell(err),
        };
        if arguments.json {
            writeln!(out, "{answer:#}")?;
            return Ok(Exit::Ok);
        }
        let found = answer["sessions"].as_array().map_or(&[][..], Vec::as_slice);
        print_table(out, found)?;
        if answer["more"] == true {
            writeln!(
                err,
                "and more: these are any of them; --limit shows up to 10000, --user, --idp and --site narrow it down"
            )?;
        }
        if found.is_empty() {
            writeln!(err, "no session")?;
        }
        Ok(Exit::Ok)
    }

    fn revoke(
        &self,
        arguments: &RevokeArguments,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> io::Result<Exit> {
        let RevokeArguments { sessions, meant: Meant { user, idp, site }, all, .. } = arguments;
        let questions: Vec<Value> = match sessions.as_slice() {
            [] if *all => vec![serde_json::json!({ "all": true })],
            [] => vec![serde_json::json!({ "user": user, "idp": idp, "site": site })],
            named => named.iter().map(|session| serde_json::json!({ "session": session })).collect(),
        };
        let mut revoked = 0;
        for question in questions {
            match self.ask("POST", "/v1/sessions/revoke", &question.to_string()) {
                Ok(answer) => revoked += answer["revoked"].as_u64().unwrap_or_default(),
                Err(complaint) => {
                    if revoked > 0 {
                        writeln!(err, "{revoked} revoked before this:")?;
                    }
                    return complaint.tell(err);
                }
            }
        }
        let word = if revoked == 1 { "session" } else { "sessions" };
        writeln!(out, "{revoked} {word} revoked")?;
        if revoked == 0 {
            writeln!(err, "no session is like that; `vestibule sessions list` names those that there are")?;
        }
        // A script that ends what is not there wants to know.
        Ok(if revoked == 0 { Exit::No } else { Exit::Ok })
    }

    fn ask(&self, method: &str, target: &str, body: &str) -> Result<Value, Complaint> {
        let (place, named) = match self.address {
            ConsoleAddress::Tcp(address) => (Place::Tcp(vec![reachable(*address)]), address.to_string()),
            ConsoleAddress::Unix(path) => (Place::Unix(path.clone()), path.display().to_string()),
        };
        let answered = || {
            let answer = place.ask(&self.question(method, target, body)?, PATIENCE)?;
            Ok((answer.status, answer.body(MAX_ANSWER)?))
        };
        let (status, text) = answered().map_err(|error: io::Error| {
            let hint = "does the gate run, and did it start with this console.listen?";
            Complaint::Silent(format!("{named} does not answer: {error}\n{hint}"))
        })?;
        let value: Value = serde_json::from_slice(&text)
            .map_err(|_| Complaint::Silent(format!("{named} answers {status}, and is no console of ours")))?;
        if status == 200 {
            return Ok(value);
        }
        Err(Complaint::Said(status, value["problem"].as_str().unwrap_or_default().to_owned()))
    }

    fn question(&self, method: &str, target: &str, body: &str) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut question = Zeroizing::new(Vec::with_capacity(512 + target.len() + body.len()));
        let length = body.len();
        write!(question, "{method} {target} HTTP/1.1\r\nHost: console\r\nContent-Length: {length}\r\n")?;
        if let Some(token) = self.token {
            question.extend_from_slice(b"Authorization: Bearer ");
            question.extend_from_slice(token);
            question.extend_from_slice(b"\r\n");
        }
        write!(question, "Content-Type: application/json\r\nConnection: close\r\n\r\n{body}")?;
        Ok(question)
    }
}

/// Why there is no answer.
enum Complaint {
    Silent(String),
    Said(u16, String),
}

impl Complaint {
    fn tell(self, err: &mut dyn Write) -> io::Result<Exit> {
        match self {
            Self::Silent(text) => {
                writeln!(err, "{text}")?;
                Ok(Exit::Unavailable)
            }
            Self::Said(status, text) => {
                writeln!(err, "{text}")?;
                Ok(if status == 503 { Exit::Unavailable } else { Exit::Usage })
            }
        }
    }
}

/// In columns as wide as they must be. What came from an identity provider must not steer a terminal.
fn print_table(out: &mut dyn Write, sessions: &[Value]) -> io::Result<()> {
    const COLUMNS: [(&str, &str); 6] = [
        ("SESSION", "session"),
        ("SITE", "site"),
        ("IDP", "idp"),
        ("USER", "user"),
        ("LAST USE", "last_use"),
        ("EXPIRES", "expires"),
    ];
    if sessions.is_empty() {
        return Ok(());
    }
    let cell = |session: &Value, key: &str| -> String {
        let text = session[key].as_str().unwrap_or_default();
        text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    };
    let head = COLUMNS.map(|(title, _)| title.to_owned());
    let rows: Vec<[String; 6]> = std::iter::once(head)
        .chain(sessions.iter().map(|session| COLUMNS.map(|(_, key)| cell(session, key))))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 6] = std::array::from_fn(width);
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be_and_nothing_steers_the_terminal() {
        let sessions = [
            serde_json::json!({"session": "abc", "site": "wiki", "idp": "corp", "user": "a\u{1b}[2J"}),
            serde_json::json!({"session": "d", "site": "a-long-site", "idp": "corp", "user": "b"}),
        ];
        let mut out = Vec::new();
        print_table(&mut out, &sessions).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "SESSION  SITE         IDP   USER   LAST USE  EXPIRES");
        assert_eq!(lines[1], "abc      wiki         corp  a\u{fffd}[2J");
        assert_eq!(lines[2], "d        a-long-site  corp  b");
        let mut out = Vec::new();
        print_table(&mut out, &[]).unwrap();
        assert!(out.is_empty());
    }
}
