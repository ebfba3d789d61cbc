//! A configuration in words: what would be served, for whom, and until when.

use crate::clock::Moment;
use crate::config::{Config, ConsoleAddress};
use crate::federation::Watch;
use crate::observe::{AuditSettings, Output};
use crate::saml::parties::{Cbc, CryptographyPolicy, SigningCertificate};
use crate::site::{Face, Idp, PublicUrl, Route, Site, Status, Upstream};
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};
use std::sync::Arc;

/// Of what metadata says that nobody has read here.
const LATER: &str = "not known until the metadata has been read";

/// From here on a certificate's end is worth a colour.
const SOON: i64 = 30;

/// Everything that `check` says in the good case.
pub(super) fn print(to: &mut dyn Write, config: &Config, now: Moment) -> io::Result<()> {
    for (place, site) in config.sites.iter().enumerate().filter(|(_, site)| site.is_canonical()) {
        print_site(to, site, &config.watches, now)?;
        // The other addresses of a site follow the first.
        for other in config.sites.iter().skip(place + 1).take_while(|other| !other.is_canonical()) {
            row(to, "also at", other.public_url.origin())?;
        }
        writeln!(to)?;
    }
    print_listeners(to, config)
}

fn print_site(to: &mut dyn Write, site: &Site, watches: &[Watch], now: Moment) -> io::Result<()> {
    let bold = Style::new().bold();
    writeln!(to, "{bold}{}{bold:#}  {}", site.name, site.public_url.origin())?;
    row(to, "application", &face(&site.face))?;
    if !matches!(site.face, Face::SignOn) {
        row(to, "is told of", &site.headers.groups().to_string())?;
    }
    if site.sign_on.is_some() {
        let id = |idp: &Arc<Idp>| match idp.status {
            Status::Live => idp.id.clone(),
            status => format!("{} ({})", idp.id, status.as_str()),
        };
        let ids: Vec<String> = site.identity_providers.iter().map(id).collect();
        let host = &site.service_provider.entity_id.0;
        row(to, "sign-in", &format!("by {} at the sign-on host {host}", ids.join(", ")))?;
        print_people(to, site)?;
        // Whom it lets in is the site's to say, wherever they sign in.
        for idp in &site.identity_providers {
            if let Some(words) = site.admission.in_words(&idp.id) {
                row(to, "lets in", &format!("{words} ({})", idp.id))?;
            }
        }
        return Ok(());
    }
    row(to, "entity ID", &site.service_provider.entity_id.0)?;
    for (position, url) in site.service_provider.acs_urls().enumerate() {
        row(to, if position == 0 { "ACS" } else { "" }, url)?;
    }
    print_people(to, site)?;
    let signs = if site.service_provider.signing_keys.is_empty() { "not signed" } else { "signed" };
    row(to, "requests", signs)?;
    for (position, key) in site.service_provider.signing_keys.iter().enumerate() {
        // The first signs; the others are published, for the days on which keys change.
        let whose = if position == 0 { "our certificate" } else { "our other certificate" };
        print_certificate(to, whose, key.certificate(), now)?;
    }
    for idp in &site.identity_providers {
        let watch = watches.iter().find(|watch| Arc::ptr_eq(&watch.idp, idp));
        print_idp(to, idp, watch, now)?;
        watch.map_or(Ok(()), |watch| print_source(to, watch))?;
        if let Some(words) = site.admission.in_words(&idp.id) {
            row(to, "lets in", &words)?;
        }
        row(to, "sign-out", sign_out(site, idp))?;
    }
    Ok(())
}

/// Whose people a tenant is for.
fn print_people(to: &mut dyn Write, site: &Site) -> io::Result<()> {
    if let Some(organization) = &site.organization {
        row(to, "tenant", organization)?;
    }
    let Some(domains) = &site.email_domains else { return Ok(()) };
    let domains: Vec<String> = domains.iter().map(ToString::to_string).collect();
    row(to, "people of", &domains.join(", "))
}

/// Where its metadata comes from, and whether anything is known of it before its source is asked.
fn print_source(to: &mut dyn Write, watch: &Watch) -> io::Result<()> {
    let kept = match watch.idp.known() {
        Some(_) => "",
        None => "; nobody can sign in until it has been read",
    };
    row(to, "", &format!("metadata from {}{kept}", watch.source.name()))?;
    match watch.held() {
        Some(held) => {
            let style = AnsiColor::Yellow.on_default().bold();
            let since = held.since;
            row(to, "", &format!("{style}a change is held since {since}: vestibule metadata diff{style:#}"))
        }
        None => Ok(()),
    }
}

fn print_idp(to: &mut dyn Write, idp: &Idp, watch: Option<&Watch>, now: Moment) -> io::Result<()> {
    let known = idp.known();
    let terms = watch.map(|watch| &watch.terms);
    let wanted = terms.and_then(|terms| terms.entity_id.as_deref());
    match known.as_ref().map(|saml| saml.entity_id.0.as_str()).or(wanted) {
        Some(entity_id) => row(to, "sign-in", &format!("{} ({}) at {entity_id}", idp.id, idp.label))?,
        None => row(to, "sign-in", &format!("{} ({}); its entity ID is {LATER}", idp.id, idp.label))?,
    }
    match idp.status {
        Status::Live => {}
        Status::Staged => row(to, "", "staged: no button; vestibule test-link makes a link to try it")?,
        Status::Retired => row(to, "", "retired: nobody signs in by it any more")?,
    }
    let policy = known.as_ref().map(|saml| &saml.cryptography).or(terms.map(|terms| &terms.cryptography));
    policy.map_or(Ok(()), |policy| print_policy(to, policy))?;
    if let Some(demand) = idp.demand.in_words() {
        row(to, "", &demand)?;
    }
    if idp.allow_unsolicited {
        row(to, "", "may send people here whom nobody sent to it (allow_unsolicited)")?;
    }
    let certificates = known.iter().flat_map(|saml| saml.keys.certificates());
    certificates.into_iter().try_for_each(|at| print_certificate(to, "certificate", at, now))
}

/// What differs from what everybody's identity provider may do.
fn print_policy(to: &mut dyn Write, policy: &CryptographyPolicy) -> io::Result<()> {
    if let Some(listed) = &policy.algorithms {
        let listed: Vec<String> = listed.iter().map(ToString::to_string).collect();
        row(to, "", &format!("may sign with {} only (algorithms)", listed.join(", ")))?;
    }
    match policy.cbc {
        Cbc::Accept => {}
        Cbc::RequireSignedResponse => {
            row(to, "", "may encrypt in CBC mode inside a signed response only (cbc)")?
        }
        Cbc::Refuse => row(to, "", "may not encrypt in CBC mode (cbc)")?,
    }
    match policy.require_encrypted {
        true => row(to, "", "must encrypt its assertions (require_encrypted)"),
        false => Ok(()),
    }
}

fn print_certificate(
    to: &mut dyn Write,
    whose: &str,
    certificate: &SigningCertificate,
    now: Moment,
) -> io::Result<()> {
    let days = now.whole_days_until(certificate.not_after);
    let style = match days {
        ..0 => AnsiColor::Red.on_default().bold(),
        0..SOON => AnsiColor::Yellow.on_default().bold(),
        _ => Style::new(),
    };
    let left = left_in_words(days);
    row(to, "", &format!("{whose} {}, {style}{left}{style:#}", certificate.subject))
}

/// What a sign-out ends.
fn sign_out(site: &Site, idp: &Idp) -> &'static str {
    let could_be = idp.logout.single_logout && !site.service_provider.signing_keys.is_empty();
    if could_be && idp.logout.endpoints.is_none() && idp.known().is_none() {
        return LATER;
    }
    match (idp.ends_there_too(&site.service_provider), &idp.logout.sign_out_url) {
        (true, _) => "here and there (single logout)",
        (false, Some(_)) => "here, then on to sign_out_url",
        (false, None) => "here only",
    }
}

fn print_listeners(to: &mut dyn Write, config: &Config) -> io::Result<()> {
    let bold = Style::new().bold();
    let listeners = &config.listeners;
    writeln!(to, "{bold}listeners{bold:#}")?;
    let scheme = if listeners.public_tls.is_some() { "https" } else { "http" };
    row(to, "public", &format!("{scheme}://{}", listeners.public))?;
    row(to, "authz", &address_or_off(listeners.authz))?;
    if listeners.grpc.is_some() {
        row(to, "grpc", &address_or_off(listeners.grpc))?;
    }
    row(to, "admin", &address_or_off(listeners.admin))?;
    if let Some(console) = &config.console {
        row(to, "console", &self::console(&console.listen))?;
    }
    row(to, "sessions", &sessions(config))?;
    row(to, "audit", &audit(&config.audit))
}

/// Where the console is.
pub(super) fn console(address: &ConsoleAddress) -> String {
    match address {
        ConsoleAddress::Tcp(address) => format!("http://{address}"),
        ConsoleAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// Where sessions are, and whether they outlive this process.
pub(super) fn sessions(config: &Config) -> String {
    match (&config.shared_store, &config.state) {
        (Some(store), _) => store.topology.to_string(),
        (None, Some(folder)) => {
            let (file, _) = folder.beside("sessions");
            format!("in memory; a restart takes them along in {}", file.display())
        }
        (None, None) => "in memory; a restart signs everybody out (no state_dir)".to_owned(),
    }
}

/// Where events go.
fn audit(settings: &AuditSettings) -> String {
    let goes = match &settings.output {
        Output::Log => "into the log".to_owned(),
        Output::Stdout => "to standard output, as JSON".to_owned(),
        Output::File(file) => format!("into {}", file.path.display()),
        Output::Both(file) => format!("to standard output, as JSON, and into {}", file.path.display()),
    };
    let demand = if settings.required { "; without it nobody signs in" } else { "" };
    format!("{goes}{demand}")
}

fn row(to: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    let dim = Style::new().dimmed();
    writeln!(to, "  {dim}{name:<12}{dim:#} {value}")
}

fn address_or_off(address: Option<std::net::SocketAddr>) -> String {
    address.map_or_else(|| "off".to_string(), |address| format!("http://{address}"))
}

/// What stands behind a site.
pub(super) fn face(face: &Face) -> String {
    match face {
        Face::Proxy(routes) => {
            let to = |route: &Route| match route.paths.is_empty() {
                true => upstream_url(&route.upstream),
                false => {
                    let paths: Vec<String> = route.paths.iter().map(ToString::to_string).collect();
                    format!("{} ({})", upstream_url(&route.upstream), paths.join(", "))
                }
            };
            format!("forwarded to {}", routes.iter().map(to).collect::<Vec<_>>().join(", "))
        }
        Face::SignOn => "none: it signs people in for other sites (sign_on)".to_string(),
        Face::ForwardAuth => "behind a gateway that asks us (forward-auth)".to_string(),
    }
}

fn upstream_url(upstream: &Upstream) -> String {
    let scheme = if upstream.tls { "https" } else { "http" };
    // An IPv6 address needs its brackets back.
    let bracketed = upstream.host.contains(':') && !upstream.host.starts_with('[');
    let (open, close) = if bracketed { ("[", "]") } else { ("", "") };
    format!("{scheme}://{open}{}{close}:{}", upstream.host, upstream.port)
}

/// Where a sign-in at this site begins; also what a tile at the IdP should point to.
pub(super) fn sign_in_url(public_url: &PublicUrl, path_prefix: &str) -> String {
    format!("{}{path_prefix}/sign-in", public_url.origin())
}

fn left_in_words(days: i64) -> String {
    match days {
        ..-1 => format!("ended {} days ago", days.unsigned_abs()),
        -1 => "ended within the last day".to_string(),
        0 => "ends within a day".to_string(),
        1 => "1 day left".to_string(),
        _ => format!("{days} days left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// What is printed, without colours.
    fn said(config: &Config, now: Moment) -> String {
        let mut out = Vec::new();
        print(&mut out, config, now).unwrap();
        anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()
    }

    #[test]
    fn whom_an_identity_provider_may_bring_is_shown_where_that_is_not_everybody() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/good/people.yaml");
        let now = Moment::from_seconds(1_767_225_600);
        let config = crate::config::load(std::path::Path::new(file), &[], now).unwrap();
        let said = said(&config, now);
        let lines: Vec<_> = said.lines().filter(|line| line.contains("lets in")).collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(lines[0].contains("only people of ") && lines[0].ends_with(", which invites 2"), "{said}");
    }

    #[test]
    fn the_console_and_the_store_are_named_where_there_are_some() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        let metadata = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/files/idp-metadata.xml");
        let text = format!(
            "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\n\
             identity_providers: [{{id: corp, metadata_file: {metadata}}}]\n\
             session: {{secret: 0123456789abcdefghijklmnopqrstuvwxyz}}\nstore: redis\n\
             redis: {{url: \"redis://valkey.internal:6379\"}}\nconsole: {{listen: unix:/run/vestibule/console.sock}}\n"
        );
        std::fs::write(&file, text).unwrap();
        let now = Moment::from_seconds(1_767_225_600);
        let config = crate::config::load(&file, &[], now).unwrap();
        let said = said(&config, now);
        assert!(said.contains("  console      unix:/run/vestibule/console.sock\n"), "{said}");
        assert!(said.contains("  sessions     on Redis at valkey.internal:6379\n"), "{said}");
    }

    #[test]
    fn our_own_certificates_are_shown_with_their_days() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/good/forward-auth.yaml");
        // 2026-01-01; they end on 2051-07-14.
        let now = Moment::from_seconds(1_767_225_600);
        let config = crate::config::load(std::path::Path::new(file), &[], now).unwrap();
        let said = said(&config, now);
        assert!(said.contains("our certificate CN=app.example.com, 9325 days left\n"), "{said}");
        assert!(said.contains("our other certificate CN=app.example.com next, 9325 days left\n"), "{said}");
    }

    #[test]
    fn each_site_and_each_tenant_is_told_of_once_with_all_its_addresses() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/good/sites.yaml");
        let now = Moment::from_seconds(1_767_225_600);
        let config = crate::config::load(std::path::Path::new(file), &[], now).unwrap();
        let said = said(&config, now);
        let heads: Vec<&str> =
            said.lines().filter(|line| !line.starts_with(' ') && !line.is_empty()).collect();
        assert_eq!(
            heads,
            [
                "wiki  https://wiki.example.com",
                "shop  https://shop.example.com",
                "app/acme  https://acme.app.example.com",
                "app/globex  https://globex.app.example.com",
                "listeners",
            ]
        );
        for line in [
            "also at      https://shop.example.net:8443",
            "forwarded to https://127.0.0.1:3443 (/api/*, /feed), http://127.0.0.1:3001",
            "ACS          https://shop.example.com/mellon/postResponse\n               https://shop.example.com/gate/saml/acs",
            "tenant       acme",
        ] {
            assert!(said.contains(line), "{line} is not in\n{said}");
        }
    }

    #[test]
    fn a_tenant_that_signs_on_elsewhere_is_told_of_as_one() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/good/sign-on.yaml");
        let now = Moment::from_seconds(1_767_225_600);
        let config = crate::config::load(std::path::Path::new(file), &[], now).unwrap();
        let said = said(&config, now);
        let of_acme: Vec<&str> =
            said.lines().skip_while(|line| !line.starts_with("app/acme  ")).take(5).collect();
        assert_eq!(of_acme[3], "  sign-in      by partner at the sign-on host urn:hall", "{said}");
        assert_eq!(of_acme[4], "  tenant       acme", "{said}");
    }

    #[test]
    fn what_only_metadata_says_is_not_said_before_it_is_read() {
        let text = "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\n\
                    service_provider: {private_key_file: KEY, certificate_file: CERTIFICATE}\n\
                    identity_providers: [{id: corp, metadata_url: 'https://idp.example.com/metadata'}]\n";
        let files = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/files");
        let text = text.replace("KEY", &format!("{files}/sp-key.pem"));
        let text = text.replace("CERTIFICATE", &format!("{files}/sp.pem"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        std::fs::write(&file, text).unwrap();
        let now = Moment::from_seconds(1_767_225_600);
        let config = crate::config::load(&file, &[], now).unwrap();
        let said = said(&config, now);
        let rows: Vec<&str> = said.lines().skip_while(|line| !line.contains("sign-in")).take(3).collect();
        assert!(
            rows[0].ends_with("corp (corp); its entity ID is not known until the metadata has been read"),
            "{said}"
        );
        assert!(rows[1].contains("metadata from https://idp.example.com/metadata"), "{said}");
        assert_eq!(rows[2], "  sign-out     not known until the metadata has been read");
    }

    #[test]
    fn days_are_said_in_words() {
        assert_eq!(left_in_words(700), "700 days left");
        assert_eq!(left_in_words(1), "1 day left");
        assert_eq!(left_in_words(0), "ends within a day");
        assert_eq!(left_in_words(-1), "ended within the last day");
        assert_eq!(left_in_words(-9), "ended 9 days ago");
    }

    #[test]
    fn an_upstream_reads_as_the_url_it_was() {
        let upstream = |tls, host: &str, port| Upstream {
            tls,
            host: host.into(),
            port,
            http2: false,
            ca_file: None,
            connect_timeout: Duration::from_secs(1),
            read_timeout: None,
            preserve_host: true,
        };
        assert_eq!(upstream_url(&upstream(false, "127.0.0.1", 3000)), "http://127.0.0.1:3000");
        assert_eq!(upstream_url(&upstream(true, "::1", 8443)), "https://[::1]:8443");
        assert_eq!(upstream_url(&upstream(true, "[::1]", 8443)), "https://[::1]:8443");
    }
}
