//! config.example.yaml is the manual, so it is a test: it loads, names every key, and its defaults are the defaults.

use super::{NOW, here, load_with};
use std::path::{Path, PathBuf};
use vestibule::config::{Config, known_keys, load};

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.yaml");
    std::fs::read_to_string(path).expect("config.example.yaml")
}

/// Puts the text beside the metadata that it names.
fn folder_with(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(here().join("files/idp-metadata.xml"), folder.path().join("idp-metadata.xml"))
        .expect("metadata");
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, text).expect("the file");
    (folder, file)
}

/// All that a configuration decides, without what is random or tells of lines.
fn decided(config: &Config) -> String {
    let warned: Vec<(&str, &str)> =
        config.warnings.iter().map(|w| (w.path.as_str(), w.message.as_str())).collect();
    format!(
        "{:#?}\n{:#?}\n{:?}\n{}\n{}\n{}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{warned:#?}",
        config.sites,
        config.listeners,
        config.trusted_proxies,
        config.keys_are_ephemeral,
        config.store_max_bytes,
        config.connections,
        config.message_limits,
        config.second_opinion,
        config.shutdown,
        config.log,
        config.branding,
    )
}

/// `#key: value` without its mark; `##` stays a comment.
fn with_defaults_written_out(text: &str) -> String {
    let line = |line: &str| {
        let bare = line.trim_start();
        let optional =
            bare.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        match optional {
            Some(rest) => format!("{}{rest}\n", &line[..line.len() - bare.len()]),
            None => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

#[test]
fn the_example_loads_and_its_defaults_are_the_defaults() {
    let (_folder, as_is) = folder_with(&example());
    let as_is = load_with(&as_is, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    let written_out = with_defaults_written_out(&example());
    assert_ne!(written_out, example(), "nothing is optional?");
    let (_folder, file) = folder_with(&written_out);
    let written_out = load_with(&file, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(decided(&as_is), decided(&written_out));
}

#[test]
fn the_example_is_the_smallest_file_of_the_readme_with_comments() {
    let smallest = "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\nidentity_providers:\n  \
                    - {id: corp, label: Corporate login, metadata_file: idp-metadata.xml}\n";
    let (_folder, smallest) = folder_with(smallest);
    let (_folder, as_is) = folder_with(&example());
    let smallest = load(&smallest, &[], NOW).unwrap_or_else(|problems| panic!("{problems}"));
    let as_is = load(&as_is, &[], NOW).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(decided(&smallest), decided(&as_is));
}

#[test]
fn the_example_names_every_key_and_no_other() {
    let mut named = keys_of(&example());
    named.sort();
    named.dedup();
    let known = known_keys();
    // A term may stand in any other; the example shows each once.
    let term = |key: &str| key.starts_with("rules[].access.");
    let last = |key: &str| key.rsplit('.').next().map(str::to_owned);
    for key in &known {
        let shown = named.contains(key)
            || (term(key) && named.iter().any(|n| term(n) && last(n) == last(key)))
            || named.iter().any(|n| is_one_of(key, n))
            || (key.ends_with(".*") && named.iter().any(|n| n.starts_with(key.trim_end_matches('*'))));
        assert!(shown, "{key} is not in config.example.yaml");
    }
    // A site, a tenant and a sign-on host may say what the top level says.
    let in_common = |key: &str| {
        let inside = key.strip_prefix("sites[].").map(|key| key.strip_prefix("tenants[].").unwrap_or(key));
        let inside = inside.or_else(|| key.strip_prefix("sign_on[]."));
        let says = |known: &String, key: &str| {
            known == key || (known.ends_with(".*") && key.starts_with(known.trim_end_matches('*')))
        };
        inside.is_some_and(|key| known.iter().any(|known| says(known, key)))
    };
    for key in &named {
        let exists = known.contains(key)
            || in_common(key)
            || (term(key) && known.iter().any(|k| term(k) && last(k) == last(key)))
            || known.iter().any(|k| is_one_of(k, key))
            || known.iter().any(|k| k.ends_with(".*") && key.starts_with(k.trim_end_matches('*')));
        assert!(exists, "config.example.yaml has {key}, which is no key");
    }
}

/// Whether `named` is `key` with a name of the owner's own in the place of each `*`.
fn is_one_of(key: &str, named: &str) -> bool {
    let (own, of): (Vec<&str>, Vec<&str>) = (named.split('.').collect(), key.split('.').collect());
    own.len() == of.len()
        && own.iter().zip(of).all(|(own, of)| match of.strip_prefix('*') {
            Some(rest) => own.ends_with(rest) && own.contains("[]") == rest.contains("[]"),
            None => *own == of,
        })
}

/// The paths of all keys, commented out or not, by their indentation.
fn keys_of(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut above: Vec<(usize, String)> = Vec::new();
    for line in text.lines() {
        let bare = line.trim_start();
        let mut indent = line.len() - bare.len();
        let marks = bare.len() - bare.trim_start_matches('#').len();
        let body = &bare[marks..];
        let rest = body.trim_start();
        // A remark has a blank after its mark; below `##` blanks are indentation.
        if rest.is_empty() || (marks == 1 && body.starts_with(' ')) || rest.starts_with('<') {
            continue;
        }
        indent += body.len() - rest.len();
        let (rest, item) = match rest.strip_prefix("- ") {
            Some(rest) => {
                indent += 2;
                (rest, true)
            }
            None => (rest, false),
        };
        let Some((key, value)) = rest.split_once(':') else { continue };
        while above.last().is_some_and(|(deeper, _)| *deeper >= indent) {
            above.pop();
        }
        // A list's items share the path of the list.
        let path = match above.last() {
            None => key.to_owned(),
            Some((_, parent)) if item && !parent.ends_with("[]") => format!("{parent}[].{key}"),
            Some((_, parent)) => format!("{parent}.{key}"),
        };
        if item
            && let Some((at, parent)) = above.last().cloned()
            && !parent.ends_with("[]")
        {
            above.push((at + 1, format!("{parent}[]")));
        }
        keys.push(path.clone());
        above.push((indent, path.clone()));
        if let Some(inner) = value.trim().strip_prefix('{') {
            keys.extend(
                inner
                    .split(',')
                    .filter_map(|p| p.split_once(':'))
                    .map(|(k, _)| format!("{path}.{}", k.trim())),
            );
        }
    }
    keys
}
