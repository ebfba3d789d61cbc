//! `vestibule test-link` as a program.

use super::here;
use std::process::Command;
use vestibule::clock::Moment;
use vestibule::test_link::TestLink;

const SECRET: &str = "session: {secret: 3f9a0c51b7e24d86a1d0c9e85b7f2436}\n";

struct Made {
    code: Option<i32>,
    out: String,
    err: String,
    file: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

/// Two identity providers; `corp` has this status.
fn make(status: &str, more: &str, arguments: &[&str]) -> Made {
    let certificate = here("attacks/keys/idp-rsa.crt.pem").display().to_string();
    let provider = |id: &str, status: &str| {
        format!(
            "  - id: {id}\n    status: {status}\n    entity_id: https://{id}.example.com\n    \
             sso_url: https://{id}.example.com/sso\n    certificate_files: [{certificate}]\n    speaks_for_any: true\n"
        )
    };
    let text = format!(
        "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\n{more}identity_providers:\n{}{}",
        provider("corp", status),
        provider("partner", "live")
    );
    make_of(&text, arguments)
}

fn make_of(text: &str, arguments: &[&str]) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .arg("test-link")
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Made {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
        file,
        _folder: folder,
    }
}

#[test]
fn prints_a_link_that_the_gate_opens() {
    let made = make("staged", SECRET, &["--idp", "corp"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let address = made.out.trim_end();
    let sealed = address.strip_prefix("https://app.example.com/vestibule/test-sign-in?link=").unwrap();
    let now = Moment::from_millis(jiff::Timestamp::now().as_millisecond());
    let config = vestibule::config::load(&made.file, &[], now).unwrap();
    let open = |now: Moment| TestLink::open(sealed, &config.sites[0], &config.keys, now);
    let link = open(now).unwrap();
    assert_eq!(link.idp.id, "corp");
    assert!((29..=30).contains(&(link.until.since(now).as_secs() / 60)), "{}", link.until);
    assert_eq!(open(link.until).unwrap_err().reason.code(), "test-link-expired");
    assert!(made.err.contains("nobody is signed in by it"), "{}", made.err);
}

#[test]
fn what_cannot_work_is_said_before_anybody_opens_it() {
    for (status, more, arguments, said) in [
        ("staged", "", &["--idp", "corp"][..], "session.secret_file"),
        (
            "staged",
            SECRET,
            &["--idp", "crop"],
            "there is no identity provider `crop`: did you mean `corp`? There is: corp, partner",
        ),
        (
            "staged",
            SECRET,
            &["--idp", "corp", "--site", "wiki"],
            "there is no site `wiki`; there is: app.example.com",
        ),
        ("retired", SECRET, &["--idp", "corp"], "status: retired"),
        ("staged", SECRET, &["--idp", "corp", "--for", "25h"], "from 1m to 24h"),
        ("staged", SECRET, &[], "--idp"),
        ("stagged", SECRET, &["--idp", "corp"], "status"),
    ] {
        let made = make(status, more, arguments);
        assert_eq!(made.code, Some(64), "{arguments:?}: {}", made.err);
        assert!(made.err.contains(said), "{arguments:?}: {}", made.err);
        assert_eq!(made.out, "", "{arguments:?}");
    }
}

#[test]
fn a_slip_in_the_name_of_a_site_is_answered_with_all_names() {
    let certificate = here("attacks/keys/idp-rsa.crt.pem").display().to_string();
    let text = format!(
        "{SECRET}identity_providers:\n  - {{id: corp, entity_id: \"https://corp.example.com\", sso_url: \
         \"https://corp.example.com/sso\", certificate_files: [{certificate}], speaks_for_any: true}}\n\
         sign_on: [{{name: hall, public_url: \"https://auth.example.com\"}}]\nsites:\n\
         \x20 - {{name: wiki, public_urls: [\"https://wiki.example.com\", \"https://wiki.example.net\"], forward_auth: true, sign_on: hall}}\n\
         \x20 - {{name: shop, public_url: \"https://shop.example.com\", forward_auth: true}}\n"
    );
    for (wish, said) in [
        (
            "wikki",
            "there is no site `wikki`: did you mean `wiki`? There is: wiki (tried at hall), shop, hall",
        ),
        ("zzz", "there is no site `zzz`; there is: wiki (tried at hall), shop, hall"),
        ("wiki", "wiki signs on at hall, and is tried there: say --site hall"),
    ] {
        let made = make_of(&text, &["--idp", "corp", "--site", wish]);
        assert_eq!((made.code, made.err.trim()), (Some(64), said));
    }
    let made = make_of(&text, &["--idp", "corp", "--site", "hall"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
}

#[test]
fn the_site_may_be_named_and_the_time_chosen() {
    let made = make("live", SECRET, &["--idp", "corp", "--site", "app.example.com", "--for", "2h"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
}
