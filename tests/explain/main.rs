//! `vestibule explain` as a program (and `test-link`, in its own file): what goes in, what comes out, and with which exit code.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod test_link;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The gate of the attack corpus, as its owner would configure it.
const CONFIG: &str = "\
public_url: https://app.example.com
upstream: http://127.0.0.1:3000
identity_providers:
  - id: corp
    label: Corporate login
    entity_id: https://idp.example.com/metadata
    sso_url: https://idp.example.com/sso
    certificate_files: [CERTIFICATE]
";

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn case(name: &str) -> String {
    here(&format!("attacks/cases/{name}.xml")).display().to_string()
}

fn recording() -> String {
    here("explain/sign-in.har").display().to_string()
}

struct House(TempDir);

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = here("attacks/keys/idp-rsa.crt.pem").display().to_string();
        std::fs::write(folder.path().join("config.yaml"), CONFIG.replace("CERTIFICATE", &certificate))
            .unwrap();
        Self(folder)
    }

    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn explain(&self, arguments: &[&str]) -> Said {
        self.explain_with(arguments, "")
    }

    fn explain_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut child = Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .arg("explain")
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Who does not read its input has closed it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Said::of(child.wait_with_output().unwrap())
    }
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }
}

#[test]
fn a_recording_tells_everything() {
    let said = House::new().explain(&[&recording()]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("AuthnRequest in a query, request 3 of the recording"), "{}", said.out);
    assert!(said.out.contains("Response posted, request 5 of the recording"), "{}", said.out);
    assert!(said.out.contains("the same was sent again: request 6"), "{}", said.out);
    assert!(said.out.contains("2026-01-15T11:59:59.500Z, when the browser posted it"), "{}", said.out);
    assert!(said.out.contains("?    assertion-replayed"), "{}", said.out);
    assert!(!said.out.contains("alice@") && !said.out.contains('\u{1b}'), "{}", said.out);

    let json = House::new().explain(&[&recording(), "--json"]).json();
    let answer = &json["messages"][1];
    assert_eq!(answer["against"]["request_id"], "_request-5f0c3a7b9d2e4186a1b2c3d4e5f60718");
    let rules = answer["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["code"] == "in-response-to-mismatch").unwrap();
    assert_eq!(rule["state"], "passed");
    assert!(answer["verdict"].get("refused").is_none(), "{}", answer["verdict"]);
}

#[test]
fn a_recording_in_which_another_request_is_answered_is_refused() {
    let har = std::fs::read_to_string(recording()).unwrap();
    let other = House::new().explain_with(&["-", "--request-id", "_another"], &har);
    assert_eq!(other.code, 1);
    assert!(other.out.contains("refused: in-response-to-mismatch"), "{}", other.out);
}

#[test]
fn the_exit_code_says_what_happened() {
    let house = House::new();
    assert_eq!(house.explain(&[&case("rsa-sha256-both")]).code, 0);
    let refused = house.explain(&[&case("audience-prefix")]);
    assert_eq!(refused.code, 1);
    assert!(refused.out.contains("refused: audience-mismatch"), "{}", refused.out);

    let unreadable = house.explain_with(&["-"], "hello, world");
    assert_eq!((unreadable.code, unreadable.out.as_str()), (65, ""));
    assert!(unreadable.err.contains("neither XML nor base64"), "{}", unreadable.err);

    for arguments in [
        &["not-there.xml"][..],
        &["-", "--at", "yesterday"],
        &["-", "--requested-at", "2026-01-15T12:00:00Z"],
        &["-", "--site", "other"],
        &["-", "--idp", "other"],
        &[],
    ] {
        let said = house.explain_with(arguments, "<a/>");
        assert_eq!(said.code, 64, "{arguments:?}: {}", said.err);
        assert!(!said.err.is_empty(), "{arguments:?}");
    }
    let said = house.explain_with(&["-", "--idp", "other"], "<a/>");
    assert!(said.err.contains("there is no identity provider `other`; there is: corp"), "{}", said.err);
}

#[test]
fn without_a_configuration_it_decodes_and_says_what_is_missing() {
    let said = House::empty().explain(&[&case("rsa-sha256-both")]);
    assert_eq!(said.code, 64);
    assert!(said.out.contains("audience") && said.out.contains("no rule is applied"), "{}", said.out);
    assert!(said.err.contains("config.yaml"), "{}", said.err);
}

#[test]
fn the_time_can_be_given_in_any_zone() {
    let house = House::new();
    let file = case("rsa-sha256-both");
    assert_eq!(house.explain(&[&file, "--at", "2026-01-15T13:00:00+01:00"]).code, 0);
    let early = house.explain(&[&file, "--at", "2026-01-15T11:54:46Z"]);
    assert_eq!(early.code, 1);
    assert!(early.out.contains("the IdP's clock is 312 s ahead"), "{}", early.out);
}

#[test]
fn values_are_shown_on_request_only() {
    let house = House::new();
    let file = case("rsa-sha256-both");
    assert!(!house.explain(&[&file, "--json"]).out.contains("alice"));
    assert!(house.explain(&[&file, "--show-values"]).out.contains("alice@example.com"));
}

#[test]
fn the_help_teaches() {
    let said = House::empty().explain(&["--help"]);
    assert_eq!(said.code, 0);
    for word in ["HAR", "--show-values", "--request-id", "Exit codes"] {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
}

#[cfg(feature = "second-opinion")]
#[test]
fn other_code_is_asked_about_what_ours_accepts() {
    let house = House::new();
    let agrees = house.explain(&[&case("rsa-sha256-assertion")]);
    assert_eq!(agrees.code, 0, "{}", agrees.out);
    assert!(agrees.out.contains("The second opinion (xmlsec1 and samael) agrees."), "{}", agrees.out);
    let json = house.explain(&[&case("rsa-pss-sha256"), "--json"]).json();
    let opinion = json["messages"][0]["second_opinion"].as_str().unwrap().to_owned();
    assert!(opinion.starts_with("not comparable: "), "{opinion}");
    // What ours refuses is not shown to C code.
    let refused = house.explain(&[&case("audience-prefix"), "--json"]).json();
    assert!(refused["messages"][0].get("second_opinion").is_none(), "{refused}");

    // An ID that is no name of XML, where nobody signed it, is on what they differ.
    let good = std::fs::read_to_string(case("rsa-sha256-assertion")).unwrap();
    let odd = good.replacen("ID=\"_response\"", "ID=\"1-is-no-name\"", 1);
    let differs = house.explain_with(&["-"], &odd);
    assert_eq!(differs.code, 1, "{}", differs.out);
    assert!(differs.out.contains("refused: second-opinion-disagrees"), "{}", differs.out);
    assert!(differs.out.contains("The second opinion (xmlsec1 and samael) disagrees: "), "{}", differs.out);

    let with = |word: &str| {
        let house = House::new();
        let file = house.0.path().join("config.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}second_opinion: {word}\n")).unwrap();
        house.explain_with(&["-"], &odd)
    };
    let reported = with("report");
    assert_eq!(reported.code, 0, "{}", reported.out);
    assert!(reported.out.contains("disagrees: "), "{}", reported.out);
    let off = with("off");
    assert_eq!(off.code, 0);
    assert!(!off.out.contains("second opinion"), "{}", off.out);
}

/// The gate of the corpus again: a host that signs on for two sites, one of which is for other people.
const SITES: &str = "\
identity_providers:
  - {id: corp, entity_id: \"https://idp.example.com/metadata\", sso_url: \"https://idp.example.com/sso\", certificate_files: [CERTIFICATE]}
sign_on: [{name: hall, public_url: \"https://app.example.com\"}]
sites:
  - {name: wiki, public_url: \"https://wiki.example.com\", upstream: \"http://127.0.0.1:3000\", sign_on: hall, default_role: reader}
  - {name: vault, public_url: \"https://vault.example.com\", upstream: \"http://127.0.0.1:3000\", sign_on: hall, admission: {just_in_time: false, invited_file: people}}
  - name: app
    public_url: https://*.app.example.com
    upstream: http://127.0.0.1:3000
    sign_on: hall
    tenants: [{name: acme, email_domains: [acme.test]}]
";

#[test]
fn what_each_site_behind_a_sign_on_host_makes_of_an_answer_is_told_by_its_name() {
    let house = House::empty();
    let certificate = here("attacks/keys/idp-rsa.crt.pem").display().to_string();
    let config = SITES.replace("CERTIFICATE", &certificate);
    std::fs::write(house.0.path().join("config.yaml"), config).unwrap();
    std::fs::write(house.0.path().join("people"), "bob@example.com\n").unwrap();
    let case = case("rsa-sha256-assertion");
    for (site, code, refused) in [
        (None, 0, None),
        (Some("hall"), 0, None),
        (Some("wiki"), 0, None),
        (Some("vault"), 1, Some("not-invited")),
        (Some("app/acme"), 1, Some("email-domain-foreign")),
    ] {
        let mut arguments = vec![case.as_str(), "--json"];
        arguments.extend(site.iter().flat_map(|site| ["--site", site]));
        let said = house.explain(&arguments);
        assert_eq!(said.code, code, "{site:?}: {}{}", said.out, said.err);
        let message = &said.json()["messages"][0];
        assert_eq!(message["against"]["site"], site.unwrap_or("hall"));
        assert_eq!(message["verdict"]["refused"]["code"].as_str(), refused, "{site:?}");
        assert_eq!(message["identity"]["told"].to_string().contains("reader"), site == Some("wiki"));
    }
    assert_eq!(house.explain(&[&case, "--site", "nobody"]).code, 64);
}
