//! Who is let in at all.

use super::Desk;
use super::parties::Described;
use crate::admission::{Admission, InvitedList, People, RoleSync, Terms, Who};
use crate::config::file::{Admission as AdmissionFile, File, IdentityProvider};
use crate::config::invited;
use crate::config::reader::Field;
use crate::config::values::{FilePath, Word};
use crate::identity::Domain;
use std::path::Path;
use std::sync::Arc;

/// What the configuration says of it, wherever it stands.
pub(super) struct Written<'a> {
    /// From the nearest to the farthest: the site's, the top level's.
    pub(super) admission: Vec<&'a AdmissionFile>,
    pub(super) role_sync: &'a Field<Word<RoleSync>>,
    pub(super) state_dir: &'a Field<FilePath>,
    /// Those who may sign people in.
    pub(super) idps: Vec<&'a IdentityProvider>,
    /// The ids of all that are described: a list may be for several sites.
    pub(super) all_ids: Vec<String>,
}

impl<'a> Written<'a> {
    /// Of a site in the short form, of those whom it admits, among all.
    pub(super) fn of(file: &'a File, admitted: &[&Described<'a>], all: &[Described<'_>]) -> Self {
        Self {
            admission: vec![&file.admission],
            role_sync: &file.role_sync,
            state_dir: &file.state_dir,
            idps: admitted.iter().map(|one| one.written).collect(),
            all_ids: all.iter().filter_map(|one| one.written.id.get().cloned()).collect(),
        }
    }
}

/// The terms of each identity provider, key by key: its own, else the site's, else the top level's.
pub(super) fn admission(written: &Written<'_>, desk: &mut Desk) -> Admission {
    let role_sync = written.role_sync.or(Word(RoleSync::default())).0;
    let mut terms = Vec::new();
    let mut closed: Vec<(&Field<bool>, Vec<&str>)> = Vec::new();
    for idp in &written.idps {
        let Some(id) = idp.id.get() else { continue };
        let sections: Vec<&AdmissionFile> =
            [&idp.admission].into_iter().chain(written.admission.iter().copied()).collect();
        let just_in_time =
            sections.iter().find_map(|section| section.just_in_time.get()).copied().unwrap_or(true);
        let file = sections.iter().map(|section| &section.invited_file).find(|file| file.is_written());
        let invited = file.and_then(|field| list(field, written, desk));
        if !just_in_time && file.is_none() {
            let section = sections.iter().find(|section| section.just_in_time.is_written());
            if let Some(section) = section {
                let field = &section.just_in_time;
                match closed.iter_mut().find(|(own, _)| own.place.path() == field.place.path()) {
                    Some((_, ids)) => ids.push(id),
                    None => closed.push((field, vec![id])),
                }
            }
        }
        let link_by_email = idp.link_by_email.or(false);
        terms.push((id.clone(), Terms { just_in_time, invited, link_by_email }));
    }
    for (field, ids) in closed {
        let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
        let message = format!("is false, and nobody is invited: no one of {} could sign in", ids.join(", "));
        desk.error(field.problem(message).hint("name a list in admission.invited_file"));
    }
    alone_in_linking(written, desk);
    taken_by_whoever_is_first(&terms, written, desk);
    claimed_by_whoever_says_so(&terms, written, desk);
    foreign_addresses(&terms, written, desk);
    let lists = terms.iter().any(|(_, terms)| terms.invited.is_some());
    let remembers = lists || role_sync == RoleSync::FirstSignIn;
    let people = remembers.then(|| people(written, role_sync, lists, desk)).flatten();
    Admission { site: String::new(), terms, role_sync, people }
}

/// The identity providers for which this list stands.
fn users_of(path: &Path, written: &Written<'_>) -> Vec<String> {
    let names_it = |idp: &&&IdentityProvider| {
        let sections = [&idp.admission].into_iter().chain(written.admission.iter().copied());
        let file = sections.map(|section| &section.invited_file).find(|file| file.is_written());
        file.and_then(Field::get).is_some_and(|FilePath(own)| own == path)
    };
    written.idps.iter().filter(names_it).filter_map(|idp| idp.id.get().cloned()).collect()
}

/// The list of this file for these identity providers: one, however many sites name it.
fn list(field: &Field<FilePath>, written: &Written<'_>, desk: &mut Desk) -> Option<Arc<InvitedList>> {
    let FilePath(path) = field.get()?;
    let idps = users_of(path, written);
    let key = (path.clone(), idps.clone());
    if let Some(known) = desk.lists.get(&key) {
        return known.clone();
    }
    let all = written.all_ids.clone();
    let read = InvitedList::load(path, Box::new(move |octets| invited::read(octets, &idps, &all)));
    let read = read.map_err(|message| {
        let problem = field.problem(format!("{}: {message}", path.display()));
        let hint = "a relative path starts at the folder of the configuration file";
        desk.error(if path.exists() { problem } else { problem.hint(hint) });
    });
    let list = read.ok().map(Arc::new);
    if list.as_ref().is_some_and(|list| list.current().is_empty()) {
        desk.warn(field.problem(format!("{} invites nobody", path.display())));
    }
    desk.lists.insert(key, list.clone());
    list
}

fn alone_in_linking(written: &Written<'_>, desk: &mut Desk) {
    let linking: Vec<_> = written.idps.iter().filter(|idp| idp.link_by_email.get() == Some(&true)).collect();
    if let [only] = linking.as_slice()
        && written.idps.len() > 1
    {
        let message =
            "is said of one identity provider alone: equal addresses are one person only where both say so";
        desk.warn(only.link_by_email.problem(message));
    }
}

/// An address that several identity providers may speak for, in an invitation for none of them.
fn taken_by_whoever_is_first(terms: &[(String, Terms)], written: &Written<'_>, desk: &mut Desk) {
    let may_speak = |id: &str, email: &str| {
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        let idp = written.idps.iter().find(|idp| idp.id.get().is_some_and(|own| own == id));
        idp.and_then(|idp| idp.email_domains.get()).is_none_or(|listed| {
            listed.iter().filter_map(|item| Domain::parse(item.get()?).ok()).any(|own| own.covers(domain))
        })
    };
    let mut told: Vec<*const InvitedList> = Vec::new();
    for list in terms.iter().filter_map(|(_, terms)| terms.invited.as_ref()) {
        if told.contains(&Arc::as_ptr(list)) {
            continue;
        }
        told.push(Arc::as_ptr(list));
        let same = |other: &&(String, Terms)| {
            other.1.invited.as_ref().is_some_and(|other| Arc::ptr_eq(other, list)) && !other.1.link_by_email
        };
        let ids: Vec<&str> = terms.iter().filter(same).map(|(id, _)| id.as_str()).collect();
        let current = list.current();
        let open = current.iter().filter(|one| match (&one.who, &one.idp) {
            (Who::Email(email), None) => ids.iter().filter(|id| may_speak(id, email)).count() > 1,
            _ => false,
        });
        let count = open.count();
        if count > 0 {
            let message = format!(
                "invites {count} people by addresses that more than one of {} may speak for: the first who comes takes the \
                 invitation",
                ids.join(", ")
            );
            let hint = "name the identity provider of each (idp), or its domains in email_domains";
            let sections =
                written.idps.iter().map(|idp| &idp.admission).chain(written.admission.iter().copied());
            if let Some(section) =
                sections.map(|section| &section.invited_file).find(|file| file.is_written())
            {
                desk.warn(section.problem(message).hint(hint));
            }
        }
    }
}

/// An invitation by address alone is for whoever is said to have the address, and one that speaks for any may say it of
/// anybody.
fn claimed_by_whoever_says_so(terms: &[(String, Terms)], written: &Written<'_>, desk: &mut Desk) {
    for (id, terms) in terms.iter().filter(|(_, terms)| !terms.link_by_email) {
        let Some(list) = &terms.invited else { continue };
        let idp = written.idps.iter().find(|idp| idp.id.get() == Some(id));
        let Some(idp) = idp.filter(|idp| idp.speaks_for_any.get() == Some(&true)) else { continue };
        let current = list.current();
        let open = current.iter().filter(|one| matches!((&one.who, &one.idp), (Who::Email(_), None))).count();
        if open > 0 {
            let message = format!(
                "is true, and {list} invites {open} people by address alone: `{id}` could say of anybody that an address of \
                 theirs is theirs"
            );
            let hint =
                "name the identity provider of each (idp) in the list, or its domains in email_domains here";
            desk.warn(idp.speaks_for_any.problem(message).hint(hint));
        }
    }
}

/// An invitation for an address that its identity provider may not speak for.
fn foreign_addresses(terms: &[(String, Terms)], written: &Written<'_>, desk: &mut Desk) {
    for (id, terms) in terms {
        let Some(list) = &terms.invited else { continue };
        let idp = written.idps.iter().find(|idp| idp.id.get() == Some(id));
        let Some((idp, listed)) = idp.and_then(|idp| Some((idp, idp.email_domains.get()?))) else { continue };
        let domains: Vec<Domain> = listed.iter().filter_map(|item| Domain::parse(item.get()?).ok()).collect();
        let current = list.current();
        let foreign =
            current.iter().filter(|one| one.idp.as_ref() == Some(id)).filter(|one| match &one.who {
                Who::Email(email) => {
                    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
                    !domains.iter().any(|own| own.covers(domain))
                }
                Who::User(_) => false,
            });
        let count = foreign.count();
        if count > 0 {
            let message = format!(
                "do not have the domains of {count} of the people who are invited for `{id}`: they could never come in"
            );
            desk.warn(idp.email_domains.problem(message));
        }
    }
}

/// Who took up which invitation must outlive a restart, or somebody else could take it up afterwards.
fn people(written: &Written<'_>, role_sync: RoleSync, lists: bool, desk: &mut Desk) -> Option<Arc<People>> {
    if let Some(people) = &desk.people {
        return Some(Arc::clone(people));
    }
    let people = match desk.folder.as_ref().map(|folder| folder.beside("people")) {
        None => {
            let files =
                written.admission.iter().copied().chain(written.idps.iter().map(|idp| &idp.admission));
            let file = files.map(|section| &section.invited_file).find(|file| file.is_written());
            let (place, lost) = match file.filter(|_| lists) {
                Some(file) => (&file.place, "who took up which invitation"),
                None => (&written.role_sync.place, "which roles people had at first"),
            };
            let lost = if role_sync == RoleSync::FirstSignIn && lists {
                "who took up which invitation, and which roles people had at first"
            } else {
                lost
            };
            let message =
                format!("without state_dir the gate remembers {lost} until it is stopped, and no longer");
            desk.warn(place.problem(message).hint("set state_dir and state_key_file"));
            People::in_memory()
        }
        Some((file, keys)) => {
            let shown = file.display().to_string();
            People::kept_in(file, keys)
                .map_err(|message| {
                    let hint = "list the key that it was sealed under in state_key_file; without the file every \
                                invitation could be taken up anew";
                    desk.error(written.state_dir.problem(format!("{shown} {message}")).hint(hint));
                })
                .ok()?
        }
    };
    let people = Arc::new(people);
    desk.people = Some(Arc::clone(&people));
    Some(people)
}
