//! `vestibule metadata diff` and `apply`: what identity providers say now, against what runs; and the owner's word.
//!
//! Neither speaks to a running gate over the network. What runs is what the gate keeps in `state_dir`, and an agreement is
//! a sealed file there, which the gate looks for every few seconds.

use super::{ConfigFile, Exit, print_problems};
use crate::clock::Moment;
use crate::config::Config;
use crate::federation::{Held, Watch};
use crate::saml::metadata::Described;
use crate::saml::metadata::change::{Change, Difference, judge};
use anstyle::{AnsiColor, Style};
use clap::Args;
use std::io::{self, Write};

pub(super) const DIFF_HELP: &str = "\
What identity providers say now, against what runs:

  vestibule metadata diff               every one whose metadata is read again
  vestibule metadata diff --idp corp    one of them

What runs is taken from state_dir, so that a gate that runs need not be asked.
Nothing is changed. Exit code 0 when nothing is different, 1 when something is
or what runs is not known here, 69 when a source cannot be read or its document
is refused.";

pub(super) const APPLY_HELP: &str = "\
Agrees to the change that is held, and shows it. When the gate holds nothing,
because it has not read the change yet, the source is read here: what would be
held is agreed to, and the gate reads its source at once. A running gate takes
the change over within some seconds; one that is started later does so at its
start. What is shown here is agreed to and nothing else: should the source say
something different by then, it is held anew. Compare fingerprints with the
identity provider's people first.

Exit code 0 when it was agreed to, 1 when nothing is or would be held, 69 when
the source must be read and cannot be, or its document is refused.";

#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// One identity provider, by its id.
    #[arg(long, value_name = "ID")]
    idp: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ApplyArguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The identity provider, by its id.
    #[arg(long, value_name = "ID")]
    idp: String,
}

pub(super) fn diff(
    arguments: &DiffArguments,
    now: Moment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let Some(config) = loaded(&arguments.file, now, err)? else { return Ok(Exit::Usage) };
    let Some(watches) = chosen(config, arguments.idp.as_deref(), err)? else { return Ok(Exit::Usage) };
    let Some(runtime) = runtime(err)? else { return Ok(Exit::Internal) };
    let mut exit = Exit::Ok;
    for (number, watch) in watches.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        head(out, watch)?;
        match runtime.block_on(watch.look(now)) {
            Ok(found) => {
                if print_found(out, watch, &found)? && exit == Exit::Ok {
                    exit = Exit::No;
                }
            }
            Err(problem) => {
                let bad = AnsiColor::Red.on_default().bold();
                writeln!(out, "  {bad}not usable:{bad:#} {problem}")?;
                exit = Exit::Unavailable;
            }
        }
        if let Some(held) = watch.held() {
            print_held(out, watch, held)?;
        }
    }
    Ok(exit)
}

pub(super) fn apply(
    arguments: &ApplyArguments,
    now: Moment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let Some(config) = loaded(&arguments.file, now, err)? else { return Ok(Exit::Usage) };
    let Some(watches) = chosen(config, Some(&arguments.idp), err)? else { return Ok(Exit::Usage) };
    let Some(watch) = watches.first() else { return Ok(Exit::Usage) };
    let Some(folder) = &watch.folder else {
        writeln!(
            err,
            "without state_dir what is held lies in the memory of the gate that runs, and nobody else can agree to it: \
             restart the gate, which then takes what it finds"
        )?;
        return Ok(Exit::Usage);
    };
    let (fingerprint, when) = match watch.held() {
        Some(held) => {
            head(out, watch)?;
            held.differences.iter().try_for_each(|difference| print_difference(out, difference))?;
            (held.described.fingerprint, "takes it over within some seconds")
        }
        None => match ahead(watch, now, out, err)? {
            Ok(fingerprint) => (fingerprint, "has not read it yet, reads its source now and takes it over"),
            Err(exit) => return Ok(exit),
        },
    };
    if let Err(problem) = folder.agree(&watch.idp.id, &fingerprint, &who()) {
        writeln!(err, "{problem}")?;
        return Ok(Exit::CannotCreate);
    }
    let good = AnsiColor::Green.on_default().bold();
    writeln!(out, "{good}Agreed.{good:#} A running gate {when}.")?;
    Ok(Exit::Ok)
}

/// Who gives the command, for the audit: the machine's word, and, through sudo, sudo's.
fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    match std::env::var("SUDO_USER") {
        Ok(user) if uid == 0 => format!("uid 0, by sudo for {user}"),
        _ => format!("uid {uid}"),
    }
}

/// What the gate would hold if it read its source now; its fingerprint, or how the command ends.
fn ahead(
    watch: &Watch,
    now: Moment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Result<[u8; 32], Exit>> {
    let id = &watch.idp.id;
    let Some(running) = watch.running() else {
        writeln!(
            out,
            "nothing is held for {id}, and state_dir has no copy of what runs: its first document needs no word"
        )?;
        return Ok(Err(Exit::No));
    };
    let Some(runtime) = runtime(err)? else { return Ok(Err(Exit::Internal)) };
    let found = match runtime.block_on(watch.look(now)) {
        Ok(found) => found,
        Err(problem) => {
            writeln!(err, "nothing is held for {id}, and its source is not usable: {problem}")?;
            return Ok(Err(Exit::Unavailable));
        }
    };
    match judge(&running.described, &found, watch.changes.keys) {
        Change::Hold { differences, why } => {
            head(out, watch)?;
            differences.iter().try_for_each(|difference| print_difference(out, difference))?;
            writeln!(out, "  would be held: {why}")?;
            Ok(Ok(found.fingerprint))
        }
        _ => {
            writeln!(
                out,
                "nothing is held for {id}, and nothing in its source would be: `vestibule metadata diff` says what would happen"
            )?;
            Ok(Err(Exit::No))
        }
    }
}

/// Whether something is different.
fn print_found(out: &mut dyn Write, watch: &Watch, found: &Described) -> io::Result<bool> {
    for warning in &found.warnings {
        let style = AnsiColor::Yellow.on_default().bold();
        writeln!(out, "  {style}warning:{style:#} {warning}")?;
    }
    let Some(running) = watch.running() else {
        writeln!(
            out,
            "  what runs is not known here; the source describes {}",
            found.identity_provider.entity_id
        )?;
        for certificate in found.identity_provider.keys.certificates() {
            print_difference(out, &Difference::KeyAdded(certificate.clone()))?;
        }
        for (binding, at) in &found.identity_provider.single_sign_on {
            print_difference(out, &Difference::SignOnAdded(*binding, at.clone()))?;
        }
        return Ok(true);
    };
    match judge(&running.described, found, watch.changes.keys) {
        Change::Same => {
            writeln!(out, "  nothing is different")?;
            return Ok(false);
        }
        Change::Apply(differences) => {
            differences.iter().try_for_each(|difference| print_difference(out, difference))?;
            writeln!(out, "  taken over at the next reading")?;
        }
        Change::Hold { differences, why } => {
            differences.iter().try_for_each(|difference| print_difference(out, difference))?;
            let held = watch.held().map(|held| held.described.fingerprint);
            if held == Some(found.fingerprint) {
                writeln!(out, "  held: {why}")?;
            } else {
                writeln!(out, "  would be held: {why}")?;
            }
            if held.is_none() {
                writeln!(
                    out,
                    "  the gate has not read it yet; to agree all the same: vestibule metadata apply --idp {}",
                    watch.idp.id
                )?;
            } else if held != Some(found.fingerprint) {
                writeln!(out, "  what the gate holds is something else, and an agreement would be to that")?;
            }
        }
        Change::Refuse(why) => writeln!(out, "  refused: {why}")?,
    }
    Ok(true)
}

fn print_held(out: &mut dyn Write, watch: &Watch, held: &Held) -> io::Result<()> {
    let style = AnsiColor::Yellow.on_default().bold();
    writeln!(
        out,
        "  {style}held since {}{style:#}; to agree: vestibule metadata apply --idp {}",
        held.since, watch.idp.id
    )
}

fn head(out: &mut dyn Write, watch: &Watch) -> io::Result<()> {
    let bold = Style::new().bold();
    writeln!(out, "{bold}{}{bold:#}  {}", watch.idp.id, watch.source.name())?;
    match watch.running() {
        Some(running) => writeln!(out, "  what runs was read from there on {}", running.confirmed),
        None => Ok(()),
    }
}

fn print_difference(out: &mut dyn Write, difference: &Difference) -> io::Result<()> {
    let style = match difference.sign() {
        '+' => AnsiColor::Green.on_default(),
        '-' => AnsiColor::Red.on_default(),
        _ => AnsiColor::Yellow.on_default(),
    };
    writeln!(out, "  {style}{difference}{style:#}")
}

fn loaded(file: &ConfigFile, now: Moment, err: &mut dyn Write) -> io::Result<Option<Config>> {
    match file.load(now) {
        Ok(config) => Ok(Some(config)),
        Err(problems) => {
            print_problems(err, &problems.0)?;
            Ok(None)
        }
    }
}

/// The identity providers that are meant, with what earlier processes knew of them.
fn chosen(config: Config, idp: Option<&str>, err: &mut dyn Write) -> io::Result<Option<Vec<Watch>>> {
    let ids: Vec<String> = config.watches.iter().map(|watch| watch.idp.id.clone()).collect();
    let mut chosen: Vec<Watch> =
        config.watches.into_iter().filter(|watch| idp.is_none_or(|idp| idp == watch.idp.id)).collect();
    if chosen.is_empty() {
        match idp {
            Some(idp) => writeln!(
                err,
                "no identity provider `{idp}` has metadata that is read again; there is: {}",
                ids.join(", ")
            )?,
            None => writeln!(
                err,
                "no identity provider has metadata that is read again: metadata_url, metadata_query or metadata_file"
            )?,
        }
        return Ok(None);
    }
    chosen.iter_mut().for_each(Watch::recall);
    Ok(Some(chosen))
}

/// What a command asks the network with.
pub(super) fn runtime(err: &mut dyn Write) -> io::Result<Option<tokio::runtime::Runtime>> {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Ok(Some(runtime)),
        Err(problem) => {
            writeln!(err, "nothing can be asked: {problem}")?;
            Ok(None)
        }
    }
}
