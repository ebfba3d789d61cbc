//! Scripts of other origins: which of them may read an answer of ours, and the question that their browsers ask first.
//!
//! A script on one origin that calls the application on another is told by its browser what came back only if the answer
//! says that its origin may read it. The application says so of its own answers; of a 401 or 403, which never reached the
//! application, we must (Fetch, "CORS protocol"). Never `*`: the answer is about somebody's cookie.

use super::rules::Verdict;
use crate::reason::Reason;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD,
    CONTENT_LENGTH, ORIGIN, TRANSFER_ENCODING, UPGRADE, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

/// What a site's owner decided about other origins. Nobody is listed by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    origins: Vec<HeaderValue>,
    preflight: bool,
}

/// Proof that a request is a preflight that the owner lets pass. Only [`Cors::preflight`] makes one.
#[derive(Debug)]
#[must_use]
pub struct Preflight(());

impl Cors {
    /// For these origins, each exactly as browsers write it (`https://spa.example.com`). `preflight`: their browsers'
    /// questions pass to the application without a session.
    pub const fn new(origins: Vec<HeaderValue>, preflight: bool) -> Self {
        Self { origins, preflight }
    }

    /// Whether the request is such a question: OPTIONS, of a listed origin, about a method, and neither with a body, as far as
    /// its header tells, nor asking for another protocol.
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Preflight> {
        let asks = self.preflight
            && *method == Method::OPTIONS
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
            && headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0")
            && !headers.contains_key(TRANSFER_ENCODING)
            && !headers.contains_key(UPGRADE);
        (asks && self.listed(headers).is_some()).then_some(Preflight(()))
    }

    /// Lets the script that asked read the answer, if its origin is listed. An answer that depends on the origin says so.
    pub fn let_read(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        answer.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.listed(asked) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// The origin of the request, which stands there once, if it is one of ours.
    fn listed(&self, headers: &HeaderMap) -> Option<&HeaderValue> {
        let mut lines = headers.get_all(ORIGIN).iter();
        let origin = lines.next().filter(|_| lines.next().is_none())?;
        self.origins.iter().find(|listed| *listed == origin)
    }
}

impl Verdict {
    /// A preflight passes where a session would be needed, which a browser never sends with it; as nobody. What is
    /// forbidden to everybody stays so.
    pub fn or_preflight(self, preflight: impl FnOnce() -> Option<Preflight>) -> Self {
        match self {
            // A rule about the sign-in itself asks nobody in particular of whoever has no session.
            Self::NeedsSession | Self::NeedsStepUp { because: Reason::SessionMissing, .. } => {
                match preflight() {
                    Some(preflight) => Self::allow_preflight(preflight),
                    None => self,
                }
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Access, Question, RequestPath, Rule, Rules, Term};
    use crate::identity::Person;

    fn cors(preflight: bool) -> Cors {
        Cors::new(vec![HeaderValue::from_static("https://spa.example.com")], preflight)
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    const ASKS: (&str, &str) = ("access-control-request-method", "PUT");
    const FROM: (&str, &str) = ("origin", "https://spa.example.com");

    #[test]
    fn a_listed_origin_may_read_and_no_other() {
        let read = |cors: &Cors, from: &'static str| {
            let mut answer = HeaderMap::new();
            cors.let_read(&headers(&[("origin", from)]), &mut answer);
            answer
        };
        let answer = read(&cors(false), "https://spa.example.com");
        assert_eq!(answer["access-control-allow-origin"], "https://spa.example.com");
        assert_eq!(answer["access-control-allow-credentials"], "true");
        assert_eq!(answer["vary"], "Origin");
        for other in [
            "null",
            "*",
            "",
            "http://spa.example.com",
            "https://spa.example.com:8443",
            "https://spa.example.com.evil.test",
            "https://xspa.example.com",
            "https://SPA.example.com",
            "https://spa.example.com/",
        ] {
            let answer = read(&cors(false), other);
            assert!(!answer.contains_key("access-control-allow-origin"), "{other}");
            assert_eq!(answer["vary"], "Origin", "{other}");
        }
        assert!(read(&Cors::default(), "https://spa.example.com").is_empty());
    }

    #[test]
    fn two_origins_are_none() {
        let mut asked = headers(&[FROM]);
        asked.append("origin", HeaderValue::from_static("https://evil.test"));
        let mut answer = HeaderMap::new();
        cors(false).let_read(&asked, &mut answer);
        assert!(!answer.contains_key("access-control-allow-origin"));
    }

    #[test]
    fn a_preflight_is_known_by_everything_that_makes_it_one() {
        let asks = |method: Method, pairs: &[(&'static str, &'static str)]| {
            cors(true).preflight(&method, &headers(pairs)).is_some()
        };
        assert!(asks(Method::OPTIONS, &[FROM, ASKS]));
        assert!(asks(Method::OPTIONS, &[FROM, ASKS, ("content-length", "0")]));
        assert!(!asks(Method::GET, &[FROM, ASKS]));
        assert!(!asks(Method::OPTIONS, &[FROM]));
        assert!(!asks(Method::OPTIONS, &[ASKS]));
        assert!(!asks(Method::OPTIONS, &[("origin", "https://evil.test"), ASKS]));
        assert!(!asks(Method::OPTIONS, &[FROM, ASKS, ("content-length", "1")]));
        assert!(!asks(Method::OPTIONS, &[FROM, ASKS, ("transfer-encoding", "chunked")]));
        assert!(!asks(Method::OPTIONS, &[FROM, ASKS, ("upgrade", "websocket")]));
        assert!(cors(false).preflight(&Method::OPTIONS, &headers(&[FROM, ASKS])).is_none());
    }

    #[test]
    fn it_passes_as_nobody_where_a_session_is_needed_and_not_where_nobody_may_go() {
        let judge = |access: Access| {
            let path = RequestPath::parse("/api", false).unwrap();
            let question = Question {
                method: &Method::OPTIONS,
                path: &path,
                client: std::net::IpAddr::from([192, 0, 2, 7]),
                now: crate::clock::Moment::from_seconds(0),
            };
            let rule = Rule { paths: Vec::new(), methods: Vec::new(), networks: Vec::new(), access };
            let rules = Rules::new(vec![rule], Access::Deny);
            rules.judge::<dyn Person>(&question, None).or_preflight(|| Some(Preflight(())))
        };
        assert!(matches!(judge(Access::Authenticated), Verdict::Allow(permit) if !permit.identified()));
        let recent = Access::When(Term::AuthnAge(std::time::Duration::from_secs(60)));
        assert!(matches!(judge(recent), Verdict::Allow(permit) if !permit.identified()));
        assert!(matches!(judge(Access::Deny), Verdict::Forbidden(_)));
    }
}
