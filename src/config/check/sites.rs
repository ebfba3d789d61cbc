//! From the file to its sites. Whatever the file says, each site is brought into the short form first: a [`File`] whose
//! top level is that site's own. So there is one set of checks, and none of them asks where a key was written; the place
//! that each key carries says it when something is wrong.
//!
//! | written | counts |
//! |---|---|
//! | no `sites` | the top level is the site |
//! | `sites` | each item over the top level, key by key; what makes a site a site (address, application, rules) is its own |
//! | `tenants` in a site | each item over its site over the top level; the address from the wildcard and the tenant's name |

use super::sign_on::{self, SignsOn};
use super::{Desk, overlay};
use crate::config::file::{File, Session as SessionFile, Site as SiteFile, Tenant as TenantFile};
use crate::config::reader::{Field, Place, Slot as _};
use crate::session::SiteKey;
use crate::site::{PublicUrl, Site};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// A site in the short form.
pub(super) struct View {
    /// Where it is described.
    pub(super) place: Place,
    /// None: wrong, which has been said. In logs, metrics and pinned paths; `site/tenant` of a tenant.
    pub(super) name: Option<String>,
    /// What applications know it by (the JWT's `aud`): of a tenant, the name of its site.
    pub(super) audience: Option<String>,
    /// The tenant's name.
    pub(super) organization: Option<String>,
    /// Whether the JWT is signed by keys of its own here.
    pub(super) own_jwt_keys: bool,
    /// Who is the service provider.
    pub(super) signs_on: SignsOn,
    /// Whose people a tenant is for; absent: everybody's.
    pub(super) email_domains: Field<Vec<Field<String>>>,
    /// The identity providers that it admits, by their ids; absent: all.
    pub(super) admits: Field<Vec<Field<String>>>,
    /// Everything else.
    pub(super) file: File,
}

/// Every site that the file describes, whatever is wrong with it.
pub(super) fn views(file: &File, desk: &mut Desk) -> Vec<View> {
    if !file.sites.is_written() {
        sign_on::not_without_sites(file, desk);
        return vec![short_form(file, desk)];
    }
    refuse_beside_sites(file, desk);
    let listed = file.sites.get().map_or(&[][..], Vec::as_slice);
    if listed.is_empty() && file.sites.get().is_some() {
        desk.error(file.sites.problem("is empty: there is nothing to serve"));
    }
    let mut views: Vec<View> = listed.iter().flat_map(|site| of_site(site, file, desk)).collect();
    sign_on::add_hosts(file, &mut views, desk);
    let addresses = views.iter().map(|view| addresses(&view.file).count()).sum::<usize>();
    if addresses > MOST_ADDRESSES {
        let message =
            format!("{addresses} addresses of sites and tenants are too many: {MOST_ADDRESSES} are possible");
        desk.error(file.sites.problem(message));
    }
    same_twice(&views, desk);
    views
}

/// A site has a number for each of its addresses, and numbers have 16 bits.
const MOST_ADDRESSES: usize = 60_000;

/// The canonical address apart from the others.
fn with_canonical(mut file: File, desk: &mut Desk) -> File {
    let Some(listed) = file.public_urls.get() else { return file };
    if file.public_url.is_written() {
        let message = format!("stands beside {}: one of the two must go", file.public_url.place.in_words());
        desk.error(file.public_urls.problem(message).hint("the first of public_urls is the canonical one"));
        return file;
    }
    let Some((first, further)) = listed.split_first() else {
        desk.error(file.public_urls.problem("is empty: the site has no address"));
        file.public_url = Field::unknown(file.public_urls.place.clone());
        return file;
    };
    let further = Field::following(file.public_urls.place.clone(), further.to_vec());
    file.public_url = first.clone();
    file.public_urls = further;
    file
}

/// The top level as it stands. Its name is the address that people type.
fn short_form(file: &File, desk: &mut Desk) -> View {
    let file = with_canonical(file.clone(), desk);
    let name = file
        .public_url
        .get()
        .and_then(|text| PublicUrl::parse(text).ok())
        .map(|url| url.authority().to_owned());
    View {
        place: file.place.clone(),
        audience: name.clone(),
        name,
        organization: None,
        own_jwt_keys: false,
        signs_on: SignsOn::Itself,
        email_domains: Field::absent(file.place.clone()),
        admits: Field::absent(file.place.clone()),
        file,
    }
}

/// What makes a site a site cannot stand for all of them.
fn refuse_beside_sites(file: &File, desk: &mut Desk) {
    let written = [
        (file.public_url.is_written(), &file.public_url.place),
        (file.public_urls.is_written(), &file.public_urls.place),
        (file.upstream.is_written(), &file.upstream.place),
        (file.upstreams.is_written(), &file.upstreams.place),
        (file.forward_auth.is_written(), &file.forward_auth.place),
        (file.acs_aliases.is_written(), &file.acs_aliases.place),
        (file.rules.is_written(), &file.rules.place),
        (file.service_provider.entity_id.is_written(), &file.service_provider.entity_id.place),
    ];
    for (_, place) in written.iter().filter(|(written, _)| *written) {
        let message = format!("stands beside {}: each site has its own", file.sites.place.in_words());
        desk.error(place.problem(message).hint("move it into the site that is meant"));
    }
}

fn of_site(site: &SiteFile, top: &File, desk: &mut Desk) -> Vec<View> {
    of_the_whole_gate(&site.session, desk);
    let name = site.name.required(&mut desk.report).filter(|name| site_name(name, &site.name, desk));
    let view = View {
        place: site.place.clone(),
        name: name.cloned(),
        audience: name.cloned(),
        organization: None,
        own_jwt_keys: site.jwt.private_key_file.is_written() || site.jwt.additional_key_files.is_written(),
        signs_on: sign_on::of_site(site, desk),
        email_domains: Field::absent(site.place.clone()),
        admits: site.identity_providers.clone(),
        file: with_canonical(overlay::site(site, top), desk),
    };
    let wildcard = site.public_url.get().and_then(|text| text.split_once("://*."));
    match (wildcard, site.tenants.is_written()) {
        (None, false) => vec![view],
        (Some(_), false) => {
            let message = "a wildcard is for tenants, and none is listed: nobody else is served there";
            desk.error(site.tenants.problem(message).hint("write tenants: [{name: acme}, …]"));
            Vec::new()
        }
        (None, true) => {
            if !site.public_url.is_absent() && site.public_url.get().is_none() {
                return Vec::new();
            }
            let message = "tenants need an address with a place for their names";
            let hint = "write public_url: https://*.app.example.com";
            desk.error(site.tenants.problem(message).hint(hint));
            Vec::new()
        }
        (Some((scheme, domain)), true) => {
            let tenants = site.tenants.get().map_or(&[][..], Vec::as_slice);
            if tenants.is_empty() && site.tenants.get().is_some() {
                desk.error(site.tenants.problem("is empty: nobody is served there"));
            }
            if site.public_urls.is_written() {
                let message = "a site with tenants has one address, the wildcard";
                desk.error(site.public_urls.problem(message));
            }
            if site.service_provider.entity_id.is_written() {
                let message = "each tenant is a service provider of its own";
                let hint = "write it in the tenant, or leave it out: it follows from the tenant's address";
                desk.error(site.service_provider.entity_id.problem(message).hint(hint));
            }
            tenants.iter().map(|tenant| of_tenant(tenant, &view, (scheme, domain), desk)).collect()
        }
    }
}

fn of_tenant(tenant: &TenantFile, site: &View, address: (&str, &str), desk: &mut Desk) -> View {
    of_the_whole_gate(&tenant.session, desk);
    sign_on::no_service_provider(&site.signs_on, &tenant.service_provider, desk);
    let (scheme, domain) = address;
    let label = tenant.name.required(&mut desk.report).filter(|name| tenant_name(name, &tenant.name, desk));
    let url = match label {
        Some(label) => Field::following(tenant.name.place.clone(), format!("{scheme}://{label}.{domain}")),
        None => Field::unknown(tenant.name.place.clone()),
    };
    let file = File { public_url: url, ..overlay::tenant(tenant, &site.file) };
    View {
        place: tenant.place.clone(),
        name: site.name.as_ref().zip(label).map(|(site, label)| format!("{site}/{label}")),
        audience: site.audience.clone(),
        organization: label.cloned(),
        own_jwt_keys: site.own_jwt_keys,
        signs_on: site.signs_on.clone(),
        email_domains: tenant.email_domains.clone(),
        admits: tenant.identity_providers.over(&site.admits),
        file,
    }
}

/// One process has one store and one ring of keys.
pub(super) fn of_the_whole_gate(session: &SessionFile, desk: &mut Desk) {
    for (written, place) in [
        (session.secret.is_written(), &session.secret.place),
        (session.secret_file.is_written(), &session.secret_file.place),
        (session.max_bytes.is_written(), &session.max_bytes.place),
    ] {
        if written {
            let message = "is one for the whole gate: write it at the top level, under session";
            desk.error(place.problem(message));
        }
    }
}

pub(super) fn site_name(name: &str, field: &Field<String>, desk: &mut Desk) -> bool {
    let good = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !good {
        let message =
            "may have letters, digits, `-`, `_` and `.`, at most 64: it stands in addresses and in the JWT";
        desk.error(field.problem(message));
    }
    good
}

/// A label of a domain name (RFC 1123, 2.1), in lower case as browsers send it.
fn tenant_name(name: &str, field: &Field<String>, desk: &mut Desk) -> bool {
    let good = name.len() <= 63
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !good {
        let message =
            "must be the part of the address before the first dot: lower-case letters, digits and `-`";
        desk.error(field.problem(message));
    }
    good
}

/// Two sites of one name or address could not be told apart.
fn same_twice(views: &[View], desk: &mut Desk) {
    let mut names: HashMap<String, &View> = HashMap::new();
    let mut keys: HashMap<SiteKey, &View> = HashMap::new();
    for view in views {
        let Some(name) = &view.name else { continue };
        // Names that differ in case only would confuse people, if nobody else.
        if let Some(other) = earlier(&mut names, name.to_ascii_lowercase(), view) {
            let at = other.file.place.in_words_beside(&view.place);
            desk.error(view.place.problem(format!("`{name}` is already the name of {at}")));
        } else if let Some(other) = earlier(&mut keys, SiteKey::of(name), view) {
            let at = other.file.place.in_words_beside(&view.place);
            let message = format!("the short keys of `{name}` and of {at} are the same by chance");
            desk.error(view.place.problem(message).hint("give one of the two another name"));
        }
    }
    let mut taken: HashMap<String, &Place> = HashMap::new();
    for field in views.iter().flat_map(|view| addresses(&view.file)) {
        let Some(url) = field.get().and_then(|text| PublicUrl::parse(text).ok()) else { continue };
        if let Some(place) = earlier(&mut taken, url.authority().to_owned(), &field.place) {
            let (authority, place) = (url.authority(), place.in_words_beside(&field.place));
            let message = format!("{authority} is already the address of {place}: one host is one site");
            desk.error(field.problem(message));
        }
    }
}

/// The first that had this key, when this is not the first.
fn earlier<K: Eq + Hash, V: Copy>(taken: &mut HashMap<K, V>, key: K, value: V) -> Option<V> {
    match taken.entry(key) {
        Entry::Occupied(first) => Some(*first.get()),
        Entry::Vacant(place) => {
            place.insert(value);
            None
        }
    }
}

/// Every address of a site as it is written, the canonical one first.
fn addresses(file: &File) -> impl Iterator<Item = &Field<String>> {
    let further = file.public_urls.get().map_or(&[][..], Vec::as_slice);
    std::iter::once(&file.public_url).filter(|field| !field.is_absent()).chain(further)
}

/// Whether a problem at this path is about what stands in our own metadata: `service_provider.entity_id`,
/// `sites[0].public_url`, `sites[1].tenants[2].name`.
pub(super) fn is_about_ourselves(path: &str) -> bool {
    let own = |path: &str| {
        let top = path.split(['.', '[']).next();
        matches!(top, Some("public_url" | "public_urls" | "path_prefix" | "service_provider" | "acs_aliases"))
    };
    let item_of = |path: &str, list: &str| {
        let inside = path.strip_prefix(list)?.strip_prefix('[')?;
        Some(inside.split_once("].").map_or("", |(_, rest)| rest).to_owned())
    };
    match item_of(path, "sites").or_else(|| item_of(path, "sign_on")) {
        None => own(path) || matches!(path, "sites" | "sign_on"),
        Some(inside) => {
            let inside = item_of(&inside, "tenants").unwrap_or(inside);
            inside.is_empty() || own(&inside) || matches!(inside.as_str(), "name" | "tenants" | "sign_on")
        }
    }
}

/// An assertion for one site must be of no use at another, and the audience is what says so.
pub(super) fn same_entity_id(views: &[View], sites: &[Option<Site>], desk: &mut Desk) {
    let mut taken: HashMap<&str, &View> = HashMap::new();
    for (view, site) in views.iter().zip(sites) {
        let Some(site) = site.as_ref().filter(|site| site.sign_on.is_none()) else { continue };
        let entity_id = site.service_provider.entity_id.as_str();
        // Two that both follow from one address: that has been said of the address.
        let written = |view: &View| view.file.service_provider.entity_id.is_written();
        if let Some(other) =
            earlier(&mut taken, entity_id, view).filter(|other| written(other) || written(view))
        {
            let at = other.file.place.in_words_beside(&view.file.place);
            let message = format!("{entity_id} is already the entity ID of {at}");
            let hint = "leave entity_id out: it follows from public_url";
            desk.error(view.file.service_provider.entity_id.problem(message).hint(hint));
        }
    }
}

impl View {
    /// The `id` of each identity provider that is admitted, as far as it is written.
    pub(super) fn admitted_ids(&self) -> Vec<String> {
        match self.admits.get() {
            Some(ids) => ids.iter().filter_map(|id| id.get().cloned()).collect(),
            None => self.all_ids(),
        }
    }

    /// The `id` of each identity provider that is described.
    pub(super) fn all_ids(&self) -> Vec<String> {
        let all = self.file.identity_providers.get().map_or(&[][..], Vec::as_slice);
        all.iter().filter_map(|written| written.id.get().cloned()).collect()
    }
}
