//! What good files come to: values from the file, the environment and the defaults.

use super::{NOW, here, load_with, loaded};
use std::path::PathBuf;
use std::time::Duration;
use vestibule::clock::Moment;
use vestibule::config::{Config, load};
use vestibule::federation::Pace;
use vestibule::headers::{Encoding, Pick, Separator, Source};
use vestibule::identity::Part;
use vestibule::limits::{Rate, Rates};
use vestibule::saml::demand::{Comparison, Demand, SignRequests};
use vestibule::saml::metadata::change::KeyChanges;
use vestibule::session::OnLimit;
use vestibule::site::{Face, RequireSignedLogout, Route, Site};

fn good(name: &str) -> PathBuf {
    here().join("good").join(name)
}

fn with(name: &str, env: &[(&str, &str)]) -> Config {
    load_with(&good(name), env).unwrap_or_else(|problems| panic!("{problems}"))
}

fn warnings(config: &Config) -> Vec<&str> {
    config.warnings.iter().map(|warning| warning.path.as_str()).collect()
}

#[test]
fn the_smallest_file_has_safe_defaults() {
    let config = with("proxy.yaml", &[]);
    let [site] = config.sites.as_slice() else { panic!("one site") };
    assert_eq!(site.name, "app.example.com");
    assert_eq!(site.path_prefix, "/vestibule");
    assert_eq!(site.service_provider.entity_id.0, "https://app.example.com/vestibule/saml/metadata");
    assert_eq!(site.service_provider.acs_url, "https://app.example.com/vestibule/saml/acs");
    assert!(site.service_provider.signing_keys.is_empty());
    assert_eq!(site.session_limits.idle_timeout, Duration::from_secs(3600));
    assert_eq!(site.session_limits.max_age, Duration::from_secs(12 * 3600));
    assert_eq!(site.policy.clock_skew, Duration::from_secs(60));
    assert_eq!(site.cookies.session_name, "__Host-vestibule");
    assert_eq!(site.headers.budget(), 3072);
    assert!(!site.allow_encoded_slash);
    assert!(site.rules.rules().is_empty());
    assert!(matches!(site.rules.default_access(), vestibule::access::Access::Authenticated));
    let Face::Proxy(routes) = &site.face else { panic!("proxy") };
    let [Route { paths, upstream }] = routes.as_slice() else { panic!("one part") };
    assert!(paths.is_empty());
    assert_eq!((upstream.tls, upstream.host.as_str(), upstream.port), (false, "127.0.0.1", 3000));
    assert!(upstream.preserve_host);
    assert_eq!(config.listeners.public.to_string(), "127.0.0.1:4180");
    assert_eq!(config.listeners.authz, None);
    assert_eq!(config.listeners.admin.map(|a| a.to_string()).as_deref(), Some("127.0.0.1:9090"));
    assert!(config.listeners.public_tls.is_none());
    let trusted: Vec<String> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(trusted, ["127.0.0.0/8", "::1/128"]);
    assert_eq!(config.store_max_bytes, 512 << 20);
    assert_eq!(config.message_limits.max_decoded_bytes, 256 << 10);
    assert_eq!(config.shutdown.delay, Duration::from_secs(5));
    assert_eq!(config.shutdown.drain, Duration::from_secs(20));
}

#[test]
fn a_missing_secret_is_made_up_and_said() {
    let config = with("proxy.yaml", &[]);
    assert!(config.keys_are_ephemeral);
    assert_eq!(warnings(&config), ["session.secret_file"]);
    assert!(config.warnings[0].message.contains("a random one is made at each start"));
    let secret = "0123456789012345678901234567890123456789";
    let config = with("proxy.yaml", &[("VESTIBULE__SESSION__SECRET", secret)]);
    assert!(!config.keys_are_ephemeral);
    assert_eq!(warnings(&config), Vec::<&str>::new());
}

#[test]
fn a_variable_that_only_looks_like_a_twin_is_told_of() {
    let kubernetes = [("VESTIBULE_PORT", "tcp://10.0.0.1:80"), ("VESTIBULE_SERVICE_HOST", "10.0.0.1")];
    assert_eq!(warnings(&with("proxy.yaml", &kubernetes)), ["session.secret_file"]);
    let config = with("proxy.yaml", &[("VESTIBULE_SESSION_IDLE_TIMEOUT", "30m")]);
    assert_eq!(warnings(&config), ["session.idle_timeout", "session.secret_file"]);
    let said = config.warnings[0].to_string();
    assert!(said.contains("did you mean VESTIBULE__SESSION__IDLE_TIMEOUT?"), "{said}");
    let missing = here().join("bad/env-single-underscores.yaml");
    let problems = load_with(&missing, &[("VESTIBULE_PUBLIC_URL", "https://a.example")]).expect_err("no URL");
    let said = problems.to_string();
    assert!(said.contains("public_url: is missing\n    VESTIBULE_PUBLIC_URL is not read"), "{said}");
}

#[test]
fn forward_auth_listens_for_gateways_too() {
    let config = with("proxy.yaml", &[("VESTIBULE__LISTEN__AUTHZ", "off")]);
    assert_eq!(config.listeners.authz, None);
    let config = with("forward-auth.yaml", &[]);
    assert!(matches!(config.sites[0].face, Face::ForwardAuth));
    assert_eq!(config.listeners.authz.map(|a| a.to_string()).as_deref(), Some("127.0.0.1:8081"));
    assert_eq!(config.listeners.grpc.map(|a| a.to_string()).as_deref(), Some("127.0.0.1:8082"));
    assert_eq!(config.listeners.admin, None);
    let text = std::fs::read_to_string(good("proxy.yaml")).expect("the file");
    let text = text.replace("upstream: http://127.0.0.1:3000", "forward_auth: true");
    let metadata = here().join("files/idp-metadata.xml").display().to_string();
    let config = loaded(&text.replace("../files/idp-metadata.xml", &metadata));
    assert_eq!(config.listeners.public.to_string(), "127.0.0.1:4180");
    assert_eq!(config.listeners.authz.map(|a| a.to_string()).as_deref(), Some("127.0.0.1:4181"));
    assert_eq!(config.listeners.grpc, None);
}

#[test]
fn gateways_may_share_a_secret_and_several_while_it_changes() {
    let config = with("forward-auth.yaml", &[]);
    assert_eq!(config.gateways.secret_header, "x-vestibule-gateway-secret");
    assert_eq!(config.gateways.secrets.len(), 1);
    assert!(with("proxy.yaml", &[]).gateways.secrets.is_empty());
    let config = with(
        "proxy.yaml",
        &[
            ("VESTIBULE__GATEWAYS__SECRET__0", "0123456789abcdefghijklmnopqrstuvwxyz"),
            ("VESTIBULE__GATEWAYS__SECRET__1", "98765432109876543210987654321098"),
            ("VESTIBULE__GATEWAYS__SECRET_HEADER", "X-Vestibule-Mesh"),
        ],
    );
    assert_eq!(config.gateways.secret_header, "x-vestibule-mesh");
    assert!(config.gateways.secrets.iter().any(|secret| secret.is(b"98765432109876543210987654321098")));
    assert!(!format!("{config:?}").contains("98765432109876543210987654321098"));
}

#[test]
fn grpc_alone_is_enough_for_gateways() {
    let alone = [("VESTIBULE__LISTEN__AUTHZ", "off")];
    let config = with("forward-auth.yaml", &alone);
    assert_eq!(config.listeners.authz, None);
    assert_eq!(config.listeners.grpc.map(|a| a.port()), Some(8082));
}

fn domains(idp: &vestibule::site::Idp) -> Vec<String> {
    idp.email_domains.iter().flatten().map(ToString::to_string).collect()
}

#[test]
fn several_identity_providers_keep_their_domains_and_keys() {
    let config = with("forward-auth.yaml", &[]);
    let site = &config.sites[0];
    let [corp, partner] = site.identity_providers.as_slice() else { panic!("two") };
    assert_eq!(corp.label, "corp");
    assert_eq!(domains(corp), ["example.com", "example.org"]);
    assert_eq!(partner.email_domains, None);
    let saml = partner.known().expect("it is written out");
    assert_eq!(saml.entity_id.0, "urn:partner:idp");
    assert_eq!(saml.keys.certificates().len(), 2);
    assert_eq!(saml.single_sign_on.len(), 1);
    assert_eq!(site.service_provider.signing_keys.len(), 2);
    assert_eq!(site.service_provider.entity_id.0, "urn:our:sp");
    assert_eq!(site.cookies.session_name, "__Host-gate");
    assert_eq!(site.public_url.authority(), "app.example.com:8443");
}

#[test]
fn roles_keep_the_order_of_the_file() {
    let config = with("rules.yaml", &[]);
    let rows: Vec<(&str, &str)> =
        config.sites[0].mapping.roles.iter().map(|(g, r)| (g.as_str(), r.as_str())).collect();
    assert_eq!(
        rows,
        [("Zeta", "zoo"), ("Alpha", "admin"), ("Alpha", "author"), ("CN=Ops,DC=example", "admin")]
    );
    assert_eq!(config.sites[0].mapping.groups, ["memberOf"]);
    assert_eq!(config.sites[0].mapping.user, ["employeeNumber", "NameID"]);
}

#[test]
fn a_custom_header_takes_the_place_of_the_presets() {
    let config = with("rules.yaml", &[]);
    let plan = &config.sites[0].headers;
    let groups: Vec<_> = plan.specs().iter().filter(|spec| spec.name == "x-forwarded-groups").collect();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].separator, "|".into());
    assert!(plan.specs().iter().any(|spec| spec.name == "remote-user"));
    assert!(plan.specs().iter().any(|spec| spec.name == "x-auth-request-user"));
    assert_eq!(plan.budget(), 2048);
    let empty: Vec<&str> = plan.anonymous().iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        empty.contains(&"remote-user"),
        "a header that is not written when empty could be forged: {empty:?}"
    );
}

#[test]
fn presets_are_laid_over_one_another_and_a_site_has_its_own() {
    let config = with("headers.yaml", &[]);
    let [wiki, graphs] = config.sites.as_slice() else { panic!("two sites") };
    let spec = |name: &str| wiki.headers.specs().iter().find(|spec| spec.name == name).expect(name);
    assert_eq!(spec("remote-user").source, Source::User, "one for both presets");
    assert_eq!(spec("mellon-groups").source, Source::Roles, "the owner's own");
    assert_eq!(spec("mellon-groups-7").pick, Pick::Nth(7));
    assert_eq!(spec("x-team").separator, Separator::Json);
    assert_eq!((spec("x-team-1").pick, spec("x-team-n").pick), (Pick::Nth(1), Pick::Count));
    assert_eq!(spec("x-department").encoding, Encoding::Rfc8187);
    let of_eppn = wiki.mapping.candidates(&Part::Custom("eppn".into()));
    assert_eq!(of_eppn, ["eduPersonPrincipalName", "uid"], "the owner's own, and not the preset's");
    for part in [Part::GivenName, Part::FamilyName, Part::Custom("eppn".into())] {
        assert!(wiki.mapping.carried.contains(&part), "{part}");
    }
    let names: Vec<&str> = graphs.headers.names().map(|name| name.as_str()).collect();
    assert!(names.contains(&"x-webauth-user") && names.contains(&"x-vestibule-jwt-assertion"));
    assert!(!names.contains(&"remote-user") && !names.contains(&"x-team"));
    let seconds = |site: &Site| site.close_connections_after.as_secs();
    assert_eq!((seconds(wiki), seconds(graphs)), (30, 0));
}

#[test]
fn a_person_may_have_so_many_sessions_where_it_says_so() {
    let yaml = "\
session: {secret_file: FILES/secret, limit_per_user: 3}
identity_providers:
  - {id: a, metadata_file: FILES/idp-metadata.xml}
sites:
  - {name: wiki, public_url: https://wiki.example.com, upstream: http://127.0.0.1:3000}
  - {name: shop, public_url: https://shop.example.com, upstream: http://127.0.0.1:3001, session: {on_limit: refuse}}
  - {name: desk, public_url: https://desk.example.com, upstream: http://127.0.0.1:3002, session: {limit_per_user: 1}}
";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, yaml.replace("FILES", &here().join("files").display().to_string())).unwrap();
    let config = load_with(&file, &[]).unwrap();
    let said: Vec<_> = config
        .sites
        .iter()
        .map(|site| site.sessions_per_user.map(|limit| (limit.most.get(), limit.on_limit)))
        .collect();
    assert_eq!(
        said,
        [Some((3, OnLimit::EndOldest)), Some((3, OnLimit::Refuse)), Some((1, OnLimit::EndOldest))]
    );
    assert!(with("proxy.yaml", &[]).sites[0].sessions_per_user.is_none(), "else as many as they like");
}

#[test]
fn limits_are_what_is_written_and_else_generous() {
    let written = with("headers.yaml", &[]).bounds;
    assert_eq!((written.header_lines, written.header_octets), (200, 32 << 10));
    assert_eq!(written.header_timeout, Duration::from_secs(5));
    assert_eq!(written.write_timeout, Duration::from_secs(10));
    let a_second = Rate { count: 20, per: Duration::from_secs(1) };
    assert_eq!(written.rates.sign_ins, Rates { per_address: Some(a_second), per_idp: None });
    assert_eq!(written.rates.answers, Rates { per_address: None, per_idp: None });
    let default = with("proxy.yaml", &[]).bounds;
    let busy = Rates { per_address: Some(Rate { count: 3000, per: Duration::from_secs(60) }), per_idp: None };
    assert_eq!((default.rates.sign_ins, default.rates.answers), (busy, busy));
    assert_eq!((default.header_lines, default.header_octets), (100, 64 << 10));
}

#[test]
fn a_limit_that_would_lock_people_out_is_warned_of() {
    let env = [
        ("VESTIBULE__RATE_LIMITS__SIGN_INS__PER_ADDRESS", "5/m"),
        ("VESTIBULE__RATE_LIMITS__ANSWERS__PER_IDP", "100/s"),
    ];
    let warnings = with("proxy.yaml", &env).warnings;
    let said = |path: &str, part: &str| {
        warnings.iter().any(|warning| warning.path == path && warning.message.contains(part))
    };
    assert!(said("rate_limits.sign_ins.per_address", "an office"), "{warnings:?}");
    assert!(said("rate_limits.answers.per_idp", "use up"), "{warnings:?}");
}

#[test]
fn a_short_max_age_shortens_the_default_idle_timeout() {
    let limits = with("rules.yaml", &[]).sites[0].session_limits;
    assert_eq!((limits.idle_timeout, limits.max_age), (Duration::from_secs(1800), Duration::from_secs(1800)));
}

#[test]
fn the_environment_wins_over_the_file_item_by_item() {
    let config = with(
        "forward-auth.yaml",
        &[
            ("VESTIBULE__IDENTITY_PROVIDERS__1__LABEL", "0123"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__EMAIL_DOMAINS__1", "example.net"),
            ("VESTIBULE__SESSION__IDLE_TIMEOUT", "45m"),
            ("VESTIBULE__ROLES__Ops", "true"),
            ("VESTIBULE__TRUSTED_PROXIES__0", "10.0.0.0/8"),
            ("VESTIBULE__RULES__0__PATHS__0", "/x"),
            ("VESTIBULE__RULES__0__ACCESS__ANY__0__ROLE", "true"),
            ("VESTIBULE_PORT", "tcp://10.0.0.1:4180"),
            ("VESTIBULE_SERVICE_HOST", "10.0.0.1"),
        ],
    );
    let site = &config.sites[0];
    assert_eq!(site.identity_providers[1].label, "0123", "digits stay a text");
    assert_eq!(site.identity_providers[0].label, "corp", "and the neighbour stays as it is");
    assert_eq!(domains(&site.identity_providers[0]), ["example.com", "example.net"]);
    assert_eq!(site.session_limits.idle_timeout, Duration::from_secs(45 * 60));
    assert_eq!(site.mapping.roles, [("Ops".to_owned(), "true".to_owned())]);
    assert_eq!(config.trusted_proxies.len(), 1);
    assert_eq!(site.rules.rules().len(), 1);
}

#[test]
fn texts_stay_what_was_written() {
    let metadata = here().join("files/idp-metadata.xml").display().to_string();
    let text = format!(
        "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\nidentity_providers:\n  \
         - {{id: 007, label: 1e3, metadata_file: {metadata}}}\nbranding: {{name: yes}}\ndefault_role: 0x1F\n"
    );
    let config = loaded(&text);
    let site = &config.sites[0];
    assert_eq!(
        (site.identity_providers[0].id.as_str(), site.identity_providers[0].label.as_str()),
        ("007", "1e3")
    );
    assert_eq!(config.branding.name.as_deref(), Some("yes"));
    assert_eq!(site.mapping.default_role.as_deref(), Some("0x1F"));
}

#[test]
fn what_is_doubtful_is_said_and_does_not_stop() {
    let config = with(
        "proxy.yaml",
        &[
            ("VESTIBULE__DEFAULT_ROLE", "Administrator"),
            ("VESTIBULE__TRUSTED_PROXIES__0", "0.0.0.0/0"),
            ("VESTIBULE__RULES__0__ACCESS__ROLE", "editor"),
            ("VESTIBULE__RULES__1__ACCESS", "public"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__METADATA_FILE", "../files/other-metadata.xml"),
        ],
    );
    let mut warned = warnings(&config);
    warned.sort_unstable();
    let expected = [
        "default_role",
        "identity_providers[0]",
        "rules[0].access.role",
        "rules[1]",
        "session.secret_file",
        "trusted_proxies[0]",
    ];
    assert_eq!(warned, expected);
}

#[test]
fn what_is_demanded_of_an_identity_provider_is_read_and_its_default_is_nothing() {
    let nothing = &with("proxy.yaml", &[]).sites[0].identity_providers[0].clone();
    assert_eq!(nothing.demand, Demand::default());
    assert!(!nothing.allow_unsolicited);
    let mfa = "https://refeds.org/profile/mfa";
    let config = with(
        "proxy.yaml",
        &[
            ("VESTIBULE__IDENTITY_PROVIDERS__0__NAME_ID_FORMAT", "persistent"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__AUTHN_CONTEXT", mfa),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__AUTHN_CONTEXT_COMPARISON", "minimum"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__MAX_AUTHN_AGE", "8h"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__PROVIDER_NAME", "Reports"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__SIGN_REQUESTS", "never"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__ALLOW_UNSOLICITED", "true"),
        ],
    );
    let idp = &config.sites[0].identity_providers[0];
    let expected = Demand {
        name_id_format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
        authn_context: vec![mfa.to_owned()],
        authn_context_comparison: Comparison::Minimum,
        max_authn_age: Some(Duration::from_secs(8 * 3600)),
        provider_name: Some("Reports".to_owned()),
        sign_requests: SignRequests::Never,
        ..Demand::default()
    };
    assert_eq!(idp.demand, expected);
    assert!(idp.allow_unsolicited);
    // What is dangerous or not enforced is said.
    let warned = warnings(&config);
    assert!(warned.contains(&"identity_providers[0].allow_unsolicited"), "{warned:?}");
    assert!(warned.contains(&"identity_providers[0].authn_context_comparison"), "{warned:?}");
}

#[test]
fn algorithms_that_no_known_key_can_use_are_a_warning_where_metadata_is_read_again() {
    let config = with("proxy.yaml", &[("VESTIBULE__IDENTITY_PROVIDERS__0__ALGORITHMS__0", "ecdsa-sha256")]);
    let warned = &config.warnings[0];
    assert_eq!(warned.path, "identity_providers[0].algorithms");
    assert!(warned.message.contains("nobody can sign in"), "{warned}");
    assert!(warned.to_string().contains("RSA 2048"), "{warned}");
    let config = with("proxy.yaml", &[("VESTIBULE__IDENTITY_PROVIDERS__0__ALGORITHMS__0", "rsa-sha256")]);
    assert_eq!(warnings(&config), ["session.secret_file"]);
}

#[test]
fn who_writes_no_identity_provider_is_told_of_both_usual_ways() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\n")
        .expect("the file");
    let problems = load_with(&file, &[]).expect_err("nobody could sign in").to_string();
    assert!(problems.contains("identity_providers: is missing"), "{problems}");
    assert!(problems.contains("metadata_url or metadata_file"), "{problems}");
}

#[test]
fn a_list_of_what_will_do_makes_a_comparison_certain() {
    let config = with(
        "proxy.yaml",
        &[
            ("VESTIBULE__IDENTITY_PROVIDERS__0__AUTHN_CONTEXT__0", "urn:a"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__AUTHN_CONTEXT_COMPARISON", "better"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__AUTHN_CONTEXT_ACCEPTED__0", "urn:b"),
        ],
    );
    assert_eq!(warnings(&config), ["session.secret_file"]);
}

#[cfg(unix)]
#[test]
fn a_secret_that_everybody_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "0123456789abcdefghijklmnopqrstuv\n").expect("the secret");
    let env = [("VESTIBULE__SESSION__SECRET_FILE", secret.to_str().expect("a path"))];
    for (mode, expected) in [(0o644, vec!["session.secret_file"]), (0o640, vec![])] {
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).expect("the mode");
        assert_eq!(warnings(&with("proxy.yaml", &env)), expected, "{mode:o}");
    }
}

#[test]
fn a_problem_tells_where_it_stands() {
    let bad = here().join("bad/unknown-keys.yaml");
    let problems = load(&bad, &[], NOW).expect_err("problems");
    let shown = problems.to_string();
    let expected = format!("{}:9: session.idel_timeout: is an unknown key", bad.display());
    assert!(shown.contains(&expected), "{expected} in\n{shown}");
    let env = [("VESTIBULE__CLOCK_SKEW", "1h")];
    let problems = load_with(&good("proxy.yaml"), &env).expect_err("problems").to_string();
    assert_eq!(problems, "VESTIBULE__CLOCK_SKEW: clock_skew: must be at most 5m");
}

#[test]
fn a_file_that_is_not_there_is_one_problem() {
    let problems = load_with(&good("nowhere.yaml"), &[]).expect_err("a problem");
    assert_eq!(problems.0.len(), 1);
    assert!(problems.to_string().contains("nowhere.yaml: cannot be read"), "{problems}");
}

#[test]
fn secrets_are_in_no_message_and_in_no_debug_output() {
    let secret = "hunter2hunter2hunter2hunter2hunter2hunter2";
    let shown = |env: &[(&str, &str)]| match load_with(&good("proxy.yaml"), env) {
        Ok(config) => format!("{config:?}"),
        Err(problems) => format!("{problems} {problems:?}"),
    };
    assert!(!shown(&[("VESTIBULE__SESSION__SECRET", secret)]).contains("hunter2"));
    assert!(!shown(&[("VESTIBULE__SESSION__SECRET", "hunter2")]).contains("hunter2"));
    let both = [("VESTIBULE__SESSION__SECRET", secret), ("VESTIBULE__SESSION__SECRET_FILE", "x")];
    assert!(!shown(&both).contains("hunter2"));
}

#[test]
fn our_own_certificates_are_warned_of_thirty_days_before_their_end() {
    // They end on 2051-07-14.
    let at = |day: &str| {
        let seconds = match day {
            "2051-06-14" => 2_570_313_600,
            "2051-06-15" => 2_570_400_000,
            _ => 2_602_108_800,
        };
        let config = load(&good("forward-auth.yaml"), &[], Moment::from_seconds(seconds))
            .unwrap_or_else(|problems| panic!("{problems}"));
        let ours =
            config.warnings.into_iter().filter(|w| w.path.starts_with("service_provider.certificate_file"));
        ours.map(|warning| format!("{}: {}", warning.path, warning.message)).collect::<Vec<_>>()
    };
    assert_eq!(at("2051-06-14"), Vec::<String>::new());
    let soon = at("2051-06-15");
    assert_eq!(soon.len(), 2, "{soon:?}");
    let begin =
        "service_provider.certificate_file[0]: our certificate CN=app.example.com ends on 2051-07-14T";
    assert!(soon[0].starts_with(begin), "{soon:?}");
    assert!(soon[1].contains("certificate_file[1]") && soon[1].contains("next ends on"), "{soon:?}");
    assert!(at("2052-06-16")[0].contains("ended on 2051-07-14"));
}

/// A file of one identity provider with these lines, and perhaps a key of ours.
fn logout_config(lines: &str, key: bool) -> Config {
    let files = here().join("files").display().to_string();
    let key = match key {
        true => format!(
            "service_provider: {{private_key_file: {files}/sp-key.pem, certificate_file: {files}/sp.pem}}\n"
        ),
        false => String::new(),
    };
    let text = format!(
        "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\n{key}session: {{secret_file: {files}/secret}}\n\
         identity_providers:\n  - id: corp\n    metadata_file: {files}/idp-metadata.xml\n{lines}"
    );
    loaded(&text)
}

#[test]
fn single_logout_is_on_where_it_can_be_done_and_says_why_it_cannot() {
    let state = |lines: &str, key: bool| {
        let config = logout_config(lines, key);
        let [site] = config.sites.as_slice() else { panic!("one site") };
        let warned: Vec<String> = warnings(&config)
            .into_iter()
            .filter(|path| path.starts_with("identity_providers"))
            .map(|path| path.replace("identity_providers[0]", "idp"))
            .collect();
        (site.identity_providers[0].ends_there_too(&site.service_provider), warned.join(" "))
    };
    let slo = "    slo_url: https://idp.example.com/slo\n";
    for (lines, key, on, warned) in [
        (String::new(), true, false, ""),
        (String::new(), false, false, ""),
        (slo.to_owned(), true, true, ""),
        (slo.to_owned(), false, false, "idp"),
        (format!("{slo}    single_logout: false\n"), false, false, ""),
        (format!("{slo}    single_logout: true\n"), true, true, ""),
        (format!("{slo}    sign_out_url: https://idp.example.com/bye\n"), true, true, "idp.sign_out_url"),
        ("    sign_out_url: https://idp.example.com/bye\n".to_owned(), true, false, ""),
        ("    slo_url: http://idp.example.com/slo\n".to_owned(), true, true, "idp.slo_url"),
        ("    require_signed_logout: false\n".to_owned(), true, false, "idp.require_signed_logout"),
        ("    require_signed_logout: requests\n".to_owned(), true, false, ""),
    ] {
        assert_eq!(state(&lines, key), (on, warned.to_owned()), "{lines}");
    }
    let config = logout_config(
        "    slo_url: https://idp.example.com/slo\n    slo_response_url: https://idp.example.com/done\n    slo_binding: post\n",
        true,
    );
    let logout = &config.sites[0].identity_providers[0].logout;
    assert!(logout.require_signed == RequireSignedLogout::All && logout.single_logout);
    let [endpoint] = logout.endpoints.as_deref().unwrap_or_default() else { panic!("one address") };
    assert_eq!(endpoint.binding, vestibule::saml::parties::Binding::Post);
    assert_eq!(endpoint.location, "https://idp.example.com/slo");
    assert_eq!(endpoint.response_location.as_deref(), Some("https://idp.example.com/done"));
}

#[test]
fn metadata_from_an_address_is_known_later_and_wants_a_place_to_be_kept() {
    let config = with("metadata-url.yaml", &[]);
    let site = &config.sites[0];
    assert!(site.identity_providers.iter().all(|idp| idp.known().is_none()), "nobody was asked");
    let [corp, university] = config.watches.as_slice() else { panic!("two") };
    assert_eq!(corp.source.name(), "https://idp.corp.test/metadata");
    assert_eq!(corp.pace, Pace::Polite { at_most: Some(Duration::from_secs(1800)) });
    assert_eq!(corp.changes.keys, KeyChanges::Apply);
    assert_eq!(
        university.source.name(),
        "https://mdq.example.org/global/entities/https%3A%2F%2Fidp.university.test%2Fidp"
    );
    assert_eq!(university.terms.entity_id.as_deref(), Some("https://idp.university.test/idp"));
    assert!(university.terms.pinned.is_some());
    assert_eq!(university.changes.keys, KeyChanges::Hold);
    assert_eq!(university.changes.apply_held_after, Some(Duration::from_secs(3 * 86_400)));
    for watch in [corp, university] {
        assert_eq!(watch.site, site.name);
        assert_eq!(watch.terms.not, std::slice::from_ref(&site.service_provider.entity_id.0));
        assert!(watch.folder.is_none());
    }
    let warned: Vec<&str> = config.warnings.iter().map(|problem| problem.path.as_str()).collect();
    assert!(warned.contains(&"state_dir"), "{warned:?}");
}

#[test]
fn the_cryptography_of_an_identity_provider_is_narrowed_and_widened_by_its_owner() {
    use vestibule::saml::parties::{Cbc, CryptographyPolicy, Hash, SignatureAlgorithm};
    let of = |config: &Config| {
        config.sites[0].identity_providers[0].known().expect("metadata").cryptography.clone()
    };
    assert_eq!(of(&with("proxy.yaml", &[])), CryptographyPolicy::default());
    let config = with(
        "proxy.yaml",
        &[
            ("VESTIBULE__IDENTITY_PROVIDERS__0__CBC", "require_signed_response"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__ALGORITHMS__0", "ecdsa-sha384"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__ALGORITHMS__1", "rsa-pss-sha512"),
            ("VESTIBULE__IDENTITY_PROVIDERS__0__DANGER_ALLOW_SHA1_UNTIL", "2027-01-31"),
        ],
    );
    let cryptography = of(&config);
    assert_eq!(cryptography.cbc, Cbc::RequireSignedResponse);
    let listed = [SignatureAlgorithm::Ecdsa(Hash::Sha384), SignatureAlgorithm::RsaPss(Hash::Sha512)];
    assert_eq!(cryptography.algorithms.as_deref(), Some(&listed[..]));
    let until = cryptography.sha1_until.map(|until| until.to_string());
    assert_eq!(until.as_deref(), Some("2027-02-01T00:00:00.000Z"));
    let key = "identity_providers[0].danger_allow_sha1_until";
    let warned = config.warnings.iter().find(|warning| warning.path == key).expect("a warning");
    assert!(warned.message.contains("until 2027-01-31") && warned.message.contains("SHA-1"), "{warned}");
}

#[test]
fn an_exception_that_is_over_starts_with_a_word_about_it() {
    let over = [("VESTIBULE__IDENTITY_PROVIDERS__0__DANGER_ALLOW_SHA1_UNTIL", "2025-12-31")];
    let config = with("proxy.yaml", &over);
    assert!(config.warnings.iter().any(|warning| warning.message.contains("has passed")));
}

#[test]
fn a_second_opinion_is_sought_as_the_build_can() {
    use vestibule::saml::second_opinion::{COMPILED_IN, Weight};
    let load = |word| load_with(&good("proxy.yaml"), &[("VESTIBULE__SECOND_OPINION", word)]);
    let weight = |config: Config| config.second_opinion.map_or(Weight::Off, |second| second.weight());
    assert_eq!(weight(with("proxy.yaml", &[])), if COMPILED_IN { Weight::Enforce } else { Weight::Off });
    assert_eq!(load("off").map(weight).ok(), Some(Weight::Off));
    for (word, expected) in [("report", Weight::Report), ("enforce", Weight::Enforce)] {
        match load(word) {
            Ok(config) => assert_eq!((COMPILED_IN, weight(config)), (true, expected)),
            Err(problems) if COMPILED_IN => panic!("{problems}"),
            Err(problems) => {
                let [problem] = problems.0.as_slice() else { panic!("{problems}") };
                assert_eq!(problem.path, "second_opinion");
                assert!(problem.message.contains("--features second-opinion"), "{problem}");
            }
        }
    }
}

#[test]
fn an_identity_provider_is_live_unless_it_says_otherwise() {
    use vestibule::site::Status;
    let of = |config: &vestibule::config::Config| {
        config.sites[0].identity_providers.iter().map(|idp| idp.status).collect::<Vec<_>>()
    };
    assert_eq!(of(&with("forward-auth.yaml", &[])), [Status::Live, Status::Live]);
    let config = with("forward-auth.yaml", &[("VESTIBULE__IDENTITY_PROVIDERS__1__STATUS", "staged")]);
    assert_eq!(of(&config), [Status::Live, Status::Staged]);
    assert!(!warnings(&config).contains(&"identity_providers"));
    let config = with(
        "forward-auth.yaml",
        &[
            ("VESTIBULE__IDENTITY_PROVIDERS__0__STATUS", "retired"),
            ("VESTIBULE__IDENTITY_PROVIDERS__1__STATUS", "staged"),
        ],
    );
    assert!(warnings(&config).contains(&"identity_providers"), "{:?}", warnings(&config));
    let wrong = [("VESTIBULE__IDENTITY_PROVIDERS__0__STATUS", "Live")];
    let problems =
        load_with(&good("forward-auth.yaml"), &wrong).expect_err("words are written in lower case");
    assert!(problems.to_string().contains("did you mean `live`?"), "{problems}");
}

#[test]
fn who_may_come_in_and_as_whom() {
    use vestibule::access::{Access, StepUp, Term};
    use vestibule::admission::RoleSync;
    use vestibule::headers::{GroupsOut, Source};
    use vestibule::identity::{Overage, Part};
    let config = with("people.yaml", &[]);
    let site = &config.sites[0];
    assert_eq!(domains(&site.identity_providers[0]), ["example.com", "*.xn--bcher-kva.example"]);

    let mapping = &site.mapping;
    assert_eq!(mapping.required, [Part::Email, Part::Custom("department".into())]);
    assert_eq!(mapping.transforms.len(), 2);
    assert_eq!(mapping.groups_overage, Overage::Refuse);
    assert_eq!(mapping.default_role_of, [("partner".to_owned(), "guest".to_owned())]);
    let pair = |group: &str, role: &str| (group.to_owned(), role.to_owned());
    assert_eq!(mapping.roles, [pair("dev", "builder"), pair("ops", "operator")]);
    assert_eq!(mapping.carried, [Part::Custom("department".into()), Part::GivenName]);
    let sources: Vec<_> = site.headers.specs().iter().rev().take(3).map(|spec| spec.source).collect();
    let department = Source::Carried(Part::Custom("department".into()).key());
    assert_eq!(sources, [department, Source::Carried(Part::GivenName.key()), department]);
    assert!(
        format!("{:?}", site.headers)
            .contains(&format!("{:?}", GroupsOut::Only(["dev".into(), "ops".into()].into())))
    );

    let access: Vec<_> = site.rules.rules().iter().map(|rule| &rule.access).collect();
    assert_eq!(*access[0], Access::When(Term::Group("ops".into())));
    assert_eq!(*access[3], Access::When(Term::Email("ada@office.xn--bcher-kva.example".into())));
    let mfa = "https://refeds.org/profile/mfa".to_owned();
    assert_eq!(site.rules.step_up(2), Some(StepUp { classes: vec![mfa], anew: true }));

    let admission = &site.admission;
    assert_eq!(admission.role_sync, RoleSync::FirstSignIn);
    let terms: Vec<_> =
        admission.terms.iter().map(|(id, t)| (id.as_str(), t.just_in_time, t.link_by_email)).collect();
    assert_eq!(terms, [("corp", true, true), ("partner", false, true)]);
    assert_eq!(admission.lists().map(|list| list.current().len()).collect::<Vec<_>>(), [2]);
    // The list invites an editor, so nobody is told that there can be none; what is not kept is told.
    let told = warnings(&config);
    assert!(
        told.contains(&"identity_providers[1].admission.invited_file")
            && told.contains(&"identity.transform.user")
    );
    assert!(!told.iter().any(|path| path.starts_with("rules")), "{told:?}");
}

#[test]
fn what_is_remembered_of_people_is_kept_in_the_state_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), [7_u8; 48].map(|_| 0)).expect("a key");
    let key: Vec<u8> = (0..48_u8).map(|n| n.wrapping_mul(37).wrapping_add(11)).collect();
    std::fs::write(folder.path().join("key"), key).expect("a key");
    let (dir, key) = (folder.path().join("state"), folder.path().join("key"));
    let env = [
        ("VESTIBULE__STATE_DIR", dir.to_str().expect("a path")),
        ("VESTIBULE__STATE_KEY_FILE", key.to_str().expect("a path")),
    ];
    let config = with("people.yaml", &env);
    assert!(!warnings(&config).contains(&"identity_providers[1].admission.invited_file"));
    assert!(config.sites[0].admission.people.as_ref().is_some_and(|people| people.is_empty()));
    assert!(!dir.exists(), "nothing is written by checking");

    std::fs::create_dir_all(&dir).expect("a folder");
    std::fs::write(dir.join("people"), [0, 0, 0, 4, 1, 2, 3, 4]).expect("a file");
    let problems = load_with(&good("people.yaml"), &env).expect_err("an entry of nobody's");
    assert_eq!(problems.0.len(), 1, "{problems}");
    assert!(problems.0[0].message.contains("was not sealed under state_key_file"), "{problems}");
}

#[test]
fn a_class_that_an_identity_provider_is_not_held_to_is_warned_of_in_a_rule() {
    let of = |more: &str, rule: &str| {
        let files = here().join("files").display().to_string();
        let text = format!(
            "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\nidentity_providers:\n  - {{id: corp, \
             metadata_file: {files}/idp-metadata.xml{more}}}\nrules: [{{access: {{authn_context: {rule}}}}}]\n"
        );
        warnings(&loaded(&text)).contains(&"rules[0].access.authn_context")
    };
    assert!(!of("", "urn:mfa"));
    assert!(!of(", authn_context: [\"urn:mfa\", \"urn:x\"]", "urn:mfa"));
    assert!(of(", authn_context: [\"urn:x\"]", "urn:mfa"));
    let minimum =
        ", authn_context: [\"urn:x\"], authn_context_comparison: minimum, authn_context_accepted: [\"urn:x\"";
    assert!(!of(&format!("{minimum}, \"urn:mfa\"]"), "urn:mfa"));
    assert!(of(&format!("{minimum}]"), "urn:mfa"));
    assert!(of(", authn_context_accepted: [\"urn:x\"]", "[urn:mfa, urn:card]"));
    assert!(!of(", authn_context_accepted: [\"urn:x\"]", "[urn:mfa, \"urn:x\"]"));
}

/// One configuration on top of the smallest.
fn small(more: &str) -> Result<vestibule::config::Config, vestibule::config::Problems> {
    let files = here().join("files").display().to_string();
    let text = format!(
        "public_url: https://app.example.com\nupstream: http://127.0.0.1:3000\n\
         identity_providers:\n  - {{id: corp, metadata_file: {files}/idp-metadata.xml}}\n{more}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, text).expect("the file");
    load_with(&file, &[])
}

#[test]
fn an_address_has_a_quarter_of_the_connections_unless_gateways_say_a_secret() {
    let of = |more: &str| {
        let config = small(more).expect("it is right");
        (config.bounds.connections_per_address, warnings(&config).contains(&"limits.connections_per_address"))
    };
    assert_eq!(of(""), (Some(2048), false));
    assert_eq!(of("limits: {connections: 400}\n"), (Some(100), false));
    assert_eq!(of("limits: {connections_per_address: 1000}\n"), (Some(1000), false));
    assert_eq!(of("limits: {connections_per_address: 20}\n"), (Some(20), true), "few for an office");
    assert_eq!(of("limits: {connections_per_address: off}\n"), (None, false));
    let secret = "gateways: {secret: 0123456789abcdefghijklmnopqrstuvwxyz}\n";
    assert_eq!(of(secret), (None, false));
    assert_eq!(of(&format!("{secret}limits: {{connections_per_address: 1000}}\n")), (Some(1000), false));
}

#[test]
fn a_header_of_a_part_that_is_not_there_is_told_which_there_are() {
    let hint = |custom: &str, part: &str| {
        let more = format!("{custom}headers: {{custom: [{{name: x-team, value: {part}}}]}}\n");
        let problems = small(&more).expect_err("there is no such part");
        assert_eq!(problems.0.len(), 1, "{problems}");
        problems.0[0].hint.clone().unwrap_or_default()
    };
    let own = "identity: {custom: {department: dept, team: team}}\n";
    assert_eq!(
        hint(own, "custom.departement"),
        "did you mean `custom.department`? there is custom.department, custom.team"
    );
    assert_eq!(hint(own, "custom.zzzzzz"), "there is custom.department, custom.team");
    assert!(hint("", "custom.email").starts_with("did you mean `email`?"), "{}", hint("", "custom.email"));
    assert!(hint("", "custom.team").contains("identity: {custom: {team: ATTRIBUTE}}"));
}

#[test]
fn certificates_beside_metadata_are_told_what_they_may_have_been_meant_for() {
    let more = "  - {id: other, metadata_url: https://idp.example.com/m, certificate_files: [x.pem]}\n";
    let problems = small(more).expect_err("two descriptions");
    let problem = problems.0.iter().find(|problem| problem.path == "identity_providers[1]").expect("told of");
    assert!(problem.message.contains("by metadata_url and by certificate_files: keep one"), "{problem:?}");
    assert!(
        problem.hint.as_ref().is_some_and(|hint| hint.contains("metadata_certificate_file")),
        "{problem:?}"
    );
}
