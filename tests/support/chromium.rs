//! A real Chromium through its driver.

use super::program::{Program, free_port, loopback};
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub struct Chromium {
    pub page: Client,
    driver: Program,
    screenshots: PathBuf,
}

impl Chromium {
    /// `hosts`: made-up names that lead to loopback, so that the gate and the IdP are different sites and not only
    /// different ports. Certificates are not checked; cookies and everything else behave as always.
    pub async fn start(folder: &Path, hosts: &[&str]) -> Self {
        let port = free_port();
        let driver = Program::start(
            "chromedriver",
            Command::new("chromedriver").arg(format!("--port={port}")),
            folder,
            loopback(port),
        );
        let rules: Vec<String> = hosts.iter().map(|host| format!("MAP {host} 127.0.0.1")).collect();
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--ignore-certificate-errors",
            "--window-size=1000,800",
            format!("--user-data-dir={}", folder.join("chromium").display()),
            format!("--host-resolver-rules={}", rules.join(",")),
        ]);
        let capabilities = json!({"acceptInsecureCerts": true, "goog:chromeOptions": {"args": arguments}});
        let page = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap_or_else(|error| panic!("{error}\n{}", driver.log()));
        let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&screenshots).unwrap();
        Self { page, driver, screenshots }
    }

    pub async fn open(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// Waits for an element and clicks it.
    pub async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap();
    }

    /// Waits for an element and types into it.
    pub async fn type_into(&self, css: &str, text: &str) {
        self.find(css).await.send_keys(text).await.unwrap();
    }

    async fn find(&self, css: &str) -> fantoccini::elements::Element {
        match self.page.wait().at_most(Duration::from_secs(20)).for_element(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => {
                panic!("{css} at {}: {error}\n{}", self.address().await, self.page.source().await.unwrap())
            }
        }
    }

    pub async fn address(&self) -> String {
        self.page.current_url().await.unwrap().to_string()
    }

    /// Waits until the page's text holds `text`.
    pub async fn sees(&self, text: &str) {
        let xpath = format!("//body[contains(., \"{text}\")]");
        let found =
            self.page.wait().at_most(Duration::from_secs(20)).for_element(Locator::XPath(&xpath)).await;
        if let Err(error) = found {
            panic!("\"{text}\" at {}: {error}\n{}", self.address().await, self.page.source().await.unwrap());
        }
    }

    /// Keeps what is on the screen in the build's temporary folder, under `screenshots/`.
    pub async fn screenshot(&self, name: &str) {
        let png = self.page.screenshot().await.unwrap();
        std::fs::write(self.screenshots.join(format!("{name}.png")), png).unwrap();
    }

    pub async fn close(self) {
        self.page.close().await.unwrap();
        drop(self.driver);
    }
}
