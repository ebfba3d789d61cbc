//! Who may go where.

use super::Desk;
use crate::access::{Access, PathPattern, Rule, Rules, Term};
use crate::config::file::{File, Rule as RuleFile, Term as TermFile};
use crate::config::reader::Field;
use crate::config::values::{Nested, OneOrMany, Short, Word};
use crate::config::words::{AccessWord, DefaultAccess};
use crate::identity::{Domain, Mapping, email_address};
use http::Method;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// What the terms of rules may name.
pub(super) struct Known<'a> {
    /// Our names for groups.
    pub(super) mapping: &'a Mapping,
    /// Roles that somebody can hold.
    pub(super) roles: Vec<String>,
    /// Ids of the identity providers that the site admits.
    pub(super) idps: Vec<&'a str>,
    /// Ids of all that are described.
    pub(super) all_idps: Vec<&'a str>,
    /// Ids of those who sign nobody in, with what they are: staged, retired.
    pub(super) not_live: Vec<(&'a str, &'static str)>,
    /// Ids of those who are asked for a class that is compared otherwise than exactly, with no list of what will do.
    pub(super) unlisted: Vec<&'a str>,
    /// Domains whose people can sign in; none: anybody's.
    pub(super) domains: Option<Vec<Domain>>,
    /// Those that are held to certain classes of authentication, with these.
    pub(super) classes: Vec<(&'a str, Vec<&'a str>)>,
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
            let at = other.place.in_words_beside(&written.place);
            let message = format!("is never reached: {at} selects {what}");
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
    let paths = selector(&written.paths, SELECTS, desk, |text| PathPattern::parse(text));
    let methods = selector(&written.methods, SELECTS, desk, |text| method(text));
    let networks = selector(&written.networks, SELECTS, desk, |net| Ok(*net));
    let access = match written.access.required(&mut desk.report)? {
        Short::Short(Word(AccessWord::Public)) => Some(Access::Public),
        Short::Short(Word(AccessWord::Optional)) => Some(Access::Optional),
        Short::Short(Word(AccessWord::Authenticated)) => Some(Access::Authenticated),
        Short::Short(Word(AccessWord::Deny)) => Some(Access::Deny),
        Short::Long(written) => term(written, known, desk).map(Access::When),
    };
    Some(Rule { paths: paths?, methods: methods?, networks: networks?, access: access? })
}

/// What an empty selector of a rule would do, and what leaving it out does.
const SELECTS: (&str, &str) = ("the rule would select nothing", "select everything");

/// A selector that is absent selects everything; an empty one would too, which nobody means who wrote it. `does`: what an
/// empty one would do, and what leaving it out does.
pub(super) fn selector<T, U>(
    field: &Field<Vec<Field<T>>>,
    (nothing, everything): (&str, &str),
    desk: &mut Desk,
    parse: impl Fn(&T) -> Result<U, String>,
) -> Option<Vec<U>> {
    let Some(listed) = field.get() else { return field.is_absent().then(Vec::new) };
    if listed.is_empty() {
        let hint = format!("leave the key out to {everything}");
        desk.error(field.problem(format!("is an empty list: {nothing}")).hint(hint));
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
        ("authn_context", written.authn_context.is_written()),
        ("authn_age", written.authn_age.is_written()),
        ("fresh", written.fresh.is_written()),
    ];
    let used: Vec<&str> = names.iter().filter(|(_, written)| *written).map(|(name, _)| *name).collect();
    match used.len() {
        0 => {
            // A misspelt term is already reported as an unknown key; an empty one is not.
            if !written.faulty {
                let message = "asks for nothing: write role, group, email, email_domain, idp, authn_context, authn_age, fresh, any, all \
                     or not";
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
        let all = terms(&written.all, known, desk)?;
        contradiction(&all, &written.all, desk);
        return Some(Term::All(all));
    }
    if let Some(Nested(inner)) = written.not.get() {
        let inner = term(inner, known, desk)?;
        if mentions_the_sign_in(&inner) {
            let message = "cannot hold a term about the sign-in: nobody can be sent to sign in worse";
            desk.error(written.not.problem(message));
        }
        return Some(Term::Not(Box::new(inner)));
    }
    if written.authn_context.is_written() || written.authn_age.is_written() || written.fresh.is_written() {
        return about_the_sign_in(written, known, desk);
    }
    if let Some(role) = written.role.get() {
        if !known.roles.contains(role) {
            let message = format!(
                "nobody can hold the role `{role}`: neither roles nor default_role nor an invitation gives it"
            );
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
        } else if let Some((_, status)) = known.not_live.iter().find(|(id, _)| id == idp) {
            let message = format!("nobody signs in by `{idp}`: it is {status}");
            desk.warn(written.idp.problem(message));
        }
        return Some(Term::Idp(idp.clone()));
    }
    if let Some(email) = written.email.get() {
        let address = email_address(email);
        match address.as_deref().and_then(|address| address.rsplit_once('@')) {
            Some((_, domain)) => somebody_is_of(domain, &written.email, known, desk),
            None => desk.error(written.email.problem(format!("is not an e-mail address: `{email}`"))),
        }
        return address.map(Term::Email);
    }
    if let Some(domain) = written.email_domain.get() {
        let read = Domain::parse(domain).and_then(|read| match read.is_below() {
            true => Err(format!("cannot be `{domain}`: a rule names one domain; any: [...] takes several")),
            false => Ok(read),
        });
        let read = read.map_err(|message| desk.error(written.email_domain.problem(message))).ok();
        if let Some(read) = &read {
            somebody_is_of(read.name(), &written.email_domain, known, desk);
        }
        return read.map(|read| Term::EmailDomain(read.name().to_owned()));
    }
    written.group.get().map(|group| Term::Group(known.mapping.our_name(group).to_owned()))
}

/// An address of a domain for which nobody may speak never arrives.
fn somebody_is_of(domain: &str, field: &Field<String>, known: &Known<'_>, desk: &mut Desk) {
    if known.domains.as_ref().is_some_and(|listed| !listed.iter().any(|own| own.covers(domain))) {
        let message = format!(
            "nobody can have an address of {domain}: no identity provider of this site may speak for it"
        );
        let hint = "add it to email_domains of the one that may";
        desk.warn(field.problem(message).hint(hint));
    }
}

fn about_the_sign_in(written: &TermFile, known: &Known<'_>, desk: &mut Desk) -> Option<Term> {
    let mut age = |field: &Field<Duration>| {
        // Less, and the way back from the identity provider would be too long.
        let age = field.get().map(|_| desk.duration(field, MINUTE, MINUTE, 366 * 24 * 60 * MINUTE));
        age.filter(|_| field.is_written())
    };
    if written.authn_age.is_written() {
        return age(&written.authn_age).map(Term::AuthnAge);
    }
    if written.fresh.is_written() {
        return age(&written.fresh).map(Term::Fresh);
    }
    let OneOrMany(listed) = written.authn_context.get()?;
    if listed.is_empty() {
        desk.error(written.authn_context.problem("is empty: name at least one class"));
        return None;
    }
    let classes: Option<Vec<String>> = listed.iter().map(|class| class.get().cloned()).collect();
    let classes = classes?;
    for idp in &known.unlisted {
        let message = format!(
            "cannot be asked of `{idp}` beside its authn_context_comparison: which class is weaker than its authn_context \
             only the identity provider knows"
        );
        let hint = "list the classes that will do in authn_context_accepted of the identity provider, this one among them";
        desk.error(written.authn_context.problem(message).hint(hint));
    }
    for (idp, taken) in &known.classes {
        if !classes.iter().any(|class| taken.contains(&class.as_str())) {
            let message = format!("cannot be met by people of `{idp}`: it is held to {}", taken.join(" or "));
            let hint = "add the class to authn_context or authn_context_accepted of the identity provider";
            desk.warn(written.authn_context.problem(message).hint(hint));
        }
    }
    Some(Term::AuthnContext(classes))
}

fn mentions_the_sign_in(term: &Term) -> bool {
    match term {
        Term::AuthnContext(_) | Term::AuthnAge(_) | Term::Fresh(_) => true,
        Term::Any(terms) | Term::All(terms) => terms.iter().any(mentions_the_sign_in),
        Term::Not(term) => mentions_the_sign_in(term),
        _ => false,
    }
}

/// What a term names of one kind.
type NameIn = fn(&Term) -> Option<&str>;

/// A sign-in has one class, one identity provider and one address.
fn contradiction(all: &[Term], field: &Field<Vec<TermFile>>, desk: &mut Desk) {
    let classes = all.iter().filter_map(|term| match term {
        Term::AuthnContext(classes) => Some(classes),
        _ => None,
    });
    let mut common: Option<Vec<&String>> = None;
    for classes in classes {
        common = Some(match common {
            None => classes.iter().collect(),
            Some(before) => before.into_iter().filter(|class| classes.contains(class)).collect(),
        });
    }
    if common.is_some_and(|common| common.is_empty()) {
        let message =
            "can never hold: a sign-in has one class, and no class is in each of the lists of authn_context";
        desk.error(field.problem(message));
    }
    let one_of_each: [(&str, NameIn); 3] = [
        ("is from one identity provider", |term| match term {
            Term::Idp(idp) => Some(idp),
            _ => None,
        }),
        ("brings one e-mail address", |term| match term {
            Term::Email(email) => Some(email),
            _ => None,
        }),
        ("brings an e-mail address in one domain", |term| match term {
            Term::EmailDomain(domain) => Some(domain),
            _ => None,
        }),
    ];
    for (has_one, name) in one_of_each {
        let mut named = all.iter().filter_map(name);
        let Some(first) = named.next() else { continue };
        if let Some(other) = named.find(|other| !other.eq_ignore_ascii_case(first)) {
            let message = format!("can never hold: a sign-in {has_one}, not `{first}` and `{other}`");
            desk.error(field.problem(message));
        }
    }
    let is_denied =
        |term: &Term| all.iter().any(|other| matches!(other, Term::Not(denied) if **denied == *term));
    if let Some(term) = all.iter().find(|term| is_denied(term)) {
        desk.error(field.problem(format!("can never hold: it asks for {term}, and for the contrary")));
    }
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
