//! `vestibule gateway`: the other side's configuration, for exactly this one of ours.

use super::{ConfigFile, Exit, print_problems};
use crate::clock::Moment;
use crate::config::Config;
use crate::site::{Face, Site};
use crate::snippets::{self, Address, Front, Gateway, Header, Setup};
use clap::Args;
use std::io::{self, Write};

pub(super) const HELP: &str = "\
The whole configuration of a gateway that asks this gate, commented, for
exactly this configuration of ours: its addresses, path_prefix, acs_aliases,
listeners and identity headers. The project's tests run each printed text with
the real program, as far as it runs outside a cluster (docs/gateways says
which).

  vestibule gateway          the names
  vestibule gateway nginx --app-address 127.0.0.1:3000 > vestibule.conf
  vestibule gateway caddy --site wiki --app-address wiki=10.0.0.7:8080

Print it anew when the configuration changes. Exit codes: 0 the text is on
standard output, 64 wrong arguments or configuration, or every site has an
upstream: then the gate itself is the reverse proxy, and there is nothing to
ask.";

/// Where applications are unless somebody says.
const APPLICATION: &str = "127.0.0.1:3000";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The gateway; without it the names are listed.
    name: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
    /// Only this site; else all that a gateway can ask about.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// Where the gateway reaches the gate's own pages [default: listen.public]
    #[arg(long, value_name = "HOST:PORT", value_parser = Address::parse)]
    gate_address: Option<Address>,
    /// Where the gateway asks [default: listen.authz]
    #[arg(long, value_name = "HOST:PORT", value_parser = Address::parse)]
    authz_address: Option<Address>,
    /// Where the gateway asks by gRPC [default: listen.grpc]
    #[arg(long, value_name = "HOST:PORT", value_parser = Address::parse)]
    grpc_address: Option<Address>,
    /// Where the application is; of one of several sites as SITE=HOST:PORT, once for each [default: 127.0.0.1:3000]
    #[arg(long, value_name = "[SITE=]HOST:PORT", value_parser = application)]
    app_address: Vec<(Option<String>, Address)>,
    /// Where the gateway listens [default: the port of public_url, of every address]
    #[arg(long, value_name = "HOST:PORT", value_parser = Address::parse)]
    listen: Option<Address>,
    /// TLS ends before the gateway.
    #[arg(long)]
    plain: bool,
    /// The folder of the gateway's certificates, HOST.crt and HOST.key.
    #[arg(long, value_name = "FOLDER", default_value = "/etc/ssl/vestibule", value_parser = plain_path)]
    certificates: String,
    /// Where HAProxy finds its script.
    #[arg(long, value_name = "FILE", default_value = "/etc/haproxy/vestibule.lua", value_parser = plain_path)]
    lua: String,
}

pub(super) fn gateway(
    arguments: &Arguments,
    now: Moment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let Some(name) = &arguments.name else {
        let width = Gateway::ALL.iter().map(|gateway| gateway.name().len()).max().unwrap_or_default();
        for gateway in Gateway::ALL {
            writeln!(out, "{:width$}  {}", gateway.name(), gateway.about())?;
        }
        return Ok(Exit::Ok);
    };
    let Some(gateway) = Gateway::named(name) else {
        writeln!(err, "there is no text for `{name}`; the nearest is `{}`", nearest(name))?;
        writeln!(err, "`vestibule gateway` lists them all")?;
        return Ok(Exit::Usage);
    };
    let config = match arguments.file.load(now) {
        Ok(config) => config,
        Err(problems) => {
            print_problems(err, &problems.0)?;
            return Ok(Exit::Usage);
        }
    };
    match arguments.setup(&config, gateway).and_then(|setup| snippets::print(gateway, &setup)) {
        Ok(text) => {
            write!(out, "{text}")?;
            Ok(Exit::Ok)
        }
        Err(complaint) => {
            writeln!(err, "{complaint}")?;
            Ok(Exit::Usage)
        }
    }
}

fn nearest(name: &str) -> &'static str {
    let distance = |gateway: &Gateway| strsim::damerau_levenshtein(gateway.name(), name);
    Gateway::ALL.into_iter().min_by_key(distance).map_or("", Gateway::name)
}

/// `127.0.0.1:3000` or `wiki=127.0.0.1:3000`.
fn application(text: &str) -> Result<(Option<String>, Address), String> {
    match text.split_once('=') {
        Some((site, address)) => Ok((Some(site.to_owned()), Address::parse(address)?)),
        None => Ok((None, Address::parse(text)?)),
    }
}

/// A path that every configuration language reads as one word.
fn plain_path(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_');
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("only letters, digits, `/`, `.`, `-` and `_`".to_owned())
    }
}

impl Arguments {
    /// What the text depends on, or what is wrong.
    fn setup(&self, config: &Config, gateway: Gateway) -> Result<Setup, String> {
        self.addresses_suit(gateway)?;
        let fronts = self.fronts(config)?;
        if config.listeners.public_tls.is_some() {
            return Err(
                "`tls` is set, and the printed texts speak plain HTTP to the gate: TLS ends at the gateway; \
                        remove `tls`, and keep the gate's listeners where only the gateway reaches them"
                    .to_owned(),
            );
        }
        let gate = self.gate_address.clone().unwrap_or_else(|| Address::of(config.listeners.public));
        let authz = match (&self.authz_address, config.listeners.authz) {
            (Some(address), _) => address.clone(),
            (None, Some(listener)) => Address::of(listener),
            // Its text asks by gRPC alone, and this stands nowhere in it.
            (None, None) if gateway == Gateway::EnvoyGrpc => gate.clone(),
            (None, None) => {
                return Err("listen.authz is off: this gateway asks by HTTP, and has nowhere to".to_owned());
            }
        };
        Ok(Setup {
            fronts,
            gate,
            authz,
            grpc: self.grpc_address.clone().or_else(|| config.listeners.grpc.map(Address::of)),
            secret_header: (!config.gateways.secrets.is_empty())
                .then(|| config.gateways.secret_header.as_str().to_owned()),
            // Base64 and escaping make less than twice as much of a message.
            form_bytes: config.message_limits.max_decoded_bytes.saturating_mul(2),
            listen: self.listen.clone(),
            plain: self.plain,
            certificates: self.certificates.clone(),
            lua: self.lua.clone(),
        })
    }

    fn fronts(&self, config: &Config) -> Result<Vec<Front>, String> {
        let named = |site: &Site| self.site.as_deref().is_none_or(|name| name == whole(site));
        let mut fronts: Vec<Front> = Vec::new();
        let mut forwarding = Vec::new();
        for site in config.sites.iter().filter(|site| named(site)) {
            if matches!(site.face, Face::Proxy(_)) {
                forwarding.push(whole(site));
                continue;
            }
            match fronts.iter_mut().find(|front| front.name == whole(site)) {
                Some(front) => front.addresses.push(site.public_url.clone()),
                None => fronts.push(self.front(site, &fronts)?),
            }
        }
        self.application_addresses(&fronts)?;
        let applications = fronts.iter().any(|front| front.application.is_some());
        match (&self.site, applications) {
            (Some(name), _) if fronts.is_empty() && forwarding.is_empty() => {
                let mut names: Vec<&str> = config.sites.iter().map(whole).collect();
                names.dedup();
                Err(format!("there is no site `{name}`; there is: {}", names.join(", ")))
            }
            (_, false) => Err(format!(
                "{} has an upstream: the gate itself is its reverse proxy, and a gateway before it only passes on \
                 (Host, and X-Forwarded-For from an address in trusted_proxies); a text is printed for a site with \
                 forward_auth: true",
                if forwarding.is_empty() { "every site".to_owned() } else { forwarding.join(", ") }
            )),
            (_, true) => Ok(fronts),
        }
    }

    /// Texts for Kubernetes name Services: of another address they would take the port and name a Service that nobody said.
    fn addresses_suit(&self, gateway: Gateway) -> Result<(), String> {
        let in_cluster = matches!(
            gateway,
            Gateway::IngressNginx | Gateway::GatewayApi | Gateway::EnvoyGateway | Gateway::Istio
        );
        let of_gate = [("--gate-address", &self.gate_address), ("--authz-address", &self.authz_address)];
        let of_gate = of_gate.into_iter().filter_map(|(flag, address)| Some((flag, address.as_ref()?)));
        let of_applications = self.app_address.iter().map(|(_, address)| ("--app-address", address));
        match of_gate.chain(of_applications).find(|(_, address)| !address.is_of_a_service()) {
            Some((flag, address)) if in_cluster => Err(format!(
                "{flag}: in a cluster an address is SERVICE.NAMESPACE:PORT, such as app.default:3000, and not {address}"
            )),
            _ => Ok(()),
        }
    }

    /// An address that no site takes is a slip, and the text would lead to another application without a word.
    fn application_addresses(&self, fronts: &[Front]) -> Result<(), String> {
        let names: Vec<&str> = fronts
            .iter()
            .filter(|front| front.application.is_some())
            .map(|front| front.name.as_str())
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        for (position, (site, _)) in self.app_address.iter().enumerate() {
            if let Some(site) = site.as_deref().filter(|site| !names.contains(site)) {
                return Err(format!(
                    "--app-address: nothing is printed for `{site}`, but for {}",
                    names.join(", ")
                ));
            }
            if self.app_address[..position].iter().any(|(earlier, _)| earlier == site) {
                let whose = site.as_deref().unwrap_or("all that are not named");
                return Err(format!(
                    "--app-address: there are two addresses for {whose}; write SITE=HOST:PORT"
                ));
            }
        }
        Ok(())
    }

    /// What stands before it is told apart from it by another name.
    fn front(&self, site: &Site, others: &[Front]) -> Result<Front, String> {
        let name = whole(site).to_owned();
        let of = |wanted: Option<&str>| {
            self.app_address.iter().find(|(site, _)| site.as_deref() == wanted).map(|(_, at)| at.clone())
        };
        let application = match site.face {
            Face::SignOn => None,
            _ => match of(Some(&name)).or_else(|| of(None)) {
                Some(address) => Some(address),
                None => Some(Address::parse(APPLICATION)?),
            },
        };
        let headers = match application {
            Some(_) => site.headers.names().map(|name| Header::new(name.as_str())).collect(),
            None => Vec::new(),
        };
        let mut slug: String = name
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' })
            .collect();
        if others.iter().any(|other| other.slug == slug) {
            slug = format!("{slug}_{}", others.len() + 1);
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let label = match () {
            () if name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(plain) => {
                name.clone()
            }
            () if others.is_empty() => "app".to_owned(),
            () => format!("app-{}", others.len() + 1),
        };
        Ok(Front {
            slug,
            label,
            name,
            addresses: vec![site.public_url.clone()],
            prefix: site.path_prefix.clone(),
            own_paths: site.further_own_paths(),
            headers,
            header_budget: site.headers.budget(),
            application,
        })
    }
}

/// The name of the site; of a tenant, that of the site that it belongs to.
fn whole(site: &Site) -> &str {
    if site.organization.is_some() { &site.audience } else { &site.name }
}
