//! Where to listen, and whom to believe about where a request came from.

use super::Desk;
use super::files::{SMALL_LIMIT, looked_at_by_others, read, read_secret};
use crate::config::file::{File, Tls};
use crate::config::reader::{Field, Place};
use crate::config::values::{FilePath, OrOff, Short};
use crate::config::{Listeners, TlsFiles};
use crate::site::{Face, Upstream};
use ipnet::IpNet;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// The listeners, each with its default: nothing is open to the network unless somebody said so.
///
/// `forward_auth`: whether gateways ask about any site.
pub(super) fn listeners(file: &File, forward_auth: bool, desk: &mut Desk) -> Listeners {
    let default_authz = forward_auth.then_some(loopback(4181));
    let mut grpc = (None, &file.listen.place);
    let (public, authz) = match file.listen.get() {
        None => ((loopback(4180), &file.listen.place), (default_authz, &file.listen.place)),
        Some(Short::Short(address)) => {
            if forward_auth {
                let message = "one address leaves gateways nowhere to ask: forward_auth needs listen.authz";
                let hint = format!("write listen: {{public: {address}, authz: 127.0.0.1:4181}}");
                desk.error(file.listen.problem(message).hint(hint));
            }
            ((*address, &file.listen.place), (None, &file.listen.place))
        }
        Some(Short::Long(listen)) => {
            let authz = match listen.authz.get() {
                None => default_authz,
                Some(OrOff::Off) => None,
                Some(OrOff::On(address)) => Some(*address),
            };
            if let Some(OrOff::On(address)) = listen.grpc.get() {
                grpc = (Some(*address), &listen.grpc.place);
            }
            if forward_auth && matches!(listen.authz.get(), Some(OrOff::Off)) && grpc.0.is_none() {
                desk.error(listen.authz.problem("forward_auth needs it, or listen.grpc: gateways ask there"));
            }
            let public = listen.public.or(loopback(4180));
            ((public, &listen.public.place), (authz, &listen.authz.place))
        }
    };
    let admin = match file.admin.listen.or(OrOff::On(loopback(9090))) {
        OrOff::Off => None,
        OrOff::On(address) => Some(address),
    };
    clashes(
        &[
            ("listen.public", Some(public.0), public.1),
            ("listen.authz", authz.0, authz.1),
            ("listen.grpc", grpc.0, grpc.1),
            ("admin.listen", admin, &file.admin.listen.place),
        ],
        desk,
    );
    Listeners {
        public: public.0,
        public_tls: looked_at_by_others(desk, |desk| tls(&file.tls, desk)),
        authz: authz.0,
        grpc: grpc.0,
        admin,
    }
}

/// How many connections each listener serves at once. Browsers open some six each over HTTP/1.1.
pub(super) fn connections(field: &Field<u32>, desk: &mut Desk) -> u32 {
    if let Some(given) = field.get().filter(|given| !(16..=1_000_000).contains(*given)) {
        desk.error(field.problem(format!("{given} is not from 16 to 1000000")));
    }
    field.or(8192)
}

/// Two listeners cannot share an address. What gateways ask must not be answered where pages can ask it too.
fn clashes(listeners: &[(&str, Option<SocketAddr>, &Place)], desk: &mut Desk) {
    for (position, (name, address, place)) in listeners.iter().enumerate() {
        for (other_name, other, _) in &listeners[..position] {
            let (Some(address), Some(other)) = (address, other) else { continue };
            if address.port() == 0 || address.port() != other.port() {
                continue;
            }
            let any = address.ip().is_unspecified() || other.ip().is_unspecified();
            if any || address.ip() == other.ip() {
                let message =
                    format!("{name} and {other_name} share port {}: each needs its own", address.port());
                desk.error(place.problem(message));
            }
        }
    }
}

/// An upstream that is ourselves would be asked for ever. Names are not looked up: what they mean may change.
pub(super) fn not_in_a_circle(file: &File, face: &Face, listeners: &Listeners, desk: &mut Desk) {
    let Face::Proxy(routes) = face else { return };
    let ours = [Some(listeners.public), listeners.authz, listeners.grpc, listeners.admin];
    let is_ours = |upstream: &Upstream| {
        ours.into_iter().flatten().filter(|own| own.port() == upstream.port).any(|own| {
            match upstream.host.parse::<IpAddr>() {
                Ok(host) => host == own.ip() || (own.ip().is_unspecified() && host.is_loopback()),
                Err(_) => {
                    upstream.host == "localhost" && (own.ip().is_loopback() || own.ip().is_unspecified())
                }
            }
        })
    };
    let parts = file.upstreams.get().map_or(&[][..], Vec::as_slice);
    for (position, route) in routes.iter().enumerate().filter(|(_, route)| is_ours(&route.upstream)) {
        let place = parts.get(position).map_or(&file.upstream.place, |part| &part.url.place);
        let message = format!("port {} of this machine is Vestibule's own", route.upstream.port);
        let hint = "give the application another port, or Vestibule (listen)";
        desk.error(place.problem(message).hint(hint));
    }
}

fn tls(tls: &Tls, desk: &mut Desk) -> Option<TlsFiles> {
    let (certificate, key) = (&tls.certificate_file, &tls.private_key_file);
    if certificate.is_absent() && key.is_absent() {
        return None;
    }
    certificate.required(&mut desk.report);
    key.required(&mut desk.report);
    let chain = certificates(certificate, desk);
    let private_key =
        read_secret(key, desk).and_then(|pem| match PrivateKeyDer::from_pem_slice(pem.expose()) {
            Ok(private_key) => Some(private_key),
            Err(_) => {
                desk.error(key.problem("has no private key in PEM, without a password"));
                None
            }
        });
    // The same judgement as at the listener's start: ring is the provider there.
    let provider = rustls::crypto::ring::default_provider();
    if let Err(error) = rustls::sign::CertifiedKey::from_der(chain?, private_key?, &provider) {
        let message = match error {
            rustls::Error::InconsistentKeys(_) => {
                "does not belong to the certificate in certificate_file".to_owned()
            }
            other => format!("cannot be used: {other}"),
        };
        desk.error(key.problem(message));
        return None;
    }
    let (FilePath(certificate_file), FilePath(private_key_file)) = (certificate.get()?, key.get()?);
    Some(TlsFiles { certificate_file: certificate_file.clone(), private_key_file: private_key_file.clone() })
}

/// The certificates of a PEM file, in order; also for `upstream.ca_file`.
pub(super) fn certificates(field: &Field<FilePath>, desk: &mut Desk) -> Option<Vec<CertificateDer<'static>>> {
    let pem = read(field, SMALL_LIMIT, desk)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Some(certificates),
        _ => {
            desk.error(field.problem("has no certificate in PEM"));
            None
        }
    }
}

/// Peers that may say whom a request came from; loopback unless set.
pub(super) fn trusted_proxies(file: &File, desk: &mut Desk) -> Vec<IpNet> {
    let Some(listed) = file.trusted_proxies.get() else {
        return [IpAddr::from(Ipv4Addr::new(127, 0, 0, 0)), IpAddr::from(Ipv6Addr::LOCALHOST)]
            .into_iter()
            .zip([8, 128])
            .filter_map(|(address, bits)| IpNet::new(address, bits).ok())
            .collect();
    };
    for net in listed {
        if net.get().is_some_and(|net| net.prefix_len() == 0) {
            let message =
                "everybody is trusted: anyone who reaches the listener chooses the address that rules see";
            desk.warn(net.problem(message));
        }
    }
    listed.iter().filter_map(|net| net.get().copied()).collect()
}
