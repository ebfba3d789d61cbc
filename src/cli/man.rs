//! What a package installs beside the program: pages for `man`, and completions for shells.

use super::{Cli, Exit};
use clap::{Args, Command, CommandFactory as _};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) const HELP: &str = "\
The first page names the others: one for each command, vestibule-check(1) ...

  vestibule man | man -l -                        read the first here
  vestibule man --to /usr/local/share/man/man1    install all of them";

pub(super) const COMPLETIONS_HELP: &str = "\
Where shells look for it:

  vestibule completions bash > /etc/bash_completion.d/vestibule
  vestibule completions zsh > /usr/local/share/zsh/site-functions/_vestibule
  vestibule completions fish > ~/.config/fish/completions/vestibule.fish";

#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// Write all pages into this folder, which must exist.
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn man(arguments: &ManArguments, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &arguments.to else {
        out.write_all(page(&command)?.1.as_bytes())?;
        return Ok(Exit::Ok);
    };
    if let Err(problem) = write_all(&command, folder) {
        writeln!(err, "{}: {problem}", folder.display())?;
        return Ok(Exit::CannotCreate);
    }
    Ok(Exit::Ok)
}

fn write_all(command: &Command, folder: &Path) -> io::Result<()> {
    let (name, text) = page(command)?;
    std::fs::write(folder.join(name), text)?;
    command.get_subcommands().try_for_each(|command| write_all(command, folder))
}

/// The page of a command, and what its file is called.
fn page(command: &Command) -> io::Result<(String, String)> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page)?;
    let page = String::from_utf8_lossy(&page);
    // What stands after the options is set already: in columns, line by line.
    let page = match page.split_once(".SH EXTRA\n") {
        None => page.into_owned(),
        Some((before, extra)) => {
            let (extra, after) = extra.split_once(".SH").unwrap_or((extra, ""));
            let after = if after.is_empty() { String::new() } else { format!(".SH{after}") };
            format!("{before}.SH NOTES\n.nf\n{extra}.fi\n{after}")
        }
    };
    Ok((man.get_filename(), page))
}

pub(super) fn completions(arguments: &CompletionsArguments, out: &mut dyn Write) -> io::Result<Exit> {
    // In memory first: clap_complete panics where it cannot write.
    let mut script = Vec::new();
    generate(arguments.shell, &mut Cli::command(), "vestibule", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_the_first_page_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let to = Some(folder.path().to_owned());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(man(&ManArguments { to }, &mut out, &mut err).unwrap(), Exit::Ok);
        assert_eq!((out.len(), err.len()), (0, 0));
        assert_eq!(man(&ManArguments { to: None }, &mut out, &mut err).unwrap(), Exit::Ok);
        let first = String::from_utf8(out).unwrap();
        assert!(first.contains(".TH vestibule 1"), "{first}");
        assert!(first.contains(".SH NOTES\n.nf\n") && first.contains(".fi\n.SH VERSION"), "{first}");
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(
                first.contains(&format!("vestibule\\-{}(1)", name.replace('-', "\\-"))),
                "{name}: {first}"
            );
            let page = std::fs::read_to_string(folder.path().join(format!("vestibule-{name}.1"))).unwrap();
            assert!(page.contains(".SH SYNOPSIS"), "{page}");
        }
        assert!(folder.path().join("vestibule-sessions-revoke.1").exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_made() {
        let to = Some(tempfile::tempdir().unwrap().path().join("gone"));
        let mut err = Vec::new();
        let exit = man(&ManArguments { to }, &mut Vec::new(), &mut err).unwrap();
        assert_eq!(exit, Exit::CannotCreate);
        assert!(String::from_utf8(err).unwrap().contains("gone: "));
    }

    #[test]
    fn completions_know_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut out = Vec::new();
            assert_eq!(completions(&CompletionsArguments { shell }, &mut out).unwrap(), Exit::Ok);
            let script = String::from_utf8(out).unwrap();
            assert!(script.contains("healthcheck") && script.contains("revoke"), "{shell}: {script}");
        }
    }
}
