use super::*;
use crate::identity::tests_support::FakePerson;

const NOW: Moment = Moment::from_seconds(1_800_000_000);
const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn paths(patterns: &[&str]) -> Vec<PathPattern> {
    patterns.iter().map(|p| PathPattern::parse(p).unwrap()).collect()
}

fn rule(patterns: &[&str], access: Access) -> Rule {
    Rule { paths: paths(patterns), methods: vec![], networks: vec![], access }
}

fn role(name: &str) -> Access {
    Access::When(Term::Role(name.into()))
}

fn rules(rules: Vec<Rule>) -> Rules {
    Rules::new(rules, Access::Authenticated)
}

fn judge(rules: &Rules, method: Method, path: &str, client: IpAddr, who: Option<&FakePerson>) -> String {
    let path = RequestPath::parse(path, true).unwrap();
    match rules.judge(&Question { method: &method, path: &path, client, now: NOW }, who) {
        Verdict::Allow(permit) if permit.identified() => "identified".into(),
        Verdict::Allow(_) => "anonymous".into(),
        Verdict::NeedsSession => "session".into(),
        Verdict::NeedsStepUp { rule, because } => format!("{because} for rule {rule}"),
        Verdict::Forbidden(refusal) => refusal.reason.code().into(),
    }
}

fn get(rules: &Rules, path: &str, who: Option<&FakePerson>) -> String {
    judge(rules, Method::GET, path, HOME, who)
}

fn plain_user() -> FakePerson {
    FakePerson { groups: Some(vec!["staff".into()]), roles: vec![], ..FakePerson::ada() }
}

#[test]
fn each_access_asks_what_it_says() {
    let ada = FakePerson::ada();
    for (access, without, with) in [
        (Access::Public, "anonymous", "identified"),
        (Access::Optional, "anonymous", "identified"),
        (Access::Authenticated, "session", "identified"),
        (Access::Deny, "access-denied", "access-denied"),
        (role("admin"), "session", "identified"),
        (role("owner"), "session", "access-denied"),
    ] {
        let by_rule = Rules::new(vec![rule(&["/x"], access.clone())], Access::Authenticated);
        let by_default = Rules::new(vec![], access.clone());
        for rules in [by_rule, by_default] {
            assert_eq!(get(&rules, "/x", None), without, "{access:?}");
            assert_eq!(get(&rules, "/x", Some(&ada)), with, "{access:?}");
        }
    }
}

#[test]
fn the_first_rule_that_selects_decides_and_its_failure_never_falls_through() {
    let rules = rules(vec![
        rule(&["/admin/public/*"], Access::Public),
        rule(&["/admin/*"], role("owner")),
        rule(&["/admin/*"], Access::Public),
        rule(&[], Access::Public),
    ]);
    assert_eq!(get(&rules, "/admin/public/x", None), "anonymous");
    assert_eq!(get(&rules, "/admin/x", None), "session");
    assert_eq!(get(&rules, "/admin/x", Some(&FakePerson::ada())), "access-denied");
    assert_eq!(get(&rules, "/x", None), "anonymous");
}

#[test]
fn what_no_rule_selects_gets_the_default() {
    let mut rules = rules(vec![rule(&["/x"], Access::Public)]);
    assert_eq!(get(&rules, "/y", None), "session");
    rules = Rules::new(rules.rules().to_vec(), Access::Deny);
    assert_eq!(get(&rules, "/y", None), "access-denied");
    assert_eq!(get(&rules, "/x", None), "anonymous");
}

#[test]
fn every_selector_must_select() {
    let rules = rules(vec![Rule {
        paths: paths(&["/a", "/b"]),
        methods: vec![Method::GET, Method::POST],
        networks: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        access: Access::Public,
    }]);
    let inside: IpAddr = "10.1.2.3".parse().unwrap();
    assert_eq!(judge(&rules, Method::GET, "/a", inside, None), "anonymous");
    assert_eq!(judge(&rules, Method::POST, "/b", "2001:db8::1".parse().unwrap(), None), "anonymous");
    assert_eq!(judge(&rules, Method::GET, "/a", "::ffff:10.1.2.3".parse().unwrap(), None), "anonymous");
    assert_eq!(judge(&rules, Method::GET, "/c", inside, None), "session");
    assert_eq!(judge(&rules, Method::PUT, "/a", inside, None), "session");
    assert_eq!(judge(&rules, Method::GET, "/a", HOME, None), "session");
}

#[test]
fn a_network_written_as_mapped_ipv6_holds_ipv4_clients() {
    assert!(holds(&"::ffff:10.0.0.0/104".parse().unwrap(), "10.1.2.3".parse().unwrap()));
    assert!(!holds(&"::ffff:10.0.0.0/104".parse().unwrap(), "11.1.2.3".parse().unwrap()));
    assert!(!holds(&"10.0.0.0/8".parse().unwrap(), "::a01:203".parse().unwrap()));
}

#[test]
fn methods_are_compared_exactly() {
    let get_only = |access| Rule { methods: vec![Method::GET], ..rule(&["/x"], access) };
    let public = rules(vec![get_only(Access::Public)]);
    assert_eq!(judge(&public, Method::HEAD, "/x", HOME, None), "session");
    assert_eq!(judge(&public, Method::from_bytes(b"get").unwrap(), "/x", HOME, None), "session");
    assert_eq!(judge(&public, Method::OPTIONS, "/x", HOME, None), "session");
}

#[test]
fn head_must_pass_as_get_unless_a_rule_names_it() {
    let get_only = || Rule { methods: vec![Method::GET], ..rule(&["/x"], role("owner")) };
    let ada = FakePerson::ada();
    let guarded = rules(vec![get_only()]);
    assert_eq!(judge(&guarded, Method::HEAD, "/x", HOME, Some(&ada)), "access-denied");
    assert_eq!(judge(&guarded, Method::from_bytes(b"Get").unwrap(), "/x", HOME, Some(&ada)), "access-denied");
    assert_eq!(
        judge(&guarded, Method::from_bytes(b"head").unwrap(), "/x", HOME, Some(&ada)),
        "access-denied"
    );
    assert_eq!(judge(&guarded, Method::POST, "/x", HOME, Some(&ada)), "identified");

    let named =
        rules(vec![get_only(), Rule { methods: vec![Method::HEAD], ..rule(&["/x"], Access::Public) }]);
    assert_eq!(judge(&named, Method::HEAD, "/x", HOME, None), "anonymous");
    assert_eq!(judge(&named, Method::GET, "/x", HOME, None), "session");
}

/// Whatever a common server makes of the path, somebody without the role does not get to /admin.
#[test]
fn no_spelling_reaches_a_guarded_path() {
    let site =
        rules(vec![rule(&["/public/*", "/assets/*"], Access::Public), rule(&["/admin/*"], role("owner"))]);
    let ada = FakePerson::ada();
    for path in [
        "/admin",
        "/admin/",
        "/admin/users",
        "//admin/users",
        "/public/../admin/users",
        "/public/%2e%2e/admin/users",
        "/public/.%2e/admin/users",
        "/./admin/users",
        "/%61dmin/users",
        "/%61%64%6d%69%6e",
        "/Admin/users",
        "/ADMIN",
        "/%41dmin/",
        "/admin;jsessionid=1/users",
        "/admin;/users",
        "/;x=1/admin/users",
        "/admin%3b/users",
        "/admin./users",
        "/admin%20/users",
        "/admin%2Fusers",
        "/admin%3fx",
        "/admin%23x",
        "/%41DMIN;x./users",
        "/adm%c4%b1n/users",
        // The application does not resolve: it serves these under /admin.
        "/admin/../public/x",
        "/admin/%2e%2e/public/x",
        "/admin/./x",
        "/admin//x",
        "/Admin/../public/x",
        "/admin;x/../public/x",
        // The application takes `//public` for a host.
        "//public/admin/users",
        "//public/Admin/users",
        "///public/admin",
        "//assets/;/admin",
    ] {
        assert_eq!(get(&site, path, Some(&ada)), "access-denied", "{path}");
        assert_eq!(get(&site, path, None), "session", "{path}");
    }
}

#[test]
fn another_reading_never_opens_what_the_name_does_not() {
    let site = rules(vec![rule(&["/public/*", "/health"], Access::Public)]);
    for path in [
        "/Public/x",
        "/health/",
        "/HEALTH",
        "/health;x",
        "/public;x/y",
        "/%70ublic/x",
        "//public/x",
        "/x/../public/y",
        "/public%2Fx",
        "/health%3fx",
        "/health.",
    ] {
        assert_eq!(get(&site, path, None), "session", "{path}");
    }
    for path in
        ["/public", "/public/", "/public/x", "/public/X;y/Z.", "/public//x", "/public/a%2fb", "/health"]
    {
        assert_eq!(get(&site, path, None), "anonymous", "{path}");
    }
}

#[test]
fn patterns_in_other_case_guard_too() {
    let site = rules(vec![rule(&["/Admin/*"], role("owner"))]);
    assert_eq!(get(&site, "/admin/x", Some(&FakePerson::ada())), "access-denied");
    assert_eq!(get(&site, "/Admin/x", Some(&FakePerson::ada())), "access-denied");
    assert_eq!(get(&site, "/other", Some(&FakePerson::ada())), "identified");
}

#[test]
fn a_denied_path_stays_denied_in_every_spelling() {
    let site = Rules::new(vec![rule(&["/internal*"], Access::Deny)], Access::Public);
    for path in
        ["/internal", "/internal.json", "/Internal/x", "/x/../internal", "/internal;x", "//h/internal"]
    {
        assert_eq!(get(&site, path, None), "access-denied", "{path}");
    }
    assert_eq!(get(&site, "/inter", None), "anonymous");
}

#[test]
fn unknown_groups_deny_under_not_too_and_say_so() {
    let unknown = FakePerson { groups: None, roles: vec![], ..FakePerson::ada() };
    let not_contractor = Access::When(Term::Not(Box::new(Term::Group("contractors".into()))));
    for access in [role("admin"), Access::When(Term::Group("ops".into())), not_contractor.clone()] {
        let rules = rules(vec![rule(&[], access)]);
        assert_eq!(get(&rules, "/", Some(&unknown)), "access-unknown-groups");
    }
    assert_eq!(get(&rules(vec![rule(&[], not_contractor)]), "/", Some(&plain_user())), "identified");
}

#[test]
fn a_missing_address_is_denied_without_talk_of_groups() {
    let nobody = FakePerson { email: None, ..FakePerson::ada() };
    let access = Access::When(Term::Not(Box::new(Term::EmailDomain("evil.test".into()))));
    assert_eq!(get(&rules(vec![rule(&[], access)]), "/", Some(&nobody)), "access-denied");
}

#[test]
fn the_detail_names_the_rule_the_reading_and_what_it_asks_for() {
    let site = rules(vec![
        rule(&["/assets/*"], Access::Public),
        rule(
            &["/x", "/admin/*"],
            Access::When(Term::Any(vec![Term::Role("owner".into()), Term::Group("root".into())])),
        ),
    ]);
    let detail = |path: &str| {
        let path = RequestPath::parse(path, false).unwrap();
        let question = Question { method: &Method::GET, path: &path, client: HOME, now: NOW };
        match site.judge(&question, Some(&FakePerson::ada())) {
            Verdict::Forbidden(refusal) => refusal.detail.into_owned(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(detail("/admin/x"), r#"rules[1] (/admin/*) asks for any of (role "owner", group "root")"#);
    assert_eq!(
        detail("/Admin/X"),
        r#"rules[1] (/admin/*) asks for any of (role "owner", group "root"); path "/Admin/X", which some servers read as "/admin/x""#
    );
    assert!(detail(&format!("/Admin/{}", "é".repeat(2000))).len() < 1000);
}

#[test]
fn a_rule_covers_another_when_it_selects_whatever_that_selects() {
    let of = |patterns: &[&str], methods: &[Method], networks: &[&str]| Rule {
        methods: methods.to_vec(),
        networks: networks.iter().map(|net| net.parse().unwrap()).collect(),
        ..rule(patterns, Access::Deny)
    };
    let whole = of(&[], &[], &[]);
    for (earlier, later, covers) in [
        (of(&["/a/*"], &[], &[]), of(&["/a/b", "/a/c/*", "/a/d*", "/a"], &[], &[]), true),
        (of(&["/a/*"], &[], &[]), of(&["/a*"], &[], &[]), false),
        (of(&["/a/*"], &[], &[]), of(&["/a/b", "/b"], &[], &[]), false),
        (of(&["/a*"], &[], &[]), of(&["/ab", "/a/*", "/abc*"], &[], &[]), true),
        (of(&["/a*"], &[], &[]), of(&["/*"], &[], &[]), false),
        (of(&["/*"], &[], &[]), of(&["/", "/x/*", "/y*"], &[], &[]), true),
        (of(&["/a"], &[], &[]), of(&["/a"], &[], &[]), true),
        (of(&["/a"], &[], &[]), of(&["/a/"], &[], &[]), false),
        (of(&["/a/*"], &[Method::GET], &[]), of(&["/a/b"], &[], &[]), false),
        (of(&["/a/*"], &[], &[]), of(&["/a/b"], &[Method::GET], &[]), true),
        (of(&[], &[Method::GET, Method::PUT], &[]), of(&["/a"], &[Method::PUT], &[]), true),
        (of(&[], &[], &["10.0.0.0/8"]), of(&["/a"], &[], &["10.1.0.0/16"]), true),
        (of(&[], &[], &["10.1.0.0/16"]), of(&["/a"], &[], &["10.0.0.0/8"]), false),
        (of(&[], &[], &["10.0.0.0/8"]), whole.clone(), false),
        (whole.clone(), whole.clone(), true),
    ] {
        assert_eq!(earlier.covers(&later), covers, "{earlier:?} and {later:?}");
    }
}

const MFA: &str = "https://refeds.org/profile/mfa";
const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

/// Ada, who signed in so many minutes ago.
fn signed_in(minutes: u32, class: Option<&'static str>, forced: bool) -> FakePerson {
    FakePerson { signed_in: (Some(NOW.minus(minutes * MINUTE)), class, forced), ..FakePerson::ada() }
}

#[test]
fn a_sign_in_that_falls_short_is_to_be_done_once_more_and_not_a_refusal() {
    let mfa = Access::When(Term::AuthnContext(vec![MFA.into(), "urn:card".into()]));
    let recent = Access::When(Term::AuthnAge(10 * MINUTE));
    let fresh = Access::When(Term::Fresh(5 * MINUTE));
    for (access, person, verdict) in [
        (&mfa, signed_in(99, Some(MFA), false), "identified"),
        (&mfa, signed_in(99, Some("urn:card"), false), "identified"),
        (&mfa, signed_in(99, Some("urn:password"), true), "step-up-needed for rule 1"),
        (&mfa, signed_in(99, None, true), "step-up-needed for rule 1"),
        (&recent, signed_in(10, None, false), "identified"),
        (&recent, signed_in(11, Some(MFA), true), "step-up-needed for rule 1"),
        (&recent, FakePerson::ada(), "step-up-needed for rule 1"),
        (&fresh, signed_in(5, None, true), "identified"),
        (&fresh, signed_in(1, None, false), "step-up-needed for rule 1"),
        (&fresh, signed_in(6, None, true), "step-up-needed for rule 1"),
    ] {
        let rules = rules(vec![rule(&["/open"], Access::Public), rule(&[], access.clone())]);
        assert_eq!(get(&rules, "/x", Some(&person)), verdict, "{access:?} {person:?}");
        assert_eq!(get(&rules, "/x", None), "session-missing for rule 1", "{access:?}");
        assert_eq!(get(&rules, "/open", None), "anonymous");
    }
}

#[test]
fn many_rules_judge_as_one_after_the_other_would() {
    let stems = ["", "/a", "/a/b", "/A", "/b/c/d", "/a/", "/a;x", "/ab", "/b.", "/%C3%BC", "/b/c", "/a+b"];
    let mut patterns: Vec<String> = Vec::new();
    for stem in stems {
        patterns.extend(["", "/*", "*", "x*"].iter().map(|end| format!("{stem}{end}")));
    }
    let patterns: Vec<&str> =
        patterns.iter().map(String::as_str).filter(|text| PathPattern::parse(text).is_ok()).collect();
    assert!(patterns.len() > FEW, "{patterns:?}");
    let pieces =
        ["/", "/a", "/b", "/c", "/d", "/A", "x", "/..", ";x", ".", "/%61", "//", "/\u{fc}", "+b", "%2F", "b"];
    let mut paths = vec![String::new()];
    for _ in 0..3 {
        paths = paths.iter().flat_map(|path| pieces.map(|piece| format!("{path}{piece}"))).collect();
    }
    let mut tried = 0;
    // Each pattern is once the first, so that not one hides the others.
    for turn in 0..patterns.len() {
        let mut turned = patterns.clone();
        turned.rotate_left(turn);
        let listed: Vec<Rule> = turned
            .iter()
            .enumerate()
            .map(|(number, pattern)| rule(&[pattern], role(&number.to_string())))
            .collect();
        let many = rules(listed);
        let one_by_one = Rules { index: None, ..many.clone() };
        assert!(many.index.is_some());
        for path in paths.iter().skip(turn).step_by(7) {
            let Ok(path) = RequestPath::parse(path, true) else { continue };
            for method in [Method::GET, Method::HEAD] {
                let question = Question { method: &method, path: &path, client: HOME, now: NOW };
                for reading in path.readings() {
                    for loose in [false, true] {
                        let found = many.first(&question, reading, loose);
                        assert_eq!(
                            found,
                            one_by_one.first(&question, reading, loose),
                            "{reading:?} {turned:?}"
                        );
                        tried += 1;
                    }
                }
            }
        }
    }
    assert!(tried > 10_000, "{tried}");
}

#[test]
fn nobody_is_sent_to_sign_in_for_what_a_sign_in_does_not_mend() {
    let all = |role: &str| Term::All(vec![Term::Role(role.into()), Term::Fresh(5 * MINUTE)]);
    let any = Term::Any(vec![Term::Role("owner".into()), Term::AuthnContext(vec![MFA.into()])]);
    let password = signed_in(1, Some("urn:password"), false);
    let rules_of = |term: Term| rules(vec![rule(&[], Access::When(term))]);
    assert_eq!(get(&rules_of(all("owner")), "/", Some(&password)), "access-denied");
    assert_eq!(get(&rules_of(all("admin")), "/", Some(&password)), "step-up-needed for rule 0");
    assert_eq!(get(&rules_of(any.clone()), "/", Some(&password)), "step-up-needed for rule 0");
    // Somebody who is the owner needs no second factor: first we see who it is.
    assert_eq!(get(&rules_of(any), "/", None), "session");
    assert_eq!(get(&rules_of(all("admin")), "/", None), "session-missing for rule 0");
    let unknown = FakePerson { groups: None, roles: vec![], ..password };
    assert_eq!(get(&rules_of(all("admin")), "/", Some(&unknown)), "access-unknown-groups");
}

#[test]
fn a_rule_says_what_a_sign_in_must_bring() {
    let context = |class: &str| Term::AuthnContext(vec![class.into()]);
    let step_up = |term: Term| rules(vec![rule(&[], Access::When(term))]).step_up(0);
    let wants = |classes: &[&str], anew| {
        Some(StepUp { classes: classes.iter().map(|&class| class.to_owned()).collect(), anew })
    };
    assert_eq!(step_up(context("a")), wants(&["a"], false));
    assert_eq!(step_up(Term::Any(vec![context("a"), context("b"), context("a")])), wants(&["a", "b"], false));
    assert_eq!(step_up(Term::All(vec![context("a"), Term::Fresh(MINUTE)])), wants(&["a"], true));
    assert_eq!(step_up(Term::AuthnAge(MINUTE)), wants(&[], true));
    assert_eq!(step_up(Term::Role("admin".into())), None);
    assert_eq!(rules(vec![rule(&[], Access::Authenticated)]).step_up(0), None);
    assert_eq!(rules(vec![]).step_up(7), None);
}

#[test]
fn the_stricter_reading_asks_for_the_step_up_too() {
    let site = rules(vec![rule(&["/secret/*"], Access::When(Term::Fresh(MINUTE)))]);
    for path in ["/secret/x", "/SECRET/x", "/x/../secret/x", "//secret/x"] {
        assert_eq!(get(&site, path, Some(&FakePerson::ada())), "step-up-needed for rule 0", "{path}");
    }
}
