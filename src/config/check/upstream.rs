//! Where the application is.

use super::Desk;
use super::listeners::certificates;
use super::rules::selector;
use crate::access::PathPattern;
use crate::config::file::{File, Route as RouteFile, Upstream as UpstreamFile};
use crate::config::reader::Place;
use crate::config::values::{FilePath, OrOff, Short};
use crate::site::{Route, Upstream};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// What an empty `paths` of an upstream would do, and what leaving it out does.
const SERVES: (&str, &str) = ("the upstream would serve nothing", "serve every path");

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

/// The parts of an application, the first that serves a path before the others.
pub(super) fn upstreams(file: &File, desk: &mut Desk) -> Option<Vec<Route>> {
    let listed = file.upstreams.get()?;
    if listed.is_empty() {
        desk.error(file.upstreams.problem("is empty: where is the application?"));
        return None;
    }
    let mut everything: Option<&RouteFile> = None;
    let mut routes = Vec::with_capacity(listed.len());
    for written in listed {
        if let Some(earlier) = everything {
            let message = format!("is never reached: {} serves every path", earlier.place.in_words());
            desk.error(
                written.place.problem(message).hint("the one without paths stands last: it is the rest"),
            );
        }
        let whole = written.paths.is_absent()
            || written
                .paths
                .get()
                .is_some_and(|paths| paths.iter().any(|path| path.get().is_some_and(|p| p == "/*")));
        everything = everything.or(whole.then_some(written));
        let paths = selector(&written.paths, SERVES, desk, |text| PathPattern::parse(text));
        let upstream = upstream_in_full(&written.upstream(), desk);
        routes.push(paths.zip(upstream).map(|(paths, upstream)| Route { paths, upstream }));
    }
    routes.into_iter().collect()
}

impl RouteFile {
    /// The upstream that it is beside its paths.
    fn upstream(&self) -> UpstreamFile {
        UpstreamFile {
            place: self.place.clone(),
            faulty: self.faulty,
            written: self.written,
            url: self.url.clone(),
            http2: self.http2.clone(),
            ca_file: self.ca_file.clone(),
            connect_timeout: self.connect_timeout.clone(),
            read_timeout: self.read_timeout.clone(),
            preserve_host: self.preserve_host.clone(),
        }
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
