//! Which sites sign on at which host. Made once, from the sites.

use super::Gate;
use crate::session::SiteKey;
use crate::site::{Face, Site};
use hashbrown::HashMap;
use std::sync::Arc;

/// Every sign-on host, and who uses it.
#[derive(Debug, Default)]
pub(super) struct SignOnHosts {
    /// By the key of the host.
    users: HashMap<SiteKey, Users>,
    /// By the key of the site: its host, with those identity providers only that the site admits.
    host_for: HashMap<SiteKey, Arc<Site>>,
}

#[derive(Debug, Default)]
struct Users {
    sites: Vec<SiteKey>,
    readers: Vec<Reader>,
}

/// Sites of a sign-on host that read assertions alike.
#[derive(Debug)]
pub struct Reader {
    /// Which.
    pub sites: Arc<[SiteKey]>,
    /// One of them, whose mapping is that of all.
    pub one: Arc<Site>,
}

/// A site, and the keys of all that read as it does.
type Alike<'a> = (&'a Arc<Site>, Vec<SiteKey>);

impl SignOnHosts {
    pub(super) fn of(sites: &[Arc<Site>]) -> Self {
        let mut all = Self::default();
        let mut alike: HashMap<SiteKey, Vec<Alike<'_>>> = HashMap::new();
        for site in sites {
            let Some(key) = site.sign_on.filter(|_| !all.host_for.contains_key(&site.key)) else { continue };
            let is_host = |host: &&Arc<Site>| host.key == key && matches!(host.face, Face::SignOn);
            let Some(host) = sites.iter().find(is_host) else { continue };
            all.host_for.insert(site.key, as_used_by(site, host));
            all.users.entry(key).or_default().sites.push(site.key);
            let readers = alike.entry(key).or_default();
            match readers.iter_mut().find(|(one, _)| one.mapping == site.mapping) {
                Some((_, sites)) => sites.push(site.key),
                None => readers.push((site, vec![site.key])),
            }
        }
        for (host, readers) in alike {
            let reader = |(one, sites): Alike<'_>| Reader { sites: sites.into(), one: Arc::clone(one) };
            all.users.entry(host).or_default().readers = readers.into_iter().map(reader).collect();
        }
        all
    }
}

fn as_used_by(site: &Site, host: &Arc<Site>) -> Arc<Site> {
    let admitted: Vec<_> = host
        .identity_providers
        .iter()
        .filter(|idp| site.identity_providers.iter().any(|own| Arc::ptr_eq(own, idp)))
        .cloned()
        .collect();
    if admitted.len() == host.identity_providers.len() {
        return Arc::clone(host);
    }
    Arc::new(Site { identity_providers: admitted, ..Site::clone(host) })
}

impl Gate {
    /// The sign-on host of a site, as this site may use it: with the identity providers that it admits. None: the site
    /// signs people in itself.
    pub fn sign_on_of(&self, site: &Site) -> Option<&Arc<Site>> {
        site.sign_on.and_then(|_| self.sign_on.host_for.get(&site.key))
    }

    /// How the sites of a sign-on host read assertions; nothing for any other site.
    pub fn readers_of(&self, host: &Site) -> &[Reader] {
        self.sign_on.users.get(&host.key).map_or(&[], |users| &users.readers)
    }

    /// The sites that sign on at this host, each once, in the configuration's order.
    pub fn sites_signing_on_at(&self, host: &Site) -> impl Iterator<Item = &Site> {
        let key = host.key;
        let uses = move |site: &&Site| site.sign_on == Some(key) && site.is_canonical();
        self.sites.iter().map(Arc::as_ref).filter(uses)
    }

    /// Under which keys sessions are found that one service provider has made: the site's own, and those of the sites that
    /// sign on there.
    pub fn keys_under(&self, site: &Site) -> Vec<SiteKey> {
        let users = self.sign_on.users.get(&site.key).map_or(&[][..], |users| &users.sites);
        std::iter::once(site.key).chain(users.iter().copied()).collect()
    }
}
