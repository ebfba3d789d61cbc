//! LemonLDAP::NG (Debian's packages), its portal under plackup. Its SAML is lasso: a stack of its own in C.
//!
//! Its demonstration users are fictional, and their passwords are their names.

use super::xml::with_another_certificate;
use super::{Counterpart, Person, Registration, certificate_base64, fetch, write_key};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::{Answer, Visitor};
use async_trait::async_trait;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;

const PORTAL: &str = "/usr/share/lemonldap-ng/portal";

pub(crate) struct LemonLdap {
    folder: tempfile::TempDir,
    base: String,
    port: u16,
    gate: Option<Registration>,
    key: &'static str,
    /// Whether the owner of the gate has been told the next certificate; its metadata names one only.
    announced: bool,
    program: Option<Program>,
}

impl LemonLdap {
    /// `host`: the name under which browsers reach it.
    pub(crate) fn start(host: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_key(folder.path(), "idp", "rsa:2048");
        write_key(folder.path(), "next", "rsa:2048");
        let port = free_port();
        let base = format!("http://{host}:{port}/");
        for name in ["conf", "sessions/lock", "psessions/lock", "cache"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let mut idp = Self { folder, base, port, gate: None, key: "idp", announced: false, program: None };
        idp.run();
        idp
    }

    /// Keeps its configuration in caches, so a change means a new start. Sessions are files and stay.
    fn run(&mut self) {
        drop(self.program.take());
        let at = self.folder.path();
        drop(fs::remove_dir_all(at.join("cache")));
        fs::write(at.join("lemonldap-ng.ini"), ini(at)).unwrap();
        fs::write(at.join("conf/lmConf-1.json"), self.configuration().to_string()).unwrap();
        fs::write(at.join("portal.psgi"), psgi()).unwrap();
        let program = Program::start(
            "lemonldap",
            Command::new("plackup")
                .args(["--host", "127.0.0.1", "--port", &self.port.to_string(), "--env", "deployment"])
                .arg(at.join("portal.psgi"))
                .env("LLNG_DEFAULTCONFFILE", at.join("lemonldap-ng.ini"))
                .current_dir(at),
            at,
            loopback(self.port),
        );
        self.program = Some(program);
    }

    fn configuration(&self) -> serde_json::Value {
        let at = self.folder.path();
        let pem = |name: String| fs::read_to_string(at.join(name)).unwrap();
        let host = url::Url::parse(&self.base).unwrap().host_str().unwrap().to_owned();
        let sessions = |name: &str| {
            json!({
                "Directory": at.join(name), "LockDirectory": at.join(name).join("lock"),
                "generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256",
            })
        };
        let mut configuration = json!({
            "cfgNum": 1, "cfgVersion": "2.16.1", "cfgDate": "1768478400", "cfgAuthor": "test",
            "portal": self.base, "domain": host, "cookieName": "lemonldap", "securedCookie": 0,
            "authentication": "Demo", "userDB": "Same", "passwordDB": "Demo", "registerDB": "Null",
            "demoExportedVars": {"cn": "cn", "mail": "mail", "uid": "uid"},
            "exportedVars": {}, "groups": {}, "macros": {}, "whatToTrace": "uid",
            "locationRules": {&host: {"default": "accept"}}, "exportedHeaders": {}, "applicationList": {},
            "globalStorage": "Apache::Session::File", "globalStorageOptions": sessions("sessions"),
            "persistentStorage": "Apache::Session::File", "persistentStorageOptions": sessions("psessions"),
            "localSessionStorage": "Cache::FileCache",
            "localSessionStorageOptions": {
                "namespace": "lemonldap-ng-sessions", "default_expires_in": 600, "cache_root": at.join("cache"),
                "cache_depth": 3, "directory_umask": "007",
            },
            "key": "a key of the tests", "requireToken": 0, "timeout": 72000, "portalSkin": "bootstrap",
            "loginHistoryEnabled": 0,
            "captcha_register_enabled": 0, "captcha_mail_enabled": 0, "captcha_login_enabled": 0,
            "issuerDBSAMLActivation": 1, "issuerDBSAMLPath": "^/saml/", "issuerDBSAMLRule": 1,
            "samlServicePrivateKeySig": pem(format!("{}.key", self.key)),
            "samlServicePublicKeySig": pem(format!("{}.crt", self.key)),
            "samlServiceUseCertificateInResponse": 1, "samlServiceSignatureMethod": "RSA_SHA256",
        });
        if let Some(gate) = &self.gate {
            configuration["samlSPMetaDataXML"] = json!({"gate": {"samlSPMetaDataXML": gate.metadata}});
            configuration["samlSPMetaDataOptions"] = json!({"gate": {
                "samlSPMetaDataOptionsNameIDFormat": "email",
                "samlSPMetaDataOptionsSignSSOMessage": 1, "samlSPMetaDataOptionsCheckSSOMessageSignature": 1,
                "samlSPMetaDataOptionsSignSLOMessage": 1, "samlSPMetaDataOptionsCheckSLOMessageSignature": 1,
                "samlSPMetaDataOptionsEncryptionMode": if gate.encrypt { "assertion" } else { "none" },
                "samlSPMetaDataOptionsForceUTF8": 1,
            }});
            // required; name; format; friendly name
            configuration["samlSPMetaDataExportedAttributes"] = json!({"gate": {
                "mail": "1;urn:oid:0.9.2342.19200300.100.1.3;urn:oasis:names:tc:SAML:2.0:attrname-format:uri;mail",
                "cn": "0;cn;urn:oasis:names:tc:SAML:2.0:attrname-format:basic;cn",
                "groups": "0;groups;urn:oasis:names:tc:SAML:2.0:attrname-format:basic;groups",
            }});
        }
        configuration
    }
}

fn ini(at: &Path) -> String {
    format!(
        "[all]\nlogLevel = notice\ncheckTime = 600\n[configuration]\ntype = File\ndirName = {at}/conf\n\
         localStorage = Cache::FileCache\nlocalStorageOptions = {{ 'namespace' => 'lemonldap-ng-config', \
         'default_expires_in' => 600, 'directory_umask' => '007', 'cache_root' => '{at}/cache', 'cache_depth' => 3 }}\n\
         [portal]\nstaticPrefix = /static\ntemplateDir = {PORTAL}/templates\nlanguages = en\n[handler]\n[manager]\n",
        at = at.display()
    )
}

/// The portal, and the static files that its pages want in a real browser.
fn psgi() -> String {
    format!(
        "use Plack::Builder;\nmy $portal = do '{PORTAL}/htdocs/index.psgi' or die $@;\n\
         builder {{ enable 'Static', path => sub {{ s#^/static/## }}, root => '{PORTAL}/htdocs/static/'; $portal }};\n"
    )
}

#[async_trait]
impl Counterpart for LemonLdap {
    fn name(&self) -> &'static str {
        "lemonldap"
    }

    fn person(&self) -> Person {
        Person {
            login: "rtyler",
            password: "rtyler",
            user: "rtyler@badwolf.org",
            email: "rtyler@badwolf.org",
            name: Some("Rose Tyler"),
            groups: &["earthlings", "users"],
        }
    }

    async fn register(&mut self, gate: &Registration) {
        self.gate = Some(gate.clone());
        self.run();
    }

    async fn metadata(&self) -> String {
        let metadata = fetch(&format!("{}saml/metadata", self.base)).await;
        if !self.announced {
            return metadata;
        }
        with_another_certificate(&metadata, &certificate_base64(&self.folder.path().join("next.crt")))
    }

    async fn pass(&self, visitor: &mut Visitor, page: Answer) -> Answer {
        let person = self.person();
        let posted = visitor.submit(&page, &[("user", person.login), ("password", person.password)]).await;
        visitor.follow(posted).await
    }

    fn form(&self) -> [&'static str; 3] {
        ["input[name=user]", "input[name=password]", "button[type=submit]"]
    }

    async fn announce_next_key(&mut self) {
        self.announced = true;
    }

    async fn sign_with_next_key(&mut self) -> String {
        (self.key, self.announced) = ("next", false);
        self.run();
        certificate_base64(&self.folder.path().join("next.crt"))
    }

    async fn sign_out(&self, visitor: &mut Visitor) -> Answer {
        visitor.get(&format!("{}?logout=1", self.base)).await
    }

    fn log(&self) -> String {
        self.program.as_ref().map(Program::log).unwrap_or_default()
    }
}
