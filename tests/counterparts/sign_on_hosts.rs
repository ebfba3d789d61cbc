//! Two applications on two sites and the host that signs people in for both, in a real browser: its own rules about
//! cookies, redirects between sites, fragments and forms decide whether the hand-over arrives.

use crate::support::demo_idp::DemoIdp;
use crate::support::gate::{GateProcess, Ports};
use crate::support::window::Make;
use crate::{tls, upstream};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_signs_in_once_for_two_sites_and_out_of_both() {
    signs_in_once(Make::Chromium).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn firefox_signs_in_once_for_two_sites_and_out_of_both() {
    signs_in_once(Make::Firefox).await;
}

async fn signs_in_once(make: Make) {
    let folder = tempfile::tempdir().unwrap();
    let ports = Ports::choose();
    let names = ["www.wiki", "www.shop", "auth.door", "login.idp"].map(|name| make.host(name));
    let hosts = names.each_ref().map(String::as_str);
    let [wiki, shop, door, idp_host] = hosts;
    let at = |host: &str| format!("https://{host}:{}", ports.public);
    let idp = DemoIdp::start(folder.path(), idp_host, &at(door));
    let app = upstream::start().await;
    let (certificate, key) = tls::certificate(folder.path(), &[wiki, shop, door]);
    let config = format!(
        "tls: {{certificate_file: {}, private_key_file: {}}}\n\
         identity_providers:\n  - {{id: demo, label: Demo, metadata_file: idp-metadata.xml}}\n\
         sign_on:\n  - {{name: door, public_url: \"{}\"}}\n\
         sites:\n  - {{name: wiki, public_url: \"{}\", upstream: \"http://{app}\", sign_on: door}}\n  \
         - {{name: shop, public_url: \"{}\", upstream: \"http://{app}\", sign_on: door}}\n",
        certificate.display(),
        key.display(),
        at(door),
        at(wiki),
        at(shop)
    );
    let gate = GateProcess::start(folder.path(), &ports, &config);
    let browser = make.open(folder.path(), &hosts).await;

    browser.open(&format!("{}/deep/link?a=1&b=%2F#part", at(wiki))).await;
    browser.click("button[value=grace]").await;
    browser.sees("x-forwarded-user: grace@example.com").await;
    assert_eq!(browser.address().await, format!("{}/deep/link?a=1&b=%2F#part", at(wiki)));
    // Nobody is asked at the second one.
    browser.open(&format!("{}/cart#top", at(shop))).await;
    browser.sees("x-forwarded-user: grace@example.com").await;
    assert_eq!(browser.address().await, format!("{}/cart#top", at(shop)));
    browser.back().await;
    browser.sees("x-forwarded-user: grace@example.com").await;

    // Out of one is out of all, and the way back asks.
    browser.open(&format!("{}/vestibule/sign-out", at(shop))).await;
    browser.click("button").await;
    browser.sees("signed out").await;
    assert!(browser.address().await.starts_with(&at(shop)), "{}", browser.address().await);
    for site in [wiki, shop] {
        browser.open(&format!("{}/again", at(site))).await;
        browser.sees("Demo identity provider").await;
    }
    browser.close().await;
    drop((gate, idp));
}
