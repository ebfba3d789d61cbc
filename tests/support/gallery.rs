//! Every page that people can see, as the gate answers it, each under a name.

use bytes::Bytes;
use http::Response;
use vestibule::pages::texts::Situation;
use vestibule::pages::{
    self, Accent, Branding, Choice, Chooser, Exchange, Logo, Notice, OwnSession, OwnSessions, Passing,
    Picture, Place, Places, RefusalPage, Search, Section, Sheet, SignedOut, Since, Table, There,
};
use vestibule::reason::Reason;

/// The logo of a made-up company.
pub const LOGO: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"7\" \
                        fill=\"#0b5fff\"/><path d=\"M8 22 16 8l8 14z\" fill=\"#fff\"/></svg>";

/// Where the logo is served.
pub const LOGO_PATH: &str = "/vestibule/logo";

pub fn branded() -> Branding {
    let picture = Picture::read(LOGO.as_bytes().to_vec()).unwrap();
    Branding {
        name: Some("Acme Intranet".into()),
        logo: Some(Logo { picture, path: LOGO_PATH.into() }),
        accent: Some(Accent::parse("#0b5fff").unwrap()),
        help_url: Some("mailto:it@acme.example".into()),
        ..Branding::default()
    }
}

/// Every page; those of refusals once for each situation.
pub fn pages() -> Vec<(String, Response<Bytes>)> {
    let (plain, acme) = (Branding::default(), branded());
    let mut all: Vec<(String, Response<Bytes>)> = choosers(&plain, &acme);
    let mut seen = std::collections::HashSet::new();
    for &reason in Reason::ALL {
        let situation = Situation::of(reason);
        if !seen.insert(situation) {
            continue;
        }
        let allowed = situation == Situation::NotAllowed;
        let page = RefusalPage {
            reason,
            reference: "7f3a-91c2",
            start_again: Some("/vestibule/sign-in?rd=/"),
            sign_out: allowed.then_some("/vestibule/sign-out"),
            signed_in_as: allowed.then_some("ada.lovelace@example.com"),
        };
        let branding = if allowed { &acme } else { &plain };
        all.push((format!("refusal-{situation:?}").to_lowercase(), pages::refusal(branding, &page)));
    }
    let fields = [("SAMLRequest", "PHNhbWw+"), ("RelayState", "x")];
    let who = Exchange { now: "ada.lovelace@example.com", then: "mallory@example.com", stay: "/" };
    let left = |there| SignedOut { there, sign_in: "/vestibule/sign-in", go_on: Some("/") };
    let unknown = There::Unknown { reason: Reason::LogoutUnsolicited, reference: "7f3a-91c2" };
    let others = [
        (
            "sign-out",
            pages::sign_out_confirm(
                &plain,
                ("/vestibule/sign-out", "/vestibule/sessions"),
                Some("/"),
                "ada.lovelace@example.com",
            ),
        ),
        ("exchange", pages::exchange(&plain, "/acs", &fields, &who)),
        ("signed-out", pages::signed_out(&plain, "/vestibule/sign-in")),
        ("signed-out-there", pages::signed_out_there(&acme, &left(There::Ended))),
        ("signed-out-unknown", pages::signed_out_there(&plain, &left(unknown))),
        (
            "sign-out-refused",
            pages::sign_out_refused(&plain, Reason::LogoutUnsigned, "7f3a-91c2", "/vestibule/sign-out"),
        ),
        ("not-found", pages::not_found(&plain)),
        ("wrong-method", pages::method_not_allowed(&plain, "POST")),
    ];
    all.extend(trials(&acme));
    all.extend(front_pages(&plain, &acme));
    all.extend(own_sessions(&plain, &acme));
    all.extend(others.into_iter().map(|(name, page)| (name.to_owned(), page)));
    all
}

/// Where somebody is signed in.
fn own_sessions(plain: &Branding, acme: &Branding) -> Vec<(String, Response<Bytes>)> {
    let since = |seconds| Since { seconds, at: "2026-11-22T09:30:00Z".into() };
    let one = |name, (browser, system), is_handheld, (signed_in, used)| OwnSession {
        name,
        browser,
        system,
        is_handheld,
        by: "Corporate login",
        places: &[],
        signed_in: since(signed_in),
        used: since(used),
    };
    let own = [
        one(None, (Some("Firefox"), Some("Linux")), false, (11_000, 0)),
        one(Some("c2VhbGVk"), (Some("Safari"), Some("iPhone")), true, (200_000, 2500)),
        one(Some("c2VhbGVk"), (None, None), false, (400_000, 90_000)),
    ];
    let page = OwnSessions {
        sessions: &own,
        more: 0,
        others: Some("c2VhbGVk"),
        ended: None,
        user: "ada.lovelace@example.com",
        place: "wiki.example.com",
        action: "/vestibule/sessions",
        sign_out: "/vestibule/sign-out",
        everywhere: Some(("auth.example.com", "https://auth.example.com/vestibule/sessions")),
    };
    let places = ["Wiki", "Purchasing and Stock", "app/northern-research-centre", "grafana.example.com"];
    let at_host = [
        OwnSession { places: &places, ..own[0].clone() },
        OwnSession { places: &places[..1], ..own[1].clone() },
        OwnSession { system: Some("Windows"), browser: Some("Samsung Internet"), ..own[2].clone() },
    ];
    let acme_page =
        OwnSessions { sessions: &at_host, more: 11, place: "Acme Intranet", everywhere: None, ..page };
    [
        ("own-sessions", pages::own_sessions(plain, &page)),
        ("own-sessions-host", pages::own_sessions(acme, &acme_page)),
        (
            "own-sessions-ended",
            pages::own_sessions(
                plain,
                &OwnSessions { sessions: &own[..1], others: None, ended: Some(2), ..page },
            ),
        ),
    ]
    .into_iter()
    .map(|(name, page)| (name.to_owned(), page))
    .collect()
}

/// Those of a sign-on host.
fn front_pages(plain: &Branding, acme: &Branding) -> Vec<(String, Response<Bytes>)> {
    let place = |name, address, href| Place { name, address, href };
    let some = [
        place("Wiki", "wiki.example.com", "https://wiki.example.com/"),
        place("Purchasing and Stock", "shop.example.com", "https://shop.example.com/"),
        place(
            "app/northern-research-centre",
            "northern-research-centre.workspaces.app.example.com",
            "https://northern-research-centre.workspaces.app.example.com/",
        ),
        place("grafana.example.com", "grafana.example.com", "https://grafana.example.com/"),
    ];
    let page = Places {
        places: &some,
        user: "ada.lovelace@example.com",
        sign_out: "/vestibule/sign-out",
        sessions: "/vestibule/sessions",
    };
    [
        ("places", pages::places(acme, &page)),
        ("places-plain", pages::places(plain, &Places { places: &some[..2], ..page })),
        ("places-none", pages::places(acme, &Places { places: &[], ..page })),
        ("places-nobody", pages::nobody_here(acme, "/vestibule/sign-in?rd=/")),
    ]
    .into_iter()
    .map(|(name, page)| (name.to_owned(), page))
    .collect()
}

/// What the owner sees of a test sign-in.
fn trials(acme: &Branding) -> Vec<(String, Response<Bytes>)> {
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let rows = |cells: &[[&str; 3]]| cells.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
    let facts = Section {
        heading: "What will be asked",
        note: Some("The address of the identity provider comes from its metadata.".into()),
        facts: own(&[
            ("Identity provider", "corp (Corporate login), staged"),
            (
                "Its address",
                "https://idp.example.com/realms/example/protocol/saml?with=a&very=long&query=string",
            ),
            ("Answer to", "https://app.example.com/vestibule/saml/acs"),
        ]),
        ..Section::default()
    };
    let table = Section {
        heading: "Every rule, in its order",
        table: Some(Table {
            caption: "What was compared",
            columns: vec!["Rule", "Said", "Values"],
            rows: rows(&[
                ["status", "holds", "urn:oasis:names:tc:SAML:2.0:status:Success"],
                ["audience", "does not hold", "https://wiki.example.com/vestibule/saml/metadata"],
                ["recipient", "holds", "https://app.example.com/vestibule/saml/acs"],
            ]),
        }),
        ..Section::default()
    };
    let text = Section {
        heading: "What the application would have got",
        text: Some(
            "X-Forwarded-User: ada\nX-Forwarded-Email: ada.lovelace@example.com\nX-Vestibule-Roles: editor"
                .into(),
        ),
        ..Section::default()
    };
    let sheet = |lead: &[&str]| Sheet {
        lead: lead.iter().map(|line| (*line).to_owned()).collect(),
        sections: vec![facts.clone(), table.clone(), text.clone()],
    };
    let ask = Sheet { lead: Vec::new(), sections: vec![facts.clone()] };
    let bad = sheet(&[
        "audience-mismatch",
        "The assertion is for another service.",
        "Look at entity_id there and here.",
    ]);
    let good = sheet(&["ada.lovelace@example.com would be signed in as editor."]);
    [
        ("trial-ask", pages::trial_ask(acme, &ask, "/vestibule/test-sign-in", Some("x.y"))),
        ("trial-refused", pages::trial_result(acme, &bad, true)),
        ("trial-accepted", pages::trial_result(&Branding::default(), &good, false)),
    ]
    .into_iter()
    .map(|(name, page)| (name.to_owned(), page))
    .collect()
}

/// Those that go on by themselves: to be looked at with scripts switched off.
pub fn passing() -> Vec<(String, Response<Bytes>)> {
    let acme = branded();
    let passing = Passing { key: "k", kept: "/vestibule/sign-in?kept=k" };
    let fields = [("SAMLRequest", "PHNhbWw+"), ("RelayState", "x")];
    [
        ("to-idp", pages::auto_post(&acme, "http://127.0.0.1:9/sso", &fields, true)),
        ("to-idp-by-link", pages::leave(&acme, "http://127.0.0.1:9/sso", passing)),
        ("to-self", pages::auto_post(&Branding::default(), "/acs", &fields, false)),
        ("to-target", pages::arrive(&acme, "http://127.0.0.1:9/", "k")),
    ]
    .into_iter()
    .map(|(name, page)| (name.to_owned(), page))
    .collect()
}

fn choosers(plain: &Branding, acme: &Branding) -> Vec<(String, Response<Bytes>)> {
    const MANY: [&str; 14] = [
        "Amber University",
        "Birch College",
        "Cedar Institute of Technology",
        "Dune Hospital",
        "Elm Public Library",
        "Fern Research Centre for the Northern Region and its Partners",
        "Grove Museum",
        "Harbour Polytechnic",
        "Isle Observatory",
        "Juniper Academy",
        "Kelp Marine Station",
        "Larch School of Design",
        "Moor Botanical Garden",
        "Nettle Archive",
    ];
    let one = |label, logo| Choice { label, href: "/vestibule/sign-in?idp=x", logo };
    let few =
        [one("Corporate login", Some(LOGO_PATH)), one("Partners and suppliers", None), one("Students", None)];
    let many: Vec<Choice<'_>> = MANY.iter().map(|label| one(label, None)).collect();
    let page = Chooser {
        site_name: "wiki.example.com",
        action: "/vestibule/sign-in",
        fields: &[("rd", "/")],
        by_email: true,
        last: None,
        choices: &few,
        search: None,
        notice: None,
    };
    [
        ("chooser", pages::chooser(acme, &page)),
        ("chooser-last", pages::chooser(plain, &Chooser { last: Some(few[0]), choices: &few[1..], ..page })),
        ("chooser-buttons", pages::chooser(plain, &Chooser { by_email: false, ..page })),
        ("chooser-unknown", pages::chooser(acme, &Chooser { notice: Some(Notice::UnknownDomain), ..page })),
        (
            "chooser-many",
            pages::chooser(
                acme,
                &Chooser {
                    choices: &many,
                    search: Some(Search { wanted: "", all: 14, everything: "/vestibule/sign-in" }),
                    ..page
                },
            ),
        ),
        (
            "chooser-found",
            pages::chooser(
                plain,
                &Chooser {
                    choices: &many[..1],
                    search: Some(Search { wanted: "amber", all: 14, everything: "/vestibule/sign-in" }),
                    ..page
                },
            ),
        ),
        (
            "chooser-none",
            pages::chooser(
                plain,
                &Chooser {
                    by_email: false,
                    choices: &[],
                    search: Some(Search { wanted: "xyz", all: 14, everything: "/vestibule/sign-in" }),
                    ..page
                },
            ),
        ),
    ]
    .into_iter()
    .map(|(name, page)| (name.to_owned(), page))
    .collect()
}
