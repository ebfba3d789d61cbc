use super::*;

fn name(raw: &str) -> String {
    RequestPath::parse(raw, false).unwrap_or_else(|e| panic!("{raw}: {e}")).name
}

fn refused(raw: &str, allow_encoded_slash: bool) -> String {
    match RequestPath::parse(raw, allow_encoded_slash) {
        Ok(path) => panic!("{raw:?} was read as {path:?}"),
        Err(refusal) => {
            assert_eq!(refusal.reason, Reason::PathMalformed, "{raw:?}");
            refusal.detail.into_owned()
        }
    }
}

fn readings(raw: &str, allow_encoded_slash: bool) -> Vec<(String, bool)> {
    let path = RequestPath::parse(raw, allow_encoded_slash).unwrap();
    path.readings().map(|r| (r.text.to_owned(), r.loose)).collect()
}

#[test]
fn honest_paths_keep_their_name() {
    for raw in [
        "/",
        "/a",
        "/a/",
        "/a/b.css",
        "/assets/Index-BxY12.js",
        "/a/.well-known",
        "/.well-known/x",
        "/a..b",
        "/..a",
        "/a..",
        "/~user/x",
        "/a;v=1/b",
        "/a:b@c,d=e!$&'()*",
        "/a|b^c{d}\"<e>`[f]",
        "/+a+",
    ] {
        assert_eq!(name(raw), raw);
    }
}

#[test]
fn names_are_decoded_resolved_and_merged() {
    for (raw, expected) in [
        ("/public/../admin", "/admin"),
        ("/public/%2e%2e/admin", "/admin"),
        ("/public/%2E%2e/admin", "/admin"),
        ("/public/.%2e/admin", "/admin"),
        ("/public/%2e./admin", "/admin"),
        ("/./admin", "/admin"),
        ("/admin/.", "/admin/"),
        ("/admin/%2e", "/admin/"),
        ("/admin/x/..", "/admin/"),
        ("/a/..", "/"),
        ("/a/b/../../c", "/c"),
        ("//admin", "/admin"),
        ("///admin//x", "/admin/x"),
        ("/admin//", "/admin/"),
        ("/%61dmin", "/admin"),
        ("/ad%6Din", "/admin"),
        ("/%41dmin", "/Admin"),
        ("/a%20b", "/a b"),
        ("/%C3%BCber", "/über"),
        ("/über", "/über"),
        ("/100%25", "/100%"),
        ("/100%25/x", "/100%/x"),
        ("/%25zz", "/%zz"),
        ("/a%3Bb", "/a;b"),
        ("/a%3Fb", "/a?b"),
        ("/a%23b", "/a#b"),
        ("/search/%20", "/search/ "),
    ] {
        assert_eq!(name(raw), expected, "{raw}");
    }
}

#[test]
fn ambiguous_paths_are_refused() {
    for (raw, why) in [
        ("", "absolute"),
        ("*", "absolute"),
        ("admin", "absolute"),
        ("http://h/admin", "absolute"),
        ("h:443", "absolute"),
        ("?/admin", "absolute"),
        ("/public/..%2fadmin", "encoded slash"),
        ("/public%2F..%2Fadmin", "encoded slash"),
        ("/a%2fb", "encoded slash"),
        ("/public/..\\admin", "backslash"),
        ("/public\\..\\admin", "backslash"),
        ("/\\evil", "backslash"),
        ("/public/..%5cadmin", "backslash"),
        ("/public/..%5Cadmin", "backslash"),
        ("/a%00", "control"),
        ("/a\0b", "control"),
        ("/a%0d%0ab", "control"),
        ("/a\r\nb", "control"),
        ("/a%09", "control"),
        ("/a\tb", "control"),
        ("/a%7f", "control"),
        ("/a\u{7f}", "control"),
        ("/a%c2%85", "control"),
        ("/a\u{85}b", "control"),
        ("/a b", "space"),
        ("/%252e%252e/admin", "double"),
        ("/%252fadmin", "double"),
        ("/%25%32%66admin", "double"),
        ("/%2%35", "digits"),
        ("/%25%32e", "double"),
        ("/%2561dmin", "double"),
        ("/%25252e", "double"),
        ("/%25u002e", "double"),
        ("/%25U002E", "double"),
        ("/%u002e%u002e/admin", "digits"),
        ("/a%", "digits"),
        ("/a%2", "digits"),
        ("/a%zz", "digits"),
        ("/a%%32", "digits"),
        ("/a%+2", "digits"),
        ("/%c0%ae%c0%ae/admin", "UTF-8"),
        ("/%c0%afadmin", "UTF-8"),
        ("/%ff", "UTF-8"),
        ("/%C3", "UTF-8"),
        ("/%C3/%BC", "UTF-8"),
        ("/%ed%a0%80", "UTF-8"),
        ("/public/..;/admin", "parameters"),
        ("/public/..;x=1/admin", "parameters"),
        ("/public/..%3b/admin", "parameters"),
        ("/public/%2e%2e;/admin", "parameters"),
        ("/public/%2e%2e%3Bx/admin", "parameters"),
        ("/public/.;/admin", "parameters"),
        ("/public/..%3f/admin", "parameters"),
        ("/public/..%23/admin", "parameters"),
        ("/public/..%20/admin", "dots and spaces"),
        ("/public/%20../admin", "dots and spaces"),
        ("/public/.%20./admin", "dots and spaces"),
        ("/public/..+/admin", "dots and spaces"),
        ("/public/.../admin", "dots and spaces"),
        ("/public/...;x/admin", "dots and spaces"),
        ("/..", "above"),
        ("/../admin", "above"),
        ("/a/../../admin", "above"),
        ("/%2e%2e/admin", "above"),
        ("/./..", "above"),
        ("//../admin", "empty"),
        ("/public//../admin", "empty"),
        ("/public/.//../admin", "empty"),
        ("/public/;x/../admin", "empty"),
        ("/public/%3bx/../admin", "empty"),
        ("/public/%20/../admin", "empty"),
        ("/public/%3fx/../admin", "empty"),
        ("/x/../a/%2e%2e/b", "raw and encoded"),
        ("/a/%2e/./b", "raw and encoded"),
        ("/a?b", "`?`"),
        ("/a#b", "`#`"),
        ("/public#/../admin", "`#`"),
    ] {
        let detail = refused(raw, false);
        assert!(detail.contains(why), "{raw:?}: {detail}");
    }
}

#[test]
fn allowed_encoded_slashes_stay_encoded() {
    let path = RequestPath::parse("/files/a%2fb", true).unwrap();
    assert_eq!(path.as_str(), "/files/a%2Fb");
    let read = readings("/admin%2Fusers", true);
    assert_eq!(read[0], ("/admin%2Fusers".into(), false));
    assert!(read.contains(&("/admin/users".into(), false)), "{read:?}");
}

#[test]
fn allowed_encoded_slashes_cannot_hide_dot_segments() {
    for (raw, why) in [
        ("/public/..%2fadmin", "beside an encoded slash"),
        ("/public/a%2f..%2f..%2fadmin", "beside an encoded slash"),
        ("/public/a%2F%2e%2e%2Fadmin", "beside an encoded slash"),
        ("/public%2f..", "beside an encoded slash"),
        ("/public%2f.", "beside an encoded slash"),
        ("/public%2f..;x%2fadmin", "parameters"),
        ("/public%2f...%2fadmin", "dots and spaces"),
        ("/public%252fadmin", "double"),
        ("/public%5cadmin", "backslash"),
        ("/a/%2F/../..", "empty"),
        ("/a%2F/../admin", "empty"),
        ("/a%2F%2F/../admin", "empty"),
    ] {
        let detail = refused(raw, true);
        assert!(detail.contains(why), "{raw:?}: {detail}");
    }
}

#[test]
fn a_plain_path_has_one_text_and_costs_one_allocation() {
    let path = RequestPath::parse("/assets/app-1.2.css", false).unwrap();
    assert_eq!(path.loose, None);
    assert_eq!(path.others.capacity(), 0);
    assert!(path.readings().all(|r| r.text == "/assets/app-1.2.css"));
}

#[test]
fn other_readings_are_kept_beside_the_name() {
    for (raw, text, loose) in [
        ("/admin/../public/x", "/admin/../public/x", false),
        ("/admin/%2e%2e/public/x", "/admin/../public/x", false),
        ("/admin/%2e%2e/public/x", "/admin/%2E%2E/public/x", false),
        ("/%61ssets/x", "/%61ssets/x", false),
        ("//admin/x", "//admin/x", false),
        ("//public/admin/x", "/admin/x", false),
        ("///public/admin/x", "/admin/x", false),
        ("//public", "/", false),
        ("//public/x/../admin", "/admin", false),
        ("/Admin/X", "/admin/x", true),
        ("/admin/", "/admin", true),
        ("/admin;v=1/x", "/admin/x", true),
        ("/;v=1/admin", "/admin", true),
        ("/admin%3bv=1/x", "/admin/x", true),
        ("/admin./x", "/admin/x", true),
        ("/admin%20/x", "/admin/x", true),
        ("/admin%20.%20/x", "/admin/x", true),
        ("/admin%3f/x", "/admin", true),
        ("/admin%23x", "/admin", true),
        ("/my+docs/x", "/my docs/x", true),
        ("/%c3%9cber", "/über", true),
        ("/%e2%84%aaeys", "/keys", true),
        ("/admin%c5%bf", "/admins", true),
        ("/ADM%c4%b1N", "/admin", true),
    ] {
        let read = readings(raw, false);
        assert!(read.contains(&(text.into(), loose)), "{raw}: {read:?}");
    }
}

#[test]
fn the_shape_never_hides_what_the_long_way_would_see() {
    // Every path of a small alphabet: what the short ways answer, the long way answers too.
    let alphabet = ["/", ".", "a", "A", "+", ";"];
    let mut paths = vec![String::new()];
    for _ in 0..5 {
        paths = paths
            .iter()
            .flat_map(|p| alphabet.iter().map(move |letter| format!("{p}{letter}")))
            .chain([String::new()])
            .collect();
        for rest in &paths {
            let raw = format!("/{rest}");
            assert_eq!(RequestPath::parse(&raw, false).ok(), read(&raw, false).ok(), "{raw}");
        }
    }
}

#[test]
fn loosening_twice_changes_nothing() {
    for raw in ["/A/b;c/D./", "/", "/a//b", "/%C3%9C", "/x.%20.", "/a?b/c"] {
        let once = loosened(raw).into_owned();
        assert_eq!(loosened(&once), once);
    }
}

#[test]
fn a_path_of_tricks_costs_little() {
    assert!(refused(&"//a".repeat(100), false).contains("too many"));
    assert!(refused(&format!("/a;b/{}", "x".repeat(40_000)), false).contains("too many"));
    assert!(RequestPath::parse(&format!("/{}", "x".repeat(100_000)), false).is_ok());
    assert!(RequestPath::parse(&format!("/{}", "%20x".repeat(2_000)), false).is_ok());
}
