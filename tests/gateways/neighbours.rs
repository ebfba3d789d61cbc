//! Another server of the same nginx. Before nginx has read Host it goes by the first server of the address, so a header that
//! stands before Host is judged by that one's directives.

use crate::programs::Kind;
use crate::scenes::spellings;
use crate::support::visitor::Visitor;
use crate::wire;
use crate::world::{World, cookie_line};

/// What nginx is told before the printed text.
fn beside(text: &str, directives: &str) -> String {
    let listen = text.lines().find(|line| line.trim_start().starts_with("listen ")).unwrap().trim();
    let server = listen.replace(';', " default_server;");
    format!("server {{\n{server}\nserver_name other.test;\n{directives}\nreturn 404;\n}}\n{text}")
}

/// The application's answer to a request whose first line is this header.
async fn told(world: &World, browser: &Visitor, path: &str, name: &str) -> String {
    let request = format!(
        "GET {path} HTTP/1.1\r\n{name}: evil\r\nHost: 127.0.0.1:{}\r\n{}Connection: close\r\n\r\n",
        world.port,
        cookie_line(browser)
    );
    let (status, told) = wire::whole(world.port, request.as_bytes()).await;
    assert_eq!(status, 200, "{name}: {told}");
    assert!(told.contains(&format!("GET {path}\n")), "{told}");
    told
}

const NAMES: [&str; 12] = [
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
    "x-vestibule-roles",
    "x-vestibule-jwt-assertion",
    "x-vestibule-groups-omitted",
    "x-vestibule-organization",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_that_takes_underscores_lets_no_identity_in() {
    let world = World::altered(Kind::Nginx, &|text| beside(&text, "underscores_in_headers on;")).await;
    let grace = world.signed_in("grace").await;
    for name in NAMES {
        for spelled in spellings(name).iter().filter(|name| !name.contains('.')) {
            for path in ["/page", "/public/page"] {
                let told = told(&world, &grace, path, spelled).await;
                assert!(!told.contains("evil"), "{spelled}: {told}");
            }
        }
    }
}

/// The twin: without the lines for it the header arrives, so the neighbour does matter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_names_with_underscores_a_neighbour_would_let_them_in() {
    let alter = |text: String| {
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| {
                !line.contains("proxy_set_header X_") && !line.contains("proxy_set_header X-Real_")
            })
            .collect();
        beside(&kept.join("\n"), "underscores_in_headers on;")
    };
    let world = World::altered(Kind::Nginx, &alter).await;
    let grace = world.signed_in("grace").await;
    for name in ["X_Forwarded_User", "X_Vestibule_Roles"] {
        assert!(told(&world, &grace, "/page", name).await.contains("evil"), "{name}");
    }
}

/// What docs/gateways/nginx.md warns of: names with other signs are without number, and no directive takes them out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_that_ignores_no_invalid_names_lets_a_dotted_one_in() {
    let world = World::altered(Kind::Nginx, &|text| beside(&text, "ignore_invalid_headers off;")).await;
    let grace = world.signed_in("grace").await;
    assert!(told(&world, &grace, "/page", "X.Forwarded.User").await.contains("evil"));
    // One that says nothing of it does not.
    let world = World::altered(Kind::Nginx, &|text| beside(&text, "")).await;
    let grace = world.signed_in("grace").await;
    assert!(!told(&world, &grace, "/page", "X.Forwarded.User").await.contains("evil"));
}

const EVERY_PRESET: &str = "headers: {preset: [oauth2-proxy, remote, mellon, shibboleth, grafana]}\n";

/// nginx removes no family of names, so the text names what is known of each, and the next numbers of a list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_of_a_family_is_taken_from_clients_at_nginx() {
    let world =
        World::configured(Kind::Nginx, EVERY_PRESET, &|text| beside(&text, "underscores_in_headers on;"))
            .await;
    let grace = world.signed_in("grace").await;
    for name in [
        "Mellon-Groups-8",
        "Mellon_Groups_9",
        "Mellon-Session",
        "Shib-Session-Index",
        "Shib_Application_Id",
        "X-Auth-Request-Access-Token",
        "X-Webauth-Login",
        "X_Webauth_User",
        "Remote_User",
        "X-Forwarded-Access-Token",
        "X-Forwarded-Mail",
        "X-Vestibule-Refusal",
        "X_Vestibule-Sign-In",
    ] {
        let told = told(&world, &grace, "/page", name).await;
        assert!(!told.contains("evil"), "{name}: {told}");
    }
    // What the page says that it does not know.
    assert!(told(&world, &grace, "/page", "Mellon-Anything").await.contains("evil"));
}

/// Many headers are many variables, of which nginx would warn at each start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_has_nothing_to_say_of_the_text_for_every_preset() {
    let world = World::configured(Kind::Nginx, EVERY_PRESET, &|text| text).await;
    let printed = world.folder.path().join("printed.yaml");
    let checked = crate::programs::nginx(world.folder.path(), &printed).arg("-t").output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && !said.contains("[warn]"), "{said}");
    let text = std::fs::read_to_string(printed).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("variables_hash")).collect();
    let other = world.folder.path().join("other.conf");
    std::fs::write(&other, without.join("\n")).unwrap();
    let checked = crate::programs::nginx(world.folder.path(), &other).arg("-t").output().unwrap();
    assert!(String::from_utf8_lossy(&checked.stderr).contains("[warn]"), "the lines are not needed any more");
}
