//! Where the application is.

use super::Desk;
use super::listeners::certificates;
use crate::config::file::{File, Upstream as UpstreamFile};
use crate::config::reader::Place;
use crate::config::values::{FilePath, OrOff, Short};
use crate::site::Upstream;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn upstream(file: &File, desk: &mut Desk) -> Option<Upstream> {
    match file.upstream.get()? {
        Short::Short(text) => {
            let (tls, host, port) = upstream_url(text, &file.upstream.place, desk)?;
            let timeout = Some(MINUTE);
            Some(Upstream {
                tls,
                host,
                port,
                http2: false,
                ca_file: None,
                connect_timeout: 5 * (MINUTE / 60),
                read_timeout: timeout,
                preserve_host: true,
            })
        }
        Short::Long(written) => upstream_in_full(written, desk),
    }
}

fn upstream_in_full(written: &UpstreamFile, desk: &mut Desk) -> Option<Upstream> {
    let address =
        written.url.required(&mut desk.report).and_then(|text| upstream_url(text, &written.url.place, desk));
    let millisecond = Duration::from_millis(1);
    let connect_timeout = desk.duration(&written.connect_timeout, 5 * (MINUTE / 60), millisecond, HOUR);
    let read_timeout = match written.read_timeout.or(OrOff::On(MINUTE)) {
        OrOff::Off => None,
        OrOff::On(timeout) => {
            if timeout < millisecond {
                desk.error(written.read_timeout.problem("must be at least 1ms, or off"));
            }
            Some(timeout)
        }
    };
    certificates(&written.ca_file, desk);
    let (tls, host, port) = address?;
    if written.ca_file.is_written() && !tls {
        desk.error(written.ca_file.problem("is for an https:// upstream"));
    }
    Some(Upstream {
        tls,
        host,
        port,
        http2: written.http2.or(false),
        ca_file: written.ca_file.get().map(|FilePath(path)| path.clone()),
        connect_timeout,
        read_timeout,
        preserve_host: written.preserve_host.or(true),
    })
}

/// Whether TLS, host and port of `http://127.0.0.1:3000`.
fn upstream_url(text: &str, place: &Place, desk: &mut Desk) -> Option<(bool, String, u16)> {
    let fail = |desk: &mut Desk, message: &str| desk.error(place.problem(message.to_owned()));
    let Ok(url) = url::Url::parse(text) else {
        fail(desk, "is not an address: write it as http://127.0.0.1:3000");
        return None;
    };
    let (Some(host), "http" | "https", Some(port)) =
        (url.host_str(), url.scheme(), url.port_or_known_default())
    else {
        fail(desk, "must start with http:// or https:// and a host");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        fail(desk, "a user name does not belong here");
        return None;
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        fail(desk, "only scheme, host and port: the application gets the path that the browser asked for");
        return None;
    }
    Some((url.scheme() == "https", host.trim_matches(['[', ']']).to_owned(), port))
}
