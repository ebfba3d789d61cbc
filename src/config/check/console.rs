//! Where the owner looks at sessions and ends them, and who may.

use super::Desk;
use super::files::read_secret;
use crate::config::file::File;
use crate::config::values::OrOff;
use crate::config::{Console, ConsoleAddress, Listeners};

/// Less can be tried out, and whoever has it can sign everybody out.
const SHORTEST_TOKEN: usize = 20;

/// Off unless somebody said where.
pub(super) fn console(file: &File, listeners: &Listeners, desk: &mut Desk) -> Option<Console> {
    let (listen, token_file) = (&file.console.listen, &file.console.token_file);
    let Some(OrOff::On(address)) = listen.get() else {
        if token_file.is_written() && !listen.is_written() {
            desk.error(
                token_file
                    .problem("is for nothing: console.listen is off")
                    .hint("write console: {listen: unix:/run/vestibule/console.sock}, or 127.0.0.1:9091"),
            );
        }
        return None;
    };
    let token = if token_file.is_written() { read_secret(token_file, desk) } else { None };
    if let Some(token) = &token
        && (token.expose().len() < SHORTEST_TOKEN || !token.expose().iter().all(u8::is_ascii_graphic))
    {
        let message = format!("must be at least {SHORTEST_TOKEN} letters, digits or signs, without spaces");
        desk.error(token_file.problem(message).hint("`openssl rand -hex 32` makes one"));
    }
    if let ConsoleAddress::Tcp(address) = address {
        if token_file.is_absent() {
            let message = "anybody who reaches it could sign everybody out: it needs console.token_file";
            let hint = "or write listen: unix:/run/vestibule/console.sock, which only its own user may open";
            desk.error(listen.problem(message).hint(hint));
        }
        if !address.ip().is_loopback() {
            let message = "plain HTTP from other machines: the token can be read on the way";
            desk.warn(listen.problem(message).hint("listen on 127.0.0.1 or at a unix: socket"));
        }
        let others = [
            ("listen.public", Some(listeners.public)),
            ("listen.authz", listeners.authz),
            ("listen.grpc", listeners.grpc),
            ("admin.listen", listeners.admin),
        ];
        for (name, other) in others.into_iter().filter_map(|(name, other)| Some((name, other?))) {
            let any =
                address.ip().is_unspecified() || other.ip().is_unspecified() || address.ip() == other.ip();
            if address.port() != 0 && address.port() == other.port() && any {
                let message =
                    format!("console.listen and {name} share port {}: each needs its own", other.port());
                desk.error(listen.problem(message));
            }
        }
    }
    Some(Console { listen: address.clone(), token })
}
