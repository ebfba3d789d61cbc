//! The configuration read again while the gate runs: when SIGHUP asks for it, and when one of its files is another.
//!
//! Files are looked at, not watched by the kernel: what a look costs is a few system calls every two seconds, and it sees what
//! inotify does not, volumes over a network and Kubernetes' swap of the link `..data` above the file. What is different is
//! read when it has been the same at two looks, so that nobody reads half of what somebody is writing.

use super::{ConfigFile, environment, notify};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{self, Config, Fingerprints, Problems, Reload};
use crate::federation::Folder;
use crate::gateway::{Reloaded, Reloader};
use crate::observe::Outputs;
use crate::observe::audit::{self, Event};
use crate::observe::log::LogSettings;
use crate::observe::metrics::ReloadOutcome;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Between two looks at something that has just changed.
const SETTLES_WITHIN: Duration = Duration::from_millis(500);

/// So many looks at something that never stays the same.
const PATIENCE: u32 = 10;

/// Reads the configuration again and again. One thread's.
pub(super) struct Reloading {
    pub(super) file: ConfigFile,
    pub(super) reloader: Reloader,
    pub(super) outputs: Arc<Outputs>,
    running: Running,
    files: Files,
}

/// What is to be known of the configuration that runs.
pub(super) struct Running {
    fingerprints: Fingerprints,
    state: Option<Folder>,
    reload: Reload,
    log: LogSettings,
    warnings: Vec<String>,
}

/// The files that a configuration was read from.
pub(super) struct Files {
    paths: Vec<PathBuf>,
    /// As they were when they were read.
    read: Vec<Looks>,
}

/// What one look at a file sees; none: it is not there. A file that takes another's place, by whatever link, changes one of
/// these.
type Looks = Option<[i64; 7]>;

impl Running {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            fingerprints: config.fingerprints.clone(),
            state: config.state.clone(),
            reload: config.reload,
            log: config.log.clone(),
            warnings: config.warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Files {
    /// The first look, before they are read: what changes meanwhile is seen at the next.
    pub(super) fn before_reading(file: &Path) -> Self {
        let paths = vec![file.to_owned()];
        Self { read: paths.iter().map(|path| looks(path)).collect(), paths }
    }

    /// What was read beside. A file that changed between its reading and this is seen by its contents at the next reading only.
    pub(super) fn and(&mut self, paths: Vec<PathBuf>) {
        for path in paths {
            if !self.paths.contains(&path) {
                self.read.push(looks(&path));
                self.paths.push(path);
            }
        }
    }

    fn now(&self) -> Vec<Looks> {
        self.paths.iter().map(|path| looks(path)).collect()
    }
}

fn looks(path: &Path) -> Looks {
    let seen = std::fs::metadata(path).ok()?;
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (modified, changed) = ((seen.mtime(), seen.mtime_nsec()), (seen.ctime(), seen.ctime_nsec()));
    Some([
        number(seen.dev()),
        number(seen.ino()),
        number(seen.size()),
        modified.0,
        modified.1,
        changed.0,
        changed.1,
    ])
}

impl Reloading {
    pub(super) fn new(
        file: ConfigFile,
        reloader: Reloader,
        outputs: Arc<Outputs>,
        running: Running,
        files: Files,
    ) -> Self {
        Self { file, reloader, outputs, running, files }
    }

    /// Works until nobody can ask any more.
    pub(super) fn work(mut self, asked: &Receiver<()>) {
        loop {
            let Reload { watch, interval } = self.running.reload;
            let asked = match watch {
                true => asked.recv_timeout(interval),
                false => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match asked {
                Ok(()) => self.read_again("SIGHUP"),
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self) {
        let mut seen = self.files.now();
        if seen == self.files.read {
            return;
        }
        for _ in 0..PATIENCE {
            std::thread::sleep(SETTLES_WITHIN);
            let again = self.files.now();
            if std::mem::replace(&mut seen, again) == seen {
                break;
            }
        }
        self.read_again("a file that changed");
    }

    fn read_again(&mut self, because: &'static str) {
        notify::reloading();
        let before = Files::before_reading(&self.file.config);
        let mut paths = Vec::new();
        let now = SystemClock.now();
        let config = config::load_with_files(&self.file.config, &environment(), now, &mut paths);
        // What could not be read any more is looked at still: it may come back.
        let known = if config.is_err() { std::mem::take(&mut self.files.paths) } else { Vec::new() };
        self.files = before;
        self.files.and(paths);
        self.files.and(known);
        let outcome = match config {
            Ok(config) if config.fingerprints == self.running.fingerprints => {
                tracing::info!(because, "the configuration was read again and says what it said");
                ReloadOutcome::Unchanged
            }
            Ok(config) => self.take_over(config, because),
            Err(problems) => self.refuse(&problems, because),
        };
        notify::reloaded(match outcome {
            ReloadOutcome::Refused => "takes requests; the last configuration was refused, see the log",
            ReloadOutcome::Applied | ReloadOutcome::Unchanged => "takes requests",
        });
        self.reloader.metrics().reload(outcome);
    }

    fn take_over(&mut self, config: Config, because: &'static str) -> ReloadOutcome {
        let running = Running::of(&config);
        let told = match self.reloader.reload(config) {
            Ok(told) => told,
            Err(problem) => {
                tracing::error!(because, problem, "the new configuration is refused and the old one goes on");
                self.audit_refusal(&[], &problem);
                return ReloadOutcome::Refused;
            }
        };
        self.tell(&running, &told, because);
        let (log, before) = (&running.log, &self.running.log);
        if (&log.level, log.requests) != (&before.level, before.requests)
            && let Err(problem) = self.outputs.change(log)
        {
            tracing::error!(problem, "the level of the log stays as it is");
        }
        // state_dir stays where it was at the start.
        self.running = Running { state: self.running.state.take(), ..running };
        if let Some(folder) = &self.running.state
            && let Err(problem) = folder.keep_config(&self.running.fingerprints.to_octets())
        {
            tracing::warn!(problem, "state_dir does not work as it should");
        }
        ReloadOutcome::Applied
    }

    fn tell(&self, running: &Running, told: &Reloaded, because: &'static str) {
        let Reloaded { differences, at_next_start } = told;
        tracing::info!(because, changed = differences.join(", "), "a new configuration is in use");
        for key in at_next_start {
            tracing::warn!("{key}: counts from the next start only, until then the old value does");
        }
        for warning in running.warnings.iter().filter(|warning| !self.running.warnings.contains(warning)) {
            tracing::warn!("{}", on_one_line(warning));
        }
        audit::record(&Event::ConfigChanged {
            source: &self.file.config.display().to_string(),
            fingerprint: &running.fingerprints.whole(),
            fingerprint_before: &self.running.fingerprints.whole(),
            differences,
            at_next_start,
        });
    }

    fn refuse(&self, Problems(problems): &Problems, because: &'static str) -> ReloadOutcome {
        let count = problems.len();
        tracing::error!(
            because,
            problems = count,
            "the new configuration is refused and the old one goes on"
        );
        for problem in problems {
            tracing::error!("{}", on_one_line(&problem.to_string()));
        }
        let mut keys: Vec<String> = problems.iter().map(|problem| problem.path.clone()).collect();
        keys.dedup();
        keys.retain(|key| !key.is_empty());
        self.audit_refusal(&keys, "");
        ReloadOutcome::Refused
    }

    fn audit_refusal(&self, keys: &[String], detail: &str) {
        let source = &self.file.config.display().to_string();
        audit::record(&Event::ConfigRefused { source, differences: keys, detail });
    }
}

/// A hint stands on a line of its own; a log line is one.
pub(super) fn on_one_line(said: &str) -> String {
    said.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_swapped_link_above_a_file_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["1", "2"] {
            std::fs::create_dir(at(version)).unwrap();
            // As long as each other, and of the same moment as far as a clock of seconds tells.
            std::fs::write(at(version).join("config.yaml"), version).unwrap();
        }
        symlink("1", at("..data")).unwrap();
        symlink("..data/config.yaml", at("config.yaml")).unwrap();
        let mut files = Files::before_reading(&at("config.yaml"));
        files.and(vec![at("missing"), at("config.yaml")]);
        assert_eq!((files.now() == files.read, files.paths.len()), (true, 2));
        symlink("2", at("..new")).unwrap();
        std::fs::rename(at("..new"), at("..data")).unwrap();
        assert_ne!(files.now(), files.read);
        files.read = files.now();
        std::fs::write(at("missing"), "").unwrap();
        assert_ne!(files.now(), files.read);
    }
}
