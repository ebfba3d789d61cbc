//! Identity providers that none of us wrote, each behind the same few questions, so that one list of scenarios runs
//! over all of them.

mod keycloak;
mod lemonldap;
mod person;
mod pysaml2;
mod samlp;
pub(crate) mod simplesamlphp;
mod xml;

pub(crate) use keycloak::Keycloak;
pub(crate) use lemonldap::LemonLdap;
pub(crate) use person::{Person, alice};
pub(crate) use pysaml2::Pysaml2;
pub(crate) use samlp::Samlp;
pub(crate) use simplesamlphp::SimpleSamlPhp;
pub(crate) use xml::{answer_in, certificate_base64};

use crate::support::visitor::{Answer, Visitor};
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The gate as an identity provider is told of it.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) entity_id: String,
    pub(crate) acs: String,
    pub(crate) slo: String,
    /// Our metadata, as `vestibule metadata` prints it.
    pub(crate) metadata: String,
    /// Our certificate (PEM): requests are verified with it, and assertions encrypted to it.
    pub(crate) certificate: PathBuf,
    pub(crate) encrypted: Encrypted,
}

/// What the identity provider shall encrypt to our key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Encrypted {
    #[default]
    Nothing,
    Assertion,
    /// The NameID alone; few can.
    NameId,
}

/// An identity provider, running.
#[async_trait]
pub(crate) trait Counterpart: Send {
    /// Its name in messages and file names.
    fn name(&self) -> &'static str;

    /// Whom it signs in, and what shall come of it.
    fn person(&self) -> Person;

    /// Knows this service provider from now on.
    async fn register(&mut self, gate: &Registration);

    /// Its metadata, as of now.
    async fn metadata(&self) -> String;

    /// From its sign-in page to whatever comes after the right name and password.
    async fn pass(&self, visitor: &mut Visitor, page: Answer) -> Answer;

    /// The CSS selectors of user, password and button on its sign-in page.
    fn form(&self) -> [&'static str; 3];

    /// Names its next signing key in its metadata and goes on signing with the first one.
    async fn announce_next_key(&mut self);

    /// Signs with the next key; the certificate that its answers now carry.
    async fn sign_with_next_key(&mut self) -> String;

    /// Signs out at the identity provider itself; the first answer that leads away from it, or its last one.
    async fn sign_out(&self, visitor: &mut Visitor) -> Answer;

    /// What it has logged.
    fn log(&self) -> String;
}

/// Writes `NAME.key` and `NAME.crt`.
pub(crate) fn write_key(folder: &Path, name: &str, kind: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "30", "-subj", &format!("/CN={name}"), "-newkey", kind])
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.crt")))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// What scripts/counterparts.sh installs: programs that are in none of Debian's packages.
fn installed(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/counterparts").join(name);
    assert!(path.exists(), "{} is missing: run scripts/counterparts.sh", path.display());
    path
}

/// A file of the tests' own beside this folder.
fn file_of_ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/counterparts").join(name)
}

/// Fetches what answers 200 from a counterpart: on loopback, under the name that browsers know it by.
async fn fetch(url: &str) -> String {
    let mut local = url::Url::parse(url).unwrap();
    let host = format!("{}:{}", local.host_str().unwrap(), local.port().unwrap());
    local.set_host(Some("127.0.0.1")).unwrap();
    let answer =
        Visitor::new().send(http::Method::GET, local.as_str(), &[("host", &host)], bytes::Bytes::new()).await;
    assert_eq!(answer.status, http::StatusCode::OK, "{answer:?}");
    answer.body
}
