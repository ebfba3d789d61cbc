//! Where sessions are: in this process, or on Redis or Valkey.

use super::Desk;
use super::files::{SMALL_LIMIT, read, read_secret};
use super::listeners::certificates;
use crate::config::file::File;
use crate::config::reader::Field;
use crate::config::shared_store::{Redis, RedisTls};
use crate::config::values::{Count, FilePath, OneOrMany, Word};
use crate::config::words::StoreWord;
use crate::secret::Secret;
use crate::store::{Certificates, Credentials, OnFailure, Server, Settings, Topology};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use std::time::Duration;
use url::Url;

/// The store that several gates share; none: this process's memory. `lasting`: there is a secret that outlives it.
pub(super) fn shared_store(file: &File, lasting: bool, max_bytes: u64, desk: &mut Desk) -> Option<Settings> {
    let redis = &file.redis;
    if file.store.or(Word(StoreWord::Memory)).0 == StoreWord::Memory {
        if redis.written {
            let message = "is not used: sessions are in memory, because store is not redis";
            desk.error(redis.place.problem(message).hint("write store: redis, or remove the section"));
        }
        return None;
    }
    if !lasting && file.session.secret.is_absent() && file.session.secret_file.is_absent() {
        let message = "is needed with store: redis: what one gate seals, the others must open";
        let hint = "`openssl rand -base64 32` makes a secret; all replicas need the same";
        desk.error(file.session.secret_file.problem(message).hint(hint));
    }
    if file.jwt.private_key_file.is_absent() {
        let message =
            "is not set: each replica signs with a key of its own, which only its own jwks.json shows";
        let hint = "with more than one replica, give all the same file";
        desk.warn(file.jwt.private_key_file.problem(message).hint(hint));
    }
    let topology = topology(redis, desk);
    let credentials = Credentials {
        username: redis.username.get().cloned(),
        password: password(&redis.password, &redis.password_file, desk),
    };
    user_without_password(&redis.username, &credentials, desk);
    let certificates = tls(&redis.tls, topology.as_ref(), desk);
    let prefix = prefix(&redis.prefix, desk);
    let second = Duration::from_secs(1);
    let timeout = desk.duration(&redis.timeout, second, second / 100, second * 30);
    let max_staleness = desk.duration(&redis.max_staleness, second * 5, second / 10, second * 3600);
    let connections = count(&redis.connections, 2, 1..=64, desk);
    let replicated = !matches!(topology, Some(Topology::Single(_)));
    let acknowledged_by = count(&redis.acknowledged_by, u32::from(replicated), 0..=16, desk);
    if replicated && acknowledged_by == 0 && redis.acknowledged_by.is_written() {
        let message =
            "a primary that dies takes along what no replica has: sign-ins and sign-outs of its last moment";
        desk.warn(redis.acknowledged_by.problem(message));
    }
    Some(Settings {
        topology: topology?,
        credentials,
        certificates,
        prefix: prefix?,
        timeout,
        connections: usize::try_from(connections).unwrap_or(1),
        max_staleness,
        on_failure: redis.on_store_failure.or(Word(OnFailure::ServeCached)).0,
        acknowledged_by,
        max_bytes,
    })
}

fn topology(redis: &Redis, desk: &mut Desk) -> Option<Topology> {
    let cluster = redis.cluster.or(false);
    let sentinel = &redis.sentinel;
    if sentinel.written {
        if cluster {
            desk.error(redis.cluster.problem("a Cluster has no Sentinels: one of the two must go"));
        }
        if redis.url.is_written() {
            let message =
                "the Sentinels say where the server is: write their addresses in sentinel.url, and no other";
            desk.error(redis.url.problem(message));
        }
        sentinel
            .name
            .required_as("the name of the primary in the Sentinels' own configuration", &mut desk.report);
        sentinel.url.required(&mut desk.report);
        let sentinels = servers(&sentinel.url, desk)?;
        let tls = same_kind(&sentinels, &sentinel.url, desk)?;
        let credentials = Credentials {
            username: sentinel.username.get().cloned(),
            password: password(&sentinel.password, &sentinel.password_file, desk),
        };
        user_without_password(&sentinel.username, &credentials, desk);
        let database = sentinels.first().map_or(0, |sentinel| sentinel.database);
        return Some(Topology::Sentinel {
            name: sentinel.name.get()?.clone(),
            sentinels,
            credentials,
            tls,
            database,
        });
    }
    redis.url.required_as("such as redis://127.0.0.1:6379, or rediss:// for TLS", &mut desk.report);
    let servers = servers(&redis.url, desk)?;
    same_kind(&servers, &redis.url, desk)?;
    if cluster {
        if servers.iter().any(|server| server.database != 0) {
            desk.error(redis.url.problem("a Cluster has one database, number 0"));
        }
        if servers.len() < 2 {
            let message =
                "one address of a Cluster is not enough: while that server is away, nobody finds the others";
            desk.warn(redis.url.problem(message));
        }
        return Some(Topology::Cluster(servers));
    }
    if servers.len() > 1 {
        let message = "has several addresses: that is for a Cluster";
        desk.error(redis.url.problem(message).hint("write cluster: true, or sentinel: for Sentinels"));
        return None;
    }
    servers.into_iter().next().map(Topology::Single)
}

fn servers(field: &Field<OneOrMany<String>>, desk: &mut Desk) -> Option<Vec<Server>> {
    let OneOrMany(written) = field.get()?;
    let read: Option<Vec<Server>> = written.iter().map(|one| server(one, desk)).collect();
    read.filter(|servers| !servers.is_empty())
}

fn server(field: &Field<String>, desk: &mut Desk) -> Option<Server> {
    let text = field.get()?;
    let wrong =
        || format!("is not an address of Redis: write redis://HOST:PORT, or rediss:// for TLS, not `{text}`");
    // A password must not be shown, so these are told apart first.
    let url = Url::parse(text).ok();
    if url.as_ref().map_or(text.contains('@'), |url| !url.username().is_empty() || url.password().is_some()) {
        let message = "must not hold a user or a password: write redis.username and redis.password_file";
        desk.error(field.problem(message));
        return None;
    }
    let read = url.and_then(|url| {
        let tls = match url.scheme() {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return None,
        };
        let database = match url.path().trim_matches('/') {
            "" => 0,
            number => number.parse().ok().filter(|number| (0..=1_000_000).contains(number))?,
        };
        if url.query().is_some() || url.fragment().is_some() {
            return None;
        }
        // Brackets belong to the address, not to the name.
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        (!host.is_empty()).then_some(Server { host, port: url.port().unwrap_or(6379), tls, database })
    });
    if read.is_none() {
        desk.error(field.problem(wrong()));
    }
    read
}

/// Whether all are spoken to by TLS. Some and some is nobody's intention.
fn same_kind(servers: &[Server], field: &Field<OneOrMany<String>>, desk: &mut Desk) -> Option<bool> {
    let tls = servers.iter().filter(|server| server.tls).count();
    if tls != 0 && tls != servers.len() {
        desk.error(field.problem("some addresses are with TLS and some without: write all alike"));
        return None;
    }
    Some(tls > 0)
}

fn password(inline: &Field<Secret>, file: &Field<FilePath>, desk: &mut Desk) -> Option<Secret> {
    if inline.is_written() && file.is_written() {
        desk.error(file.problem("password and password_file are both given: one of the two must go"));
        return None;
    }
    let password = inline.get().cloned().or_else(|| read_secret(file, desk))?;
    if str::from_utf8(password.expose()).is_err() {
        desk.error(file.problem("is no text"));
        return None;
    }
    Some(password)
}

fn user_without_password(username: &Field<String>, credentials: &Credentials, desk: &mut Desk) {
    if username.is_written() && credentials.password.is_none() && !desk.report.has_problems() {
        let hint = "a user that needs none (nopass) is signed in with any: write one";
        desk.error(username.problem("a user needs a password, in password or password_file").hint(hint));
    }
}

fn tls(file: &RedisTls, topology: Option<&Topology>, desk: &mut Desk) -> Certificates {
    let uses_tls = match topology {
        Some(Topology::Single(server)) => server.tls,
        Some(Topology::Sentinel { tls, .. }) => *tls,
        Some(Topology::Cluster(servers)) => servers.iter().any(|server| server.tls),
        None => true,
    };
    if file.written && !uses_tls {
        let message = "is not used: the addresses are without TLS";
        desk.error(file.place.problem(message).hint("begin them with rediss://"));
    }
    let authorities = certificates(&file.ca_file, desk).and_then(|_| read(&file.ca_file, SMALL_LIMIT, desk));
    let (certificate, key) = (&file.certificate_file, &file.private_key_file);
    if certificate.is_absent() && key.is_absent() {
        return Certificates { authorities, own: None };
    }
    certificate.required(&mut desk.report);
    key.required(&mut desk.report);
    let chain = certificates(certificate, desk).and_then(|_| read(certificate, SMALL_LIMIT, desk));
    let key = read_secret(key, desk).filter(|pem| {
        let good = PrivateKeyDer::from_pem_slice(pem.expose()).is_ok();
        if !good {
            desk.error(key.problem("has no private key in PEM, without a password"));
        }
        good
    });
    Certificates { authorities, own: chain.zip(key) }
}

fn prefix(field: &Field<String>, desk: &mut Desk) -> Option<String> {
    let prefix = field.or("vestibule:".into());
    let good =
        prefix.len() <= 64 && prefix.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'{' | b'}'));
    if !good {
        let message = "may have at most 64 visible ASCII characters, and no braces: they decide where a Cluster keeps entries";
        desk.error(field.problem(message));
    }
    good.then_some(prefix)
}

fn count(field: &Field<Count>, default: u32, range: std::ops::RangeInclusive<u32>, desk: &mut Desk) -> u32 {
    let Count(count) = field.or(Count(default));
    if !range.contains(&count) {
        desk.error(field.problem(format!("must be from {} to {}", range.start(), range.end())));
        return default;
    }
    count
}
