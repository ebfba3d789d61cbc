//! `make demo` as a person sees it: scripts/demo.sh, a real Chromium, screenshots.

use crate::support::program::{Program, free_port, loopback};
use crate::support::window::Make;
use std::path::Path;
use std::process::Command;

/// Runs the demo's own script with free ports; Ctrl-C is SIGINT to the script, which ends its children.
fn start_demo(folder: &Path, mode: &str) -> (Program, String) {
    let (port, admin) = (free_port(), free_port());
    let program = Program::start(
        &format!("demo-{mode}"),
        Command::new("bash")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/demo.sh"))
            .arg(mode)
            .env("DEMO_BUILT", Path::new(env!("CARGO_BIN_EXE_vestibule")).parent().unwrap())
            .env("DEMO_PORT", port.to_string())
            .env("DEMO_IDP_PORT", free_port().to_string())
            .env("DEMO_APP_PORT", free_port().to_string())
            .env("DEMO_AUTHZ_PORT", free_port().to_string())
            .env("DEMO_GATE_PORT", free_port().to_string())
            .env("DEMO_ADMIN_PORT", admin.to_string()),
        folder,
        loopback(port),
    );
    (program, format!("http://127.0.0.1:{port}"))
}

async fn walk_through(mode: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (demo, url) = start_demo(folder.path(), mode);
    let browser = Make::Chromium.open(folder.path(), &[]).await;

    browser.open(&format!("{url}/reports?year=2026&q=a%20b")).await;
    browser.sees("Demo identity provider").await;
    browser.screenshot(&format!("{mode}-1-identity-provider")).await;
    browser.click("button[value=ada]").await;
    browser.sees("Hello, ada@example.com").await;
    browser.sees("The identity JWT is genuine.").await;
    assert_eq!(browser.address().await, format!("{url}/reports?year=2026&q=a%20b"), "the deep link is kept");
    browser.screenshot(&format!("{mode}-2-application")).await;
    browser.open(&format!("{url}/admin/")).await;
    browser.sees("You asked for /admin/").await;

    browser.open(&format!("{url}/vestibule/sign-out")).await;
    browser.screenshot(&format!("{mode}-3-sign-out")).await;
    browser.click("button").await;
    browser.sees("signed out").await;
    browser.screenshot(&format!("{mode}-4-signed-out")).await;

    browser.open(&format!("{url}/admin/")).await;
    browser.click("button[value=joan]").await;
    browser.sees("not allowed").await;
    browser.screenshot(&format!("{mode}-5-not-allowed")).await;
    browser.open(&format!("{url}/public/")).await;
    browser.sees("You asked for /public/").await;

    browser.close().await;
    demo.terminate();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_signs_ada_in_and_keeps_joan_out() {
    walk_through("proxy").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nginx_demo_signs_ada_in_and_keeps_joan_out() {
    walk_through("nginx").await;
}
