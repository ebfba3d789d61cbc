//! Who may go where.

use super::Desk;
use crate::access::{Access, PathPattern, Rule, Rules, Term};
use crate::config::file::{File, Rule as RuleFile, Term as TermFile};
use crate::config::reader::Field;
use crate::config::values::{Nested, Short, Word};
use crate::config::words::{AccessWord, DefaultAccess};
use http::Method;

/// What the terms of rules may name.
pub(super) struct Known<'a> {
    /// Roles that somebody can hold.
    pub(super) roles: Vec<&'a str>,
    /// Ids of the identity providers that the site admits.
    pub(super) idps: Vec<&'a str>,
    /// Ids of all that are described.
    pub(super) all_idps: Vec<&'a str>,
}

/// The rules in order, and what holds where none selects.
pub(super) fn rules(file: &File, known: &Known<'_>, desk: &mut Desk) -> Rules {
    let listed = file.rules.get().map_or(&[][..], Vec::as_slice);
    let mut rules: Vec<(Rule, &RuleFile)> = Vec::with_capacity(listed.len());
    for written in listed {
        let Some(rule) = rule(written, known, desk) else { continue };
        if let Some((earlier, other)) = rules.iter().find(|(earlier, _)| earlier.covers(&rule)) {
            let whole = [earlier.paths.is_empty(), earlier.methods.is_empty(), earlier.networks.is_empty()];
            let what = if whole == [true; 3] { "every request" } else { "whatever this one selects" };
            let message = format!("is never reached: {} selects {what}", other.place.in_words());
            desk.warn(written.place.problem(message).hint("the first rule that selects a request decides"));
        }
        rules.push((rule, written));
    }
    let rules = rules.into_iter().map(|(rule, _)| rule).collect();
    let default = match file.default_access.or(Word(DefaultAccess::Authenticated)).0 {
        DefaultAccess::Authenticated => Access::Authenticated,
        DefaultAccess::Deny => Access::Deny,
    };
    Rules::new(rules, default)
}

fn rule(written: &RuleFile, known: &Known<'_>, desk: &mut Desk) -> Option<Rule> {
    let paths = selector(&written.paths, desk, |text| PathPattern::parse(text));
    let methods = selector(&written.methods, desk, |text| method(text));
    let networks = selector(&written.networks, desk, |net| Ok(*net));
    let access = match written.access.required(&mut desk.report)? {
        Short::Short(Word(AccessWord::Public)) => Some(Access::Public),
        Short::Short(Word(AccessWord::Optional)) => Some(Access::Optional),
        Short::Short(Word(AccessWord::Authenticated)) => Some(Access::Authenticated),
        Short::Short(Word(AccessWord::Deny)) => Some(Access::Deny),
        Short::Long(written) => term(written, known, desk).map(Access::When),
    };
    Some(Rule { paths: paths?, methods: methods?, networks: networks?, access: access? })
}

/// A selector that is absent selects everything; an empty one would too, which nobody means who wrote it.
pub(super) fn selector<T, U>(
    field: &Field<Vec<Field<T>>>,
    desk: &mut Desk,
    parse: impl Fn(&T) -> Result<U, String>,
) -> Option<Vec<U>> {
    let Some(listed) = field.get() else { return field.is_absent().then(Vec::new) };
    if listed.is_empty() {
        let hint = "leave the key out to select everything";
        desk.error(field.problem("is an empty list: the rule would select nothing").hint(hint));
        return None;
    }
    let parsed: Vec<Option<U>> = listed
        .iter()
        .map(|item| {
            let parsed = parse(item.get()?);
            parsed.map_err(|message| desk.error(item.problem(message))).ok()
        })
        .collect();
    parsed.into_iter().collect()
}

fn method(text: &str) -> Result<Method, String> {
    let capitals = !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if capitals => Ok(method),
        _ => Err(format!("is not a method: `{text}`; methods are written in capitals, such as GET")),
    }
}

fn term(written: &TermFile, known: &Known<'_>, desk: &mut Desk) -> Option<Term> {
    let names = [
        ("any", written.any.is_written()),
        ("all", written.all.is_written()),
        ("not", written.not.is_written()),
        ("role", written.role.is_written()),
        ("group", written.group.is_written()),
        ("email", written.email.is_written()),
        ("email_domain", written.email_domain.is_written()),
        ("idp", written.idp.is_written()),
    ];
    let used: Vec<&str> = names.iter().filter(|(_, written)| *written).map(|(name, _)| *name).collect();
    match used.len() {
        0 => {
            // A misspelt term is already reported as an unknown key; an empty one is not.
            if !written.faulty {
                let message =
                    "asks for nothing: write role, group, email, email_domain, idp, any, all or not";
                desk.error(written.place.problem(message));
            }
            return None;
        }
        1 => {}
        _ => {
            let message = format!("has several terms ({}): say how they go together", used.join(", "));
            let hint = "write all: [{…}, {…}] or any: [{…}, {…}]";
            desk.error(written.place.problem(message).hint(hint));
        }
    }
    if written.any.is_written() {
        return terms(&written.any, known, desk).map(Term::Any);
    }
    if written.all.is_written() {
        return terms(&written.all, known, desk).map(Term::All);
    }
    if let Some(Nested(inner)) = written.not.get() {
        return term(inner, known, desk).map(|inner| Term::Not(Box::new(inner)));
    }
    if let Some(role) = written.role.get() {
        if !known.roles.contains(&role.as_str()) {
            let message =
                format!("nobody can hold the role `{role}`: neither roles nor default_role gives it");
            desk.warn(written.role.problem(message));
        }
        return Some(Term::Role(role.clone()));
    }
    if let Some(idp) = written.idp.get() {
        if !known.all_idps.contains(&idp.as_str()) {
            let message = format!("no identity provider has the id `{idp}`");
            desk.error(written.idp.problem(message));
        } else if !known.idps.contains(&idp.as_str()) {
            let message = format!("this site does not admit the identity provider `{idp}`");
            desk.error(written.idp.problem(message));
        }
        return Some(Term::Idp(idp.clone()));
    }
    if let Some(email) = written.email.get() {
        if email.split('@').filter(|part| !part.is_empty()).count() != 2 {
            desk.error(written.email.problem(format!("is not an e-mail address: `{email}`")));
        }
        return Some(Term::Email(email.clone()));
    }
    if let Some(domain) = written.email_domain.get() {
        if let Err(message) = super::parties::domain(domain) {
            desk.error(written.email_domain.problem(message));
        }
        return Some(Term::EmailDomain(domain.clone()));
    }
    written.group.get().map(|group| Term::Group(group.clone()))
}

fn terms(field: &Field<Vec<TermFile>>, known: &Known<'_>, desk: &mut Desk) -> Option<Vec<Term>> {
    let listed = field.get()?;
    if listed.is_empty() {
        let message =
            "is empty: any of nothing and all of nothing mean opposite things, and neither is meant";
        desk.error(field.problem(message));
        return None;
    }
    let read: Vec<Option<Term>> = listed.iter().map(|written| term(written, known, desk)).collect();
    read.into_iter().collect()
}
