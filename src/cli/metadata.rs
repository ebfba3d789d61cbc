//! `vestibule metadata`: what the identity provider wants to know of us; and, below it, what theirs says.

use super::{ConfigFile, Exit, changes, print_problems, print_warnings, summary};
use crate::clock::Moment;
use crate::config::{OwnSide, SigningOn};
use crate::saml::metadata::write_service_provider;
use crate::saml::parties::SigningKey;
use clap::{Args, Subcommand};
use std::io::{self, Write};
use std::path::PathBuf;

pub(super) const HELP: &str = "\
What to enter at the identity provider, and what changes there:

  vestibule metadata > vestibule.xml     a file to upload there
  vestibule metadata --values            the same as values to paste
  vestibule metadata diff                what they say now, against what runs
  vestibule metadata apply --idp ID      agree to a change that is held

It needs public_url alone (and path_prefix and service_provider, where they are
set), so it works before the identity provider's own metadata is there;
whatever else is wrong is told as a warning. A running gate serves the same
document at /vestibule/saml/metadata.";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    theirs: Option<Theirs>,
    #[command(flatten)]
    file: ConfigFile,
    /// The site, by its name; needed where there are several. Without `sites`, the name is the host of public_url.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// Print the values to paste instead of XML.
    #[arg(long)]
    values: bool,
}

/// About the metadata of identity providers.
#[derive(Debug, Subcommand)]
enum Theirs {
    /// Compare what runs with what the identity providers say now.
    #[command(after_help = changes::DIFF_HELP)]
    Diff(changes::DiffArguments),
    /// Agree to a change that is held.
    #[command(after_help = changes::APPLY_HELP)]
    Apply(changes::ApplyArguments),
}

pub(super) fn metadata(
    arguments: &Arguments,
    now: Moment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    match &arguments.theirs {
        Some(Theirs::Diff(arguments)) => return changes::diff(arguments, now, out, err),
        Some(Theirs::Apply(arguments)) => return changes::apply(arguments, now, out, err),
        None => {}
    }
    let ourselves = match arguments.file.load_ourselves(now) {
        Ok(ourselves) => ourselves,
        Err(problems) => {
            print_problems(err, &problems.0)?;
            return Ok(Exit::Usage);
        }
    };
    let named = arguments.site.as_deref();
    let elsewhere = ourselves.signing_on.iter().find(|elsewhere| named == Some(&elsewhere.site));
    let host = elsewhere.map(|elsewhere| elsewhere.host.as_str());
    if let (Some(site), Some(host)) = (named, host) {
        writeln!(err, "{site} signs on at {host}, which is the service provider:\n")?;
    }
    let side = match wanted(&ourselves.sites, host.or(named)) {
        Ok(side) => side,
        Err(complaint) => {
            writeln!(err, "{complaint}")?;
            return Ok(Exit::Usage);
        }
    };
    print_warnings(err, &ourselves.warnings)?;
    if !ourselves.problems.is_empty() {
        print_warnings(err, &ourselves.problems)?;
        writeln!(
            err,
            "These do not change what follows; the gate itself starts once `vestibule check` is content.\n"
        )?;
    }
    if arguments.values {
        let users = ourselves.signing_on.iter().filter(|user| user.host == side.name);
        print_values(out, side, &users.collect::<Vec<_>>())?;
    } else {
        writeln!(out, "{}", write_service_provider(&side.service_provider).trim_end())?;
    }
    Ok(Exit::Ok)
}

/// The site of that name; without a name, the only one there is.
fn wanted<'s>(sites: &'s [OwnSide], name: Option<&str>) -> Result<&'s OwnSide, String> {
    let names = || sites.iter().map(|site| site.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, sites) {
        (None, [only]) => Ok(only),
        (None, _) => Err(format!("say which site is meant, with --site; there are: {}", names())),
        (Some(name), _) => sites
            .iter()
            .find(|site| site.name == name)
            .ok_or_else(|| format!("there is no site `{name}`; there is: {}", names())),
    }
}

/// The words are those that most identity providers' forms use, with other names for the same beside them.
///
/// `users`: the sites that sign on here, where it is a sign-on host.
fn print_values(out: &mut dyn Write, ourselves: &OwnSide, users: &[&SigningOn]) -> io::Result<()> {
    let OwnSide { public_url, path_prefix, service_provider: sp, .. } = ourselves;
    let metadata = format!("{}{path_prefix}/saml/metadata", public_url.origin());
    // Without a key of ours there is none, and our metadata says so too.
    let single_logout = match sp.signing_keys.is_empty() {
        true => "none: it needs service_provider.private_key_file".to_owned(),
        false => sp.slo_url.clone(),
    };
    let mut rows: Vec<(String, String)> = vec![
        ("Entity ID (identifier, audience)".to_owned(), sp.entity_id.0.clone()),
        ("ACS URL (reply URL, single sign-on URL)".to_owned(), sp.acs_url.clone()),
    ];
    rows.extend(sp.further_acs_urls.iter().map(|url| ("Further ACS URL".to_owned(), url.clone())));
    rows.extend([("Single logout URL (Redirect and POST)".to_owned(), single_logout)]);
    rows.extend(match users {
        [] => sign_in_addresses(ourselves),
        users => users.iter().filter_map(|user| tile_of(user)).collect(),
    });
    rows.extend([
        ("Metadata URL".to_owned(), metadata),
        ("NameID format".to_owned(), "persistent or e-mail address; not transient".to_owned()),
        ("Sign".to_owned(), "the assertion, the response or both, with SHA-256 or better".to_owned()),
    ]);
    rows.extend(certificates(ourselves));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter().try_for_each(|(name, value)| writeln!(out, "{name:<width$}  {value}"))
}

/// What to paste into a tile or a bookmark: a sign-in that begins here, and asks nobody which provider is meant.
fn sign_in_addresses(ourselves: &OwnSide) -> Vec<(String, String)> {
    let address = summary::sign_in_url(&ourselves.public_url, &ourselves.path_prefix);
    let at = |id: &String| format!("{address}?idp={id}");
    match ourselves.identity_providers.as_slice() {
        [] => vec![("Sign-in address (for a tile)".to_owned(), address)],
        [only] => vec![("Sign-in address (for a tile)".to_owned(), at(only))],
        several => {
            several.iter().map(|id| (format!("Sign-in address (for a tile at {id})"), at(id))).collect()
        }
    }
}

/// The same for a site that signs on here: it begins there.
fn tile_of(user: &SigningOn) -> Option<(String, String)> {
    Some((format!("Sign-in address (for a tile of {})", user.site), user.sign_in.clone()?))
}

/// Our requests are signed: the identity provider wants to know by whom, and may encrypt for the same key.
fn certificates(ourselves: &OwnSide) -> Vec<(String, String)> {
    let keys = &ourselves.service_provider.signing_keys;
    let row = |(position, (file, key)): (usize, (&PathBuf, &SigningKey))| {
        // The first signs; the others are published, for the days on which keys change.
        let which = match position {
            _ if keys.len() == 1 => "Certificate",
            0 => "Certificate that signs now",
            _ => "Other certificate",
        };
        let purpose = if key.decrypts() { "verification and encryption" } else { "verification" };
        (format!("{which} ({purpose})"), file.display().to_string())
    };
    ourselves.certificate_files.iter().zip(keys).enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_seconds(1_767_225_600);

    fn run(yaml: &str, values: bool, site: Option<&str>) -> (Exit, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yaml");
        std::fs::write(&config, yaml).unwrap();
        let site = site.map(str::to_owned);
        let arguments = Arguments { theirs: None, file: ConfigFile { config }, site, values };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = metadata(&arguments, NOW, &mut out, &mut err).unwrap();
        (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn the_identity_providers_metadata_may_still_be_missing() {
        let yaml = "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\n\
                    identity_providers:\n  - {id: corp, metadata_file: not-there.xml}\n";
        let (exit, out, err) = run(yaml, true, None);
        assert_eq!(exit, Exit::Ok, "{err}");
        assert!(out.contains("  https://app.example.com/vestibule/saml/acs\n"), "{out}");
        assert!(err.contains("warning") && err.contains("identity_providers[0].metadata_file"), "{err}");
        assert!(!out.contains("ertificate"), "{out}");
        let addresses: Vec<&str> = out.lines().filter(|line| line.starts_with("Sign-in address")).collect();
        assert_eq!(addresses.len(), 1, "{out}");
        assert!(addresses[0].ends_with("  https://app.example.com/vestibule/sign-in?idp=corp"), "{out}");
        let (exit, out, err) = run("public_url: https://app.example.com\npath_prefix: /sso\n", false, None);
        assert_eq!(exit, Exit::Ok, "{err}");
        assert!(out.contains("Location=\"https://app.example.com/sso/saml/acs\""), "{out}");
        assert!(err.contains("upstream"), "{err}");
    }

    #[test]
    fn what_is_wrong_with_ourselves_is_an_error_and_the_rest_is_not_listed() {
        for yaml in [
            "upstream: http://127.0.0.1:3000\n",
            "public_url: app.example.com\n",
            "public_url: https://a.example\npath_prefix: nowhere\n",
            "public_url: https://a.example\nservice_provider: {private_key_file: none.pem, certificate_file: none.pem}\n",
            "public_url: [\n",
        ] {
            let (exit, out, err) = run(yaml, true, None);
            assert_eq!(exit, Exit::Usage, "{yaml}");
            assert_eq!(out, "");
            assert!(err.contains("error") && !err.contains("identity_providers"), "{err}");
        }
    }

    #[test]
    fn each_of_several_identity_providers_has_its_sign_in_address() {
        let yaml = "public_url: https://app.example.com\nidentity_providers:\n  \
                    - {id: corp, metadata_file: not-there.xml}\n  - {id: club, metadata_file: not-there.xml}\n";
        let (exit, out, err) = run(yaml, true, None);
        assert_eq!(exit, Exit::Ok, "{err}");
        for id in ["corp", "club"] {
            let row =
                out.lines().find(|line| line.starts_with(&format!("Sign-in address (for a tile at {id})")));
            let address = format!("  https://app.example.com/vestibule/sign-in?idp={id}");
            assert!(row.is_some_and(|row| row.ends_with(&address)), "{out}");
        }
    }

    #[test]
    fn a_certificate_is_named_with_what_it_is_for() {
        let root = env!("CARGO_MANIFEST_DIR");
        for (key, certificate, name) in [
            ("tests/config/files/sp-key.pem", "tests/config/files/sp.pem", "Certificate (verification)  "),
            (
                "src/saml/fixtures/rsa2048.key.pem",
                "src/saml/fixtures/rsa2048.crt.pem",
                "Certificate (verification and encryption)  ",
            ),
        ] {
            let yaml = format!(
                "public_url: https://app.example.com\nservice_provider:\n  private_key_file: {root}/{key}\n  \
                 certificate_file: {root}/{certificate}\n"
            );
            let (exit, out, err) = run(&yaml, true, None);
            assert_eq!(exit, Exit::Ok, "{err}");
            let row = out.lines().find(|line| line.starts_with(name));
            assert!(row.is_some_and(|row| row.ends_with(certificate)), "{out}");
        }
    }

    #[test]
    fn while_keys_change_it_is_told_which_certificate_signs_now() {
        let files = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/files");
        let yaml = format!(
            "public_url: https://app.example.com\nservice_provider:\n  \
             private_key_file: [{files}/sp-key.pem, {files}/sp-next-key.pem]\n  \
             certificate_file: [{files}/sp.pem, {files}/sp-next.pem]\n"
        );
        let (exit, out, err) = run(&yaml, true, None);
        assert_eq!(exit, Exit::Ok, "{err}");
        for (name, file) in [
            ("Certificate that signs now (verification)", "/sp.pem"),
            ("Other certificate (", "/sp-next.pem"),
        ] {
            let row = out.lines().find(|line| line.starts_with(name));
            assert!(row.is_some_and(|row| row.ends_with(file)), "{out}");
        }
    }

    #[test]
    fn of_several_sites_one_must_be_named() {
        let yaml = "sites:\n  - {name: wiki, public_url: https://wiki.example.com}\n  - name: app\n    \
                    public_url: https://*.app.example.com\n    tenants: [{name: acme}]\n";
        let (exit, out, err) = run(yaml, false, None);
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""));
        assert!(err.contains("say which site is meant, with --site; there are: wiki, app/acme"), "{err}");
        for (name, url) in
            [("wiki", "https://wiki.example.com"), ("app/acme", "https://acme.app.example.com")]
        {
            let (exit, out, err) = run(yaml, false, Some(name));
            assert_eq!(exit, Exit::Ok, "{err}");
            assert!(out.contains(&format!("entityID=\"{url}/vestibule/saml/metadata\"")), "{out}");
            assert_eq!(out.matches("example.com").count(), 2, "{out}");
        }
        let (exit, _, err) = run(yaml, true, Some("app"));
        assert_eq!(exit, Exit::Usage);
        assert!(err.contains("there is no site `app`; there is: wiki, app/acme"), "{err}");
    }

    #[test]
    fn every_address_that_takes_answers_is_among_the_values() {
        let yaml = "public_url: https://app.example.com\nacs_aliases: [/mellon/postResponse]\n";
        let (exit, out, err) = run(yaml, true, None);
        assert_eq!(exit, Exit::Ok, "{err}");
        assert!(out.contains("  https://app.example.com/mellon/postResponse\n"), "{out}");
        assert!(out.contains("  https://app.example.com/vestibule/saml/acs\n"), "{out}");
    }

    #[test]
    fn a_sign_on_host_speaks_for_its_sites() {
        let yaml = "sign_on: [{name: hall, public_url: https://auth.example.com}]\nsites:\n  \
                    - {name: wiki, public_url: https://wiki.example.com, sign_on: hall}\n";
        for (site, note) in [(None, ""), (Some("hall"), ""), (Some("wiki"), "wiki signs on at hall")] {
            let (exit, out, err) = run(yaml, true, site);
            assert_eq!(exit, Exit::Ok, "{err}");
            assert!(out.contains("  https://auth.example.com/vestibule/saml/acs\n"), "{out}");
            assert!(err.contains(note), "{err}");
            let tile = out.lines().find(|line| line.starts_with("Sign-in address (for a tile of wiki)"));
            assert!(
                tile.is_some_and(|tile| tile.ends_with("  https://wiki.example.com/vestibule/sign-in")),
                "{out}"
            );
        }
    }

    #[test]
    fn the_site_is_known_by_its_host() {
        let yaml = "public_url: https://app.example.com\n";
        assert_eq!(run(yaml, true, Some("app.example.com")).0, Exit::Ok);
        let (exit, _, err) = run(yaml, true, Some("other"));
        assert_eq!(exit, Exit::Usage);
        assert!(err.contains("there is no site `other`; there is: app.example.com"), "{err}");
    }
}
