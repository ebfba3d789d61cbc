//! SimpleSAMLphp (Debian's package, on `php -S`) as identity provider: it validates our signed requests, and its own
//! answers are signed by code that we did not write.

use crate::idps::simplesamlphp::configure;
use crate::support::chromium::Chromium;
use crate::support::gate::{GateProcess, Ports};
use crate::support::program::{Program, free_port, loopback};
use crate::support::visitor::Visitor;
use crate::upstream;
use http::StatusCode;
use std::fs;
use std::path::Path;
use std::process::Command;

pub(crate) struct World {
    pub(crate) public: String,
    /// Where the identity provider's pages are, with a slash at the end.
    pub(crate) idp: String,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) gate: GateProcess,
    _php: Program,
}

/// `host`: the name under which the browser reaches the IdP.
async fn world(host: &str) -> World {
    world_made(host, "", "60s", "HTTP-Redirect", "traditional").await
}

/// The same with more keys for the identity provider, each behind a comma.
pub(crate) async fn world_demanding(host: &str, keys: &str, skew: &str) -> World {
    world_made(host, keys, skew, "HTTP-Redirect", "traditional").await
}

/// `slo`: the binding by which it sends us logout messages; `kind`: how it logs out of several services, `traditional`
/// (one after another) or `iframe` (each in a frame).
pub(crate) async fn world_with(host: &str, slo: &str, kind: &str) -> World {
    world_made(host, "", "60s", slo, kind).await
}

async fn world_made(host: &str, keys: &str, skew: &str, slo: &str, kind: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    let (ports, php_port) = (Ports::choose(), free_port());
    let public = format!("http://127.0.0.1:{}", ports.public);
    let idp = format!("http://{host}:{php_port}/simplesaml/");
    write_key(folder.path(), "idp", "rsa:2048");
    write_key(folder.path(), "sp", "rsa:3072");
    configure(folder.path(), &idp, "Alice@Example.com");
    introduce(folder.path(), &public);
    configure_logout(folder.path(), &public, slo, kind);
    let php = Program::start(
        "simplesamlphp",
        Command::new("php")
            .args(["-S", &format!("127.0.0.1:{php_port}"), "-t"])
            .arg(folder.path().join("www"))
            .env("SIMPLESAMLPHP_CONFIG_DIR", folder.path().join("config")),
        folder.path(),
        loopback(php_port),
    );
    let mut fetcher = Visitor::new();
    let local = format!("http://127.0.0.1:{php_port}/simplesaml/saml2/idp/metadata.php");
    let host_header = format!("{host}:{php_port}");
    let metadata =
        fetcher.send(http::Method::GET, &local, &[("host", &host_header)], bytes::Bytes::new()).await;
    assert_eq!(metadata.status, StatusCode::OK, "{metadata:?}\n{}", php.log());
    fs::write(folder.path().join("idp-metadata.xml"), &metadata.body).unwrap();
    let app = upstream::start().await;
    let gate = GateProcess::start(
        folder.path(),
        &ports,
        &format!(
            "public_url: {public}\nupstream: http://{app}\nclock_skew: {skew}\nservice_provider: {{private_key_file: sp.key, certificate_file: sp.crt}}\n\
             identity_providers:\n  - {{id: ssp, label: SimpleSAMLphp, metadata_file: idp-metadata.xml, require_signed: both{keys}}}\n"
        ),
    );
    World { public, idp, folder, gate, _php: php }
}

fn write_key(folder: &Path, name: &str, kind: &str) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "30",
            "-subj",
            &format!("/CN={name}"),
            "-newkey",
            kind,
            "-keyout",
        ])
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.crt")))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// The hosted identity provider, and the gate as its service provider.
fn introduce(folder: &Path, public: &str) {
    fs::write(
        folder.join("metadata/saml20-idp-hosted.php"),
        "<?php $metadata['__DYNAMIC:1__'] = ['host' => '__DEFAULT__', 'privatekey' => 'idp.key', 'certificate' => 'idp.crt',\n\
         'auth' => 'users', 'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',\n\
         'saml20.sign.response' => true, 'saml20.sign.assertion' => true,\n\
         'authproc' => [5 => ['class' => 'saml:PersistentNameID', 'attribute' => 'uid']]];\n",
    )
    .unwrap();
    fs::write(
        folder.join("metadata/saml20-sp-remote.php"),
        format!(
            "<?php $metadata['{public}/vestibule/saml/metadata'] = ['AssertionConsumerService' => '{public}/vestibule/saml/acs',\n\
             'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',\n\
             'simplesaml.nameidattribute' => 'mail', 'validate.authnrequest' => true, 'certificate' => 'sp.crt'];\n"
        ),
    )
    .unwrap();
}

/// Both sides sign their logout messages and demand it of the other.
fn configure_logout(folder: &Path, public: &str, slo: &str, kind: &str) {
    let add = |file: &str, to: &str| {
        let file = folder.join("metadata").join(file);
        fs::write(&file, fs::read_to_string(&file).unwrap() + to).unwrap();
    };
    let bindings = "urn:oasis:names:tc:SAML:2.0:bindings:";
    add(
        "saml20-idp-hosted.php",
        &format!(
            "$metadata['__DYNAMIC:1__'] += ['sign.logout' => true, 'logouttype' => '{kind}',\n\
             'SingleLogoutServiceBinding' => ['{bindings}HTTP-Redirect', '{bindings}HTTP-POST']];\n"
        ),
    );
    add(
        "saml20-sp-remote.php",
        &format!(
            "$metadata['{public}/vestibule/saml/metadata'] += ['validate.logout' => true, 'name' => 'the application',\n\
             'SingleLogoutService' => [['Binding' => '{bindings}{slo}', 'Location' => '{public}/vestibule/saml/slo']]];\n"
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simplesamlphp_signs_a_scripted_browser_in() {
    let world = world("localhost").await;
    let mut browser = Visitor::new();
    let away = browser.get(&format!("{}/wiki/Start?page=2", world.public)).await;
    let login = browser.follow(away).await;
    assert!(login.body.contains("password"), "{login:?}\n{}", read_log(&world));
    let posted = browser.submit(&login, &[("username", "alice"), ("password", "secret")]).await;
    let posted = browser.follow(posted).await;
    assert!(posted.body.contains("SAMLResponse"), "{posted:?}\n{}", read_log(&world));
    let mut answer = browser.submit(&posted, &[]).await;
    if answer.status == StatusCode::OK {
        answer = browser.submit(&answer, &[]).await;
    }
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}\n{}", world.gate.program.log());
    let landed = browser.follow(answer).await;
    assert!(landed.body.starts_with("GET /wiki/Start?page=2\n"), "{landed:?}");
    assert!(landed.body.contains("\nx-forwarded-email: alice@example.com\n"), "{}", landed.body);
    assert!(landed.body.contains("\nx-forwarded-groups: staff,Ops%2C Berlin,Größe\n"), "{}", landed.body);

    // The very same answer once more, from a browser without a session: refused, with a reference.
    let mut other = Visitor::new();
    let again = other.submit(&posted, &[]).await;
    let refused = other.submit(&again, &[]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    assert!(world.gate.program.says("attempt-missing"), "{}", world.gate.program.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simplesamlphp_signs_chromium_in() {
    let host = "login.idp.test";
    let world = world(host).await;
    let browser = Chromium::start(world.folder.path(), &[host]).await;
    browser.open(&format!("{}/wiki/Start?page=2", world.public)).await;
    browser.type_into("input[name=username]", "alice").await;
    browser.type_into("input[name=password]", "secret").await;
    browser.screenshot("simplesamlphp-1-login").await;
    browser.click("[type=submit], button").await;
    browser.sees("x-forwarded-email: alice@example.com").await;
    assert_eq!(browser.address().await, format!("{}/wiki/Start?page=2", world.public));
    browser.screenshot("simplesamlphp-2-application").await;
    browser.close().await;
}

pub(crate) fn read_log(world: &World) -> String {
    let folder = world.folder.path().join("log");
    let logs = fs::read_dir(folder)
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
    logs.collect::<Vec<_>>().join("\n")
}
