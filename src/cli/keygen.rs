//! `vestibule keygen`: the keys and secrets that a configuration can name, each in a file that only its owner reads.

use super::Exit;
use crate::clock::Moment;
use crate::secret::Secret;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const HELP: &str = "\
Makes five files and touches none that exists:

  sp-key.pem, sp-cert.pem   sign our requests and open what is encrypted for
                            us; the identity provider gets the certificate
  jwt-key.pem               signs the identity JWT (ES256), so that it survives
                            a restart
  session-secret            seals cookies: a sign-in that a restart interrupts
                            keeps the page that it was for
  state-key                 seals what state_dir keeps over a restart: sessions,
                            and the last good metadata of identity providers

and prints the lines of the configuration that name them.";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Nobody checks the end of a service provider's certificate but some IdPs, and they stop sign-ins when it comes.
const VALID_DAYS: u32 = 3650;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder to write to; made when missing.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    out: PathBuf,
    /// The name in the certificate; nobody checks it.
    #[arg(long, value_name = "NAME", default_value = "vestibule")]
    name: String,
    /// Make the signing key P-256 instead of RSA-3072; not every identity provider takes it, and it opens nothing that
    /// is encrypted.
    #[arg(long)]
    ecdsa: bool,
}

pub(super) fn keygen(
    arguments: &Arguments,
    now: Moment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let files = match make(&arguments.name, arguments.ecdsa, now) {
        Ok(files) => files,
        Err(complaint) => {
            writeln!(err, "the keys could not be made: {complaint}")?;
            return Ok(Exit::Internal);
        }
    };
    if let Err(complaint) = write_all(&arguments.out, &files) {
        writeln!(err, "{complaint}")?;
        return Ok(Exit::CannotCreate);
    }
    print_configuration(out, &arguments.out)?;
    Ok(Exit::Ok)
}

struct File {
    name: &'static str,
    mode: u32,
    content: Secret,
}

fn make(name: &str, ecdsa: bool, now: Moment) -> Result<[File; 5], String> {
    let wrong = |error: rcgen::Error| error.to_string();
    let sp_key = if ecdsa {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
    } else {
        KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072)
    }
    .map_err(wrong)?;
    let mut params = certificate_params(name, now)?;
    if !ecdsa {
        // Some identity providers encrypt for no certificate that does not say so.
        params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
    }
    let certificate = params.self_signed(&sp_key).map_err(wrong)?;
    let jwt_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(wrong)?;
    Ok([
        File { name: "sp-key.pem", mode: 0o600, content: sp_key.serialize_pem().into() },
        File { name: "sp-cert.pem", mode: 0o644, content: certificate.pem().into() },
        File { name: "jwt-key.pem", mode: 0o600, content: jwt_key.serialize_pem().into() },
        File { name: "session-secret", mode: 0o600, content: secret()? },
        File { name: "state-key", mode: 0o600, content: secret()? },
    ])
}

fn secret() -> Result<Secret, String> {
    let mut random = [0_u8; 48];
    rand::fill(&mut random).map_err(|_| "no random numbers".to_string())?;
    Ok((URL_SAFE_NO_PAD.encode(random) + "\n").into())
}

fn certificate_params(name: &str, now: Moment) -> Result<CertificateParams, String> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // A day back, for identity providers whose clock is behind.
    let (year, month, day) = date(now.minus(DAY))?;
    params.not_before = date_time_ymd(year, month, day);
    let (year, month, day) = date(now.plus(DAY * VALID_DAYS))?;
    params.not_after = date_time_ymd(year, month, day);
    Ok(params)
}

/// Year, month and day in UTC.
fn date(moment: Moment) -> Result<(i32, u8, u8), String> {
    let timestamp = jiff::Timestamp::from_second(moment.seconds()).map_err(|error| error.to_string())?;
    let date = timestamp.to_zoned(jiff::tz::TimeZone::UTC).date();
    Ok((date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs()))
}

/// All or, when one is there already, none.
fn write_all(dir: &Path, files: &[File]) -> Result<(), String> {
    for file in files {
        let path = dir.join(file.name);
        if path.symlink_metadata().is_ok() {
            return Err(format!("{} exists; nothing was written", path.display()));
        }
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| format!("{} cannot be made: {error}", dir.display()))?;
    for file in files {
        let path = dir.join(file.name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(file.mode)
            .open(&path)
            .and_then(|mut opened| opened.write_all(file.content.expose()))
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    Ok(())
}

fn print_configuration(out: &mut dyn Write, dir: &Path) -> io::Result<()> {
    let dir = dir.display();
    writeln!(
        out,
        "service_provider:\n  private_key_file: {dir}/sp-key.pem\n  certificate_file: {dir}/sp-cert.pem\n\
         jwt:\n  private_key_file: {dir}/jwt-key.pem\n\
         session:\n  secret_file: {dir}/session-secret\n\
         state_dir: state\nstate_key_file: {dir}/state-key"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::PublicKeyData as _;
    use std::os::unix::fs::PermissionsExt as _;

    /// 2026-01-01.
    const NOW: Moment = Moment::from_seconds(1_767_225_600);

    fn generate(dir: &Path, ecdsa: bool) -> (Exit, String) {
        let arguments = Arguments { out: dir.to_path_buf(), name: "app.example.com".into(), ecdsa };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = keygen(&arguments, NOW, &mut out, &mut err).unwrap();
        out.extend(err);
        (exit, String::from_utf8(out).unwrap())
    }

    #[test]
    fn secrets_are_for_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        let (exit, said) = generate(&keys, true);
        assert_eq!(exit, Exit::Ok, "{said}");
        for (name, mode) in [
            ("sp-key.pem", 0o600),
            ("sp-cert.pem", 0o644),
            ("jwt-key.pem", 0o600),
            ("session-secret", 0o600),
            ("state-key", 0o600),
        ] {
            let file = keys.join(name);
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777 & !0o022, mode, "{name}");
            assert!(said.contains(&format!(": {}", file.display())), "{said}");
        }
        assert_eq!(std::fs::read(keys.join("session-secret")).unwrap().len(), 65);
        assert!(!said.contains("PRIVATE"), "{said}");
    }

    #[test]
    fn the_certificate_belongs_to_the_key_and_lasts_ten_years() {
        for ecdsa in [true, false] {
            let [key, certificate, ..] = make("app.example.com", ecdsa, NOW).unwrap();
            let key = KeyPair::from_pem(std::str::from_utf8(key.content.expose()).unwrap()).unwrap();
            let (_, pem) = x509_parser::pem::parse_x509_pem(certificate.content.expose()).unwrap();
            let parsed = pem.parse_x509().unwrap();
            assert_eq!(parsed.public_key().raw, key.subject_public_key_info());
            assert_eq!(parsed.subject().to_string(), "CN=app.example.com");
            let validity = parsed.validity();
            assert_eq!(validity.not_before.timestamp(), NOW.minus(DAY).seconds());
            assert_eq!(validity.not_after.timestamp(), NOW.plus(DAY * VALID_DAYS).seconds());
        }
    }

    #[test]
    fn nothing_that_exists_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("session-secret"), "mine").unwrap();
        let (exit, said) = generate(dir.path(), true);
        assert_eq!(exit, Exit::CannotCreate);
        assert!(said.contains("session-secret exists"), "{said}");
        assert_eq!(std::fs::read(dir.path().join("session-secret")).unwrap(), b"mine");
        assert!(!dir.path().join("sp-key.pem").exists());
    }
}
