//! `vestibule check`: everything that is wrong, or what would be served.

use super::{ConfigFile, Exit, changes, handed, open_files, print_problems, print_warnings, summary};
use crate::clock::Moment;
use crate::config::Config;
use crate::federation::Watch;
use crate::saml::metadata::Described;
use crate::saml::metadata::change::{Change, judge};
use crate::site::Known;
use anstyle::AnsiColor;
use clap::Args;
use std::io::{self, Write};
use std::sync::Arc;

pub(super) const HELP: &str = "\
Reads the file and the environment exactly as `run` does, opens no port, asks
nobody and changes nothing. Every problem is listed at once with its key and
its line. Exit code 0 when there is none, else 64. With --online the addresses
of metadata are asked too; 69 when one does not give a usable document, or a
change that would be held. Where sockets are handed over (LISTEN_FDS), as
systemd does, they must be ones that the configuration names.

  vestibule check --config FILE && systemctl reload vestibule";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Ask the addresses of metadata too.
    #[arg(long)]
    online: bool,
}

#[cfg(test)]
impl Arguments {
    pub(super) fn file(&self) -> &ConfigFile {
        &self.file
    }
}

/// The list of problems is this command's result, and so goes to standard output.
pub(super) fn check(arguments: &Arguments, now: Moment, out: &mut dyn Write) -> io::Result<Exit> {
    let file = &arguments.file;
    let mut config = match file.load(now) {
        Ok(config) => config,
        Err(problems) => {
            print_problems(out, &problems.0)?;
            return Ok(Exit::Usage);
        }
    };
    if let Err(problems) = handed().and_then(|handed| handed.fit(&config.listeners)) {
        problems.iter().try_for_each(|problem| writeln!(out, "{problem}"))?;
        return Ok(Exit::Usage);
    }
    config.warnings.extend(open_files::too_few(&config));
    // Of an identity provider that is described by an address only the copy in state_dir is known here.
    config.watches.iter_mut().filter(|watch| watch.running().is_none()).for_each(Watch::recall);
    let asked = match arguments.online {
        true => ask_around(&config, now, out)?,
        false => Some(Vec::new()),
    };
    let Some(asked) = asked else { return Ok(Exit::Internal) };
    summary::print(out, &config, now)?;
    if !config.warnings.is_empty() {
        writeln!(out)?;
        print_warnings(out, &config.warnings)?;
    }
    let mut all_usable = true;
    for (watch, found) in config.watches.iter().zip(&asked) {
        writeln!(out)?;
        all_usable &= print_found(out, watch, found)?;
    }
    if !all_usable {
        return Ok(Exit::Unavailable);
    }
    let good = AnsiColor::Green.on_default().bold();
    writeln!(out, "\n{good}{} is in order.{good:#}", file.config.display())?;
    Ok(Exit::Ok)
}

/// What each source of metadata says now. What nobody had read before, the summary knows from here.
fn ask_around(
    config: &Config,
    now: Moment,
    out: &mut dyn Write,
) -> io::Result<Option<Vec<Result<Described, String>>>> {
    let Some(runtime) = changes::runtime(out)? else { return Ok(None) };
    let mut asked = Vec::new();
    for watch in &config.watches {
        let found = runtime.block_on(watch.look(now));
        if let (Ok(found), None) = (&found, watch.idp.known()) {
            watch.idp.metadata.replace(Known {
                identity_provider: Arc::new(found.identity_provider.clone()),
                valid_until: found.valid_until,
            });
        }
        asked.push(found);
    }
    Ok(Some(asked))
}

/// Whether it is a document that the gate would use.
fn print_found(out: &mut dyn Write, watch: &Watch, found: &Result<Described, String>) -> io::Result<bool> {
    let (id, source) = (&watch.idp.id, watch.source.name());
    let bad = AnsiColor::Red.on_default().bold();
    let found = match found {
        Ok(found) => found,
        Err(problem) => {
            writeln!(out, "{bad}{id}:{bad:#} {problem}")?;
            return Ok(false);
        }
    };
    writeln!(out, "{id}: {source} describes {}", found.identity_provider.entity_id)?;
    for warning in &found.warnings {
        let style = AnsiColor::Yellow.on_default().bold();
        writeln!(out, "{style}{id}:{style:#} {warning}")?;
    }
    let running = watch.running().map(|running| &running.described);
    match running.map(|running| judge(running, found, watch.changes.keys)) {
        Some(Change::Hold { why, .. }) => {
            writeln!(
                out,
                "{bad}{id}:{bad:#} a change is or would be held: {why}; see `vestibule metadata diff`"
            )?;
            Ok(false)
        }
        Some(Change::Refuse(why)) => {
            writeln!(out, "{bad}{id}:{bad:#} it would be refused: {why}")?;
            Ok(false)
        }
        Some(Change::Same | Change::Apply(_)) | None => Ok(true),
    }
}
