//! Sign-on hosts, and the sites that use them. A host is brought into the short form like a site, and checked like one.

use super::sites::{View, of_the_whole_gate, site_name};
use super::{Desk, overlay};
use crate::config::file::{File, ServiceProvider as SpFile, SignOn as SignOnFile, Site as SiteFile};
use crate::config::reader::Field;
use crate::config::values::nearest_word;

/// Who is the service provider of a site.
#[derive(Debug, Clone)]
pub(super) enum SignsOn {
    /// It is one itself.
    Itself,
    /// The sign-on host of this name.
    At(Field<String>),
    /// It is a sign-on host.
    Host,
}

impl SignsOn {
    /// The name of the host.
    pub(super) fn host(&self) -> Option<&Field<String>> {
        match self {
            Self::At(name) => Some(name),
            Self::Itself | Self::Host => None,
        }
    }
}

/// A single site is its own service provider: a second host would only be a second address to look after.
pub(super) fn not_without_sites(file: &File, desk: &mut Desk) {
    if file.sign_on.is_written() {
        let message = "is for several sites, and there is no `sites`";
        let hint = "list the applications in sites, and name this host in their sign_on; or remove it";
        desk.error(file.sign_on.problem(message).hint(hint));
    }
}

/// Where a site signs on, and what then cannot stand in it.
pub(super) fn of_site(site: &SiteFile, desk: &mut Desk) -> SignsOn {
    if site.sign_on.is_absent() {
        return SignsOn::Itself;
    }
    let signs_on = SignsOn::At(site.sign_on.clone());
    no_service_provider(&signs_on, &site.service_provider, desk);
    for (written, place) in [
        (site.acs_aliases.is_written(), &site.acs_aliases.place),
        (site.clock_skew.is_written(), &site.clock_skew.place),
    ] {
        if written {
            let message = format!(
                "stands beside {}: the answers of identity providers are taken at the sign-on host",
                site.sign_on.place.in_words()
            );
            desk.error(place.problem(message));
        }
    }
    if site.keep_fragment.is_written() {
        let message = format!(
            "stands beside {}: the browser leaves for the identity provider from the sign-on host",
            site.sign_on.place.in_words()
        );
        desk.error(site.keep_fragment.problem(message).hint("write it at the top level, which counts there"));
    }
    signs_on
}

/// The sign-on host is the service provider: a second one would be told to no identity provider.
pub(super) fn no_service_provider(signs_on: &SignsOn, written: &SpFile, desk: &mut Desk) {
    if let (Some(host), true) = (signs_on.host(), written.written) {
        let message = format!(
            "stands beside {}: the sign-on host is the service provider, and one of the two must go",
            host.place.in_words()
        );
        let hint = "write it in the item of sign_on, or remove sign_on here";
        desk.error(written.place.problem(message).hint(hint));
    }
}

/// The hosts, behind the sites, and each site's identity providers among those of its host.
pub(super) fn add_hosts(file: &File, views: &mut Vec<View>, desk: &mut Desk) {
    let listed = file.sign_on.get().map_or(&[][..], Vec::as_slice);
    let hosts: Vec<View> = listed.iter().map(|host| of_host(host, file, desk)).collect();
    let named = |name: &str| hosts.iter().find(|host| host.name.as_deref() == Some(name));
    let mut used: Vec<&str> = Vec::new();
    for view in views.iter_mut() {
        let Some(name) = view.signs_on.host().cloned() else { continue };
        let Some(text) = name.get() else { continue };
        let Some(host) = named(text) else {
            let known = hosts.iter().filter_map(|host| host.name.as_deref());
            let message = match nearest_word(text, known) {
                Some(near) => format!("no sign-on host has the name `{text}`: did you mean `{near}`?"),
                None => format!("no sign-on host has the name `{text}`"),
            };
            desk.error(name.problem(message).hint("name an item of sign_on"));
            continue;
        };
        used.extend(host.name.as_deref());
        narrowed(view, host, desk);
    }
    for host in &hosts {
        if host.name.as_deref().is_some_and(|name| !used.contains(&name)) {
            let message = "no site signs on here: nobody comes by";
            let hint = "name it in sites[].sign_on, or remove it";
            desk.warn(host.place.problem(message).hint(hint));
        }
    }
    views.extend(hosts);
}

/// Who is admitted at a site is among those who are at its host.
fn narrowed(view: &mut View, host: &View, desk: &mut Desk) {
    if view.admits.is_absent() {
        view.admits = host.admits.clone();
        return;
    }
    let (at_host, all) = (host.admitted_ids(), view.all_ids());
    for id in view.admits.get().map_or(&[][..], Vec::as_slice) {
        // One that is nowhere is said elsewhere.
        let foreign = |id: &&String| all.contains(id) && !at_host.contains(id);
        if let Some(written) = id.get().filter(foreign) {
            let message =
                format!("`{written}` signs nobody in at the sign-on host, {}", host.place.in_words());
            desk.error(
                id.problem(message).hint("name it in the identity_providers of the sign-on host, too"),
            );
        }
    }
}

fn of_host(host: &SignOnFile, top: &File, desk: &mut Desk) -> View {
    of_the_whole_gate(&host.session, desk);
    let name = host.name.required(&mut desk.report).filter(|name| site_name(name, &host.name, desk));
    View {
        place: host.place.clone(),
        name: name.cloned(),
        audience: name.cloned(),
        organization: None,
        own_jwt_keys: false,
        signs_on: SignsOn::Host,
        email_domains: Field::absent(host.place.clone()),
        admits: host.identity_providers.clone(),
        file: overlay::host(host, top),
    }
}
