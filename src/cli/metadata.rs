//! `vestibule metadata`: what the identity provider wants to know of us.

use super::{ConfigFile, Exit, print_problems, summary};
use crate::clock::Moment;
use crate::saml::metadata::write_service_provider;
use crate::site::Site;
use clap::Args;
use std::io::{self, Write};

pub(super) const HELP: &str = "\
  vestibule metadata > vestibule.xml     a file to upload at the identity provider
  vestibule metadata --values            the same as values to paste

A running gate serves the same document at /vestibule/saml/metadata.";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The site, when the configuration has several.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// Print the values to paste instead of XML.
    #[arg(long)]
    values: bool,
}

pub(super) fn metadata(
    arguments: &Arguments,
    now: Moment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let config = match arguments.file.load(now) {
        Ok(config) => config,
        Err(problems) => {
            print_problems(err, &problems.0)?;
            return Ok(Exit::Usage);
        }
    };
    let site = match choose(&config.sites, arguments.site.as_deref()) {
        Ok(site) => site,
        Err(complaint) => {
            writeln!(err, "{complaint}")?;
            return Ok(Exit::Usage);
        }
    };
    if arguments.values {
        print_values(out, site)?;
    } else {
        writeln!(out, "{}", write_service_provider(&site.service_provider).trim_end())?;
    }
    Ok(Exit::Ok)
}

fn choose<'a>(sites: &'a [Site], name: Option<&str>) -> Result<&'a Site, String> {
    let found = match (name, sites) {
        (Some(name), _) => sites.iter().find(|site| site.name == name),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    found.ok_or_else(|| {
        let names: Vec<_> = sites.iter().map(|site| site.name.as_str()).collect();
        match name {
            Some(name) => format!("there is no site `{name}`; there is: {}", names.join(", ")),
            None => format!("say which site with --site: {}", names.join(", ")),
        }
    })
}

/// The words are those that most identity providers' forms use, with other names for the same beside them.
fn print_values(out: &mut dyn Write, site: &Site) -> io::Result<()> {
    let sp = &site.service_provider;
    let metadata = format!("{}{}/saml/metadata", site.public_url.origin(), site.path_prefix);
    let rows = [
        ("Entity ID (identifier, audience)", sp.entity_id.0.as_str()),
        ("ACS URL (reply URL, single sign-on URL)", sp.acs_url.as_str()),
        ("Sign-in URL (for a tile)", &summary::sign_in_url(site)),
        ("Metadata URL", &metadata),
        ("NameID format", "persistent or e-mail address; not transient"),
        ("Sign", "the assertion, the response or both, with SHA-256 or better"),
    ];
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter().try_for_each(|(name, value)| writeln!(out, "{name:<width$}  {value}"))
}
