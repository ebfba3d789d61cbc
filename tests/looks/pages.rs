//! Every page, with its headers, in four shapes. The pictures lie in the build's temporary folder under `screenshots/pages`;
//! with `PAGES_DIR` set, there.

use crate::support::gallery::{self, LOGO_PATH};
use crate::support::window::{Make, Window};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name, width, height and dark.
const SHAPES: [(&str, u32, u32, bool); 4] = [
    ("desk-light", 1200, 860, false),
    ("desk-dark", 1200, 860, true),
    ("phone-light", 390, 844, false),
    ("phone-dark", 390, 844, true),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_in_every_shape_is_accessible() {
    let folder = tempfile::tempdir().unwrap();
    let pages = gallery::pages();
    let address = serve(pages.clone()).await;
    let browser = Make::Chromium.open(folder.path(), &[]).await;
    let mut wrong = Vec::new();
    for shape in SHAPES {
        take_shape(&browser, shape).await;
        for (name, _) in &pages {
            browser.open(&format!("http://{address}/{name}")).await;
            wrong.extend(looked_at(&browser, name, shape).await);
        }
    }
    browser.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_measure_finds_planted_faults() {
    let folder = tempfile::tempdir().unwrap();
    let faults = "<!doctype html><html><title>x</title><main><p style='color:#ccc;width:2000px'>pale</p><img src=/none><input>";
    let mut page = Response::new(Bytes::from(faults));
    page.headers_mut().insert("content-type", http::HeaderValue::from_static("text/html"));
    let address = serve(vec![("planted".into(), page)]).await;
    let browser = Make::Chromium.open(folder.path(), &[]).await;
    take_shape(&browser, SHAPES[2]).await;
    browser.open(&format!("http://{address}/planted")).await;
    let wrong = looked_at(&browser, "planted", SHAPES[2]).await.join("\n");
    for fault in ["wider", "not shown", "color-contrast", "html-has-lang", "image-alt", "\"label\""] {
        assert!(wrong.contains(fault), "{fault} is not in {wrong}");
    }
    browser.close().await;
}

/// Without JavaScript nobody is led on by a script, and everybody sees the button.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_go_on_by_themselves_show_a_button_without_javascript() {
    let folder = tempfile::tempdir().unwrap();
    // The refresh that leads on in place of the script would leave nothing to look at.
    let pages: Vec<_> = gallery::passing().into_iter().map(without_refresh).collect();
    let address = serve(pages.clone()).await;
    let browser = Make::Chromium.open(folder.path(), &[]).await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    for shape in SHAPES {
        take_shape(&browser, shape).await;
        for (name, _) in &pages {
            browser.open(&format!("http://{address}/{name}")).await;
            browser.sees("press the button").await;
            browser.devtools("Emulation.setEmulatedMedia", media(shape.3, true)).await;
            keep(&browser, name, shape).await;
        }
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_follows_itself_does_so_without_javascript() {
    let folder = tempfile::tempdir().unwrap();
    let target = serve(vec![("sso".into(), Response::new(Bytes::from("the identity provider")))]).await;
    let to = format!("http://{target}/sso?a=1&b='2'");
    let passing = vestibule::pages::Passing { key: "k", kept: "/kept" };
    let page = vestibule::pages::leave(&vestibule::pages::Branding::default(), &to, passing);
    let address = serve(vec![("leave".into(), page)]).await;
    let browser = Make::Chromium.open(folder.path(), &[]).await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    browser.open(&format!("http://{address}/leave")).await;
    browser.sees("the identity provider").await;
    assert_eq!(browser.address().await, format!("http://{target}/sso?a=1&b=%272%27"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_to_the_identity_provider_posts_itself_or_keeps_a_fragment_first() {
    let folder = tempfile::tempdir().unwrap();
    let target = serve(vec![("sso".into(), Response::new(Bytes::from("the identity provider")))]).await;
    let passing = vestibule::pages::Passing { key: "AbC", kept: "/kept" };
    let fields = [("submit", "a field of a wicked name"), ("SAMLRequest", "PHNhbWw+")];
    let page = vestibule::pages::leave_by_post(
        &gallery::branded(),
        &format!("http://{target}/sso"),
        &fields,
        passing,
    );
    let kept = Response::new(Bytes::from("go on from here"));
    let address = serve(vec![("leave".into(), page), ("kept".into(), kept)]).await;
    let browser = Make::Chromium.open(folder.path(), &[]).await;
    browser.open(&format!("http://{address}/leave#/deep")).await;
    browser.sees("go on from here").await;
    assert_eq!(browser.address().await, format!("http://{address}/kept"));
    assert_eq!(browser.run("return {...sessionStorage}", vec![]).await, json!({"vestibule:AbC": "#/deep"}));
    browser.open(&format!("http://{address}/leave")).await;
    browser.sees("the identity provider").await;
    assert_eq!(browser.address().await, format!("http://{target}/sso"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_narrows_while_somebody_types_and_the_count_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let address = serve(gallery::pages()).await;
    let browser = Make::Chromium.open(folder.path(), &[]).await;
    browser.open(&format!("http://{address}/chooser-many#/deep")).await;
    let shown =
        "return [...document.querySelectorAll('#choices li')].filter(x => x.checkVisibility()).length";
    assert_eq!(browser.run(shown, vec![]).await, 14);
    browser.type_into("#q", "LI").await;
    assert_eq!(browser.run(shown, vec![]).await, 1);
    browser.sees("1 of 14 sign-in pages").await;
    browser.type_into("#q", "xyz").await;
    assert_eq!(browser.run(shown, vec![]).await, 0);
    browser.sees("No sign-in page has that name.").await;
    // A fragment goes along with every link and form.
    let along = "return [...document.querySelectorAll('main a')].every(x => x.href.endsWith('idp=x#/deep')) && \
                 [...document.querySelectorAll('main form')].every(x => x.action.endsWith('sign-in#/deep'))";
    assert_eq!(browser.run(along, vec![]).await, true);
    browser.close().await;
}

/// What is wrong with the page that is shown.
async fn looked_at(browser: &Window, name: &str, shape: (&str, u32, u32, bool)) -> Vec<String> {
    keep(browser, name, shape).await;
    let mut wrong = Vec::new();
    let wide = browser.run("return document.documentElement.scrollWidth - innerWidth", vec![]).await;
    if wide.as_i64().is_none_or(|wide| wide > 0) {
        wrong.push(format!("{name} ({}): wider than its window by {wide}", shape.0));
    }
    let broken = "return [...document.images].filter(x => !x.naturalWidth).length";
    if browser.run(broken, vec![]).await != 0 {
        wrong.push(format!("{name} ({}): a picture is not shown", shape.0));
    }
    browser.run(&std::fs::read_to_string(axe()).unwrap(), vec![]).await;
    let ask = "const done = arguments[arguments.length - 1]; axe.run(document, {resultTypes: ['violations']})\
               .then(r => done(r.violations.map(v => [v.impact, v.id, v.help, v.nodes.map(n => n.html).join(' | ')])), \
               e => done([['critical', 'axe', String(e), '']]))";
    let found = browser.run_later(ask, vec![]).await;
    for one in found.as_array().expect("axe-core answers") {
        wrong.push(format!("{name} ({}): {one}", shape.0));
    }
    wrong
}

async fn take_shape(browser: &Window, (_, width, height, dark): (&str, u32, u32, bool)) {
    let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
    browser.devtools("Emulation.setDeviceMetricsOverride", size).await;
    browser.devtools("Emulation.setScrollbarsHidden", json!({"hidden": true})).await;
    browser.devtools("Emulation.setEmulatedMedia", media(dark, false)).await;
}

fn media(dark: bool, still: bool) -> Value {
    json!({"features": [
        {"name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" }},
        {"name": "prefers-reduced-motion", "value": if still { "reduce" } else { "" }},
    ]})
}

async fn keep(browser: &Window, name: &str, (shape, ..): (&str, u32, u32, bool)) {
    let folder = std::env::var_os("PAGES_DIR")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots/pages"), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.{shape}.png")), browser.picture().await).unwrap();
}

/// scripts/counterparts.sh installs it.
fn axe() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/counterparts/axe/node_modules/axe-core/axe.min.js");
    assert!(path.exists(), "{} is missing: run scripts/counterparts.sh", path.display());
    path
}

fn without_refresh((name, page): (String, Response<Bytes>)) -> (String, Response<Bytes>) {
    let changed = |body: Bytes| String::from_utf8_lossy(&body).replace("http-equiv=\"refresh\"", "").into();
    (name, page.map(changed))
}

/// Serves each page under its name, and the logo.
async fn serve(pages: Vec<(String, Response<Bytes>)>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    if let Some(dir) = std::env::var_os("PAGES_DIR") {
        std::fs::create_dir_all(&dir).unwrap();
        for (name, page) in &pages {
            std::fs::write(Path::new(&dir).join(format!("{name}.html")), page.body()).unwrap();
        }
    }
    let pages: Arc<HashMap<String, Response<Bytes>>> =
        Arc::new(pages.into_iter().map(|(name, page)| (format!("/{name}"), page)).collect());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let pages = Arc::clone(&pages);
            tokio::spawn(async move {
                let answer = |request: Request<Incoming>| {
                    let page = served(&pages, request.uri().path());
                    async { Ok::<_, Infallible>(page.map(Full::new)) }
                };
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer));
                drop(connection.await);
            });
        }
    });
    address
}

fn served(pages: &HashMap<String, Response<Bytes>>, path: &str) -> Response<Bytes> {
    if path == LOGO_PATH {
        return gallery::branded().logo.unwrap().picture.answer();
    }
    pages.get(path).cloned().unwrap_or_else(|| {
        let mut nothing = Response::new(Bytes::new());
        *nothing.status_mut() = StatusCode::NOT_FOUND;
        nothing
    })
}
