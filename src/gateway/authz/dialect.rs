//! What a gateway asks: each dialect has its own headers for it, and only those are read.
//!
//! A gateway passes the client's headers along with its own. So a header that is there twice, or under a second
//! spelling that somebody on the way may fold into the first, is a client's attempt to answer in the gateway's place.

use crate::gateway::request::folds_to;
use crate::gateway::serve::Fragment;
use crate::reason::{Reason, Refusal};
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request};

/// How a gateway speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Dialect {
    /// nginx: `auth_request`, ingress-nginx.
    AuthRequest,
    /// Traefik, Caddy, HAProxy, APISIX.
    ForwardAuth,
    /// Envoy, Gateway API, Istio, Contour, over HTTP.
    ExtAuthz,
    /// The same over gRPC.
    Grpc,
}

impl Dialect {
    /// The last piece of the endpoint's path, or the one that the client's path follows.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::AuthRequest => "auth-request",
            Self::ForwardAuth => "forward-auth",
            Self::ExtAuthz => "ext-authz",
            Self::Grpc => "envoy.service.auth.v3.Authorization/Check",
        }
    }
}

/// The headers that hold the question, each dialect's method first. X-Forwarded-For is not among them: it is a list that
/// every hop adds to.
const ORIGINAL: [&str; 2] = ["x-original-method", "x-original-url"];
const FORWARDED: [&str; 3] = ["x-forwarded-method", "x-forwarded-host", "x-forwarded-uri"];

/// The request that the gateway asks about.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Asked<'a> {
    pub(in crate::gateway) method: Method,
    pub(in crate::gateway) authority: &'a str,
    /// Path and query, as the client sent them.
    pub(in crate::gateway) target: &'a str,
}

impl<'a> Asked<'a> {
    /// Reads the question out of a request, of whose path `rest` follows the dialect. The scheme is never taken from it:
    /// it is the site's own.
    pub(super) fn read<B>(dialect: Dialect, request: &'a Request<B>, rest: &'a str) -> Result<Self, Refusal> {
        let headers = request.headers();
        match dialect {
            Dialect::AuthRequest => {
                let [method, url] = inputs(headers, ORIGINAL)?;
                let (authority, target) = absolute(url)?;
                Ok(Self { method: parse_method(method)?, authority, target })
            }
            Dialect::ForwardAuth => {
                let [method, authority, target] = inputs(headers, FORWARDED)?;
                if !target.starts_with('/') {
                    return Err(malformed("X-Forwarded-Uri does not begin with a slash"));
                }
                Ok(Self { method: parse_method(method)?, authority, target })
            }
            // The method is that of the question. What Envoy sends is the client's own request without its body.
            Dialect::ExtAuthz => {
                let authority = only_host(request)?;
                if request.extensions().get::<Fragment>().is_some() {
                    return Err(malformed("the target has a fragment"));
                }
                Self::of_parts(request.method().clone(), authority, rest)
            }
            Dialect::Grpc => Err(malformed("asked over HTTP")),
        }
    }

    /// A question whose parts the protocol itself holds.
    pub(in crate::gateway) fn of_parts(
        method: Method,
        authority: &'a str,
        target: &'a str,
    ) -> Result<Self, Refusal> {
        let missing = |what: &'static str| Err(Refusal::new(Reason::OriginalUrlMissing, what));
        match (authority, target.as_bytes().first()) {
            ("", _) => missing("no host"),
            (_, None) => missing("no path"),
            (_, Some(b'/')) => Ok(Self { method, authority, target }),
            (_, Some(_)) => Err(malformed("the path does not begin with a slash")),
        }
    }
}

/// The host that the client named, which the gateway passes on as its own request's.
fn only_host<B>(request: &Request<B>) -> Result<&str, Refusal> {
    let missing = || Refusal::new(Reason::OriginalUrlMissing, "no host");
    let mut lines = request.headers().get_all(HOST).iter();
    let (line, second) = (lines.next(), lines.next());
    let named = request.uri().authority().map(|authority| authority.as_str());
    let host = match line {
        Some(line) => Some(line.to_str().map_err(|_| malformed("the host is not ASCII"))?),
        None => None,
    };
    if second.is_some() || named.zip(host).is_some_and(|(named, host)| !named.eq_ignore_ascii_case(host)) {
        return Err(Refusal::new(Reason::OriginalUrlDoubled, "two hosts"));
    }
    named.or(host).ok_or_else(missing)
}

/// The values of the headers `names`, each there once, under its own name and no other spelling. One walk over the
/// headers, because this is asked at every request.
fn inputs<'a, const N: usize>(headers: &'a HeaderMap, names: [&str; N]) -> Result<[&'a str; N], Refusal> {
    let doubled = |detail: String| Refusal::new(Reason::OriginalUrlDoubled, detail);
    let mut found = [None; N];
    for (name, value) in headers {
        let name = name.as_str();
        if !name.starts_with('x') {
            continue;
        }
        for (input, found) in names.iter().zip(&mut found) {
            if !folds_to(name, input) {
                continue;
            }
            if name != *input {
                return Err(doubled(format!("{name} beside {input}")));
            }
            if found.replace(value).is_some() {
                return Err(doubled(format!("{name} twice")));
            }
        }
    }
    let mut texts = [""; N];
    for ((name, found), text) in names.iter().zip(found).zip(&mut texts) {
        let missing = |how: &str| Refusal::new(Reason::OriginalUrlMissing, format!("{how} {name}"));
        let value: &HeaderValue = found.ok_or_else(|| missing("no"))?;
        *text = str::from_utf8(value.as_bytes()).map_err(|_| malformed("not UTF-8"))?;
        if text.is_empty() {
            return Err(missing("empty"));
        }
    }
    Ok(texts)
}

pub(in crate::gateway) fn parse_method(text: &str) -> Result<Method, Refusal> {
    text.parse().map_err(|_| malformed("the method is none"))
}

/// Authority and target of `https://host/path?query`.
fn absolute(url: &str) -> Result<(&str, &str), Refusal> {
    let lower =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let rest = match (lower("https://"), lower("http://")) {
        (true, _) => &url["https://".len()..],
        (_, true) => &url["http://".len()..],
        _ => return Err(malformed("X-Original-URL does not begin with http:// or https://")),
    };
    // By octets: these are ASCII, and no octet of another character is.
    let end = rest.bytes().position(|b| matches!(b, b'/' | b'?' | b'#' | b'\\')).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    match target.as_bytes().first() {
        _ if authority.is_empty() || authority.contains('@') => {
            Err(malformed("X-Original-URL names no host"))
        }
        None => Ok((authority, "/")),
        Some(b'/') => Ok((authority, target)),
        Some(_) => Err(malformed("X-Original-URL has no path")),
    }
}

fn malformed(detail: &'static str) -> Refusal {
    Refusal::new(Reason::OriginalUrlMalformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn read(dialect: Dialect, lines: &[(&str, &str)]) -> Result<(String, String, String), Reason> {
        asked(dialect, Request::new(()), "", lines)
    }

    fn asked(
        dialect: Dialect,
        mut request: Request<()>,
        rest: &str,
        lines: &[(&str, &str)],
    ) -> Result<(String, String, String), Reason> {
        *request.headers_mut() = lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        Asked::read(dialect, &request, rest)
            .map(|asked| (asked.method.to_string(), asked.authority.into(), asked.target.into()))
            .map_err(|refusal| refusal.reason)
    }

    const URL: (&str, &str) = ("X-Original-URL", "https://app.test/a?b=c");
    const METHOD: (&str, &str) = ("X-Original-Method", "PUT");
    const FORWARDED: [(&str, &str); 3] =
        [("X-Forwarded-Method", "PUT"), ("X-Forwarded-Host", "app.test"), ("X-Forwarded-Uri", "/a?b=c")];

    fn put_a() -> Result<(String, String, String), Reason> {
        Ok(("PUT".into(), "app.test".into(), "/a?b=c".into()))
    }

    #[test]
    fn each_dialect_reads_its_own_headers_and_no_others() {
        let both: Vec<_> = [URL, METHOD].into_iter().chain(FORWARDED).collect();
        assert_eq!(read(Dialect::AuthRequest, &[URL, METHOD]), put_a());
        assert_eq!(read(Dialect::ForwardAuth, &FORWARDED), put_a());
        assert_eq!(read(Dialect::AuthRequest, &both), put_a());
        assert_eq!(read(Dialect::AuthRequest, &FORWARDED), Err(Reason::OriginalUrlMissing));
        assert_eq!(read(Dialect::ForwardAuth, &[URL, METHOD]), Err(Reason::OriginalUrlMissing));
    }

    #[test]
    fn every_missing_part_is_refused() {
        assert_eq!(read(Dialect::AuthRequest, &[URL]), Err(Reason::OriginalUrlMissing));
        assert_eq!(read(Dialect::AuthRequest, &[METHOD]), Err(Reason::OriginalUrlMissing));
        for missing in 0..3 {
            let rest: Vec<_> = FORWARDED
                .iter()
                .enumerate()
                .filter(|(place, _)| *place != missing)
                .map(|(_, l)| *l)
                .collect();
            assert_eq!(read(Dialect::ForwardAuth, &rest), Err(Reason::OriginalUrlMissing), "{rest:?}");
        }
        let empty = [FORWARDED[0], FORWARDED[1], ("X-Forwarded-Uri", "")];
        assert_eq!(read(Dialect::ForwardAuth, &empty), Err(Reason::OriginalUrlMissing));
    }

    #[test]
    fn doubled_and_respelled_questions_are_refused() {
        for twin in [URL, ("X_Original_URL", "x"), ("x.original-url", "x"), ("X-Original_Method", "GET")] {
            assert_eq!(
                read(Dialect::AuthRequest, &[URL, METHOD, twin]),
                Err(Reason::OriginalUrlDoubled),
                "{twin:?}"
            );
        }
        for twin in ["X-Forwarded-Uri", "X_Forwarded_Uri", "X.Forwarded.Host", "x-forwarded.method"] {
            let mut lines = FORWARDED.to_vec();
            lines.push((twin, "/x"));
            assert_eq!(read(Dialect::ForwardAuth, &lines), Err(Reason::OriginalUrlDoubled), "{twin}");
        }
    }

    #[test]
    fn addresses_that_cannot_be_read_are_refused() {
        for url in [
            "/a",
            "app.test/a",
            "ftp://app.test/a",
            "https:///a",
            "https://user@app.test/a",
            "https://app.test?a",
            "https://app.test\\a",
            "https:/app.test/a",
            "ht",
        ] {
            assert_eq!(
                read(Dialect::AuthRequest, &[("X-Original-URL", url), METHOD]),
                Err(Reason::OriginalUrlMalformed),
                "{url}"
            );
        }
        let relative = [FORWARDED[0], FORWARDED[1], ("X-Forwarded-Uri", "https://app.test/a")];
        assert_eq!(read(Dialect::ForwardAuth, &relative), Err(Reason::OriginalUrlMalformed));
        let method = [URL, ("X-Original-Method", "G T")];
        assert_eq!(read(Dialect::AuthRequest, &method), Err(Reason::OriginalUrlMalformed));
    }

    #[test]
    fn an_address_without_a_path_is_the_root() {
        let lines = [("X-Original-URL", "HTTP://app.test"), METHOD];
        assert_eq!(read(Dialect::AuthRequest, &lines), Ok(("PUT".into(), "app.test".into(), "/".into())));
    }

    /// An Envoy's question.
    fn envoy(uri: &str, rest: &str, lines: &[(&str, &str)]) -> Result<(String, String, String), Reason> {
        let request = Request::builder().method("PUT").uri(uri).body(()).unwrap();
        asked(Dialect::ExtAuthz, request, rest, lines)
    }

    #[test]
    fn envoy_asks_with_the_request_line_and_the_host() {
        let host = ("Host", "app.test");
        assert_eq!(envoy("/x", "/a?b=c", &[host]), put_a());
        assert_eq!(envoy("http://APP.test/x", "/a?b=c", &[host]).map(|asked| asked.2), Ok("/a?b=c".into()));
        assert_eq!(envoy("http://app.test/x", "/a?b=c", &[]), put_a());
        let own = [host, URL, ("X-Original-Method", "GET"), ("X-Forwarded-Uri", "/x"), FORWARDED[1]];
        assert_eq!(envoy("/x", "/a?b=c", &own), put_a());
    }

    #[test]
    fn what_envoy_leaves_out_or_says_twice_is_refused() {
        let host = ("Host", "app.test");
        assert_eq!(envoy("/x", "/a", &[]), Err(Reason::OriginalUrlMissing));
        assert_eq!(envoy("/x", "/a", &[("Host", "")]), Err(Reason::OriginalUrlMissing));
        assert_eq!(envoy("/x", "", &[host]), Err(Reason::OriginalUrlMissing));
        assert_eq!(envoy("/x", "/a", &[host, host]), Err(Reason::OriginalUrlDoubled));
        assert_eq!(envoy("http://other.test/x", "/a", &[host]), Err(Reason::OriginalUrlDoubled));
        for rest in ["?a", "x/a", "*"] {
            assert_eq!(envoy("/x", rest, &[host]), Err(Reason::OriginalUrlMalformed), "{rest}");
        }
    }
}
