//! The `#fragment` of an address over a whole sign-in, with gate and identity provider on different sites.

use crate::support::demo_idp::DemoIdp;
use crate::support::gate::{GateProcess, Ports};
use crate::support::window::{Make, Window};
use crate::{tls, upstream};
use std::path::Path;

const TARGET: &str = "/deep?a=1";
const FRAGMENT: &str = "#/inbox/7?q=%C3%A4&secret=b2";
const HOSTS: [&str; 3] = ["app.gate.test", "login.idp.test", "partner.idp.test"];
const ONE: &str = "identity_providers:\n  - {id: demo, metadata_file: idp-metadata.xml}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fragment_outlives_a_sign_in() {
    let scene = Scene::secure(ONE).await;
    scene.browser.open(&format!("{}{TARGET}{FRAGMENT}", scene.public)).await;
    scene.browser.sees("Demo identity provider").await;
    let there = scene.browser.address().await;
    assert!(!there.contains('#'), "the identity provider's page was told: {there}");
    scene.signs_in(FRAGMENT).await;
    // It was the tab's for a while and is gone.
    let left = "return Object.keys(sessionStorage).length";
    assert_eq!(scene.browser.run(left, vec![]).await, 0);
    scene.told_nobody().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fragment_outlives_a_sign_in_on_loopback_http() {
    let scene = Scene::plain(ONE).await;
    scene.browser.open(&format!("{}{TARGET}{FRAGMENT}", scene.public)).await;
    scene.signs_in(FRAGMENT).await;
    scene.told_nobody().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fragment_outlives_a_choice_by_button_and_by_address() {
    let two = "identity_providers:\n  - {id: demo, label: Demo, metadata_file: idp-metadata.xml, email_domains: [example.com]}\n  \
               - {id: partner, label: Partner, metadata_file: partner/idp-metadata.xml, email_domains: [partner.example]}\n";
    let scene = Scene::secure(two).await;
    scene.browser.open(&format!("{}{TARGET}{FRAGMENT}", scene.public)).await;
    scene.browser.click("#choices a[href*=demo]").await;
    scene.signs_in(FRAGMENT).await;
    scene.browser.run("sessionStorage.clear()", vec![]).await;

    scene.browser.open(&format!("{}/vestibule/sign-out", scene.public)).await;
    scene.browser.click("button").await;
    scene.browser.sees("signed out").await;
    scene.browser.open(&format!("{}/other#/b", scene.public)).await;
    scene.browser.sees("Continue with Demo").await;
    scene.browser.type_into("#email", "grace@example.com").await;
    scene.browser.click(".ask button").await;
    scene.browser.sees("Demo identity provider").await;
    scene.browser.click("button[value=grace]").await;
    scene.browser.sees("x-forwarded-user: grace@example.com").await;
    assert_eq!(scene.browser.address().await, format!("{}/other#/b", scene.public));
    scene.told_nobody().await;
    assert!(!scene.gate.program.log().contains("grace%40example.com"), "the address is in the log");
    scene.end().await;
}

/// The plain redirect, and what the page costs in its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_it_the_way_is_the_same_and_the_fragment_is_lost() {
    let scene = Scene::secure(&format!("{ONE}keep_fragment: false\n")).await;
    let plain = scene.time_to_the_idp().await;
    scene.browser.open(&format!("{}{TARGET}{FRAGMENT}", scene.public)).await;
    scene.signs_in("").await;
    scene.end().await;
    let scene = Scene::secure(ONE).await;
    let kept = scene.time_to_the_idp().await;
    eprintln!("to the identity provider: {plain:.1} ms by redirect, {kept:.1} ms over the page");
    scene.browser.open(&format!("{}{TARGET}", scene.public)).await;
    scene.signs_in("").await;
    scene.end().await;
}

struct Scene {
    browser: Window,
    gate: GateProcess,
    public: String,
    _idps: [DemoIdp; 2],
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn secure(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = tls::certificate(folder.path(), &HOSTS[..1]);
        let ports = Ports::choose();
        let public = format!("https://{}:{}", HOSTS[0], ports.public);
        let tls = format!(
            "tls: {{certificate_file: {}, private_key_file: {}}}\n",
            certificate.display(),
            key.display()
        );
        Self::set(folder, &ports, public, &format!("{tls}{config}")).await
    }

    async fn plain(config: &str) -> Self {
        let ports = Ports::choose();
        let public = format!("http://127.0.0.1:{}", ports.public);
        Self::set(tempfile::tempdir().unwrap(), &ports, public, config).await
    }

    async fn set(folder: tempfile::TempDir, ports: &Ports, public: String, config: &str) -> Self {
        let idps =
            [idp(folder.path(), HOSTS[1], &public), idp(&folder.path().join("partner"), HOSTS[2], &public)];
        let app = upstream::start().await;
        let config = format!("public_url: {public}\nupstream: http://{app}\n{config}");
        let gate = GateProcess::start(folder.path(), ports, &config);
        let browser = Make::Chromium.open(folder.path(), &HOSTS).await;
        Self { browser, gate, public, _idps: idps, _folder: folder }
    }

    async fn end(self) {
        self.browser.close().await;
    }

    /// From the identity provider's page to the application, with this at the end of the address.
    async fn signs_in(&self, fragment: &str) {
        self.browser.click("button[value=grace]").await;
        self.browser.sees("x-forwarded-user: grace@example.com").await;
        assert_eq!(self.browser.address().await, format!("{}{TARGET}{fragment}", self.public));
    }

    /// Neither the gate nor the application heard of the fragment.
    async fn told_nobody(&self) {
        let log = self.gate.program.log();
        assert!(log.contains("/vestibule/sign-in"), "{log}");
        assert!(!log.contains("inbox") && !log.contains("secret=b2"), "{log}");
        let page = self.browser.run("return document.body.innerText", vec![]).await;
        assert!(!page.as_str().unwrap().contains("inbox"), "{page}");
    }

    /// The least of some, in milliseconds by the browser's clock: from an address of the application's to the page that
    /// asks, when it has been read.
    async fn time_to_the_idp(&self) -> f64 {
        let mut least = f64::MAX;
        for _ in 0..8 {
            self.browser.open(&format!("{}/vestibule/saml/nothing", self.public)).await;
            let go = "setTimeout(() => location.assign(arguments[0])); return performance.timeOrigin + performance.now()";
            let began = self.browser.run(go, vec![format!("{}{TARGET}", self.public).into()]).await;
            self.browser.sees("Demo identity provider").await;
            let read = "return performance.timeOrigin + performance.getEntriesByType('navigation')[0].domInteractive";
            let ended = self.browser.run(read, vec![]).await;
            least = least.min(ended.as_f64().unwrap() - began.as_f64().unwrap());
        }
        least
    }
}

fn idp(folder: &Path, host: &str, public: &str) -> DemoIdp {
    std::fs::create_dir_all(folder).unwrap();
    DemoIdp::start(folder, host, public)
}
