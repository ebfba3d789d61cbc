//! The list of the invited, as its author writes it: YAML, or one person a line.
//!
//! ```text
//! # plain                                  # YAML
//! ada@example.com                          - ada@example.com
//! bob@partner.test idp=partner roles=a,b   - {email: bob@partner.test, idp: partner, roles: [a, b]}
//! eve idp=corp                             - {user: eve, idp: corp}
//! ```
//!
//! In either way, what has the form of an e-mail address is one. Of a list that stands for several identity providers,
//! somebody who is invited by user needs an `idp`: another one's `eve` is another person.

use super::reader::{is_list, kind};
use super::report::Report;
use super::yaml::Document;
use crate::admission::{Invitation, Invitations, Who};
use crate::identity::email_address;
use figment::value::Value;

/// What a list file says, for the identity providers `idps`, among all that there are.
///
/// # Errors
/// The end of a sentence, with the line: what is wrong first.
pub(super) fn read(octets: &[u8], idps: &[String], all: &[String]) -> Result<Invitations, String> {
    let text = std::str::from_utf8(octets).map_err(|_| "is not UTF-8".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let written = match first {
        Some(first) if first.starts_with(['-', '[', '{']) => yaml(text)?,
        _ => plain(text)?,
    };
    let mut invitations = Invitations::default();
    for (line, written) in written {
        let at = |message: String| format!("line {line}: {message}");
        invitations
            .add(written.invitation(idps, all).map_err(at)?)
            .map_err(|message| at(format!("{} {message}", written.name)))?;
    }
    Ok(invitations)
}

/// One person as written.
#[derive(Default)]
struct Written {
    name: String,
    /// Which of the two it is, where that was said.
    is: Option<&'static str>,
    idp: Option<String>,
    roles: Option<Vec<String>>,
}

impl Written {
    fn invitation(&self, idps: &[String], all: &[String]) -> Result<Invitation, String> {
        let address = email_address(&self.name);
        let who = match (self.is, address) {
            (None | Some("email"), Some(address)) => Who::Email(address),
            (Some("email"), None) => return Err(format!("`{}` is no e-mail address", self.name)),
            (None, None) if self.name.contains('@') => {
                return Err(format!(
                    "`{}` is no e-mail address; a user is written as {{user: …}}",
                    self.name
                ));
            }
            (_, _) => Who::User(self.name.clone()),
        };
        if let Some(idp) = self.idp.as_ref().filter(|idp| !all.contains(idp)) {
            return Err(format!("no identity provider has the id `{idp}`"));
        }
        if matches!(who, Who::User(_)) && self.idp.is_none() && idps.len() > 1 {
            return Err(format!(
                "`{}` needs an idp: each of {} may have a user of that name",
                self.name,
                idps.join(", ")
            ));
        }
        Ok(Invitation { who, idp: self.idp.clone(), roles: self.roles.clone() })
    }
}

fn plain(text: &str) -> Result<Vec<(usize, Written)>, String> {
    let mut people = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let Some(name) = words.next() else { continue };
        let mut written = Written { name: name.to_owned(), ..Written::default() };
        for word in words {
            match word.split_once('=') {
                Some(("idp", idp)) => written.idp = Some(idp.to_owned()),
                Some(("roles", roles)) => {
                    let roles = roles.split(',').filter(|role| !role.is_empty()).map(str::to_owned).collect();
                    written.roles = Some(roles);
                }
                _ => {
                    let hint =
                        "after the person come idp=ID and roles=a,b; what has blanks is written as YAML";
                    return Err(format!("line {number}: `{word}` is not understood: {hint}"));
                }
            }
        }
        people.push((number, written));
    }
    Ok(people)
}

fn yaml(text: &str) -> Result<Vec<(usize, Written)>, String> {
    // The reader of the configuration wants a key; a list may stand below one without being indented.
    let body = text.strip_prefix("---\n").map_or_else(|| text.to_owned(), |rest| format!("\n{rest}"));
    let mut report = Report::default();
    let document = Document::parse("", format!("people:\n{body}").as_bytes(), &mut report);
    let problems = report.into_problems().0;
    if let Some(problem) = problems.first() {
        let line = problem.line.unwrap_or(1).saturating_sub(1);
        return Err(format!("line {line}: {}", problem.message));
    }
    let items = document.as_ref().map(|document| document.items("people")).unwrap_or_default();
    let mut people = Vec::new();
    for (line, value) in items {
        let line = line.saturating_sub(1);
        people.push((line, person(value).map_err(|message| format!("line {line}: {message}"))?));
    }
    Ok(people)
}

fn person(value: &Value) -> Result<Written, String> {
    if let Some(name) = value.as_str() {
        return Ok(Written { name: name.to_owned(), ..Written::default() });
    }
    let Value::Dict(_, entries) = value else { return Err(format!("is {}", kind(value))) };
    let mut written = Written::default();
    for (key, value) in entries {
        let text =
            || value.as_str().map(str::to_owned).ok_or_else(|| format!("{key} must be a single value"));
        match key.as_str() {
            "email" | "user" if written.is.is_some() => {
                return Err("has email and user: it can be one".to_owned());
            }
            "email" => (written.name, written.is) = (text()?, Some("email")),
            "user" => (written.name, written.is) = (text()?, Some("user")),
            "idp" => written.idp = Some(text()?),
            "roles" => written.roles = Some(roles(value)?),
            other => {
                return Err(format!("`{other}` is an unknown key: email, user, idp and roles are known"));
            }
        }
    }
    if written.name.trim().is_empty() {
        return Err("names nobody: write email or user".to_owned());
    }
    Ok(written)
}

fn roles(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(..) => Ok(Vec::new()),
        Value::Dict(_, items) if is_list(value) => {
            let role = |role: &Value| {
                role.as_str().map(str::to_owned).ok_or_else(|| "roles must be a list of words".to_owned())
            };
            items.values().map(role).collect()
        }
        value => value
            .as_str()
            .map(|role| vec![role.to_owned()])
            .ok_or_else(|| "roles must be a list of words".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who, where, as what.
    type Person = (String, Option<String>, Option<Vec<String>>);

    fn read_for(text: &str, idps: &[&str]) -> Result<Vec<Person>, String> {
        let idps: Vec<String> = idps.iter().map(|&id| id.to_owned()).collect();
        let list = read(text.as_bytes(), &idps, &idps)?;
        let mut people: Vec<_> = list
            .iter()
            .map(|one| {
                let who = match &one.who {
                    Who::Email(email) => format!("e-mail {email}"),
                    Who::User(user) => format!("user {user}"),
                };
                (who, one.idp.clone(), one.roles.clone())
            })
            .collect();
        people.sort();
        Ok(people)
    }

    #[test]
    fn both_ways_of_writing_say_the_same() {
        let plain =
            "# people\n\nAda@Example.com\nbob@partner.test idp=partner roles=a,b # since May\neve idp=corp\n";
        let yaml = "---\n# people\n- Ada@Example.com\n- {email: bob@partner.test, idp: partner, roles: [a, b]}\n- user: eve\n  \
                    idp: corp\n";
        let both = ["corp", "partner"];
        let read = read_for(plain, &both).unwrap();
        assert_eq!(read, read_for(yaml, &both).unwrap());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            read,
            [
                ("e-mail ada@example.com".to_owned(), None, None),
                (
                    "e-mail bob@partner.test".to_owned(),
                    some("partner"),
                    Some(vec!["a".to_owned(), "b".to_owned()])
                ),
                ("user eve".to_owned(), some("corp"), None),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, said) in [
            ("ada@example.com\nada@example.com\n", "line 2: ada@example.com stands in the list already"),
            (
                "ada@example.com\nADA@example.com idp=corp\n",
                "line 2: ADA@example.com stands in the list already",
            ),
            ("a@b@c\n", "line 1: `a@b@c` is no e-mail address"),
            ("ada@example.com idp=nobody\n", "line 1: no identity provider has the id `nobody`"),
            ("ada admin\n", "line 1: `admin` is not understood"),
            ("eve\n", "line 1: `eve` needs an idp"),
            ("- eve\n", "line 1: `eve` needs an idp"),
            ("- ada@example.com\n- {email: eve, idp: corp}\n", "line 2: `eve` is no e-mail address"),
            ("- {mail: a@b.test}\n", "line 1: `mail` is an unknown key"),
            ("- {idp: corp}\n", "line 1: names nobody"),
            ("- {user: a, email: a@b.test}\n", "line 1: has email and user"),
            ("- a@b.test\n- [\n", "line "),
            ("- a@b.test\n  c: d\n", "line "),
        ] {
            let told = read_for(text, &["corp", "partner"]).unwrap_err();
            assert!(told.starts_with(said), "{text:?}: {told}");
        }
        assert!(read(b"\xff", &[], &[]).is_err());
    }

    #[test]
    fn somebody_invited_by_user_needs_no_idp_where_there_is_one() {
        assert_eq!(read_for("eve\n", &["corp"]).unwrap(), [("user eve".to_owned(), None, None)]);
        assert_eq!(read_for("- {user: \"ada@corp\"}\n", &["corp"]).unwrap()[0].0, "user ada@corp");
        assert_eq!(read_for("- {user: eve, roles: []}\n", &["corp"]).unwrap()[0].2, Some(vec![]));
        assert_eq!(read_for("", &["corp"]).unwrap(), []);
        // A list of several sites, of which this one has one identity provider.
        let ids = ["corp", "partner"].map(str::to_owned);
        assert!(read(b"eve\nbob idp=partner\n", &ids[..1], &ids).is_ok());
    }
}
