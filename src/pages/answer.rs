//! The headers around every page, and the content security policies.
//!
//! **What a page may do.** Nothing: no script, image, font, frame or connection (`default-src 'none'`), and of styles
//! only those inside it, named by their hashes: our one sheet, and the few lines that put the owner's colour in. Pages
//! with a logo may show pictures of our own. Pages that go on by themselves, and the one on which somebody chooses, add
//! the hash of their own script.
//!
//! **Where a form may lead.** Chromium holds `form-action` against every redirect that follows a form's post, other
//! browsers against the first address only, so a policy that names the form's own address breaks sign-ins in some
//! browsers and not in others:
//!
//! - Pages without a form say `form-action 'none'`.
//! - The page that posts to the IdP, and the sign-out question, say `https: http:`: an IdP may send the browser on to
//!   other hosts (a federation, a host of the intranet on plain http), and a sign-out goes by its `rd` to the
//!   application and perhaps on to an IdP. What is gained by the narrower list is nothing: values are escaped, no
//!   script runs, and the page has this one form.
//! - The page that posts once more to our own assertion consumer service has no `form-action` at all. What follows
//!   it is the application's own answer to a deep link, and this may lead to an address of any scheme, such as the
//!   `vscode:` or `com.example.app:` of a native application that waits for its code.
//!
//! **Who may know where from.** `Referrer-Policy: same-origin` keeps our addresses (they carry return addresses) from
//! others, and yet lets browsers send `Origin` with posts to ourselves, which the check for cross-site requests needs.
//! The post to the IdP says `strict-origin`: with `same-origin` it would carry `Origin: null`, which firewalls in
//! front of IdPs are known to refuse.
//!
//! **Who may show a page in a frame.** Nobody, but for the page that posts our answer to an IdP's logout request: that
//! IdP, because it may sign people out of many applications at once, each in a frame.
//!
//! **What is left out.** `Cross-Origin-Opener-Policy`: applications open their sign-in in a pop-up and wait for it to
//! come back; the header would cut the two apart for good.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

/// The one style sheet.
pub(super) const STYLE: &str = include_str!("templates/style.css");

/// Posts the page's form. By the prototype, because a field named `submit` would hide the method.
pub(super) const AUTO_POST: &str = "HTMLFormElement.prototype.submit.call(document.forms[0])";

/// Goes on to the identity provider, and keeps the `#fragment` of the address in this tab meanwhile.
pub(super) const LEAVE: &str = include_str!("templates/leave.js");

/// Goes on to the application, with the `#fragment` that this tab kept.
pub(super) const ARRIVE: &str = include_str!("templates/arrive.js");

/// Narrows the list while somebody types, and takes a `#fragment` along.
pub(super) const CHOOSE: &str = include_str!("templates/choose.js");

/// The style sheet of pages with tables: the one of all, and what tables need.
pub(super) const REPORT_STYLE: &str =
    concat!(include_str!("templates/style.css"), include_str!("templates/report.css"));

/// Shows the button that copies the page's text, which is of no use without a script.
pub(super) const COPY: &str = include_str!("templates/copy.js");

/// What a page contains, as far as its policy is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text and links.
    Plain,
    /// A form that somebody submits by a button.
    Form,
    /// Several of them, with a script that helps.
    Chooser,
    /// A form that posts itself to the IdP.
    PostToIdp,
    /// A form that posts itself to our own assertion consumer service.
    PostToSelf,
    /// A link or a form that goes on to the IdP by itself.
    Leave,
    /// A link that goes on to the application by itself.
    Arrive,
    /// Tables, and a form that somebody submits by a button.
    ReportForm,
    /// Tables, and a text that a button copies.
    Report,
}

impl Kind {
    const fn style(self) -> &'static str {
        match self {
            Self::ReportForm | Self::Report => REPORT_STYLE,
            _ => STYLE,
        }
    }

    const fn script(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Form | Self::ReportForm => None,
            Self::Chooser => Some(CHOOSE),
            Self::PostToIdp | Self::PostToSelf => Some(AUTO_POST),
            Self::Leave => Some(LEAVE),
            Self::Arrive => Some(ARRIVE),
            Self::Report => Some(COPY),
        }
    }

    const fn form_action(self) -> &'static str {
        match self {
            Self::Plain | Self::Arrive | Self::Report => "form-action 'none'; ",
            Self::Form | Self::Chooser | Self::PostToIdp | Self::Leave | Self::ReportForm => {
                "form-action https: http:; "
            }
            Self::PostToSelf => "",
        }
    }
}

/// What an owner's branding adds to a page.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extras<'a> {
    /// A second style sheet.
    pub(super) style: Option<&'a str>,
    /// Whether there are pictures on it.
    pub(super) pictures: bool,
}

/// A page as an answer.
pub(super) fn page(status: StatusCode, kind: Kind, extras: Extras<'_>, html: String) -> Response<Bytes> {
    let referrer = match kind {
        Kind::PostToIdp | Kind::Leave => "strict-origin",
        _ => "same-origin",
    };
    answer(
        status,
        HeaderValue::from_static("text/html; charset=utf-8"),
        policy(kind, extras),
        HeaderValue::from_static(referrer),
        html.into(),
    )
}

/// A JSON document as an answer.
pub(super) fn json(status: StatusCode, body: String) -> Response<Bytes> {
    answer(
        status,
        HeaderValue::from_static("application/json"),
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        HeaderValue::from_static("same-origin"),
        body.into(),
    )
}

fn answer(
    status: StatusCode,
    content_type: HeaderValue,
    policy: HeaderValue,
    referrer: HeaderValue,
    body: Bytes,
) -> Response<Bytes> {
    const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
    const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::REFERRER_POLICY, referrer);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static("camera=(), geolocation=(), microphone=()"));
    response
}

/// Lets these origins (`https://idp.example.com`) show the page in a frame: identity providers sign people out of many
/// applications at once in one frame each.
pub(super) fn framed_by(mut response: Response<Bytes>, origins: &[String]) -> Response<Bytes> {
    let plain = |origin: &&String| {
        origin
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'.' | b'-' | b'[' | b']'))
    };
    let origins: Vec<&str> = origins.iter().filter(plain).map(String::as_str).collect();
    let headers = response.headers_mut();
    let policy = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
    let opened = policy
        .filter(|_| !origins.is_empty())
        .map(|policy| policy.replace(NO_FRAMES, &format!("frame-ancestors {}", origins.join(" "))));
    if let Some(opened) = opened.and_then(|opened| HeaderValue::from_str(&opened).ok()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, opened);
        // It knows nobody by name; browsers that know the policy follow the policy.
        headers.remove(header::X_FRAME_OPTIONS);
    }
    response
}

const NO_FRAMES: &str = "frame-ancestors 'none'";

fn policy(kind: Kind, extras: Extras<'_>) -> HeaderValue {
    let own = hash(kind.style());
    let style = extras.style.map_or_else(String::new, |style| format!(" {}", hash(style)));
    let pictures = if extras.pictures { "img-src 'self'; " } else { "" };
    let script = kind.script().map_or_else(String::new, |script| format!("script-src {}; ", hash(script)));
    let form_action = kind.form_action();
    let policy = format!(
        "default-src 'none'; style-src {own}{style}; {pictures}{script}{form_action}base-uri 'none'; {NO_FRAMES}"
    );
    // Only ASCII goes in; should it ever not, the page is bare rather than free.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// A CSP source expression for the text of an inline element.
pub(super) fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 7] = [
        Kind::Plain,
        Kind::Form,
        Kind::Chooser,
        Kind::PostToIdp,
        Kind::PostToSelf,
        Kind::Leave,
        Kind::Arrive,
    ];

    fn policy_of(kind: Kind) -> String {
        policy(kind, Extras::default()).to_str().unwrap().to_string()
    }

    #[test]
    fn a_page_may_run_its_own_script_and_no_other() {
        for kind in KINDS {
            let policy = policy_of(kind);
            assert_eq!(policy.contains("script-src"), kind.script().is_some(), "{kind:?}");
            for script in [AUTO_POST, LEAVE, ARRIVE, CHOOSE] {
                let may = policy.contains(&format!("script-src {};", hash(script)));
                assert_eq!(may, kind.script() == Some(script), "{kind:?}");
            }
        }
    }

    #[test]
    fn the_owners_colour_and_pictures_are_let_in_where_there_are_some() {
        let extras = Extras { style: Some(":root{}"), pictures: true };
        let policy = policy(Kind::Plain, extras).to_str().unwrap().to_owned();
        let styles = format!("style-src {} {}; img-src 'self'; ", hash(STYLE), hash(":root{}"));
        assert!(policy.contains(&styles), "{policy}");
        assert!(!policy_of(Kind::Plain).contains("img-src"));
    }

    #[test]
    fn nothing_else_is_let_in_by_any_policy() {
        for kind in KINDS {
            let policy = policy_of(kind);
            assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
            assert!(policy.ends_with("base-uri 'none'; frame-ancestors 'none'"), "{policy}");
            assert!(!policy.contains("unsafe") && !policy.contains("data:"), "{policy}");
        }
    }

    #[test]
    fn redirects_after_a_form_are_let_through() {
        assert!(policy_of(Kind::Plain).contains("form-action 'none'"));
        assert!(policy_of(Kind::Form).contains("form-action https: http:;"));
        assert!(policy_of(Kind::PostToIdp).contains("form-action https: http:;"));
        assert!(!policy_of(Kind::PostToSelf).contains("form-action"));
    }

    #[test]
    fn posts_to_ourselves_and_to_the_idp_carry_an_origin() {
        let referrer = |kind| {
            page(StatusCode::OK, kind, Extras::default(), String::new()).headers()["referrer-policy"].clone()
        };
        assert_eq!(referrer(Kind::PostToIdp), "strict-origin");
        assert_eq!(referrer(Kind::PostToSelf), "same-origin");
        assert_eq!(referrer(Kind::Form), "same-origin");
    }

    #[test]
    fn only_named_origins_may_frame_and_none_can_add_to_the_policy() {
        let page = || page(StatusCode::OK, Kind::PostToIdp, Extras::default(), String::new());
        let open = framed_by(page(), &["https://idp.test".into(), "http://[::1]:8080".into()]);
        let policy = open.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.ends_with("; frame-ancestors https://idp.test http://[::1]:8080"), "{policy}");
        assert!(!open.headers().contains_key("x-frame-options"));
        for hostile in [&[][..], &["https://a;script-src *".to_owned()], &["* 'self'".to_owned()]] {
            let closed = framed_by(page(), hostile);
            assert!(closed.headers().contains_key("x-frame-options"), "{hostile:?}");
            let policy = closed.headers()["content-security-policy"].to_str().unwrap();
            assert!(policy.ends_with("; frame-ancestors 'none'"), "{policy}");
        }
    }

    #[test]
    fn a_known_hash_comes_out() {
        assert_eq!(hash(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
    }
}
