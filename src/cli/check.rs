//! `vestibule check`: everything that is wrong, or what would be served.

use super::{ConfigFile, Exit, changes, print_problems, print_warnings, summary};
use crate::clock::Moment;
use crate::config::Config;
use anstyle::AnsiColor;
use clap::Args;
use std::io::{self, Write};

pub(super) const HELP: &str = "\
Reads the file and the environment exactly as `run` does, opens no port, asks nobody and changes nothing.
Every problem is listed at once with its key and its line. Exit code 0 when there is none, else 64. With --online the
addresses of metadata are asked too; 69 when one does not give a usable document.

  vestibule check --config /etc/vestibule/config.yaml && systemctl restart vestibule";

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
    let config = match file.load(now) {
        Ok(config) => config,
        Err(problems) => {
            print_problems(out, &problems.0)?;
            return Ok(Exit::Usage);
        }
    };
    summary::print(out, &config, now)?;
    if !config.warnings.is_empty() {
        writeln!(out)?;
        print_warnings(out, &config.warnings)?;
    }
    if arguments.online && !ask_around(&config, now, out)? {
        return Ok(Exit::Unavailable);
    }
    let good = AnsiColor::Green.on_default().bold();
    writeln!(out, "\n{good}{} is in order.{good:#}", file.config.display())?;
    Ok(Exit::Ok)
}

/// Whether every source of metadata gives a document that could be used.
fn ask_around(config: &Config, now: Moment, out: &mut dyn Write) -> io::Result<bool> {
    let Some(runtime) = changes::runtime(out)? else { return Ok(false) };
    let mut all = true;
    writeln!(out)?;
    for watch in &config.watches {
        let (id, source) = (&watch.idp.id, watch.source.name());
        match runtime.block_on(watch.look(now)) {
            Ok(found) => writeln!(out, "{id}: {source} describes {}", found.identity_provider.entity_id)?,
            Err(problem) => {
                let bad = AnsiColor::Red.on_default().bold();
                writeln!(out, "{bad}{id}:{bad:#} {problem}")?;
                all = false;
            }
        }
    }
    Ok(all)
}
