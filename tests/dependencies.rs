//! Every linked crate has a licence from the list in .cargo/deny.toml, comes from the registry, and is not banned.
//! This is the part of cargo-deny's work that must hold wherever the tests run; see scripts/dependencies.sh.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

const POLICY: &str = include_str!("../.cargo/deny.toml");
const PAGE: &str = include_str!("../docs/dependencies.md");

#[test]
fn every_licence_is_allowed() {
    let allowed: BTreeSet<String> = quoted_after(POLICY, "allow = [");
    let refused: Vec<String> = linked_packages()
        .into_iter()
        .filter(|package| !package["license"].as_str().is_some_and(|licence| permits(licence, &allowed)))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "not on the list of .cargo/deny.toml:\n{}", refused.join("\n"));
}

#[test]
fn everything_comes_from_the_registry_and_nothing_is_banned() {
    let packages = linked_packages();
    for package in &packages {
        let name = package["name"].as_str().unwrap_or_default();
        if name == "vestibule" {
            continue;
        }
        assert!(
            package["source"].as_str().is_some_and(|source| source.starts_with("registry+")),
            "{name}: {}",
            package["source"]
        );
        if let Some(wrappers) = ban_of(name) {
            for user in users_of(name, &packages) {
                assert!(wrappers.contains(user), "{name} is banned in .cargo/deny.toml, and {user} uses it");
            }
        }
    }
}

#[test]
fn a_ban_is_read_with_its_exceptions() {
    assert_eq!(ban_of("rsa"), Some(BTreeSet::new()));
    assert_eq!(ban_of("openssl"), Some(BTreeSet::from(["samael".to_owned(), "vestibule".to_owned()])));
    assert_eq!(ban_of("aws-lc-rs"), None);
}

/// Who alone may use a banned crate; nothing when it is not banned.
fn ban_of(name: &str) -> Option<BTreeSet<String>> {
    let (_, rest) = POLICY.split_once(&format!("crate = \"{name}\""))?;
    Some(quoted_after(rest.lines().next().unwrap_or_default(), "wrappers = ["))
}

/// Who names the crate among its dependencies.
fn users_of<'a>(name: &str, packages: &'a [Value]) -> Vec<&'a str> {
    packages
        .iter()
        .filter(|package| {
            package["dependencies"].as_array().is_some_and(|all| {
                all.iter().any(|dependency| {
                    // null: neither for its tests nor for its build.
                    dependency["name"] == name
                        && dependency["kind"].is_null()
                        && dependency["optional"] == false
                })
            })
        })
        .filter_map(|package| package["name"].as_str())
        .collect()
}

#[test]
fn every_direct_dependency_is_explained() {
    for package in linked_packages().iter().filter(|package| package["name"] == "vestibule") {
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let name = dependency["name"].as_str().unwrap_or_default();
            assert!(PAGE.contains(&format!("`{name}`")), "docs/dependencies.md says nothing about `{name}`");
        }
    }
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "ISC".to_owned()]);
    assert!(permits("MIT OR GPL-3.0", &allowed));
    assert!(permits("(MIT OR Apache-2.0) AND ISC", &allowed));
    assert!(!permits("MIT AND GPL-3.0", &allowed));
    assert!(permits("GPL-2.0/MIT", &allowed));
}

/// Packages that a build for Linux links in (not those of other systems).
fn linked_packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--offline",
            "--all-features",
            "--filter-platform=x86_64-unknown-linux-gnu",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reached: BTreeSet<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|node| node["id"].as_str())
        .collect();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .filter(|package| package["id"].as_str().is_some_and(|id| reached.contains(id)))
        .cloned()
        .collect()
}

/// The quoted words between `start` and the next `]`.
fn quoted_after(text: &str, start: &str) -> BTreeSet<String> {
    let list = text.split_once(start).and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// SPDX: AND binds tighter than OR; the old `/` means OR.
fn permits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    fn either(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
        let mut good = both(words, at, allowed);
        while words.get(*at) == Some(&"OR") {
            *at += 1;
            good |= both(words, at, allowed);
        }
        good
    }
    fn both(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
        let mut good = one(words, at, allowed);
        while words.get(*at) == Some(&"AND") {
            *at += 1;
            good &= one(words, at, allowed);
        }
        good
    }
    fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
        let word = words.get(*at).copied().unwrap_or_default();
        *at += 1;
        if word == "(" {
            let good = either(words, at, allowed);
            *at += 1;
            return good;
        }
        let mut licence = word.to_owned();
        if words.get(*at) == Some(&"WITH") {
            licence = format!("{word} WITH {}", words.get(*at + 1).copied().unwrap_or_default());
            *at += 2;
        }
        allowed.contains(&licence)
    }
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    either(&words, &mut 0, allowed)
}
