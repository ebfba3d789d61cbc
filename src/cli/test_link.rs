//! `vestibule test-link`: a link with which somebody can try an identity provider.

use super::{ConfigFile, Exit, print_problems};
use crate::clock::Moment;
use crate::config::{Config, nearest_word};
use crate::site::{Idp, Site, Status};
use crate::test_link;
use clap::Args;
use std::io::{self, Write};
use std::time::Duration;

pub(super) const HELP: &str = "\
Whoever opens the link sees what the identity provider will be asked, signs in
there, and sees everything that came of it: what was sent, what every rule
said, who it would be, with which roles, and which headers the application
would have got. Nobody is signed in by it. It works for an identity provider
with `status: staged`, which nobody else can use yet, and for a live one.

  vestibule test-link --idp corp
  vestibule test-link --idp corp --site wiki.example.com --for 2h

The link is sealed with session.secret: give the configuration that the gate
runs with. Whoever has the link can use it until it is over, so send it as you
would send a password.

Exit codes: 0 the link is on standard output, 64 wrong arguments or
configuration.";

/// Long enough to be sent to a colleague, short enough to be forgotten in a chat.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const SHORTEST: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The identity provider, by its id.
    #[arg(long, value_name = "ID")]
    idp: String,
    /// The site, by its name; needed where several admit the identity provider.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// How long the link is good: from 1m to 24h.
    #[arg(long = "for", value_name = "TIME", default_value = "30m", value_parser = lifetime)]
    lifetime: Duration,
}

pub(super) fn test_link(
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
    let (site, idp) = match arguments.chosen(&config) {
        Ok(chosen) => chosen,
        Err(complaint) => {
            writeln!(err, "{complaint}")?;
            return Ok(Exit::Usage);
        }
    };
    let until = now.plus(arguments.lifetime);
    writeln!(out, "{}", test_link::address(site, idp, until, &config.keys))?;
    writeln!(
        err,
        "lets whoever has it try {} at {} until {until}; nobody is signed in by it",
        idp.id, site.name
    )?;
    Ok(Exit::Ok)
}

impl Arguments {
    /// The site and the identity provider, or what is wrong with them.
    fn chosen<'c>(&self, config: &'c Config) -> Result<(&'c Site, &'c Idp), String> {
        if config.keys_are_ephemeral {
            return Err("a test link needs a secret that the running gate has too, and none is set: the gate makes one \
                        up at each start\nset session.secret_file (`openssl rand -base64 32` makes a secret), and \
                        reload the gate with it"
                .to_owned());
        }
        let names =
            |sites: &[&Site]| sites.iter().map(|site| site.name.as_str()).collect::<Vec<_>>().join(", ");
        // Sites of one name are one site under several addresses, the first of which is its own.
        let mut all: Vec<&Site> = Vec::new();
        // A site that signs on elsewhere is tried there.
        for site in config.sites.iter().filter(|site| site.sign_on.is_none()) {
            if !all.iter().any(|known| known.name == site.name) {
                all.push(site);
            }
        }
        let named: Vec<&Site> = all
            .iter()
            .filter(|site| self.site.as_ref().is_none_or(|wish| *wish == site.name))
            .copied()
            .collect();
        if named.is_empty() {
            let wish = self.site.as_deref().unwrap_or_default();
            let elsewhere = config.sites.iter().find(|site| site.name == wish).and_then(|site| site.sign_on);
            if let Some(host) = elsewhere.and_then(|key| all.iter().find(|host| host.key == key)) {
                return Err(format!("{wish} signs on at {0}, and is tried there: say --site {0}", host.name));
            }
            // By name, those too that are tried elsewhere: somebody who knows the application thinks of its name.
            let (mut known, mut listed): (Vec<&str>, Vec<String>) = (Vec::new(), Vec::new());
            for site in config.sites.iter().filter(|site| site.is_canonical()) {
                let host = site.sign_on.and_then(|key| all.iter().find(|host| host.key == key));
                known.push(&site.name);
                listed.push(match host {
                    Some(host) => format!("{} (tried at {})", site.name, host.name),
                    None => site.name.clone(),
                });
            }
            return Err(unknown("site", wish, &known, &listed.join(", ")));
        }
        let of = |site: &'c Site| site.identity_providers.iter().find(|idp| idp.id == self.idp);
        let admitting: Vec<&Site> = named.iter().filter(|site| of(site).is_some()).copied().collect();
        let (site, idp) = match admitting.as_slice() {
            [] => {
                let mut ids: Vec<&str> = named
                    .iter()
                    .flat_map(|site| &site.identity_providers)
                    .map(|idp| idp.id.as_str())
                    .collect();
                ids.sort_unstable();
                ids.dedup();
                return Err(unknown("identity provider", &self.idp, &ids, &ids.join(", ")));
            }
            [only] => of(only).map(|idp| (*only, &**idp)).ok_or("the identity provider is gone")?,
            several => {
                return Err(format!(
                    "several sites admit {}: say --site, one of {}",
                    self.idp,
                    names(several)
                ));
            }
        };
        if idp.status == Status::Retired {
            return Err(format!("{} has `status: retired`: it cannot be tried", idp.id));
        }
        Ok((site, idp))
    }
}

fn unknown(what: &str, wish: &str, known: &[&str], listed: &str) -> String {
    match nearest_word(wish, known.iter().copied()) {
        Some(near) => format!("there is no {what} `{wish}`: did you mean `{near}`? There is: {listed}"),
        None => format!("there is no {what} `{wish}`; there is: {listed}"),
    }
}

/// `90s`, `30m`, `2h`.
fn lifetime(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time from 1m to 24h; write 30m or 2h");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let lifetime = number.parse::<u32>().map_err(|_| wrong()).map(|number| u64::from(number) * seconds)?;
    let lifetime = Duration::from_secs(lifetime);
    if (SHORTEST..=LONGEST).contains(&lifetime) { Ok(lifetime) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lasts_from_a_minute_to_a_day() {
        for (text, seconds) in [("30m", 1800), ("1m", 60), ("60s", 60), ("24h", 86_400), ("2h", 7200)] {
            assert_eq!(lifetime(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "m", "30", "59s", "25h", "1441m", "-5m", "1d", "1.5h", "9999999999h", "５m", "30 m"]
        {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }
}
