//! `vestibule run`: reads, says what it is going to do, serves, and goes when asked.

use super::reload::{Files, Reloading, Running, on_one_line};
use super::{ConfigFile, Exit, environment, handed, notify, open_files, print_problems, summary};
use crate::clock::{Moment, SystemClock};
use crate::config::{self, Config, Fingerprints, Listeners, Shutdown};
use crate::gateway::{Bound, Gateway, Handed};
use crate::observe::Outputs;
use crate::observe::audit::{self, Event};
use crate::observe::log;
use crate::site::Face;
use std::convert::Infallible;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

pub(super) fn run(file: &ConfigFile, now: Moment, err: &mut dyn Write) -> io::Result<Exit> {
    let handed = handed();
    let mut files = Files::before_reading(&file.config);
    let mut paths = Vec::new();
    let mut config = match config::load_with_files(&file.config, &environment(), now, &mut paths) {
        Ok(config) => config,
        Err(problems) => {
            print_problems(err, &problems.0)?;
            return Ok(Exit::Usage);
        }
    };
    files.and(paths);
    let handed = match handed.and_then(|handed| handed.fit(&config.listeners).map(|()| handed)) {
        Ok(handed) => handed,
        Err(problems) => {
            problems.iter().try_for_each(|problem| writeln!(err, "{problem}"))?;
            return Ok(Exit::Usage);
        }
    };
    let outputs = match log::install(&config.log, &config.audit) {
        Ok(outputs) => Arc::new(outputs),
        Err(complaint) => {
            writeln!(err, "log: {complaint}")?;
            return Ok(Exit::Usage);
        }
    };
    open_files::raise();
    config.warnings.extend(open_files::too_few(&config));
    let drain = config.shutdown.drain;
    let exit = serve(config, handed, file, files, &outputs, now);
    let patience = if matches!(exit, Exit::Killed(_)) { AT_ONCE } else { drain.max(AT_ONCE) };
    if !outputs.close(patience) {
        writeln!(err, "the last lines could not be written")?;
    }
    Ok(exit)
}

/// How long the last lines may take of a process that is to end at once.
const AT_ONCE: Duration = Duration::from_millis(500);

/// From here on everything that is said goes to the log.
fn serve(
    config: Config,
    handed: Handed,
    file: &ConfigFile,
    files: Files,
    outputs: &Arc<Outputs>,
    now: Moment,
) -> Exit {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "signals cannot be listened to");
            return Exit::Internal;
        }
    };
    announce(&config, now);
    audit_config(&config, &file.config);
    let (listeners, running) = (config.listeners.clone(), Running::of(&config));
    let (sessions, from_outside) = (summary::sessions(&config), handed.names());
    let gateway = match Gateway::start_handed(config, Arc::new(SystemClock), handed) {
        Ok(gateway) => gateway,
        Err(error) => {
            tracing::error!(error, "the gate cannot start");
            return Exit::Unavailable;
        }
    };
    tracing::info!("sessions are kept {sessions}");
    announce_listeners(&listeners, gateway.bound(), from_outside.as_deref());
    notify::ready();
    audit::record(&Event::GateStarted { version: super::version() });
    let reloading = Reloading::new(file.clone(), gateway.reloader(), Arc::clone(outputs), running, files);
    let (ask, asked) = mpsc::sync_channel(1);
    // Its own thread: files may be on a volume that hangs, and then the gate must still go when it is told to.
    let spawned = std::thread::Builder::new().name("reload".into()).spawn(move || reloading.work(&asked));
    if let Err(error) = spawned {
        tracing::error!(%error, "the configuration is not read again: there is no thread for it");
    }
    let signal = signals.wait(&ask);
    notify::stopping();
    drop(ask);
    let gate = gateway.gate();
    let shutdown = gateway.shutdown();
    let exit = stop(gateway, &mut signals, shutdown);
    let sessions = usize::try_from(gate.store.size().sessions).unwrap_or(usize::MAX);
    audit::record(&Event::GateStopped { signal, sessions });
    exit
}

/// Tells the audit what is configured and, where there is a memory of the last start, what is different. Values are
/// told to nobody.
fn audit_config(config: &Config, file: &Path) {
    let (source, fingerprint) = (file.display().to_string(), config.fingerprints.whole());
    audit::record(&Event::ConfigLoaded { source: &source, fingerprint: &fingerprint });
    let Some(folder) = &config.state else { return };
    let before = folder.kept_config().map(|kept| kept.and_then(|kept| Fingerprints::from_octets(&kept)));
    match before {
        Ok(Some(before)) if before == config.fingerprints => return,
        Ok(Some(before)) => audit::record(&Event::ConfigChanged {
            source: &source,
            fingerprint: &fingerprint,
            fingerprint_before: &before.whole(),
            differences: &config.fingerprints.differences(&before),
            at_next_start: &[],
        }),
        Ok(None) => {}
        Err(problem) => tracing::warn!(problem, "what the last configuration said is not known"),
    }
    if let Err(problem) = folder.keep_config(&config.fingerprints.to_octets()) {
        tracing::warn!(problem, "state_dir does not work as it should");
    }
}

/// Graceful, unless somebody asks a second time.
fn stop(gateway: Gateway, signals: &mut Signals, shutdown: Shutdown) -> Exit {
    tracing::info!(
        "stopping: still accepting for {:?}, then waiting up to {:?} for open requests; Ctrl-C again ends at once",
        shutdown.delay,
        shutdown.drain,
    );
    let (done, stopped) = oneshot::channel();
    let spawned = std::thread::Builder::new().name("stop".to_string()).spawn(move || {
        gateway.stop();
        let _ = done.send(());
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread to stop gracefully with");
        return Exit::Internal;
    }
    match signals.wait_or(stopped) {
        None => {
            tracing::info!("stopped");
            Exit::Ok
        }
        Some(signal) => {
            tracing::warn!("asked a second time: ended at once, without waiting for open requests");
            Exit::Killed(signal)
        }
    }
}

/// What will be served, and what the owner should know about it.
fn announce(config: &Config, now: Moment) {
    tracing::info!(version = super::version(), "vestibule");
    for warning in &config.warnings {
        tracing::warn!("{}", on_one_line(&warning.to_string()));
    }
    for site in config.sites.iter().filter(|site| site.is_canonical()) {
        let what = match &site.face {
            Face::SignOn => "signs people in for other sites (sign_on)".to_owned(),
            face => summary::face(face),
        };
        tracing::info!(
            url = site.public_url.origin(),
            entity_id = site.service_provider.entity_id.0,
            acs = site.service_provider.acs_url,
            "site {}: {what}",
            site.name
        );
        for idp in &site.identity_providers {
            let known = idp.known();
            let ends = known
                .iter()
                .flat_map(|saml| saml.keys.certificates())
                .map(|certificate| now.whole_days_until(certificate.not_after));
            // People do not sign in by one that is staged or retired; the status says which it is.
            tracing::info!(
                idp = idp.id,
                status = idp.status.as_str(),
                entity_id = known.as_ref().map(|saml| saml.entity_id.as_str()),
                certificate_days_left = ends.max(),
                "site {}: {} {}",
                site.name,
                if idp.is_offered() { "people sign in at" } else { "nobody can choose" },
                idp.label
            );
        }
        // A sign-on host leads nowhere by itself: sign-ins begin at the sites.
        if !matches!(site.face, Face::SignOn) {
            tracing::info!(
                "site {}: to try it, open {}",
                site.name,
                summary::sign_in_url(&site.public_url, &site.path_prefix)
            );
        }
    }
}

fn announce_listeners(listeners: &Listeners, bound: &Bound, from_outside: Option<&str>) {
    let scheme = if listeners.public_tls.is_some() { "https" } else { "http" };
    let address = |address: Option<std::net::SocketAddr>| {
        address.map_or_else(|| "off".to_string(), |address| format!("http://{address}"))
    };
    tracing::info!(
        public = format!("{scheme}://{}", bound.public),
        authz = address(bound.authz),
        grpc = address(bound.grpc),
        admin = address(bound.admin),
        console = bound.console.as_ref().map_or_else(|| "off".to_owned(), summary::console),
        handed_over = from_outside,
        "ready"
    );
}

/// SIGTERM, SIGINT and SIGHUP, listened to from before the first port is open.
struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    /// The configuration is to be read again.
    hangup: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (terminate, interrupt, hangup) = {
            let _inside = runtime.enter();
            (
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
                signal(SignalKind::hangup())?,
            )
        };
        Ok(Self { runtime, terminate, interrupt, hangup })
    }

    /// Until the next signal to go; its name. SIGHUP asks for the configuration to be read again.
    fn wait(&mut self, reload: &SyncSender<()>) -> &'static str {
        let Self { runtime, terminate, interrupt, hangup } = self;
        let asking = async {
            while hangup.recv().await.is_some() {
                // Where somebody has asked already, and it has not begun, once is enough.
                let _ = reload.try_send(());
            }
            std::future::pending::<Infallible>().await
        };
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
                never = asking => match never {},
            }
        })
    }

    /// Until the other thing is done, or the number of the signal that came before it.
    fn wait_or(&mut self, done: oneshot::Receiver<()>) -> Option<u8> {
        let Self { runtime, terminate, interrupt, hangup } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = done => None,
                () = decline(hangup) => None,
                _ = terminate.recv() => Some(15),
                _ = interrupt.recv() => Some(2),
            }
        })
    }
}

/// Says to whoever asks for a reload that it is too late. Never done.
async fn decline(hangup: &mut Signal) {
    while hangup.recv().await.is_some() {
        tracing::warn!("SIGHUP does nothing any more: the gate is about to go");
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal as Sent, getpid, kill_process};

    #[test]
    fn a_hangup_ends_nothing() {
        let mut signals = Signals::listen().unwrap();
        kill_process(getpid(), Sent::HUP).unwrap();
        let (done, stopped) = oneshot::channel();
        done.send(()).unwrap();
        assert_eq!(signals.wait_or(stopped), None);
    }
}
