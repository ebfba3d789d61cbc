//! One configuration in several files.

use crate::{here, load_with};
use std::fs;
use tempfile::TempDir;

/// The smallest useful file without its site.
fn rest() -> String {
    let metadata = here().join("files/idp-metadata.xml");
    format!("identity_providers:\n  - id: corp\n    metadata_file: {}\n", metadata.display())
}

fn site(name: &str) -> String {
    format!(
        "sites:\n  - name: {name}\n    public_url: https://{name}.example.com\n    upstream: http://127.0.0.1:3000\n"
    )
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    }
    folder
}

/// The names of the sites, or the problems without the folder's name.
fn load(folder: &TempDir, env: &[(&str, &str)]) -> Result<Vec<String>, String> {
    match load_with(&folder.path().join("config.yaml"), env) {
        Ok(config) => Ok(config.sites.iter().map(|site| site.name.clone()).collect()),
        Err(problems) => Err(problems.to_string().replace(&format!("{}/", folder.path().display()), "")),
    }
}

#[test]
fn a_folder_is_read_by_name_and_its_lists_follow_one_another() {
    let main = format!("include: conf.d\n{}{}", rest(), site("first"));
    let (b, a) = (site("b"), format!("{}session:\n  idle_timeout: 20m\n", site("a")));
    let folder = folder(&[
        ("config.yaml", &main),
        ("conf.d/2-b.yml", &b),
        ("conf.d/1-a.yaml", &a),
        ("conf.d/notes.txt", "sites: nonsense"),
        ("conf.d/.1-a.yaml.swp", "sites: nonsense"),
        ("conf.d/deeper/c.yaml", "sites: nonsense"),
    ]);
    assert_eq!(load(&folder, &[]).expect("a configuration"), ["first", "a", "b"]);
    // A twin in the environment counts the items as they are once they stand together.
    let env = [("VESTIBULE__SITES__2__NAME", "renamed")];
    assert_eq!(load(&folder, &env).expect("a configuration"), ["first", "a", "renamed"]);
}

#[test]
fn files_and_stars_are_read_in_the_order_of_the_list() {
    let main = "include: [z.yaml, 'customers/*-site.yaml']\n";
    let (z, a) = (format!("{}{}", rest(), site("z")), site("a"));
    let folder = folder(&[
        ("config.yaml", main),
        ("z.yaml", &z),
        ("customers/a-site.yaml", &a),
        ("customers/b.yaml", "x: y"),
    ]);
    assert_eq!(load(&folder, &[]).expect("a configuration"), ["z", "a"]);
}

#[test]
fn nothing_wins_over_anything() {
    let main = format!(
        "include: conf.d\n{}{}clock_skew: 30s\nsession:\n  max_age: 8h\nroles: {{ops: [admin]}}\ntrusted_proxies: [10.0.0.1/32]\n",
        rest(),
        site("first")
    );
    let part = "clock_skew: 60s\nsession:\n  idle_timeout: 20m\n  max_age: 9h\nroles:\n  dev: [writer]\ntrusted_proxies: [10.0.0.2/32]\n";
    let folder = folder(&[("config.yaml", &main), ("conf.d/a.yaml", part)]);
    let said = load(&folder, &[]).expect_err("two problems");
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        lines,
        [
            "conf.d/a.yaml:1: clock_skew: is given twice: first on line 9 of config.yaml",
            "conf.d/a.yaml:4: session.max_age: is given twice: first on line 11 of config.yaml",
        ],
        "{said}"
    );
}

#[test]
fn a_problem_names_the_file_that_it_stands_in() {
    let main = format!("include: conf.d\n{}{}", rest(), site("first"));
    let part = format!("\n{}    colour: red\n", site("a"));
    let folder = folder(&[("config.yaml", &main), ("conf.d/a.yaml", &part)]);
    let said = load(&folder, &[]).expect_err("a problem");
    assert!(said.starts_with("conf.d/a.yaml:6: sites[1].colour: is an unknown key"), "{said}");
}

#[test]
fn a_neighbour_in_another_file_is_named_with_that_file() {
    let (a, b) = (site("same"), format!("\n\n{}", site("same")));
    let folder = folder(&[
        ("config.yaml", &format!("include: conf.d\n{}", rest())),
        ("conf.d/a.yaml", &a),
        ("conf.d/b.yaml", &b),
    ]);
    let said = load(&folder, &[]).expect_err("a problem");
    let expected =
        "conf.d/b.yaml:4: sites[1]: `same` is already the name of sites[0] (line 2 of conf.d/a.yaml)";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn what_cannot_be_read_is_said_and_nothing_starts() {
    let main = format!(
        "include: [conf.d, gone, 'x*/a.yaml', part.yaml, ./part.yaml, config.yaml, /dev/null]\n{}{}",
        rest(),
        site("first")
    );
    let folder = folder(&[
        ("config.yaml", &main),
        ("conf.d/a.yaml", "include: more\n"),
        ("conf.d/b.yaml", "a: [1\n"),
        ("part.yaml", "clock_skew: 30s\n"),
    ]);
    let said = load(&folder, &[]).expect_err("problems");
    for part in [
        "conf.d/a.yaml:1: include: can stand in the first file only",
        "conf.d/b.yaml:",
        "config.yaml:1: include[1]: gone does not exist",
        "config.yaml:1: include[2]: a * may stand in the last part only",
        "config.yaml:1: include[4]: ./part.yaml is read already",
        "config.yaml:1: include[5]: config.yaml is read already",
        "config.yaml:1: include[6]: /dev/null is not a file",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
}

#[test]
fn the_environment_includes_nothing() {
    let main = format!("{}{}", rest(), site("first"));
    let folder = folder(&[("config.yaml", &main)]);
    let said = load(&folder, &[("VESTIBULE__INCLUDE", "conf.d")]).expect_err("a problem");
    assert!(said.contains("VESTIBULE__INCLUDE: include: is read from the configuration file only"), "{said}");
}
