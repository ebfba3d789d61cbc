//! From the configuration as written to the configuration as meant: domain types, or every problem at once.
//!
//! Each file here owns one part and returns what it built, or None after it has said why not. Nobody returns early
//! because somebody else failed: what is missing for a later check is replaced by its default, so that the list is
//! whole. Only files that the configuration names are read; nothing is opened, bound or asked over the network.

mod admission;
mod admitted;
mod audit;
mod console;
mod cors;
mod cryptography;
mod demand;
mod files;
mod gateways;
mod headers;
mod identity;
mod keys;
mod limits;
mod listeners;
mod logout;
mod looks;
mod metadata;
mod never;
mod overlay;
mod parties;
mod rules;
mod second_opinion;
mod sign_on;
mod site;
mod sites;
mod state;
mod store;
mod tracing;
mod upstream;

use super::file::{File, Log, Reload as ReloadFile, Saml, Shutdown as ShutdownFile};
use super::reader::Field;
use super::report::{Problem, Problems, Report};
use super::values::{Size, Word, show};
use super::words::Level;
use super::{Config, Contents, Fingerprints, Ourselves, OwnSide, Reload, Shutdown, SigningOn};
use crate::admission::{InvitedList, People};
use crate::clock::Moment;
use crate::federation::{Folder, Outbound, Watch};
use crate::observe::log::LogSettings;
use crate::saml::parties::Limits;
use crate::site::Site;
use parties::Described;
use sign_on::SignsOn;
use sites::View;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Longest `shutdown.delay` and `shutdown.drain`: nobody waits longer, and a slip of a unit is found.
const LONGEST_SHUTDOWN: Duration = Duration::from_secs(3600);

/// What every check has at hand.
pub(super) struct Desk {
    report: Report,
    now: Moment,
    outbound: Outbound,
    /// What was read, but for what has somebody who looks at it again.
    contents: Contents,
    /// `state_dir`, where a copy may stand in for a file.
    folder: Option<Folder>,
    /// Of the identity providers that were read so far.
    watches: Vec<Watch>,
    /// What is remembered of people, once somebody needs it.
    people: Option<Arc<People>>,
    /// Lists of the invited by file and by whom they are for, each read once; none: it could not be read.
    lists: HashMap<(PathBuf, Vec<String>), Option<Arc<InvitedList>>>,
}

/// The configuration, or all that is wrong with it.
pub(super) fn check(
    file: &File,
    now: Moment,
    report: Report,
    outbound: Outbound,
    contents: &mut Contents,
) -> Result<Config, Problems> {
    let mut desk = Desk::new(report, now, outbound);
    desk.folder = state::folder(file, &mut desk);
    if file.include.is_written() && file.include.place.line().is_none() {
        // The environment is laid over the files once they have been read.
        let message = "is read from the configuration file only";
        desk.error(
            file.include.problem(message).hint("write it there, or name the folder of all parts there"),
        );
    }
    let described = parties::identity_providers(file, &mut desk);
    let views = sites::views(file, &mut desk);
    let sites = every_site(&views, described.as_deref(), &mut desk);
    state::wanted(file, &mut desk);
    let forward_auth = views.iter().any(|view| view.file.forward_auth.or(false));
    let listeners = listeners::listeners(file, forward_auth, &mut desk);
    let console = console::console(file, &listeners, &mut desk);
    let trusted_proxies = listeners::trusted_proxies(file, &mut desk);
    let gateways = gateways::gateways(&file.gateways, &mut desk);
    for (site, view) in sites.iter().zip(&views) {
        let Some(site) = site else { continue };
        listeners::not_in_a_circle(&view.file, &site.face, &listeners, &mut desk);
        if !site.public_url.is_secure() && listeners.public_tls.is_some() {
            let message = "the public listener speaks TLS and public_url begins with http://";
            desk.error(view.file.public_url.problem(message));
        }
    }
    let sites: Option<Vec<Site>> = sites.into_iter().collect();
    let sites = sites.map(|sites| at_every_address(sites, &views, &mut desk));
    if let (Some(sites), Some(described)) = (&sites, &described) {
        admitted::complete_watches(described, sites, &mut desk);
    }
    let keys = keys::seal_keys(&file.session, &mut desk);
    let jwt_keys = keys::jwt_keys(&file.jwt, &mut desk);
    let store_max_bytes = store_max_bytes(&file.session.max_bytes, &mut desk);
    let lasting = keys.as_ref().is_some_and(|(_, ephemeral)| !ephemeral);
    let shared_store = store::shared_store(file, lasting, store_max_bytes, &mut desk);
    let message_limits = message_limits(&file.saml, &mut desk);
    let second_opinion = second_opinion::second_opinion(&file.second_opinion, &mut desk);
    let connections = listeners::connections(&file.limits.connections, &mut desk);
    let bounds = limits::limits(file, connections, &mut desk);
    let shutdown = shutdown(&file.shutdown, &mut desk);
    let log = log(&file.log);
    let lasting = keys.as_ref().filter(|(_, ephemeral)| !ephemeral).map(|(keys, _)| keys);
    let audit = audit::audit(file, lasting, &mut desk);
    let metrics = tracing::metrics(&file.metrics);
    let tracing = tracing::tracing(file, &mut desk);
    let branding = looks::of_no_site(&file.branding, now);

    let reload = reload(&file.reload, &mut desk);
    *contents = std::mem::take(&mut desk.contents);

    let mut watches = desk.watches;
    for watch in &mut watches {
        watch.folder.clone_from(&desk.folder);
    }
    let state = desk.folder;
    let mut report = desk.report;
    if report.has_problems() {
        return Err(report.into_problems());
    }
    let (Some(sites), Some((keys, keys_are_ephemeral)), Some(jwt_keys)) = (sites, keys, jwt_keys) else {
        let message = "could not be understood, and Vestibule cannot say why: this is a fault of Vestibule";
        report.error(file.place.problem(message));
        return Err(report.into_problems());
    };
    Ok(Config {
        sites,
        listeners,
        trusted_proxies,
        gateways,
        keys,
        keys_are_ephemeral,
        jwt_keys,
        jwt_keys_are_ephemeral: file.jwt.private_key_file.is_absent(),
        store_max_bytes,
        shared_store,
        message_limits,
        bounds,
        second_opinion,
        console,
        connections,
        shutdown,
        reload,
        watches,
        log,
        audit,
        metrics,
        tracing,
        state,
        fingerprints: Fingerprints::default(),
        branding,
        warnings: report.into_warnings(),
    })
}

/// One for each address, numbered in this order.
fn at_every_address(sites: Vec<Site>, views: &[View], desk: &mut Desk) -> Vec<Site> {
    let mut all: Vec<Site> = sites
        .into_iter()
        .zip(views)
        .flat_map(|(site, view)| site::at_every_address(site, view, desk))
        .collect();
    for (place, site) in all.iter_mut().enumerate() {
        site.id = u16::try_from(place).unwrap_or(u16::MAX);
    }
    all
}

/// Every site of the views, and who is admitted by none.
fn every_site(views: &[View], described: Option<&[Described<'_>]>, desk: &mut Desk) -> Vec<Option<Site>> {
    // Whatever is wrong with the list has been said; the rest of each site is looked at all the same.
    let all = described.unwrap_or_default();
    // Sign-on hosts first: they are the service providers of sites that use them.
    let mut hosts = Vec::new();
    for (place, view) in views.iter().enumerate().filter(|(_, view)| matches!(view.signs_on, SignsOn::Host)) {
        hosts.push((view.name.as_deref(), site::site(view, place, all, None, desk)));
    }
    let mut built = Vec::new();
    for (place, view) in views.iter().enumerate().filter(|(_, view)| !matches!(view.signs_on, SignsOn::Host))
    {
        let name = view.signs_on.host().and_then(Field::get).map(String::as_str);
        let host = hosts.iter().find(|(host, _)| name.is_some() && *host == name);
        let host = host.and_then(|(_, (host, _))| host.as_ref());
        built.push(site::site(view, place, all, host, desk));
    }
    let of_sites = built.len();
    built.extend(hosts.into_iter().map(|(_, host)| host));
    let (sites, admitted): (Vec<_>, Vec<_>) = built.into_iter().unzip();
    sites::same_entity_id(views, &sites, desk);
    let (at_sites, at_hosts) = admitted.split_at(of_sites);
    admitted::by_nobody(all, at_sites, at_hosts, desk);
    sites
}

/// What the identity provider is told about us. Everything is checked, so that the rest can be warned of; only what
/// is told decides.
pub(super) fn ourselves(file: &File, now: Moment, report: Report) -> Result<Ourselves, Problems> {
    let problems = check(file, now, report, Outbound::direct(), &mut Contents::default())
        .err()
        .map_or_else(Vec::new, |Problems(problems)| problems);
    let matters = |problem: &Problem| sites::is_about_ourselves(&problem.path);
    let (own, problems): (Vec<_>, Vec<_>) = problems.into_iter().partition(matters);
    if !own.is_empty() {
        return Err(Problems(own));
    }
    // What this finds has been said above.
    let mut desk = Desk::new(Report::default(), now, Outbound::direct());
    let views = sites::views(file, &mut desk);
    let itself = |view: &&View| view.signs_on.host().is_none();
    let sides: Option<Vec<OwnSide>> =
        views.iter().filter(itself).map(|view| own_side(view, &mut desk)).collect();
    let signing_on = views.iter().filter_map(|view| signing_on(view, &mut desk)).collect();
    match sides.filter(|sides| !sides.is_empty()) {
        Some(sites) => Ok(Ourselves { sites, signing_on, problems, warnings: Vec::new() }),
        None => Err(Problems(problems)),
    }
}

fn signing_on(view: &View, desk: &mut Desk) -> Option<SigningOn> {
    let (host, site) = (view.signs_on.host()?.get()?.clone(), view.name.clone()?);
    Some(SigningOn { site, host, sign_in: site::sign_in(view, desk) })
}

fn own_side(view: &View, desk: &mut Desk) -> Option<OwnSide> {
    let (public_url, path_prefix, service_provider) = site::ourselves(view, desk)?;
    Some(OwnSide {
        name: view.name.clone()?,
        public_url,
        path_prefix,
        service_provider,
        certificate_files: parties::certificate_files(&view.file.service_provider),
        identity_providers: view.admitted_ids(),
    })
}

impl Desk {
    fn new(report: Report, now: Moment, outbound: Outbound) -> Self {
        Self {
            report,
            now,
            outbound,
            contents: Contents::default(),
            folder: None,
            watches: Vec::new(),
            people: None,
            lists: HashMap::new(),
        }
    }

    fn error(&mut self, problem: Problem) {
        self.report.error(problem);
    }

    /// What the reading gives, and its problems, which nobody has been told of.
    fn attempt<T>(&mut self, reading: impl FnOnce(&mut Self) -> Option<T>) -> Result<T, Vec<Problem>> {
        let before = std::mem::take(&mut self.report);
        let read = reading(self);
        let found = std::mem::replace(&mut self.report, before);
        match read {
            Some(read) if !found.has_problems() => {
                found.into_warnings().into_iter().for_each(|warning| self.warn(warning));
                Ok(read)
            }
            _ => Err(found.into_problems().0),
        }
    }

    fn warn(&mut self, problem: Problem) {
        self.report.warn(problem);
    }

    /// The duration or its default, held to a range.
    fn duration(
        &mut self,
        field: &Field<Duration>,
        default: Duration,
        at_least: Duration,
        at_most: Duration,
    ) -> Duration {
        if let Some(given) = field.get() {
            if *given < at_least {
                self.error(field.problem(format!("must be at least {}", show(at_least))));
            } else if *given > at_most {
                self.error(field.problem(format!("must be at most {}", show(at_most))));
            }
        }
        field.or(default)
    }

    /// The size or its default, held to a range.
    fn size(&mut self, field: &Field<Size>, default: u64, at_least: u64, at_most: u64) -> u64 {
        let shown =
            |bytes| bytesize::ByteSize(bytes).display().iec().to_string().replace(".0 ", "").replace(' ', "");
        if let Some(Size(given)) = field.get() {
            if *given < at_least {
                self.error(field.problem(format!("must be at least {}", shown(at_least))));
            } else if *given > at_most {
                self.error(field.problem(format!("must be at most {}", shown(at_most))));
            }
        }
        field.or(Size(default)).0
    }
}

/// 512 MiB hold some 800,000 sessions; less than 1 MiB would hold too few to be meant.
fn store_max_bytes(field: &Field<Size>, desk: &mut Desk) -> u64 {
    desk.size(field, 512 << 20, 1 << 20, u64::MAX)
}

/// A response of an IdP with many groups has some 20 KiB; what is larger than 4 MiB is no response.
fn message_limits(saml: &Saml, desk: &mut Desk) -> Limits {
    let default = Limits::default();
    let bytes = desk.size(&saml.max_message_size, default.max_decoded_bytes as u64, 16 << 10, 4 << 20);
    Limits { max_decoded_bytes: usize::try_from(bytes).unwrap_or(default.max_decoded_bytes), ..default }
}

fn shutdown(file: &ShutdownFile, desk: &mut Desk) -> Shutdown {
    let mut read =
        |field, default| desk.duration(field, Duration::from_secs(default), Duration::ZERO, LONGEST_SHUTDOWN);
    Shutdown { delay: read(&file.delay, 5), drain: read(&file.drain, 20) }
}

/// Looking costs some system calls a file: more often than each second is of no use to anybody.
fn reload(file: &ReloadFile, desk: &mut Desk) -> Reload {
    let (default, second, hour) = (Duration::from_secs(2), Duration::from_secs(1), Duration::from_secs(3600));
    Reload { watch: file.watch.or(true), interval: desk.duration(&file.interval, default, second, hour) }
}

fn log(file: &Log) -> LogSettings {
    let default = LogSettings::default();
    LogSettings {
        format: file.format.or(Word(default.format)).0,
        level: file.level.get().map_or(default.level, |Word(Level(word))| (*word).to_owned()),
        requests: file.requests.or(default.requests),
    }
}
