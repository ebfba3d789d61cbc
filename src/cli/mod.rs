//! The command line (SKELETON).

use std::process::ExitCode;

/// Parses the arguments and runs the command; exit codes follow sysexits.
pub fn main() -> ExitCode {
    todo!()
}
