//! The command line.
//!
//! Each command is a file of its own with one function that returns an [`Exit`]; this one parses the arguments and
//! reads the configuration for those that need it. Results go to standard output, complaints to standard error, and
//! exit codes follow sysexits, so that a script can tell a wrong configuration (64) from a port in use (69).

mod ask;
mod changes;
mod check;
mod explain;
mod gateway;
mod healthcheck;
mod keygen;
mod man;
mod metadata;
mod notify;
mod open_files;
mod reload;
mod run;
mod sessions;
mod summary;
mod test_link;

use crate::clock::{Clock as _, Moment, SystemClock};
use crate::config::{self, Config, Ourselves, Problem, Problems};
use crate::gateway::Handed;
use crate::saml::second_opinion::COMPILED_IN;
use anstyle::{AnsiColor, Style};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;

/// Parses the arguments and runs the command; exit codes follow sysexits.
pub fn main() -> ExitCode {
    // A panic has said where it was by the time it arrives here.
    let exit = std::panic::catch_unwind(AssertUnwindSafe(|| run_with(std::env::args_os())));
    exit.unwrap_or(Exit::Internal).into()
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Ok,
    /// The answer is no: `healthcheck`, `explain`, `metadata diff` and `apply`.
    No,
    /// The arguments or the configuration are wrong.
    Usage,
    /// The input is not what it should be.
    Unreadable,
    /// An address cannot be bound, or one that was asked does not answer.
    Unavailable,
    /// A defect.
    Internal,
    /// A file cannot be made.
    CannotCreate,
    /// Asked to go a second time, by this signal.
    Killed(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::No => 1,
            Exit::Usage => 64,
            Exit::Unreadable => 65,
            Exit::Unavailable => 69,
            Exit::Internal => 70,
            Exit::CannotCreate => 73,
            Exit::Killed(signal) => 128_u8.saturating_add(signal),
        })
    }
}

const EXAMPLES: &str = "\
A first configuration, config.yaml:
  public_url: https://app.example.com
  upstream: http://127.0.0.1:3000
  identity_providers:
    - id: corp
      label: Corporate login
      metadata_file: idp-metadata.xml

From there:
  vestibule metadata --values     what to enter at the identity provider
  vestibule check                 is it right, and what would be served
  vestibule run                   serve
  vestibule test-link --idp corp  a link to try a sign-in with
  vestibule explain FILE          why a sign-in was refused, rule by rule
  vestibule sessions list         who is signed in; revoke ends it

Every key stands in config.example.yaml, and has a twin in the environment:
  VESTIBULE__SESSION__IDLE_TIMEOUT=30m vestibule run

Exit codes:
  0    well
  1    healthcheck: not ready; explain: refused; metadata diff: something is
       different; metadata apply: nothing is held; sessions revoke: none such
  64   wrong arguments or configuration
  65   explain: there is no SAML message in the input
  69   an address cannot be bound; a source of metadata or the console cannot be
       asked
  70   a defect
  73   keygen: a file exists already or cannot be made; man: a page cannot be
       written
  130  ended at once by a second Ctrl-C (143 by a second SIGTERM)";

/// A SAML 2.0 single sign-on gate in front of applications that know nothing of SAML.
#[derive(Debug, Parser)]
#[command(name = "vestibule", bin_name = "vestibule", version = version(), after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT; a second signal ends at once. SIGHUP reads the configuration again.
    Run(ConfigFile),
    /// Read the configuration and say everything that is wrong with it, or what would be served.
    #[command(after_help = check::HELP)]
    Check(check::Arguments),
    /// Print our SAML metadata, or the values to enter at the identity provider by hand; or compare theirs.
    #[command(after_help = metadata::HELP)]
    Metadata(metadata::Arguments),
    /// Say what a SAML message says, which rule refuses it, and what to change where.
    #[command(after_help = explain::HELP)]
    Explain(Box<explain::Arguments>),
    /// Print the configuration of a gateway that asks this gate: nginx, Caddy, Traefik, Envoy and others.
    #[command(after_help = gateway::HELP)]
    Gateway(gateway::Arguments),
    /// Make a link with which somebody can try an identity provider without being signed in by it.
    #[command(after_help = test_link::HELP)]
    TestLink(test_link::Arguments),
    /// Show who is signed in at a running gate, or end their sessions.
    #[command(after_help = sessions::HELP)]
    Sessions(sessions::Arguments),
    /// Ask a running gate whether it is ready; exit 0 when it is, else 1.
    #[command(after_help = healthcheck::HELP)]
    Healthcheck(healthcheck::Arguments),
    /// Make the keys and secrets that a configuration can name.
    #[command(after_help = keygen::HELP)]
    Keygen(keygen::Arguments),
    /// Print the manual page, or write one for each command.
    #[command(after_help = man::HELP)]
    Man(man::ManArguments),
    /// Print what a shell needs to complete these commands.
    #[command(after_help = man::COMPLETIONS_HELP)]
    Completions(man::CompletionsArguments),
    /// Print the version.
    Version,
}

#[derive(Debug, Clone, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "config.yaml")]
    config: PathBuf,
}

impl ConfigFile {
    fn load(&self, now: Moment) -> Result<Config, Problems> {
        config::load(&self.config, &environment(), now)
    }

    fn load_ourselves(&self, now: Moment) -> Result<Ourselves, Problems> {
        config::load_ourselves(&self.config, &environment(), now)
    }
}

fn run_with(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap, and go to standard output.
            let _ = error.print();
            return if error.exit_code() == 0 { Exit::Ok } else { Exit::Usage };
        }
    };
    let now = SystemClock.now();
    let (out, err) = (&mut anstream::stdout(), &mut anstream::stderr());
    let ended = match cli.command {
        Command::Run(file) => run::run(&file, now, err),
        Command::Check(arguments) => check::check(&arguments, now, out),
        Command::Metadata(arguments) => metadata::metadata(&arguments, now, out, err),
        Command::Explain(arguments) => explain::explain(&arguments, now, out, err),
        Command::Gateway(arguments) => gateway::gateway(&arguments, now, out, err),
        Command::TestLink(arguments) => test_link::test_link(&arguments, now, out, err),
        Command::Sessions(arguments) => sessions::sessions(&arguments, now, out, err),
        Command::Healthcheck(arguments) => healthcheck::healthcheck(&arguments, now, out, err),
        Command::Keygen(arguments) => keygen::keygen(&arguments, now, out, err),
        Command::Man(arguments) => man::man(&arguments, out, err),
        Command::Completions(arguments) => man::completions(&arguments, out),
        Command::Version => writeln!(out, "vestibule {}", version()).map(|()| Exit::Ok),
    };
    // Who closes our output early, as `| head` does, has seen enough.
    ended.unwrap_or(Exit::Ok)
}

/// The version, and what this build has beyond a plain one.
fn version() -> &'static str {
    if COMPILED_IN {
        concat!(env!("CARGO_PKG_VERSION"), " (with second-opinion)")
    } else {
        env!("CARGO_PKG_VERSION")
    }
}

/// The environment as text. What is not text cannot be one of our keys, and a broken value of one is passed on with
/// the replacement character, so that reading it fails with its name.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .collect()
}

/// Listeners that were opened for this process by somebody else. To be called first, before there are threads.
fn handed() -> Result<Handed, Vec<String>> {
    Handed::take(&std::env::var("LISTEN_FDNAMES").unwrap_or_default())
}

/// All problems, with what to call them.
fn print_problems(to: &mut dyn Write, problems: &[Problem]) -> io::Result<()> {
    print_list(to, "error", AnsiColor::Red.on_default().bold(), problems)?;
    let count = match problems.len() {
        1 => "1 problem".to_string(),
        n => format!("{n} problems"),
    };
    writeln!(to, "\n{count}; a gate with this configuration would not start.")
}

fn print_warnings(to: &mut dyn Write, warnings: &[Problem]) -> io::Result<()> {
    print_list(to, "warning", AnsiColor::Yellow.on_default().bold(), warnings)
}

fn print_list(to: &mut dyn Write, word: &str, style: Style, problems: &[Problem]) -> io::Result<()> {
    problems.iter().try_for_each(|problem| writeln!(to, "{style}{word}:{style:#} {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(["vestibule"].iter().chain(arguments))
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_the_options_is_shown_as_it_is_written() {
        // clap takes the spaces off its first line, and breaks lines that are wider than the terminal.
        fn look(command: &clap::Command) {
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(!text.starts_with(' '), "{}: {text}", command.get_name());
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{}: {line}", command.get_name());
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }

    #[test]
    fn the_configuration_file_has_a_default() {
        let Ok(Cli { command: Command::Run(file) }) = parse(&["run"]) else { panic!("run") };
        assert_eq!(file.config, PathBuf::from("config.yaml"));
        let Ok(Cli { command: Command::Check(check) }) = parse(&["check", "--config", "x.yaml"]) else {
            panic!("check")
        };
        assert_eq!(check.file().config, PathBuf::from("x.yaml"));
    }

    #[test]
    fn wrong_arguments_are_64_and_help_is_0() {
        let exit = |arguments: &[&str]| {
            let all = ["vestibule"].iter().chain(arguments).map(OsString::from).collect::<Vec<_>>();
            run_with(all)
        };
        assert_eq!(exit(&["frobnicate"]), Exit::Usage);
        assert_eq!(exit(&[]), Exit::Usage);
        assert_eq!(exit(&["run", "--no-such-option"]), Exit::Usage);
        assert_eq!(exit(&["--help"]), Exit::Ok);
        assert_eq!(exit(&["version"]), Exit::Ok);
        assert_eq!(ExitCode::from(Exit::Usage), ExitCode::from(64));
    }

    #[test]
    fn problems_are_listed_with_their_number() {
        let problem = |path: &str, line| Problem {
            path: path.into(),
            line: Some(line),
            ..example_problem("config.yaml", "is not a URL")
        };
        let mut out = Vec::new();
        print_problems(&mut anstream::StripStream::new(&mut out), &[problem("a.b", 1), problem("c", 2)])
            .unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with("error: "), "{out}");
        assert!(out.contains("a.b: is not a URL\nerror: "), "{out}");
        assert!(out.ends_with("\n2 problems; a gate with this configuration would not start.\n"), "{out}");
    }

    fn example_problem(origin: &str, message: &str) -> Problem {
        let Err(Problems(mut list)) =
            config::load(&PathBuf::from("/nonexistent/vestibule.yaml"), &[], Moment::from_seconds(0))
        else {
            panic!("there is no such file")
        };
        let mut problem = list.remove(0);
        problem.origin = Some(origin.into());
        problem.message = message.into();
        problem
    }
}
