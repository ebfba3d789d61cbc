//! What `check` says of files that load, or that ask for what nobody can have: each doubt beside a file that raises none.

use super::{here, load_with};
use vestibule::config::Problem;

/// Two identity providers, `a` and `b`, with these keys in YAML's flow form, and the rest of the file.
struct Case {
    a: &'static str,
    b: &'static str,
    rest: &'static str,
}

const ANY: &str = "speaks_for_any: true";

/// What is said, of whichever weight; whether the file loads; and a list of people, `FILES/people`.
fn told(case: &Case, people: &str) -> (bool, Vec<Problem>) {
    let files = here().join("files").display().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let head = if case.rest.contains("sites:") {
        ""
    } else {
        "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\n"
    };
    let text = format!(
        "{head}session: {{secret_file: {files}/secret}}\nidentity_providers:\n  - {{id: a, metadata_file: \
         {files}/idp-metadata.xml, {}}}\n  - {{id: b, metadata_file: {files}/other-metadata.xml, {}}}\n{}\n",
        case.a, case.b, case.rest
    );
    std::fs::write(folder.path().join("people"), people).expect("the list");
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, text).expect("the file");
    match load_with(&file, &[]) {
        Ok(config) => (true, config.warnings),
        Err(problems) => (false, problems.0),
    }
}

/// How often it is said at this place.
fn count(said: &[Problem], path: &str, part: &str) -> usize {
    said.iter().filter(|one| one.path == path && one.message.contains(part)).count()
}

/// The case raises this doubt, once, and the other file does not.
fn only(case: &Case, honest: &Case, people: &str, path: &str, part: &str) {
    let (loads, said) = told(case, people);
    assert!(loads, "{said:?}");
    assert_eq!(count(&said, path, part), 1, "{path} | {part}: {said:#?}");
    let (loads, said) = told(honest, people);
    assert!(loads, "{said:?}");
    assert_eq!(count(&said, path, part), 0, "{path} | {part}: {said:#?}");
}

const PLAIN: Case = Case { a: "email_domains: [a.test]", b: "email_domains: [b.test]", rest: "" };

#[test]
fn transforms_that_make_one_person_of_two_are_found_by_trying() {
    let strips = |a, b| Case { a, b, rest: "identity: {transform: {user: [lower, strip_domain]}}" };
    let path = "identity.transform.user";
    let domains = strips("email_domains: [a.test, c.test]", "email_domains: [b.test]");
    only(
        &domains,
        &PLAIN,
        "",
        path,
        "makes `alice` of alice@a.test and of alice@c.test: people of two domains",
    );
    let below = strips("email_domains: [\"*.a.test\"]", "email_domains: [b.test]");
    only(&below, &PLAIN, "", path, "of alice@one.a.test and of alice@two.a.test: people of two domains");
    let any = strips(ANY, "email_domains: [b.test]");
    only(&any, &PLAIN, "", path, "people of two domains with one name become one person");
    // Each has one domain, and the application hears of neither.
    let idps = strips("email_domains: [a.test]", "email_domains: [b.test]");
    only(&idps, &PLAIN, "", path, "people of two identity providers have one name");
    // What keeps people apart is no matter.
    let keeps =
        Case { rest: "identity: {transform: {user: [lower, {capture: \"^(.+)[.]test$\"}]}}", ..PLAIN };
    assert_eq!(count(&told(&keeps, "").1, path, "makes"), 0);
    let of_email =
        Case { rest: "identity: {transform: {email: [{capture: \"^(a)lice@\"}, {prefix: x@}]}}", ..PLAIN };
    assert_eq!(count(&told(&of_email, "").1, "identity.transform.email", "makes `x@a` of alice@a.test"), 1);
    let everybody = Case { rest: "identity: {transform: {user: [{capture: \"@([^@]+)$\"}]}}", ..PLAIN };
    let (loads, said) = told(&everybody, "");
    assert!(
        !loads && count(&said, path, "alice@a.test and of bob@a.test: two people would have one user") == 1
    );
}

#[test]
fn a_class_of_a_rule_beside_a_comparison_without_a_list_is_refused() {
    let of = |a: &'static str| Case {
        a,
        rest: "rules: [{access: {authn_context: \"urn:weak\"}}]",
        b: "email_domains: [b.test]",
    };
    let path = "rules[0].access.authn_context";
    let unlisted =
        of("email_domains: [a.test], authn_context: [\"urn:strong\"], authn_context_comparison: minimum");
    let (loads, said) = told(&unlisted, "");
    assert!(
        !loads && count(&said, path, "cannot be asked of `a` beside its authn_context_comparison") == 1,
        "{said:?}"
    );
    let listed =
        of("email_domains: [a.test], authn_context: [\"urn:strong\"], authn_context_comparison: minimum, \
         authn_context_accepted: [\"urn:strong\", \"urn:weak\"]");
    assert!(told(&listed, "").0);
}

#[test]
fn domains_that_are_nobodys_own_are_told() {
    let of = |a| Case { a, ..PLAIN };
    let path = "identity_providers[0].email_domains[0]";
    only(&of("email_domains: [com]"), &PLAIN, "", path, "addresses that end in @com, and no domain below it");
    only(&of("email_domains: [\"*.co.uk\"]"), &PLAIN, "", path, "every domain below co.uk");
}

#[test]
fn an_invitation_by_address_alone_and_who_speaks_for_any_are_told() {
    let of = |a, b| Case { a, b, rest: "admission: {invited_file: people}\nheaders: {groups: all}" };
    let (any, honest) =
        (of("email_domains: [a.test]", ANY), of("email_domains: [a.test]", "email_domains: [b.test]"));
    let path = "identity_providers[1].speaks_for_any";
    only(&any, &honest, "ada@c.test\n", path, "invites 1 people by address alone");
    // Whose invitation it is stands in the list.
    assert_eq!(count(&told(&any, "ada@c.test idp=a\n").1, path, "invites"), 0);
}

#[test]
fn that_nobody_is_invited_is_said_once() {
    let (loads, said) = told(&Case { rest: "admission: {just_in_time: false}", ..PLAIN }, "");
    assert!(!loads);
    assert_eq!(count(&said, "admission.just_in_time", "no one of `a`, `b` could sign in"), 1, "{said:?}");
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn a_list_that_is_not_there_says_where_it_was_looked_for() {
    let (loads, said) = told(&Case { rest: "admission: {invited_file: nowhere}", ..PLAIN }, "");
    assert!(!loads);
    let hint = said.iter().find(|one| one.path == "admission.invited_file").and_then(|one| one.hint.clone());
    assert_eq!(hint.as_deref(), Some("a relative path starts at the folder of the configuration file"));
}

#[test]
fn a_rule_for_people_of_one_who_signs_nobody_in_is_told() {
    let rest = "rules: [{paths: [/a/*], access: {idp: a}}]";
    let of = |a| Case { a, rest, ..PLAIN };
    let honest = of("email_domains: [a.test]");
    for (a, word) in [
        ("email_domains: [a.test], status: staged", "nobody signs in by `a`: it is staged"),
        ("email_domains: [a.test], status: retired", "nobody signs in by `a`: it is retired"),
    ] {
        only(&of(a), &honest, "", "rules[0].access.idp", word);
    }
}

#[test]
fn a_common_list_of_origins_may_name_one_of_the_sites() {
    let sites = "sites:\n  - {name: one, public_url: \"https://one.test\", upstream: \"http://127.0.0.1:3000\"}\n  - {name: \
                 two, public_url: \"https://two.test\", upstream: \"http://127.0.0.1:3000\"";
    let common = format!("cors: {{origins: [\"https://one.test\"]}}\n{sites}}}");
    let own = format!("{sites}, cors: {{origins: [\"https://two.test\"]}}}}");
    let (common, own) = (Case { rest: common.leak(), ..PLAIN }, Case { rest: own.leak(), ..PLAIN });
    only(&own, &common, "", "sites[1].cors.origins[0]", "is this site itself");
    assert_eq!(count(&told(&common, "").1, "cors.origins[0]", "is this site itself"), 0);
}

#[test]
fn an_upstream_without_paths_is_not_called_a_rule() {
    let rest = "sites:\n  - {name: one, public_url: \"https://one.test\", upstreams: [{paths: [], url: \
                \"http://127.0.0.1:3000\"}]}";
    let (loads, said) = told(&Case { rest, ..PLAIN }, "");
    assert!(
        !loads && count(&said, "sites[0].upstreams[0].paths", "the upstream would serve nothing") == 1,
        "{said:?}"
    );
}

#[test]
fn roles_without_a_word_on_groups_are_told() {
    let roles = Case { rest: "roles: {ops: admin}", ..PLAIN };
    for groups in ["all", "mapped", "none", "[ops]"] {
        let said = format!("roles: {{ops: admin}}\nheaders: {{groups: {groups}}}");
        let chosen = Case { rest: said.leak(), ..PLAIN };
        only(&roles, &chosen, "", "roles", "every other group of a person is told to the application too");
    }
}

#[test]
fn what_happens_at_a_limit_that_is_not_there_is_a_doubt() {
    let with = |rest| told(&Case { a: "email_domains: [a.test]", b: "email_domains: [b.test]", rest }, "");
    let (loads, said) = with("branding: {name: Acme}");
    assert!(loads && count(&said, "session.on_limit", "without limit_per_user") == 0);
    let file = "sites:\n  - {name: app, public_url: https://app.example.com, upstream: http://127.0.0.1:3000, session: {on_limit: refuse}}";
    let (loads, said) = with(file);
    assert!(loads && count(&said, "sites[0].session.on_limit", "without limit_per_user") == 1, "{said:?}");
    let file = "sites:\n  - {name: app, public_url: https://app.example.com, upstream: http://127.0.0.1:3000, session: {on_limit: refuse, limit_per_user: 2}}";
    let (loads, said) = with(file);
    assert!(loads && count(&said, "sites[0].session.on_limit", "without limit_per_user") == 0, "{said:?}");
}
