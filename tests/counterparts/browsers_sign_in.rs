//! Cookies, forms and content security policies as real browsers treat them, with gate and IdP on different sites: https
//! at the gate, https at a proxy before it, and loopback http, where the answer is posted a second time.

use crate::support::demo_idp::DemoIdp;
use crate::support::gate::{GateProcess, Ports};
use crate::support::program::{Program, free_port, loopback};
use crate::support::window::Make;
use crate::{tls, upstream};
use std::process::Command;

const CONFIG: &str = "identity_providers:\n  - {id: demo, label: Demo, metadata_file: idp-metadata.xml}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_across_sites_with_tls_at_the_gate() {
    with_tls_at_the_gate(Make::Chromium).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn firefox_across_sites_with_tls_at_the_gate() {
    with_tls_at_the_gate(Make::Firefox).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webkit_across_sites_with_tls_at_the_gate() {
    with_tls_at_the_gate(Make::WebKit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn firefox_on_loopback_http() {
    on_loopback_http(Make::Firefox).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webkit_on_loopback_http() {
    on_loopback_http(Make::WebKit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_across_sites_behind_a_proxy_that_ends_tls() {
    behind_a_proxy_that_ends_tls(Make::Chromium).await;
}

async fn with_tls_at_the_gate(make: Make) {
    let folder = tempfile::tempdir().unwrap();
    let ports = Ports::choose();
    let (gate_host, idp_host) = (make.host("app.gate"), make.host("login.idp"));
    let public = format!("https://{gate_host}:{}", ports.public);
    let idp = DemoIdp::start(folder.path(), &idp_host, &public);
    let app = upstream::start().await;
    let (certificate, key) = tls::certificate(folder.path(), &[&gate_host]);
    let gate = GateProcess::start(
        folder.path(),
        &ports,
        &format!(
            "public_url: {public}\nupstream: http://{app}\ntls: {{certificate_file: {}, private_key_file: {}}}\n{CONFIG}",
            certificate.display(),
            key.display()
        ),
    );
    sign_in_twice(make, &folder, &public, "tls", &[&gate_host, &idp_host]).await;
    drop((gate, idp));
}

/// Without https no cookie comes along with the IdP's POST, and the gate's page posts the answer once more.
async fn on_loopback_http(make: Make) {
    let folder = tempfile::tempdir().unwrap();
    let ports = Ports::choose();
    let idp_host = make.host("login.idp");
    let public = format!("http://127.0.0.1:{}", ports.public);
    let idp = DemoIdp::start(folder.path(), &idp_host, &public);
    let app = upstream::start().await;
    let gate = GateProcess::start(
        folder.path(),
        &ports,
        &format!("public_url: {public}\nupstream: http://{app}\n{CONFIG}"),
    );
    sign_in_twice(make, &folder, &public, "loopback", &[&idp_host]).await;
    drop((gate, idp));
}

async fn behind_a_proxy_that_ends_tls(make: Make) {
    let folder = tempfile::tempdir().unwrap();
    let (ports, proxy_port) = (Ports::choose(), free_port());
    let (gate_host, idp_host) = (make.host("app.gate"), make.host("login.idp"));
    let public = format!("https://{gate_host}:{proxy_port}");
    let idp = DemoIdp::start(folder.path(), &idp_host, &public);
    let app = upstream::start().await;
    let (certificate, key) = tls::certificate(folder.path(), &[&gate_host]);
    let gate = GateProcess::start(
        folder.path(),
        &ports,
        &format!("public_url: {public}\nupstream: http://{app}\n{CONFIG}"),
    );
    let config = folder.path().join("nginx.conf");
    std::fs::write(
        &config,
        format!(
            "worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn; events {{}}\nhttp {{ access_log off;\n\
             client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n\
             uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
             server {{ listen 127.0.0.1:{proxy_port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
             location / {{ proxy_pass http://127.0.0.1:{}; proxy_set_header Host $http_host;\n\
             proxy_set_header X-Forwarded-For $remote_addr; proxy_http_version 1.1; }} }} }}\n",
            certificate.display(),
            key.display(),
            ports.public,
            folder = folder.path().display(),
        ),
    )
    .unwrap();
    let nginx = Program::start(
        "nginx",
        Command::new("/usr/sbin/nginx").arg("-c").arg(&config).args(["-g", "daemon off;"]),
        folder.path(),
        loopback(proxy_port),
    );
    sign_in_twice(make, &folder, &public, "behind-tls-proxy", &[&gate_host, &idp_host]).await;
    drop((nginx, gate, idp));
}

/// Signs in on a deep link, goes back to the IdP's page (which posts the same answer again) and out.
async fn sign_in_twice(make: Make, folder: &tempfile::TempDir, public: &str, name: &str, hosts: &[&str]) {
    let browser = make.open(folder.path(), hosts).await;
    browser.open(&format!("{public}/deep/link?a=1&b=%2F")).await;
    browser.click("button[value=grace]").await;
    browser.sees("x-forwarded-user: grace@example.com").await;
    assert_eq!(browser.address().await, format!("{public}/deep/link?a=1&b=%2F"));
    browser.screenshot(&format!("{make:?}-{name}").to_lowercase()).await;

    // The back button leads to the IdP's page, which answers the same request a second time: that is refused as an answer,
    // and the live session goes on to the target.
    browser.back().await;
    browser.click("button[value=grace]").await;
    browser.sees("x-forwarded-user: grace@example.com").await;
    assert_eq!(browser.address().await, format!("{public}/deep/link?a=1&b=%2F"));

    browser.open(&format!("{public}/vestibule/sign-out")).await;
    browser.click("button").await;
    browser.sees("signed out").await;
    browser.open(&format!("{public}/again")).await;
    browser.sees("Demo identity provider").await;
    browser.close().await;
}
