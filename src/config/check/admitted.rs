//! Which identity providers a site admits, and what can be told only of the two together.

use super::parties::{Described, says_for_whom};
use super::sites::View;
use super::{Desk, cryptography, demand, logout};
use crate::config::values::nearest_word;
use crate::federation::{Other, Terms};
use crate::identity::Domain;
use crate::saml::demand::SignRequests;
use crate::saml::parties::ServiceProvider;
use crate::site::{Idp, Site};
use std::sync::Arc;

/// The identity providers that a site admits, in the chooser's order.
pub(super) fn admitted<'d, 'f>(
    view: &View,
    described: &'d [Described<'f>],
    desk: &mut Desk,
) -> Vec<&'d Described<'f>> {
    let admitted: Vec<&Described<'f>> = match view.admits.get() {
        // Broken: said already, and nobody is admitted by mistake because nothing starts.
        None => described.iter().filter(|_| view.admits.is_absent()).collect(),
        // That nobody is described has been said.
        Some(_) if described.is_empty() => Vec::new(),
        Some(ids) => {
            if ids.is_empty() {
                desk.error(view.admits.problem("is empty: nobody could sign in"));
            }
            let mut found: Vec<&Described<'f>> = Vec::new();
            for field in ids {
                let Some(id) = field.get() else { continue };
                match described.iter().find(|one| one.written.id.get() == Some(id)) {
                    Some(one) if found.iter().any(|other| std::ptr::eq(*other, one)) => {
                        desk.error(field.problem(format!("`{id}` stands here twice")));
                    }
                    Some(one) => found.push(one),
                    None => {
                        let known = described.iter().filter_map(|one| one.written.id.get());
                        let message = match nearest_word(id, known.map(String::as_str)) {
                            Some(near) => {
                                format!("no identity provider has the id `{id}`: did you mean `{near}`?")
                            }
                            None => format!("no identity provider has the id `{id}`"),
                        };
                        desk.error(field.problem(message));
                    }
                }
            }
            found
        }
    };
    if admitted.len() > 1 {
        admitted.iter().for_each(|one| says_for_whom(one.written, desk));
    }
    somebody_is_live(view, &admitted, desk);
    admitted
}

/// A site may begin with one that is still being set up; that nobody can sign in is worth a word all the same.
fn somebody_is_live(view: &View, admitted: &[&Described<'_>], desk: &mut Desk) {
    let known: Option<Vec<&Arc<Idp>>> = admitted.iter().map(|one| one.idp.as_ref()).collect();
    if known.is_some_and(|known| !known.is_empty() && !known.iter().any(|idp| idp.is_offered())) {
        let place =
            if view.admits.is_written() { &view.admits.place } else { &view.file.identity_providers.place };
        let message = "none has `status: live`: nobody can sign in";
        let hint = "`vestibule test-link` makes a link to try a staged one";
        desk.warn(place.problem(message).hint(hint));
    }
}

/// A tenant is for the people of domains, and one of those who sign people in there must be able to speak for each.
pub(super) fn somebody_speaks_for(view: &View, admitted: &[&Described<'_>], desk: &mut Desk) {
    let domains = admitted.iter().map(|one| one.idp.as_ref()?.email_domains.clone());
    let spoken_for: Option<Vec<Vec<Domain>>> = domains.collect();
    // One that may speak for anybody, or one that is wrong, which has been said.
    let Some(spoken_for) = spoken_for.filter(|listed| !listed.is_empty()) else { return };
    for item in view.email_domains.get().map_or(&[][..], Vec::as_slice) {
        let Some(domain) = item.get().and_then(|text| Domain::parse(text).ok()) else { continue };
        if !spoken_for.iter().flatten().any(|own| own.overlaps(&domain)) {
            let message = "is spoken for by no identity provider of the tenant: nobody of it could come in";
            let hint = "add it to email_domains of the one that may speak for it";
            desk.warn(item.problem(message).hint(hint));
        }
    }
}

/// What each of them must not be beside the others.
pub(super) fn same_entity_id(admitted: &[&Described<'_>], desk: &mut Desk) {
    for (position, one) in admitted.iter().enumerate() {
        let Some(name) = one.entity_id() else { continue };
        if let Some(earlier) =
            admitted[..position].iter().find(|other| other.entity_id().as_ref() == Some(&name))
        {
            let message = format!(
                "has the entity ID of {}, {name}: an answer could not be told to be from one",
                earlier.written.place.path()
            );
            desk.error(one.written.place.problem(message));
        }
    }
}

/// What each of them must be able to do with us.
pub(super) fn against_ourselves(view: &View, one: &Described<'_>, ours: &ServiceProvider, desk: &mut Desk) {
    let Described { written, idp: Some(idp) } = one else { return };
    demand::names_the_user(idp, written, &view.file, desk);
    if view.signs_on.host().is_some() {
        // The rest is between the identity provider and the sign-on host.
        return;
    }
    cryptography::fits(written, ours, desk);
    demand::against_ourselves(idp, written, ours, desk);
    logout::can_be_done(idp, written, ours, desk);
    // Who is described by an address is known later, and then the same is asked: federation/terms.rs.
    let Some(saml) = idp.known() else { return };
    if ours.entity_id == saml.entity_id {
        let message = format!("its entity ID is our own, {}: is this our own metadata?", saml.entity_id.0);
        desk.error(written.place.problem(message));
    }
}

/// One that nobody admits is not asked for its metadata either. A sign-on host alone leads nobody anywhere, but it can be
/// tried there.
pub(super) fn by_nobody(
    described: &[Described<'_>],
    sites: &[Vec<&Described<'_>>],
    hosts: &[Vec<&Described<'_>>],
    desk: &mut Desk,
) {
    for one in described {
        if among(sites, one) {
            continue;
        }
        if among(hosts, one) {
            let message = "no site admits it, only a sign-on host: nobody gets anywhere by it";
            let hint = "name its id in the identity_providers of a site that signs on there, or remove it";
            desk.warn(one.written.place.problem(message).hint(hint));
            continue;
        }
        let message = "no site admits it: nobody can sign in by it";
        let hint = "name its id in sites[].identity_providers, or remove it";
        desk.warn(one.written.place.problem(message).hint(hint));
        if let Some(idp) = &one.idp {
            desk.watches.retain(|watch| !Arc::ptr_eq(&watch.idp, idp));
        }
    }
}

fn among<'f>(admitted: &[Vec<&Described<'f>>], one: &Described<'f>) -> bool {
    admitted.iter().flatten().any(|other| std::ptr::eq(*other, one))
}

/// Tells those who keep metadata up to date what only all sites together can tell: each identity provider has one
/// document, whoever admits it.
pub(super) fn complete_watches(described: &[Described<'_>], sites: &[Site], desk: &mut Desk) {
    for watch in &mut desk.watches {
        let admits = |site: &&Site| site.identity_providers.iter().any(|idp| Arc::ptr_eq(idp, &watch.idp));
        let is_party = |site: &&Site| site.sign_on.is_none();
        let by: Vec<&Site> = sites.iter().filter(is_party).filter(admits).collect();
        // In logs and metrics; what several share belongs to none of them.
        watch.site = match by.as_slice() {
            [only] => only.name.clone(),
            _ => String::new(),
        };
        let not = by.iter().map(|site| site.service_provider.entity_id.0.clone()).collect();
        let never = watch.idp.demand.sign_requests == SignRequests::Never;
        let we_sign = !never && by.iter().all(|site| !site.service_provider.signing_keys.is_empty());
        let others = others(&watch.idp, described, &by);
        watch.complete(Terms { not, we_sign, others, ..watch.terms.clone() });
    }
}

/// Whose names this one must not have: those beside which a site admits it.
fn others(this: &Arc<Idp>, described: &[Described<'_>], sites: &[&Site]) -> Vec<Other> {
    let beside = |other: &Arc<Idp>| {
        !Arc::ptr_eq(other, this)
            && sites.iter().any(|site| site.identity_providers.iter().any(|idp| Arc::ptr_eq(idp, other)))
    };
    let other = |one: &Described<'_>| {
        let idp = one.idp.as_ref().filter(|idp| beside(idp))?;
        Some(Other { idp: Arc::clone(idp), written: one.written.entity_id.get().cloned() })
    };
    described.iter().filter_map(other).collect()
}
