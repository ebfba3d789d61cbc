//! The certificate of the public listener: taken anew when its files change, without a restart.

use crate::config::TlsFiles;
use crate::observe::audit::{self, Event};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use pingora::listeners::tls::TlsSettings;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A certificate with its key, as the files said when they last made sense.
#[derive(Debug)]
pub(super) struct LiveCertificate {
    files: TlsFiles,
    current: ArcSwap<CertifiedKey>,
    /// What the files held when they were last looked at, good or not: a broken pair is told about once.
    seen: Mutex<Vec<u8>>,
}

impl LiveCertificate {
    /// Errors name the file.
    pub(super) fn load(files: &TlsFiles) -> Result<Arc<Self>, String> {
        let contents = Contents::read(files)?;
        let current = contents.parse(files)?;
        let seen = Mutex::new(contents.digest());
        Ok(Arc::new(Self { files: files.clone(), current: ArcSwap::from_pointee(current), seen }))
    }

    /// Takes over what the files hold now, if that is new and makes sense; otherwise the old pair stays.
    pub(super) fn look_again(&self) {
        let contents = Contents::read(&self.files);
        let digest = match &contents {
            Ok(contents) => contents.digest(),
            Err(problem) => problem.clone().into_bytes(),
        };
        if std::mem::replace(&mut *self.seen.lock(), digest.clone()) == digest {
            return;
        }
        match contents.and_then(|contents| contents.parse(&self.files)) {
            Ok(pair) => {
                let before = self.current.swap(Arc::new(pair));
                audit::record(&Event::TlsCertificateChanged {
                    source: &self.files.certificate_file.display().to_string(),
                    fingerprint: &fingerprint(&self.current.load()),
                    fingerprint_before: &fingerprint(&before),
                });
            }
            Err(problem) => {
                tracing::warn!(%problem, "the new certificate is refused and the old one stays in use");
            }
        }
    }

    /// A listener's settings with this certificate, for HTTP/2 and HTTP/1.1.
    pub(super) fn settings(self: &Arc<Self>) -> Result<TlsSettings, String> {
        let mut settings = TlsSettings::intermediate("", "").map_err(|problem| problem.to_string())?;
        settings.set_cert_resolver(self.clone());
        settings.enable_h2();
        Ok(settings)
    }
}

#[cfg(test)]
impl LiveCertificate {
    /// The certificate that the next client will see.
    pub(super) fn presented(&self) -> Vec<u8> {
        self.current.load().cert.first().map(|certificate| certificate.to_vec()).unwrap_or_default()
    }
}

/// The same for every name, and for clients that name none.
impl ResolvesServerCert for LiveCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// SHA-256 of what clients are shown first, in hex.
fn fingerprint(pair: &CertifiedKey) -> String {
    let der = pair.cert.first().map(|certificate| certificate.as_ref()).unwrap_or_default();
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    let octets: Vec<String> = sum.as_ref().iter().map(|octet| format!("{octet:02X}")).collect();
    octets.join(":")
}

struct Contents {
    certificate: Vec<u8>,
    private_key: Zeroizing<Vec<u8>>,
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, String> {
        let read = |file: &std::path::Path| {
            std::fs::read(file).map_err(|problem| format!("{}: {problem}", file.display()))
        };
        Ok(Self {
            certificate: read(&files.certificate_file)?,
            private_key: Zeroizing::new(read(&files.private_key_file)?),
        })
    }

    fn digest(&self) -> Vec<u8> {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        context.update(&(self.certificate.len() as u64).to_be_bytes());
        context.update(&self.certificate);
        context.update(&self.private_key);
        context.finish().as_ref().to_vec()
    }

    fn parse(&self, files: &TlsFiles) -> Result<CertifiedKey, String> {
        let at = |file: &std::path::Path, problem: &dyn std::fmt::Display| {
            format!("{}: {problem}", file.display())
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|problem| at(&files.certificate_file, &problem))?;
        if chain.is_empty() {
            return Err(at(&files.certificate_file, &"there is no certificate in it"));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.private_key)
            .map_err(|problem| at(&files.private_key_file, &problem))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|problem| at(&files.private_key_file, &problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::log::LogFormat;
    use crate::observe::log::tests::{captured, settings_as};

    struct Folder {
        folder: tempfile::TempDir,
        files: TlsFiles,
    }

    fn folder() -> Folder {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            certificate_file: folder.path().join("tls.crt"),
            private_key_file: folder.path().join("tls.key"),
        };
        Folder { folder, files }
    }

    impl Folder {
        fn put(&self, certificate: &str, key: &str) {
            std::fs::write(self.folder.path().join("tls.crt"), certificate).unwrap();
            std::fs::write(self.folder.path().join("tls.key"), key).unwrap();
        }
    }

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["app.test".into()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_new_pair_is_taken_over_and_a_broken_one_is_not() {
        let folder = folder();
        let (certificate, key) = pair();
        folder.put(&certificate, &key);
        let live = LiveCertificate::load(&folder.files).unwrap();
        let first = live.current.load_full();

        live.look_again();
        assert!(Arc::ptr_eq(&first, &live.current.load_full()), "nothing changed");
        let (other, other_key) = pair();
        for (certificate, key) in [(other.as_str(), key.as_str()), ("", &other_key), (&other, "x")] {
            folder.put(certificate, key);
            live.look_again();
            assert!(Arc::ptr_eq(&first, &live.current.load_full()), "the old one stays");
        }
        folder.put(&other, &other_key);
        let told = captured(&settings_as(LogFormat::Json), || live.look_again());
        let second = live.current.load_full();
        assert_ne!(first.cert, second.cert);
        let event: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(event["event"], "tls-certificate-changed");
        assert_eq!(event["fingerprint_before"], fingerprint(&first));
        assert_eq!(event["fingerprint"], fingerprint(&second));
    }

    #[test]
    fn a_start_with_a_broken_pair_is_an_error_that_names_the_file() {
        let folder = folder();
        let (certificate, _) = pair();
        let (_, other_key) = pair();
        assert!(LiveCertificate::load(&folder.files).unwrap_err().contains("tls.crt"));
        folder.put(&certificate, &other_key);
        assert!(LiveCertificate::load(&folder.files).unwrap_err().contains("tls.key"));
    }
}
