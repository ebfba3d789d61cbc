//! The secret that gateways share with the gate.

use super::Desk;
use super::keys::secrets;
use crate::config::Gateways;
use crate::config::file::Gateways as Written;
use crate::config::reader::Field;
use crate::headers;
use http::HeaderName;

/// Headers that begin so are removed before anything is forwarded, in every spelling: the secret never reaches an
/// application through the gate.
const BEGINNING: &str = "x-vestibule-";

pub(super) fn gateways(written: &Written, desk: &mut Desk) -> Gateways {
    let default = Gateways::default();
    let secret_header = match written.secret_header.get() {
        Some(name) => header(name, &written.secret_header, desk).unwrap_or(default.secret_header),
        None => default.secret_header,
    };
    let (inline, files) = (&written.secret, &written.secret_file);
    let renamed = secret_header != Gateways::default().secret_header;
    if inline.is_absent() && files.is_absent() && renamed {
        let message =
            "says nothing without secret_file: the addresses in trusted_proxies alone admit gateways";
        desk.warn(written.secret_header.problem(message));
    }
    Gateways { secret_header, secrets: secrets(inline, files, &written.place, desk).unwrap_or_default() }
}

fn header(name: &str, field: &Field<String>, desk: &mut Desk) -> Option<HeaderName> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).ok();
    let own =
        parsed.filter(|name| name.as_str().strip_prefix(BEGINNING).is_some_and(|rest| !rest.is_empty()));
    match own {
        Some(name) if headers::OWN.contains(&name.as_str()) => {
            desk.error(field.problem(format!("`{name}` is a header of the gate's own: take another name")));
            None
        }
        Some(name) => Some(name),
        None => {
            let message = "must be a header's name that begins with X-Vestibule-: such headers never reach an application";
            desk.error(field.problem(message));
            None
        }
    }
}
