//! Scripts of other origins.

use super::Desk;
use crate::access::Cors;
use crate::config::file::Cors as CorsFile;
use crate::site::PublicUrl;
use http::HeaderValue;

/// `inherited`: the list stands at the top level for several sites, and one of them may well be in it.
pub(super) fn cors(file: &CorsFile, own: Option<&PublicUrl>, inherited: bool, desk: &mut Desk) -> Cors {
    let mut origins: Vec<HeaderValue> = Vec::new();
    for item in file.origins.get().into_iter().flatten() {
        let Some(text) = item.get() else { continue };
        match origin(text) {
            Err(message) => desk.error(item.problem(message)),
            Ok(_) if own.is_some_and(|own| own.origin() == text) => {
                if !inherited {
                    desk.warn(item.problem("is this site itself: its own scripts read every answer anyway"));
                }
            }
            Ok(origin) if origins.contains(&origin) => desk.warn(item.problem("is listed twice")),
            Ok(origin) => origins.push(origin),
        }
    }
    let preflight = file.preflight.or(false);
    if preflight && file.origins.get().is_none_or(Vec::is_empty) && !file.faulty {
        let message = "is for listed origins only, and none is listed";
        desk.error(file.preflight.problem(message).hint("list them in cors.origins"));
    }
    Cors::new(origins, preflight)
}

/// As browsers write it, so that it can be compared octet by octet.
fn origin(text: &str) -> Result<HeaderValue, String> {
    if text == "*" {
        return Err("cannot be `*`: the answers are about somebody's session; list the origins".into());
    }
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    let Some(url) = url.filter(url::Url::has_host) else {
        return Err(format!("is no origin: `{text}`; write it as https://spa.example.com"));
    };
    let written = url.origin().ascii_serialization();
    if written != text {
        return Err(format!("is not as browsers write an origin: `{written}` would be"));
    }
    HeaderValue::try_from(written).map_err(|_| "is no origin".into())
}
