//! `vestibule check`: everything that is wrong, or what would be served.

use super::{ConfigFile, Exit, print_problems, print_warnings, summary};
use crate::clock::Moment;
use anstyle::AnsiColor;
use std::io::{self, Write};

pub(super) const HELP: &str = "\
Reads the file and the environment exactly as `run` does, opens no port and changes nothing.
Every problem is listed at once with its key and its line. Exit code 0 when there is none, else 64.

  vestibule check --config /etc/vestibule/config.yaml && systemctl restart vestibule";

/// The list of problems is this command's result, and so goes to standard output.
pub(super) fn check(file: &ConfigFile, now: Moment, out: &mut dyn Write) -> io::Result<Exit> {
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
    let good = AnsiColor::Green.on_default().bold();
    writeln!(out, "\n{good}{} is in order.{good:#}", file.config.display())?;
    Ok(Exit::Ok)
}
