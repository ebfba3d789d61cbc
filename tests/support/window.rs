//! A real browser's window: Chromium, Firefox or WebKit, with what a person does in it.

use super::marionette::Firefox;
use super::program::{Program, free_port, loopback};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a page may take on a busy two-core machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// WebKitGTK's own small browser; Debian keeps it beside the library, in a folder named after the architecture.
const MINI_BROWSERS: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
];

/// Which browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    Chromium,
    Firefox,
    /// WebKitGTK: what Safari is made of.
    WebKit,
}

/// One window of a browser that was started for one test.
pub struct Window {
    driver: Driver,
    screenshots: PathBuf,
    /// What runs beside: the driver, and the screen that WebKit needs. Ended in this order.
    programs: Vec<Program>,
}

enum Driver {
    WebDriver(Client),
    Firefox(Firefox),
}

impl Make {
    /// A made-up name on a site of its own that leads to loopback in this browser. WebKit takes no list of names; to it
    /// everything under `localhost` is loopback.
    pub fn host(self, name: &str) -> String {
        match self {
            Self::Chromium | Self::Firefox => format!("{name}.test"),
            Self::WebKit => format!("{name}.localhost"),
        }
    }

    /// A new window. `hosts`: made-up names (see [`Make::host`]), so that the gate and the IdP are different sites and not
    /// only different ports. Certificates are not checked; cookies and everything else behave as always.
    pub async fn open(self, folder: &Path, hosts: &[&str]) -> Window {
        let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&screenshots).unwrap();
        let (driver, programs) = match self {
            Self::Chromium => chromium(folder, hosts).await,
            Self::Firefox => {
                let (firefox, program) = Firefox::start(folder, hosts).await;
                (Driver::Firefox(firefox), vec![program])
            }
            Self::WebKit => webkit(folder).await,
        };
        Window { driver, screenshots, programs }
    }
}

async fn chromium(folder: &Path, hosts: &[&str]) -> (Driver, Vec<Program>) {
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
    (session(port, &capabilities, &driver).await, vec![driver])
}

/// WebKitGTK draws on a screen only, so it gets one that nobody sees.
async fn webkit(folder: &Path) -> (Driver, Vec<Program>) {
    let screen = Program::start_unready(
        "xvfb",
        Command::new("Xvfb").args(["-displayfd", "1", "-screen", "0", "1000x800x24", "-nolisten", "tcp"]),
        folder,
    );
    let asked = Instant::now();
    let display = loop {
        let log = screen.log();
        if let Some(number) = log.lines().find_map(|line| line.trim().parse::<u32>().ok()) {
            break format!(":{number}");
        }
        assert!(asked.elapsed() < PATIENCE, "no screen: {log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let (port, home) = (free_port(), folder.join("webkit"));
    std::fs::create_dir_all(&home).unwrap();
    let driver = Program::start(
        "webkit-driver",
        Command::new("WebKitWebDriver")
            .args(["--host=127.0.0.1", &format!("--port={port}")])
            .env("DISPLAY", display)
            .env("GDK_BACKEND", "x11")
            .env("HOME", &home)
            .env("XDG_RUNTIME_DIR", &home)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("NO_AT_BRIDGE", "1")
            .env_remove("WAYLAND_DISPLAY"),
        folder,
        loopback(port),
    );
    let browser =
        MINI_BROWSERS.iter().find(|path| Path::new(path).exists()).expect("MiniBrowser is installed");
    let capabilities = json!({
        "acceptInsecureCerts": true,
        "webkitgtk:browserOptions": {"binary": browser, "args": ["--automation"]},
    });
    (session(port, &capabilities, &driver).await, vec![driver, screen])
}

async fn session(port: u16, capabilities: &Value, driver: &Program) -> Driver {
    let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(capabilities.as_object().unwrap().clone())
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", driver.log()));
    Driver::WebDriver(client)
}

impl Window {
    pub async fn open(&self, url: &str) {
        match &self.driver {
            Driver::WebDriver(client) => within(client.goto(url)).await.unwrap(),
            Driver::Firefox(firefox) => firefox.goto(url).await,
        }
    }

    pub async fn back(&self) {
        match &self.driver {
            Driver::WebDriver(client) => within(client.back()).await.unwrap(),
            Driver::Firefox(firefox) => firefox.back().await,
        }
    }

    /// Waits for an element and clicks it.
    pub async fn click(&self, css: &str) {
        match &self.driver {
            Driver::WebDriver(client) => {
                let found = wait_for(client, Locator::Css(css)).await;
                within(self.waited(css, found).await.click()).await.unwrap();
            }
            Driver::Firefox(firefox) => {
                let element = self.waited(css, firefox.wait_for("css selector", css, PATIENCE).await).await;
                firefox.click(&element).await;
            }
        }
    }

    /// Waits for an element and types into it.
    pub async fn type_into(&self, css: &str, text: &str) {
        match &self.driver {
            Driver::WebDriver(client) => {
                let found = wait_for(client, Locator::Css(css)).await;
                within(self.waited(css, found).await.send_keys(text)).await.unwrap();
            }
            Driver::Firefox(firefox) => {
                let element = self.waited(css, firefox.wait_for("css selector", css, PATIENCE).await).await;
                firefox.type_into(&element, text).await;
            }
        }
    }

    /// Waits until the page's text holds `text`.
    pub async fn sees(&self, text: &str) {
        let xpath = format!("//body[contains(., \"{text}\")]");
        match &self.driver {
            Driver::WebDriver(client) => {
                let found = wait_for(client, Locator::XPath(&xpath)).await;
                self.waited(text, found.map(drop)).await;
            }
            Driver::Firefox(firefox) => {
                self.waited(text, firefox.wait_for("xpath", &xpath, PATIENCE).await.map(drop)).await;
            }
        }
    }

    pub async fn address(&self) -> String {
        match &self.driver {
            Driver::WebDriver(client) => client.current_url().await.unwrap().to_string(),
            Driver::Firefox(firefox) => firefox.address().await,
        }
    }

    /// What a script of the page's own would see; `script` is a function's body, `args` are its `arguments`. Chromium only.
    pub async fn run(&self, script: &str, args: Vec<Value>) -> Value {
        within(self.web_driver().execute(script, args)).await.unwrap()
    }

    /// The same for a script that answers later, through its last argument. Chromium only.
    pub async fn run_later(&self, script: &str, args: Vec<Value>) -> Value {
        within(self.web_driver().execute_async(script, args)).await.unwrap()
    }

    /// A command of Chromium's own protocol.
    pub async fn devtools(&self, method: &'static str, params: Value) -> Value {
        within(self.web_driver().issue_cmd(DevTools { method, params })).await.unwrap()
    }

    /// What is on the screen, as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        within(self.web_driver().screenshot()).await.unwrap()
    }

    fn web_driver(&self) -> &Client {
        match &self.driver {
            Driver::WebDriver(client) => client,
            Driver::Firefox(_) => panic!("for Chromium only"),
        }
    }

    async fn source(&self) -> String {
        match &self.driver {
            Driver::WebDriver(client) => client.source().await.unwrap(),
            Driver::Firefox(firefox) => firefox.source().await,
        }
    }

    /// What was waited for, or a panic that shows the page instead.
    async fn waited<T, E: std::fmt::Display>(&self, what: &str, found: Result<T, E>) -> T {
        match found {
            Ok(found) => found,
            Err(error) => {
                panic!("\"{what}\" at {}: {error}\n{}", self.address().await, self.source().await)
            }
        }
    }

    /// Keeps what is on the screen in the build's temporary folder, under `screenshots/`.
    pub async fn screenshot(&self, name: &str) {
        let png = match &self.driver {
            Driver::WebDriver(client) => within(client.screenshot()).await.unwrap(),
            Driver::Firefox(firefox) => firefox.screenshot().await,
        };
        std::fs::write(self.screenshots.join(format!("{name}.png")), png).unwrap();
    }

    pub async fn close(self) {
        match self.driver {
            Driver::WebDriver(client) => within(client.close()).await.unwrap(),
            Driver::Firefox(firefox) => firefox.quit().await,
        }
        drop(self.programs);
    }
}

#[derive(Debug)]
struct DevTools {
    method: &'static str,
    params: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"cmd": self.method, "params": self.params}).to_string()))
    }
}

/// Asks again until the element is there. A page that is going away answers with errors of every kind.
async fn wait_for(client: &Client, locator: Locator<'_>) -> Result<Element, CmdError> {
    let asked = Instant::now();
    loop {
        match within(client.find(locator)).await {
            Ok(found) => return Ok(found),
            Err(problem) if asked.elapsed() > PATIENCE => return Err(problem),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A driver that never answers fails the test, and does not hang it.
async fn within<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(2 * PATIENCE, answer).await.expect("the browser answers its driver")
}
