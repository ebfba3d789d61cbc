use super::*;

fn https() -> CookiePolicy {
    CookiePolicy::new(true, "__Host-vestibule")
}

fn http() -> CookiePolicy {
    CookiePolicy::new(false, "__Host-vestibule")
}

fn sent<L: AsRef<[u8]>>(lines: &[L]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(COOKIE, HeaderValue::from_bytes(line.as_ref()).unwrap());
    }
    headers
}

fn forwarded(policy: &CookiePolicy, lines: &[&str]) -> Option<String> {
    let mut headers = sent(lines);
    policy.strip_ours(&mut headers);
    assert!(headers.get_all(COOKIE).iter().count() <= 1);
    headers.get(COOKIE).map(|value| value.to_str().unwrap().to_owned())
}

fn set(policy: &CookiePolicy, kind: &Kind, max_age: Option<Duration>) -> String {
    policy.set(kind, "v", max_age).to_str().unwrap().to_owned()
}

fn attempt(suffix: &str) -> Kind {
    Kind::Attempt(suffix.into())
}

#[test]
fn attributes_on_https() {
    let policy = https();
    assert_eq!(
        set(&policy, &Kind::Session, None),
        "__Host-vestibule=v; HttpOnly; SameSite=Lax; Secure; Path=/"
    );
    assert_eq!(
        set(&policy, &attempt("a1"), Some(Duration::from_secs(900))),
        "__Host-vestibule-attempt-a1=v; HttpOnly; SameSite=None; Secure; Path=/; Max-Age=900"
    );
    assert_eq!(
        set(&policy, &Kind::Answered, None),
        "__Host-vestibule-answered=v; HttpOnly; SameSite=Lax; Secure; Path=/"
    );
}

#[test]
fn attributes_on_loopback_http() {
    let policy = http();
    assert_eq!(set(&policy, &Kind::Session, None), "vestibule=v; HttpOnly; SameSite=Lax; Path=/");
    assert_eq!(set(&policy, &attempt("a1"), None), "vestibule-attempt-a1=v; HttpOnly; SameSite=Lax; Path=/");
    assert_eq!(set(&policy, &Kind::Answered, None), "vestibule-answered=v; HttpOnly; SameSite=Lax; Path=/");
}

#[test]
fn clearing_keeps_what_the_prefix_asks_for() {
    assert_eq!(
        https().clear(&Kind::Session).to_str().unwrap(),
        "__Host-vestibule=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
    );
}

#[test]
fn the_prefix_follows_the_scheme() {
    for configured in ["app", "__Host-app", "__host-app", "__Secure-app"] {
        assert_eq!(CookiePolicy::new(true, configured).session_name, "__Host-app");
        assert_eq!(CookiePolicy::new(false, configured).session_name, "app");
        assert!(CookiePolicy::accepts_name(configured));
    }
    for impossible in ["", "__Host-", "a b", "a=b", "a;b", "é"] {
        assert!(!CookiePolicy::accepts_name(impossible));
        assert_eq!(CookiePolicy::new(true, impossible).session_name, "__Host-vestibule");
    }
}

#[test]
fn nothing_can_be_smuggled_into_a_set_cookie() {
    let policy = https();
    for value in ["a; Domain=example.com", "a\r\nX: y", "a,b", "a b", "é", "\"a\""] {
        assert_eq!(policy.set(&Kind::Session, value, None), policy.clear(&Kind::Session));
    }
    assert_eq!(policy.name(&attempt("a; Domain=x\r\n")), "__Host-vestibule-attempt-aDomainx");
}

#[test]
fn set_cookie_values_do_not_show_in_debug_output() {
    assert_eq!(format!("{:?}", https().set(&Kind::Session, "secret", None)), "Sensitive");
}

#[test]
fn the_session_is_found_among_others_and_across_lines() {
    let policy = https();
    for lines in [
        &["__Host-vestibule=abc"][..],
        &["a=1; __Host-vestibule=abc; b=2"],
        &["a=1;__Host-vestibule=abc;b=2"],
        &["a=1", "__Host-vestibule=abc", "b=2"],
        &["__Host-vestibule-answered=no; __Host-vestibule=abc; __Host-vestibule-attempt-1=no"],
        &["__Host-vestibule=abc; __Host-vestibule=abc"],
        &["__Host-vestibule=abc", "__Host-vestibule=abc"],
    ] {
        assert_eq!(policy.session(&sent(lines)), Some(b"abc".as_slice()), "{lines:?}");
    }
    assert_eq!(policy.session(&HeaderMap::new()), None);
}

#[test]
fn two_different_sessions_are_nobodys() {
    let policy = https();
    for lines in [
        &["__Host-vestibule=abc; __Host-vestibule=abd"][..],
        &["__Host-vestibule=abc", "a=1; __Host-vestibule="],
        &["__Host-vestibule=abc; x=y; __Host-vestibule=abc "],
    ] {
        assert_eq!(policy.session(&sent(lines)), None, "{lines:?}");
    }
}

#[test]
fn another_spelling_is_not_ours() {
    let policy = https();
    for line in [
        "__host-vestibule=abc",
        "__HOST-VESTIBULE=abc",
        "__Host-Vestibule=abc",
        "vestibule=abc",
        "__Secure-vestibule=abc",
        "__Host-vestibule =abc",
        "__Host-vestibule\t=abc",
        "a=1;  __Host-vestibule=abc",
        "a=1;\t__Host-vestibule=abc",
        "a=1, __Host-vestibule=abc",
        "\u{2000}__Host-vestibule=abc",
        "\u{a0}__Host-vestibule=abc",
        "a=1; \u{feff}__Host-vestibule=abc",
        "=__Host-vestibule=abc",
        "\"__Host-vestibule\"=abc",
        "__Host-vestibule",
        "__Host-vestibule-=abc",
        "__Host-vestibule2=abc",
        "$Version=1, __Host-vestibule=abc",
    ] {
        assert_eq!(policy.session(&sent(&[line])), None, "{line:?}");
    }
    assert_eq!(
        policy.session(&sent(&["__Host-vestibule=\"abc\""])),
        Some(b"\"abc\"".as_slice()),
        "not unquoted"
    );
    assert_eq!(http().session(&sent(&["__Host-vestibule=abc"])), None);
}

#[test]
fn attempts_are_read_in_order() {
    let headers = sent(&[
        "__Host-vestibule-attempt-b=2; __Host-vestibule=s; __Host-vestibule-attempt-a=1",
        "__Host-vestibule-attempt-c=x=y",
    ]);
    assert_eq!(https().attempts(&headers), [("b".into(), "2"), ("a".into(), "1"), ("c".into(), "x=y")]);
    assert_eq!(https().answered(&headers), None);
}

#[test]
fn a_doubled_attempt_with_two_values_is_left_out() {
    let headers = sent(&["__Host-vestibule-attempt-a=1; __Host-vestibule-attempt-b=1; \
                          __Host-vestibule-attempt-a=2; __Host-vestibule-attempt-b=1; __Host-vestibule-attempt-a=1"]);
    assert_eq!(https().attempts(&headers), [("b".into(), "1")]);
}

#[test]
fn attempts_are_bounded_and_their_suffix_is_plain() {
    let many: Vec<_> = (0..1000).map(|n| format!("__Host-vestibule-attempt-{n}=v")).collect();
    assert_eq!(https().attempts(&sent(&[many.join("; ")])).len(), MAX_ATTEMPTS);
    let long = format!("__Host-vestibule-attempt-{}=v", "a".repeat(65));
    for line in [
        "__Host-vestibule-attempt-=v",
        "__Host-vestibule-attempt-a.b=v",
        "__Host-vestibule-attempt-é=v",
        &long,
    ] {
        assert_eq!(https().attempts(&sent(&[line])), [], "{line:?}");
    }
}

#[test]
fn the_answered_mark_is_read_like_the_session() {
    let policy = http();
    assert_eq!(policy.answered(&sent(&["vestibule-answered=x", "a=b"])), Some("x"));
    assert_eq!(policy.answered(&sent(&["vestibule-answered=x; vestibule-answered=y"])), None);
    assert_eq!(policy.answered(&sent(&["vestibule-answered=\u{e9}\u{ff}"])), Some("éÿ"));
    assert_eq!(policy.answered(&sent(&[b"vestibule-answered=\xff"])), None);
}

#[test]
fn the_upstream_gets_the_other_cookies_only() {
    let policy = https();
    for (lines, expected) in [
        (&["a=1"][..], Some("a=1")),
        (&["__Host-vestibule=x"], None),
        (&["__Host-vestibule=x; __Host-vestibule-answered=y; __Host-vestibule-attempt-1=z"], None),
        (&["a=1; __Host-vestibule=x; b=2"], Some("a=1; b=2")),
        (&["__Host-vestibule=x; a=1; b=2"], Some("a=1; b=2")),
        (&["a=1; b=2; __Host-vestibule=x"], Some("a=1; b=2")),
        (&["a=1;b=2;__Host-vestibule=x;c=3"], Some("a=1;b=2;c=3")),
        (&["a=1", "__Host-vestibule=x", "b=2; c=3"], Some("a=1; b=2; c=3")),
        (&["a=1", "b=2"], Some("a=1; b=2")),
        (&["__Host-vestibule=x; ", " ;"], None),
        (&["a=\"x  y\"; __Host-vestibule=x;  b = c=d;e"], Some("a=\"x  y\";  b = c=d;e")),
        (
            &["__Host-vestibule2=x; __Host-vestibule-attemptx=1"],
            Some("__Host-vestibule2=x; __Host-vestibule-attemptx=1"),
        ),
        (&["vestibule=x"], Some("vestibule=x")),
    ] {
        assert_eq!(forwarded(&policy, lines).as_deref(), expected, "{lines:?}");
    }
}

#[test]
fn no_spelling_of_ours_reaches_the_upstream() {
    let policy = https();
    for ours in [
        "__host-VESTIBULE=x",
        "__HOST-vestibule-ANSWERED=x",
        "__host-vestibule-Attempt-1=x",
        "__Host-vestibule-attempt-",
        "__Host-vestibule",
        "__Host-vestibule =x",
        "\t__Host-vestibule\t=x",
        "   __Host-vestibule=x",
        "=__Host-vestibule=x",
        " = __Host-vestibule=x",
        "\"__Host-vestibule\"=x",
    ] {
        assert_eq!(forwarded(&policy, &[&format!("a=1;{ours};b=2")]).as_deref(), Some("a=1;b=2"), "{ours:?}");
    }
    for prefix in ["\u{2000}", "\u{a0}", "\u{feff}", "\u{85}"] {
        let mut headers = sent(&[format!("{prefix}__Host-vestibule{prefix}=x")]);
        policy.strip_ours(&mut headers);
        assert!(headers.is_empty(), "{prefix:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_forwarded_as_they_are() {
    let mut headers = sent(&[b"a=\xff\xfe; __Host-vestibule=x; \xe9=1".as_slice()]);
    https().strip_ours(&mut headers);
    assert_eq!(headers.get(COOKIE).unwrap().as_bytes(), b"a=\xff\xfe; \xe9=1");
}

/// Cookie headers put together from the pieces that parsers quarrel about, thousands of them, always the same.
#[test]
fn hostile_headers_obey_the_same_laws() {
    const PIECES: &[&[u8]] = &[
        b"__Host-vestibule",
        b"__host-vestibule",
        b"__HOST-VESTIBULE",
        b"vestibule",
        b"-attempt-",
        b"-answered",
        b"a",
        b"=",
        b"=",
        b"=",
        b";",
        b";",
        b"; ",
        b"; ",
        b" ",
        b"\t",
        b"\"",
        b",",
        b"$Version",
        b"\xe2\x80\x80",
        b"\xff",
        b"abc",
        b"abd",
        b"",
        b"%3d",
        b"__Host-vestibule=abc",
        b"; __Host-vestibule=abc",
        b"; b=2",
    ];
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut found, mut stripped) = (0, 0);
    for policy in [https(), http()] {
        let name = policy.session_name.as_bytes().to_vec();
        for _ in 0..20_000 {
            let lines: Vec<Vec<u8>> = (0..1 + dice.roll(3))
                .map(|_| (0..dice.roll(14)).flat_map(|_| PIECES[dice.roll(PIECES.len())]).copied().collect())
                .collect();
            let headers = sent(&lines);

            // Read: a value is found only when the exact name stands at the beginning of a piece, always with it.
            let exact: Vec<&[u8]> = lines
                .iter()
                .flat_map(|line| line.split(|b| *b == b';'))
                .map(|piece| if piece.first() == Some(&b' ') { &piece[1..] } else { piece })
                .filter(|piece| piece.starts_with(&name) && piece.get(name.len()) == Some(&b'='))
                .map(|piece| &piece[name.len() + 1..])
                .collect();
            let unanimous = exact.first().filter(|first| exact.iter().all(|other| other == *first)).copied();
            assert_eq!(policy.session(&headers), unanimous, "{lines:?}");
            found += usize::from(unanimous.is_some());
            policy.attempts(&headers);
            policy.answered(&headers);

            // Forward: ours are gone in every reading, the rest is there in its order, and once is enough.
            let mut clean = headers.clone();
            policy.strip_ours(&mut clean);
            assert!(clean.get_all(COOKIE).iter().count() <= 1);
            let pieces = |map: &HeaderMap| -> Vec<Vec<u8>> {
                let all = map.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|b| *b == b';'));
                all.map(|piece| piece.trim_ascii().to_vec()).filter(|piece| !piece.is_empty()).collect()
            };
            let before = pieces(&headers);
            let after = pieces(&clean);
            assert!(after.iter().all(|piece| !policy.could_be_ours(piece)), "{lines:?}");
            let expected: Vec<_> =
                before.iter().filter(|piece| !policy.could_be_ours(piece)).cloned().collect();
            assert_eq!(after, expected, "{lines:?}");
            stripped += before.len() - after.len();
            assert_eq!(policy.session(&clean), None);
            assert!(policy.attempts(&clean).is_empty());
            assert_eq!(policy.answered(&clean), None);
            let mut twice = clean.clone();
            policy.strip_ours(&mut twice);
            assert_eq!(twice, clean);
        }
    }
    assert!(found > 1000 && stripped > 10_000, "the headers are not hostile enough: {found}, {stripped}");
}

/// Numbers that look random and are the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }
}
