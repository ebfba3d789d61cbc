//! Which address a question comes to, and which site it is about.

use super::dialect::Dialect;
use crate::gate::Gate;
use crate::gateway::request::path_of;
use crate::reason::{Reason, Refusal};
use crate::site::Site;
use hashbrown::HashMap;
use std::sync::Arc;

/// The addresses of the authz listener.
pub(super) struct Routes {
    /// Up to the dialect: `/vestibule/authz`, `/vestibule/authz/sites/wiki`.
    stems: HashMap<String, Pinned>,
    pins: Vec<Pin>,
    by_name: HashMap<String, usize>,
}

/// Whether something names the site beside the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) enum Pinned {
    /// Nothing.
    No,
    /// The place in [`Routes::pins`].
    To(usize),
    /// A name that is no site's.
    Unknown(String),
}

/// What a name means: a site under each of its addresses, or all tenants of one.
#[derive(Debug)]
struct Pin {
    /// Ascending.
    sites: Vec<u16>,
    /// The one that is meant when the host is nobody's; none of tenants, whom only the host tells apart.
    otherwise: Option<u16>,
}

/// What the address of a question says.
#[derive(Debug)]
pub(super) struct Route<'a> {
    pub(super) dialect: Dialect,
    pub(super) pinned: Pinned,
    /// What follows the dialect, with the query.
    pub(super) rest: &'a str,
}

impl Routes {
    pub(super) fn new(sites: &[Arc<Site>]) -> Self {
        let (mut stems, mut by_name) = (HashMap::new(), HashMap::new());
        let mut pins: Vec<Pin> = Vec::new();
        for site in sites {
            let prefix = &site.path_prefix;
            stems.insert(format!("{prefix}/authz"), Pinned::No);
            // A tenant's own name, and the name of the site that it belongs to.
            let of_site = site.organization.as_ref().map(|_| (&site.audience, None));
            for (name, otherwise) in [(&site.name, Some(site.id))].into_iter().chain(of_site) {
                let pin = *by_name.entry(name.clone()).or_insert_with(|| {
                    pins.push(Pin { sites: Vec::new(), otherwise });
                    pins.len() - 1
                });
                if let Some(pin) = pins.get_mut(pin) {
                    pin.sites.push(site.id);
                }
                stems.insert(format!("{prefix}/authz/sites/{name}"), Pinned::To(pin));
            }
        }
        Self { stems, pins, by_name }
    }

    /// What the address says; none: it is no question.
    pub(super) fn find<'a>(&self, target: &'a str) -> Option<Route<'a>> {
        let path = path_of(target);
        let exact = |dialect: Dialect| {
            let stem = path.strip_suffix(dialect.path())?.strip_suffix('/')?;
            let pinned = self.stems.get(stem)?.clone();
            Some(Route { dialect, pinned, rest: "" })
        };
        exact(Dialect::AuthRequest).or_else(|| exact(Dialect::ForwardAuth)).or_else(|| {
            // The first place counts: what follows is the client's.
            path.match_indices(Dialect::ExtAuthz.path()).find_map(|(at, found)| {
                let pinned = self.stems.get(path.get(..at)?.strip_suffix('/')?)?.clone();
                Some(Route { dialect: Dialect::ExtAuthz, pinned, rest: target.get(at + found.len()..)? })
            })
        })
    }

    /// What a name that the gateway's configuration gives means.
    pub(super) fn named(&self, name: Option<&str>) -> Pinned {
        match name {
            None => Pinned::No,
            Some(name) => self
                .by_name
                .get(name)
                .map_or_else(|| Pinned::Unknown(name.to_owned()), |pin| Pinned::To(*pin)),
        }
    }

    /// The site of a question: the one that it is pinned to, else the one whose host it names. A host that is another
    /// site's contradicts the pin; one that is nobody's may be the gateway's own name for the site.
    pub(super) fn site<'g>(
        &self,
        gate: &'g Gate,
        pinned: &Pinned,
        authority: &str,
    ) -> Result<&'g Site, Refusal> {
        let unknown = |detail: String| Refusal::new(Reason::SiteUnknown, detail);
        let by_host = gate.site_for_authority(authority);
        let pin = match pinned {
            Pinned::No => return by_host.ok_or_else(|| unknown(format!("the host is {authority:?}"))),
            Pinned::Unknown(name) => return Err(unknown(format!("the gateway names the site {name:?}"))),
            Pinned::To(pin) => {
                self.pins.get(*pin).ok_or_else(|| unknown("the question is pinned to no site".to_owned()))?
            }
        };
        match by_host {
            Some(site) if pin.sites.binary_search(&site.id).is_ok() => Ok(site),
            Some(site) => Err(unknown(format!(
                "the question is pinned to a site, and the host {authority:?} is that of {}",
                site.name
            ))),
            None => {
                pin.otherwise.and_then(|site| gate.sites.get(usize::from(site))).map(Arc::as_ref).ok_or_else(
                    || {
                        unknown(format!(
                            "the question is pinned to a site with tenants, and the host is {authority:?}"
                        ))
                    },
                )
            }
        }
    }
}
