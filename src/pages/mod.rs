//! What people see: askama templates, escaped, readable without JavaScript, under a strict CSP (SKELETON).

use bytes::Bytes;
use http::Response;

/// The look of the pages. `name` is shown instead of "Vestibule" when set.
#[derive(Debug, Clone, Default)]
pub struct Branding {
    pub name: Option<String>,
    pub help_url: Option<String>,
}

/// What a refusal page says. Texts by situation are the pages room's own; nothing of the detail is shown.
pub struct RefusalPage<'a> {
    pub reason: crate::reason::Reason,
    /// Short, e.g. `7f3a-91c2`; the same in the audit event.
    pub reference: &'a str,
    /// A link "start again" / "sign in", when that can help.
    pub start_again: Option<&'a str>,
    /// A link "sign out" for somebody signed in but not allowed.
    pub sign_out: Option<&'a str>,
    /// Who is signed in, when somebody is.
    pub signed_in_as: Option<&'a str>,
}

pub fn refusal(_branding: &Branding, _page: &RefusalPage<'_>) -> Response<Bytes> {
    todo!()
}
/// An auto-posting form (to the IdP, or the same-site re-post to ourselves) with a button for browsers without JavaScript.
/// CSP lets exactly this post through (form-action lists https: and the action's origin; see product facts on redirects after forms).
pub fn auto_post(
    _branding: &Branding,
    _action: &str,
    _fields: &[(&str, &str)],
    _to_idp: bool,
) -> Response<Bytes> {
    todo!()
}
/// "Sign out?" with one button that posts to `action` with the hidden `rd`.
pub fn sign_out_confirm(
    _branding: &Branding,
    _action: &str,
    _rd: Option<&str>,
    _user: &str,
) -> Response<Bytes> {
    todo!()
}
pub fn signed_out(_branding: &Branding, _sign_in: &str) -> Response<Bytes> {
    todo!()
}
/// One button (a link to sign-in with `idp=`) for each IdP: (label, href).
pub fn chooser(_branding: &Branding, _site_name: &str, _choices: &[(&str, &str)]) -> Response<Bytes> {
    todo!()
}
