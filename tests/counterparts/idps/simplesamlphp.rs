//! SimpleSAMLphp: Debian's package on `php -S`. Reads its configuration anew for every request.

use super::{Counterpart, Encrypted, Person, Registration, alice, certificate_base64, fetch, write_key};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::{Answer, Visitor};
use async_trait::async_trait;
use std::fs;
use std::path::Path;
use std::process::Command;

const SHARE: &str = "/usr/share/simplesamlphp";

/// The first key signs, and the next is announced.
const BOTH_KEYS: &str = "'privatekey' => 'idp.key', 'certificate' => 'idp.crt', 'new_privatekey' => 'next.key', \
                         'new_certificate' => 'next.crt'";

/// Names of attributes and their values, as they are sent.
pub(crate) type Attributes<'a> = &'a [(&'a str, &'a [&'a str])];

pub(crate) struct SimpleSamlPhp {
    folder: tempfile::TempDir,
    /// With a slash at the end.
    pub(crate) base: String,
    _php: Program,
}

impl SimpleSamlPhp {
    /// `host`: the name under which browsers reach it.
    pub(crate) fn start(host: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let base = format!("http://{host}:{port}/simplesaml/");
        write_key(folder.path(), "idp", "rsa:2048");
        write_key(folder.path(), "next", "rsa:3072");
        configure(folder.path(), &base, "alice@example.com");
        hosted(folder.path(), "'privatekey' => 'idp.key', 'certificate' => 'idp.crt'");
        let php = Program::start(
            "simplesamlphp",
            Command::new("php")
                // Without the cache of compiled files, so that what is written counts at once.
                .args(["-d", "opcache.enable=0", "-S", &format!("127.0.0.1:{port}"), "-t"])
                .arg(folder.path().join("www"))
                .env("SIMPLESAMLPHP_CONFIG_DIR", folder.path().join("config")),
            folder.path(),
            loopback(port),
        );
        Self { folder, base, _php: php }
    }

    /// Knows these people from now on, whose password is `secret`: each by login.
    pub(crate) fn knows(&self, people: &[(&str, Attributes<'_>)]) {
        let list = |values: &[&str]| values.iter().map(|value| format!("'{value}', ")).collect::<String>();
        let mut text = "<?php $config = ['users' => ['exampleauth:UserPass',\n".to_owned();
        for (login, attributes) in people {
            let attributes =
                attributes.iter().map(|(name, values)| format!("'{name}' => [{}], ", list(values)));
            text += &format!("'{login}:secret' => [{}],\n", attributes.collect::<String>());
        }
        fs::write(self.folder.path().join("config/authsources.php"), text + "]];\n").unwrap();
    }

    /// Knows these service providers from now on, each with further settings: `'name' => value, `.
    pub(crate) fn serves(&self, all: &[(&Registration, &str)]) {
        let mut text = "<?php\n".to_owned();
        for (gate, more) in all {
            text += &format!(
                "$metadata['{}'] = ['AssertionConsumerService' => '{}', 'SingleLogoutService' => '{}', {more}\n\
                 'validate.authnrequest' => true, 'validate.logout' => true, 'certData' => '{}'];\n",
                gate.entity_id,
                gate.acs,
                gate.slo,
                certificate_base64(&gate.certificate)
            );
        }
        fs::write(self.folder.path().join("metadata/saml20-sp-remote.php"), text).unwrap();
    }

    /// Whether its logout messages are signed from now on; both keys stay in its metadata.
    pub(crate) fn signs_logout(&self, signed: bool) {
        hosted(self.folder.path(), BOTH_KEYS);
        let file = self.folder.path().join("metadata/saml20-idp-hosted.php");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replace("'sign.logout' => true", &format!("'sign.logout' => {signed}")))
            .unwrap();
    }

    /// The base64 of its certificates: of the one that signs at first, and of the next.
    pub(crate) fn certificates(&self) -> [String; 2] {
        ["idp.crt", "next.crt"].map(|name| certificate_base64(&self.folder.path().join(name)))
    }
}

/// Everything but metadata: pages at `base`, and alice with this address.
pub(crate) fn configure(folder: &Path, base: &str, mail: &str) {
    for name in ["config", "metadata", "log", "tmp", "data", "sessions", "www"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(format!("{SHARE}/www"), folder.join("www/simplesaml")).unwrap();
    let at = folder.display();
    fs::write(
        folder.join("config/config.php"),
        format!(
            "<?php $config = ['baseurlpath' => '{base}', 'certdir' => '{at}/', 'loggingdir' => '{at}/log/',\n\
             'datadir' => '{at}/data/', 'tempdir' => '{at}/tmp/', 'metadatadir' => '{at}/metadata/',\n\
             'secretsalt' => 'a salt for tests only, of some length', 'auth.adminpassword' => 'not used',\n\
             'technicalcontact_email' => 'nobody@example.com', 'timezone' => 'UTC', 'showerrors' => true,\n\
             'errorreporting' => false, 'logging.handler' => 'file', 'logging.level' => 7, 'enable.saml20-idp' => true,\n\
             'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true], 'store.type' => 'phpsession',\n\
             'session.phpsession.savepath' => '{at}/sessions', 'session.cookie.secure' => false,\n\
             'metadata.sources' => [['type' => 'flatfile']], 'language.default' => 'en'];\n"
        ),
    )
    .unwrap();
    fs::write(
        folder.join("config/authsources.php"),
        format!(
            "<?php $config = ['users' => ['exampleauth:UserPass',\n\
             'alice:secret' => ['uid' => ['alice'], 'mail' => ['{mail}'], 'displayName' => ['Alice Liddell'],\n\
             'groups' => ['staff', 'Ops, Berlin', 'Größe']]]];\n"
        ),
    )
    .unwrap();
}

fn hosted(folder: &Path, keys: &str) {
    fs::write(
        folder.join("metadata/saml20-idp-hosted.php"),
        format!(
            "<?php $metadata['__DYNAMIC:1__'] = ['host' => '__DEFAULT__', {keys}, 'auth' => 'users',\n\
             'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', 'sign.logout' => true,\n\
             'saml20.sign.response' => true, 'saml20.sign.assertion' => true];\n"
        ),
    )
    .unwrap();
}

#[async_trait]
impl Counterpart for SimpleSamlPhp {
    fn name(&self) -> &'static str {
        "simplesamlphp"
    }

    fn person(&self) -> Person {
        alice()
    }

    async fn register(&mut self, gate: &Registration) {
        fs::write(
            self.folder.path().join("metadata/saml20-sp-remote.php"),
            format!(
                "<?php $metadata['{entity}'] = ['AssertionConsumerService' => '{acs}', 'SingleLogoutService' => '{slo}',\n\
                 'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',\n\
                 'simplesaml.nameidattribute' => 'mail', 'validate.authnrequest' => true, 'validate.logout' => true,\n\
                 'sign.logout' => true, 'assertion.encryption' => {assertion}, 'nameid.encryption' => {name_id}, 'certData' => '{certificate}'];\n",
                entity = gate.entity_id,
                acs = gate.acs,
                slo = gate.slo,
                assertion = gate.encrypted == Encrypted::Assertion,
                name_id = gate.encrypted == Encrypted::NameId,
                certificate = certificate_base64(&gate.certificate),
            ),
        )
        .unwrap();
    }

    async fn metadata(&self) -> String {
        fetch(&format!("{}saml2/idp/metadata.php", self.base)).await
    }

    async fn pass(&self, visitor: &mut Visitor, page: Answer) -> Answer {
        let person = self.person();
        let posted =
            visitor.submit(&page, &[("username", person.login), ("password", person.password)]).await;
        visitor.follow(posted).await
    }

    fn form(&self) -> [&'static str; 3] {
        ["input[name=username]", "input[name=password]", "[type=submit], button"]
    }

    async fn announce_next_key(&mut self) {
        hosted(self.folder.path(), BOTH_KEYS);
    }

    async fn sign_with_next_key(&mut self) -> String {
        hosted(self.folder.path(), "'privatekey' => 'next.key', 'certificate' => 'next.crt'");
        certificate_base64(&self.folder.path().join("next.crt"))
    }

    async fn sign_out(&self, visitor: &mut Visitor) -> Answer {
        visitor.get(&format!("{0}saml2/idp/SingleLogoutService.php?ReturnTo={0}", self.base)).await
    }

    fn log(&self) -> String {
        let logs = fs::read_dir(self.folder.path().join("log")).unwrap();
        let texts = logs.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
        texts.collect::<Vec<_>>().join("\n")
    }
}
