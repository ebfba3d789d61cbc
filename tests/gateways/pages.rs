//! The printed texts in the documentation, and examples/nginx.conf: what the gate prints, to the letter. After a change:
//! `UPDATE=1 cargo test --test gateways pages`.

use crate::world::printed;
use std::path::{Path, PathBuf};

/// The smallest configuration; docs/gateways says so.
const MINIMAL: &str = "public_url: https://app.example.com\nforward_auth: true\n\
    identity_providers:\n  - {id: corp, label: Corporate login, metadata_file: idp-metadata.xml}\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let metadata = root().join("tests/config/files/idp-metadata.xml");
    std::fs::copy(metadata, folder.path().join("idp-metadata.xml")).unwrap();
    std::fs::write(folder.path().join("config.yaml"), config).unwrap();
    folder
}

/// The text that a mark asks for: `nginx`, or `nginx, many` for the configuration of the same page.
fn text_for(mark: &str, page: &str) -> String {
    let options = ["--lua", "/etc/haproxy/vestibule.lua", "--grpc-address", "127.0.0.1:4182"];
    match mark.split_once(", ") {
        None => printed(folder(MINIMAL).path(), mark, &options),
        Some((name, _)) => {
            let start = page.find("```yaml\n").unwrap() + "```yaml\n".len();
            let config = page[start..].split("```").next().unwrap();
            let places = ["--app-address", "wiki=10.0.0.7:8080", "--app-address", "shop=10.0.0.8:8080"];
            printed(folder(config).path(), name, &[&options[..], &places[..]].concat())
        }
    }
}

/// The page with each marked block as it should be, and how many there are.
fn renewed(page: &str) -> (String, usize) {
    const MARK: &str = "<!-- printed: ";
    let mut pieces = page.split(MARK);
    let mut renewed = pieces.next().unwrap().to_owned();
    let mut count = 0;
    for piece in pieces {
        let (mark, rest) = piece.split_once(" -->\n").unwrap();
        let (fence, rest) = rest.split_once('\n').unwrap();
        let after =
            rest.strip_prefix("```").or_else(|| rest.split_once("\n```").map(|(_, after)| after)).unwrap();
        renewed.push_str(&format!("{MARK}{mark} -->\n{fence}\n{}```{after}", text_for(mark, page)));
        count += 1;
    }
    (renewed, count)
}

fn holds(path: &Path, written: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, written).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert!(found == written, "{}: UPDATE=1 cargo test --test gateways pages", path.display());
}

#[test]
fn the_texts_in_the_documentation_are_what_is_printed() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("docs/gateways")).unwrap() {
        let path = entry.unwrap().path();
        let page = std::fs::read_to_string(&path).unwrap();
        let (written, count) = renewed(&page);
        seen += count;
        if count > 0 {
            holds(&path, &written);
        }
    }
    assert_eq!(seen, 14, "twelve texts, and two for many applications");
}

#[test]
fn the_example_for_nginx_is_what_is_printed() {
    holds(&root().join("examples/nginx.conf"), &printed(folder(MINIMAL).path(), "nginx", &[]));
}
