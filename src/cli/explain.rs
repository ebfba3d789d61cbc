//! `vestibule explain`: which rule refuses a message, and what to change where. Reads one file and the configuration;
//! opens no port and fetches nothing.

use super::{ConfigFile, Exit, print_problems};
use crate::clock::Moment;
use crate::config::Config;
use crate::explain::{self, LogoutDemand, Options, Party, Report, Request};
use crate::federation::Watch;
use crate::saml::logout::Carries;
use crate::saml::parties::{IdentityProvider, Limits};
use crate::site::{Face, Idp, Site};
use clap::Args;
use std::io::{self, Read as _, Write};
use std::path::PathBuf;
use std::sync::Arc;

pub(super) const HELP: &str = "\
What may be in FILE (`-` is standard input):
  a recording of the whole sign-in, which tells most
      (developer tools, Network, Preserve log, save all as HAR)
  the value of SAMLResponse or SAMLRequest, a form body, a whole address,
  a curl command, a page that posts itself, or XML

  vestibule explain recording.har
  pbpaste | vestibule explain -                  what was copied
  vestibule explain response.xml --request-id _5f0c --at 2026-01-15T12:00:00Z
  vestibule explain response.b64 --show-values   with names and values
  vestibule explain response.b64 --json | jq '.messages[].verdict'

A message is judged by its own time (when the browser posted it, or when it was
issued) unless --at says otherwise; how it would be judged now is said too.
Which request it answers is known from a recording or from --request-id;
without both, those rules are marked `?`. What the gate alone knows (cookies,
what was answered before) is marked so as well.

Names, addresses and attribute values are not shown unless you ask for them:
the output can be passed on. The input cannot: whoever has a fresh SAMLResponse
may be able to sign in with it.

Exit codes: 0 every rule is passed, 1 some rule refuses, 64 wrong arguments or
configuration (the message is decoded all the same), 65 there is no SAML
message in the input.";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The file with the message; `-` reads standard input.
    #[arg(value_name = "FILE|-")]
    input: PathBuf,
    #[command(flatten)]
    file: ConfigFile,
    /// The site, by its name; otherwise the one that suits the message.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// The identity provider, by its id; otherwise the one that suits the message.
    #[arg(long, value_name = "ID")]
    idp: Option<String>,
    /// Judge at this time (2026-01-15T12:00:00Z) instead of the message's own.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Moment>,
    /// The ID of the request that the message must answer.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// When that request was issued.
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "request_id")]
    requested_at: Option<Moment>,
    /// Judge a response as one that nobody asked for, even if it names a request.
    #[arg(long, conflicts_with = "request_id")]
    unsolicited: bool,
    /// Show names, addresses and attribute values.
    #[arg(long)]
    show_values: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn explain(
    arguments: &Arguments,
    now: Moment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let input = match arguments.read() {
        Ok(input) => input,
        Err(error) => {
            writeln!(err, "{} cannot be read: {error}", arguments.input.display())?;
            return Ok(Exit::Usage);
        }
    };
    let config = arguments.file.load(now);
    if let Err(problems) = &config {
        print_problems(err, &problems.0)?;
    }
    let mut config = config.ok();
    // What a running gate has kept of metadata that is read again; nothing is fetched.
    config.iter_mut().flat_map(|config| &mut config.watches).for_each(Watch::recall);
    let pairs = match config.as_ref().map(|config| arguments.pairs(config)).transpose() {
        Ok(pairs) => pairs.unwrap_or_default(),
        Err(complaint) => {
            writeln!(err, "{complaint}")?;
            return Ok(Exit::Usage);
        }
    };
    let parties: Vec<_> = pairs.iter().map(Pair::party).collect();
    let limits = config.as_ref().map_or_else(Limits::default, |config| config.message_limits);
    let second_opinion = config.as_ref().and_then(|config| config.second_opinion);
    let options = Options { second_opinion, ..arguments.options() };
    let report = match explain::explain(&input, &parties, &limits, &options, now) {
        Ok(report) => report,
        Err(unreadable) => {
            writeln!(err, "{unreadable}")?;
            return Ok(Exit::Unreadable);
        }
    };
    print(out, &report, arguments.json)?;
    Ok(match config {
        None => Exit::Usage,
        Some(_) if report.refuses() => Exit::No,
        Some(_) => Exit::Ok,
    })
}

fn print(out: &mut dyn Write, report: &Report, json: bool) -> io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, report)?;
        writeln!(out)
    } else {
        explain::render(out, report)
    }
}

impl Arguments {
    fn read(&self) -> io::Result<Vec<u8>> {
        if self.input.as_os_str() == "-" {
            let mut input = Vec::new();
            io::stdin().lock().read_to_end(&mut input)?;
            return Ok(input);
        }
        std::fs::read(&self.input)
    }

    fn options(&self) -> Options {
        let request = self.request_id.as_ref().map(|id| Request {
            id: id.clone(),
            issued: self.requested_at,
            destination: None,
            acs_url: None,
        });
        Options {
            at: self.at,
            request,
            unsolicited: self.unsolicited,
            show_values: self.show_values,
            ..Options::default()
        }
    }

    /// Every pair of a site and one of its identity providers that the arguments admit and of which anything is known.
    fn pairs<'c>(&self, config: &'c Config) -> Result<Vec<Pair<'c>>, String> {
        let wanted = |name: &str, wish: &Option<String>| wish.as_deref().is_none_or(|wish| wish == name);
        // Messages for a site that signs on elsewhere are the sign-on host's; what the site makes of them is told when it is
        // asked for by name.
        let speaks = |site: &&Site| site.sign_on.is_none() || self.site.is_some();
        let all = || config.sites.iter().filter(|site| site.is_canonical()).filter(speaks);
        let sites: Vec<&Site> = all().filter(|site| wanted(&site.name, &self.site)).collect();
        if sites.is_empty() {
            let names: Vec<_> = all().map(|site| site.name.as_str()).collect();
            let name = self.site.as_deref().unwrap_or_default();
            return Err(format!("there is no site `{name}`; there is: {}", names.join(", ")));
        }
        let all =
            sites.iter().flat_map(|&site| site.identity_providers.iter().map(move |idp| (site, &**idp)));
        let chosen: Vec<_> = all.filter(|(_, idp)| wanted(&idp.id, &self.idp)).collect();
        if chosen.is_empty() {
            let ids: Vec<_> =
                sites.iter().flat_map(|site| &site.identity_providers).map(|idp| idp.id.as_str()).collect();
            let id = self.idp.as_deref().unwrap_or_default();
            return Err(format!("there is no identity provider `{id}`; there is: {}", ids.join(", ")));
        }
        let host = |site: &'c Site| {
            let of = |host: &&Site| Some(host.key) == site.sign_on && matches!(host.face, Face::SignOn);
            config.sites.iter().find(of).unwrap_or(site)
        };
        let known =
            |(site, idp): &(&'c Site, &'c Idp)| Some(Pair { site, at: host(site), idp, saml: idp.known()? });
        let pairs: Vec<_> = chosen.iter().filter_map(known).collect();
        if pairs.is_empty() {
            let ids: Vec<_> = chosen.iter().map(|(_, idp)| idp.id.as_str()).collect();
            return Err(format!(
                "nothing is known yet of {}: its metadata is fetched by the gate, which keeps it in state_dir",
                ids.join(", ")
            ));
        }
        Ok(pairs)
    }
}

/// A site and one of its identity providers, as its metadata describes it now.
struct Pair<'c> {
    site: &'c Site,
    /// Where its messages go: itself, or its sign-on host.
    at: &'c Site,
    idp: &'c Idp,
    saml: Arc<IdentityProvider>,
}

impl Pair<'_> {
    fn party(&self) -> Party<'_> {
        let Self { site, at, idp, saml } = self;
        let of_idp = format!("{}{}/saml/acs/{}", at.public_url.origin(), at.path_prefix, idp.id);
        Party {
            site: &site.name,
            idp: &idp.id,
            service_provider: &site.service_provider,
            acs_urls: site.service_provider.acs_urls().map(str::to_owned).chain([of_idp]).collect(),
            slo_url: site.service_provider.slo_url.clone(),
            logout: LogoutDemand {
                taken: idp.logout.single_logout,
                signed_requests: idp.logout.demands_signature(Carries::Request),
                signed_responses: idp.logout.demands_signature(Carries::Response),
            },
            identity_provider: saml,
            policy: &at.policy,
            mapping: &site.mapping,
            demand: &idp.demand,
            allow_unsolicited: idp.allow_unsolicited,
            email_domains: idp.email_domains.as_deref(),
            site_domains: site.email_domains.as_deref(),
            admission: (!matches!(site.face, Face::SignOn)).then_some(&site.admission),
        }
    }
}

/// RFC 3339, in any zone.
fn moment(text: &str) -> Result<Moment, String> {
    let at: jiff::Timestamp =
        text.parse().map_err(|_| "a time looks like 2026-01-15T12:00:00Z".to_owned())?;
    Ok(Moment::from_millis(at.as_millisecond()))
}
