//! What people read about the chart: README.md, made from values.yaml, and the notes after an install.

use super::helm::{chart, run, value_sets};

const BEGIN: &str = "<!-- values: made from values.yaml by `UPDATE=1 cargo test --test chart` -->\n";

/// One value: its path, its default as YAML, and what its comment says.
struct Described {
    path: String,
    default: String,
    says: String,
}

/// Reads values.yaml as it is written: `# --` before a key begins the comment about it.
fn described() -> Vec<Described> {
    let text = std::fs::read_to_string(chart().join("values.yaml")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut says: Option<String> = None;
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let bare = line.trim_start();
        let depth = line.len() - bare.len();
        if let Some(words) = bare.strip_prefix("# -- ") {
            says = Some(words.to_owned());
        } else if let Some((key, value)) =
            bare.split_once(':').filter(|_| !bare.starts_with('#') && !bare.is_empty())
        {
            if above.last().is_some_and(|(_, last)| last == "*") && depth > above[above.len() - 1].0 {
                // A part of a default that is told as a whole.
                continue;
            }
            above.retain(|(other, _)| *other < depth);
            let path: Vec<&str> = above.iter().map(|(_, key)| key.as_str()).chain([key]).collect();
            let path = path.join(".");
            let value = value.trim();
            let Some(says) = says.take() else {
                assert!(value.is_empty(), "{path} has no comment");
                above.push((depth, key.to_owned()));
                continue;
            };
            let mut default = value.to_owned();
            if value.is_empty() {
                // A section of fixed keys that is one value to whoever sets it.
                let below =
                    lines[number + 1..].iter().take_while(|line| line.starts_with(&" ".repeat(depth + 1)));
                default = format!("{{{}}}", below.map(|line| line.trim()).collect::<Vec<_>>().join(", "));
                above.push((depth, "*".to_owned()));
            }
            found.push(Described { path, default, says });
        }
    }
    found
}

fn table() -> String {
    let mut table = String::from("| value | default | what |\n|---|---|---|\n");
    for Described { path, default, says } in described() {
        let (default, says) = (default.replace('|', "\\|"), says.replace('|', "\\|"));
        table.push_str(&format!("| `{path}` | `{default}` | {says} |\n"));
    }
    table
}

#[test]
fn the_readme_says_what_values_yaml_says() {
    let file = chart().join("README.md");
    let written = std::fs::read_to_string(&file).unwrap();
    let (before, _) = written.split_once(BEGIN).expect("the mark before the table");
    let wanted = format!("{before}{BEGIN}\n{}", table());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &wanted).unwrap();
    } else {
        assert_eq!(written, wanted, "UPDATE=1 cargo test --test chart");
    }
}

#[test]
fn the_schema_knows_every_value_and_no_other() {
    let schema = std::fs::read_to_string(chart().join("values.schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let mut paths = Vec::new();
    leaves(&schema, "", &mut paths);
    paths.retain(|path| path != "global");
    let mut told: Vec<String> = described().into_iter().map(|one| one.path).collect();
    paths.sort();
    told.sort();
    assert_eq!(paths, told);
}

/// The schema's values, down to where it does not say what is below or closes a whole that values.yaml tells as one.
fn leaves(schema: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    const WHOLE: [&str; 2] = ["gatewayApi.gatewayRef", "gatewayApi.externalAuth.backendRef"];
    match schema["properties"].as_object().filter(|_| !WHOLE.contains(&path)) {
        Some(below) => {
            assert_eq!(schema["additionalProperties"], false, "{path} is not strict");
            for (key, schema) in below {
                leaves(schema, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
            }
        }
        None => found.push(path.to_owned()),
    }
}

#[test]
fn the_notes_say_what_to_paste_and_what_is_missing() {
    let notes = |set: &str| {
        let chart = chart();
        let arguments =
            ["install", "demo", chart.to_str().unwrap(), "--namespace", "sso", "--dry-run=client"];
        let output = run("helm4", &arguments, &value_sets()[set], &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).unwrap();
        said.split_once("NOTES:").unwrap().1.to_owned()
    };
    let proxy = notes("proxy");
    for words in [
        "https://app.example.com/vestibule/saml/acs",
        "https://app.example.com/vestibule/saml/metadata",
        "kubectl -n sso exec deployment/demo-vestibule",
        "vestibule metadata --values",
        "helm test demo -n sso",
        "signs everybody out",
    ] {
        assert!(proxy.contains(words), "{words}: {proxy}");
    }
    assert!(!proxy.contains("trusted_proxies"), "{proxy}");
    assert!(notes("monitoring").contains("Nothing leads to it from outside"));
    assert!(notes("monitoring").contains("no trusted_proxies"));
    assert!(notes("forward-auth").contains("http://demo-vestibule-authz.sso:4181"));
    assert!(notes("state").contains("statefulset/demo-vestibule"));
    assert!(notes("text-and-sites").contains("this release's record"));
}
