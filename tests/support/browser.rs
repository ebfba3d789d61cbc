//! A browser of the tests: follows where it is told to, and keeps cookies as browsers do. SameSite decides which of
//! them a request carries; every cookie that it is given is held to what all of ours must say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]
#![allow(dead_code, reason = "each test program uses its own part")]

use crate::idp::{Answer, Asked, FakeIdp};
use crate::world::World;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use std::collections::HashMap;
use std::sync::Arc;
use vestibule::site::Site;

/// A browser on one host.
pub struct Browser<'w> {
    world: &'w World,
    pub site: Arc<Site>,
    /// Name to (value, SameSite).
    pub jar: HashMap<String, (String, String)>,
    /// Whether it says that it shows pages, as real ones do.
    pub shows_pages: bool,
    /// What it says that it is.
    pub user_agent: Option<&'static str>,
    /// The order in which cookies were set.
    order: Vec<String>,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// A page of the same site, or the address bar.
    SameSite,
    /// A page of another site.
    CrossSite,
}

impl<'w> Browser<'w> {
    pub fn of(world: &'w World) -> Self {
        Self::on(world, 0)
    }

    pub fn on(world: &'w World, site: usize) -> Self {
        Self {
            world,
            site: Arc::clone(&world.gate.sites[site]),
            jar: HashMap::new(),
            shows_pages: false,
            user_agent: None,
            order: Vec::new(),
        }
    }

    /// A navigation by GET.
    pub async fn get(&mut self, target: &str, from: From) -> Answered {
        self.send(Method::GET, target, from, None).await
    }

    /// A posted form.
    pub async fn post(&mut self, target: &str, from: From, fields: &[(&str, &str)]) -> Answered {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, target, from, Some(body)).await
    }

    /// Opens the application, is sent to the sign-in, and from there to the identity provider.
    pub async fn leave_for_the_idp(&mut self, target: &str) -> Asked {
        let sent_away = self.get(target, From::SameSite).await;
        assert_eq!(sent_away.status, StatusCode::FOUND, "{}", sent_away.body);
        let sign_in = sent_away.location();
        self.begin(&sign_in).await
    }

    /// Follows a sign-in address to the identity provider.
    pub async fn begin(&mut self, sign_in: &str) -> Asked {
        let to_idp = self.get(sign_in, From::SameSite).await;
        assert_eq!(to_idp.status, StatusCode::FOUND, "{}", to_idp.body);
        Asked::from_redirect(&to_idp.location())
    }

    /// The identity provider's page posts its answer.
    pub async fn bring(&mut self, asked: &Asked, answer: &Answer<'_>) -> Answered {
        self.bring_value(asked, &answer.form_value()).await
    }

    pub async fn bring_value(&mut self, asked: &Asked, value: &str) -> Answered {
        let mut fields = vec![("SAMLResponse", value)];
        fields.extend(asked.relay_state.as_deref().map(|state| ("RelayState", state)));
        self.post(&asked.acs_url, From::CrossSite, &fields).await
    }

    /// The page that posts itself once more does so.
    pub async fn post_again(&mut self, page: &Answered) -> Answered {
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let fields = page.fields();
        assert!(fields.iter().any(|(name, _)| name == "repost"), "no re-post: {}", page.body);
        let pairs: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(&page.action(), From::SameSite, &pairs).await
    }

    /// The whole way, to the page that was asked for.
    pub async fn sign_in(&mut self, idp: &FakeIdp, target: &str, user: &str) -> Answered {
        let asked = self.leave_for_the_idp(target).await;
        let mut answered = self.bring(&asked, &idp.answer(&asked, user, self.world.now())).await;
        if answered.status == StatusCode::OK {
            answered = self.post_again(&answered).await;
        }
        answered
    }

    /// Leaves for a page with an identity provider's session but none of ours.
    pub async fn leave_after_losing_the_session(&mut self) -> Asked {
        let name = self.site.cookies.session_name.clone();
        self.jar.remove(&name);
        self.leave_for_the_idp("/after").await
    }

    /// A cookie that was put into the jar by hand is sent too.
    pub fn remember(&mut self, name: &str) {
        if !self.order.iter().any(|known| known == name) {
            self.order.push(name.to_owned());
        }
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.get(name).map(|(value, _)| value.as_str())
    }

    pub fn attempts(&self) -> Vec<&str> {
        self.order.iter().map(String::as_str).filter(|name| name.contains("-attempt-")).collect()
    }

    pub fn has_session(&self) -> bool {
        self.jar.contains_key(&self.site.cookies.session_name)
    }

    /// A request with everything that a browser says about it.
    pub async fn send(&mut self, method: Method, target: &str, from: From, form: Option<String>) -> Answered {
        let origin = self.site.public_url.origin().to_owned();
        let local = target.strip_prefix(&origin).unwrap_or(target);
        assert!(local.starts_with('/'), "{target} is not on {origin}");
        let local = local.split('#').next().unwrap();
        let mut request = Request::builder().method(method.clone()).uri(local);
        let headers = request.headers_mut().unwrap();
        let site_word = if from == From::SameSite { "same-origin" } else { "cross-site" };
        for (name, value) in
            [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-fetch-site", site_word)]
        {
            headers.insert(name, value.parse().unwrap());
        }
        if let Some(user_agent) = self.user_agent {
            headers.insert("user-agent", user_agent.parse().unwrap());
        }
        if self.shows_pages {
            headers.insert("upgrade-insecure-requests", "1".parse().unwrap());
        }
        headers.insert("accept", "text/html,application/xhtml+xml,*/*;q=0.8".parse().unwrap());
        if method == Method::POST {
            let origin = if from == From::SameSite { origin.as_str() } else { "https://idp.test" };
            headers.insert("origin", origin.parse().unwrap());
            headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
        }
        let cookies = self.cookies_for(&method, from);
        if !cookies.is_empty() {
            headers.insert(COOKIE, cookies.parse().unwrap());
        }
        let request = request.body(Bytes::from(form.unwrap_or_default())).unwrap();
        let response = self.world.handle(&Arc::clone(&self.site), request).await;
        self.keep(&response);
        Answered::of(response)
    }

    /// SameSite: cross-site, a navigation by GET carries Lax and None, by POST None only.
    fn cookies_for(&self, method: &Method, from: From) -> String {
        let carries = |same_site: &str| match (from, method == Method::GET) {
            (From::SameSite, _) => true,
            (From::CrossSite, true) => same_site != "Strict",
            (From::CrossSite, false) => same_site == "None",
        };
        let pairs: Vec<String> = self
            .order
            .iter()
            .filter_map(|name| self.jar.get(name).map(|(value, same_site)| (name, value, same_site)))
            .filter(|(_, _, same_site)| carries(same_site))
            .map(|(name, value, _)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep(&mut self, response: &Response<Bytes>) {
        for line in response.headers().get_all(SET_COOKIE) {
            let line = line.to_str().unwrap();
            let mut parts = line.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let attributes: Vec<&str> = parts.collect();
            let secure = attributes.contains(&"Secure");
            let same_site = attributes
                .iter()
                .find_map(|a| a.strip_prefix("SameSite="))
                .expect("every cookie says SameSite");
            assert!(attributes.contains(&"HttpOnly") && attributes.contains(&"Path=/"), "{line}");
            assert!(!attributes.iter().any(|a| a.starts_with("Domain")), "{line}");
            assert_eq!(secure, self.site.public_url.is_secure(), "{line}");
            assert_eq!(name.starts_with("__Host-"), secure, "{line}");
            assert!(same_site != "None" || secure, "{line}");
            self.order.retain(|known| known != name);
            if attributes.contains(&"Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.into(), (value.into(), same_site.into()));
                self.order.push(name.into());
            }
        }
    }
}

/// An answer, read.
#[derive(Debug)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Answered {
    pub fn of(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub fn location(&self) -> String {
        self.headers
            .get(LOCATION)
            .unwrap_or_else(|| panic!("no Location: {self:?}"))
            .to_str()
            .unwrap()
            .to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The `action` of the page's form.
    pub fn action(&self) -> String {
        unescaped(between(&self.body, "action=\"", "\"").expect("no form"))
    }

    /// The hidden fields of the page's form.
    pub fn fields(&self) -> Vec<(String, String)> {
        self.body
            .split("<input ")
            .skip(1)
            .filter_map(|input| Some((between(input, "name=\"", "\"")?, between(input, "value=\"", "\"")?)))
            .map(|(name, value)| (unescaped(name), unescaped(value)))
            .collect()
    }

    /// The links of the page.
    pub fn links(&self) -> Vec<String> {
        self.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(unescaped).collect()
    }
}

pub fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

fn unescaped(html: &str) -> String {
    let mut plain = html.to_owned();
    for (entity, character) in [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
    ] {
        plain = plain.replace(entity, character);
    }
    plain.replace("&#38;", "&").replace("&amp;", "&")
}
