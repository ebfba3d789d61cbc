//! A visitor: an HTTP client with a cookie jar per host and no opinion of its own: it follows nothing unless told to.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::collections::BTreeMap;

pub struct Visitor {
    client: Client<HttpConnector, Full<Bytes>>,
    /// host -> name -> value; ports share cookies, as in real browsers.
    pub jar: BTreeMap<String, BTreeMap<String, String>>,
    /// Sent with every request.
    pub headers: HeaderMap,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub url: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Visitor {
    /// A browser that navigates: its requests look like page loads.
    pub fn new() -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8"));
        headers.insert("sec-fetch-mode", HeaderValue::from_static("navigate"));
        headers.insert("sec-fetch-dest", HeaderValue::from_static("document"));
        Self { client: Client::builder(TokioExecutor::new()).build_http(), jar: BTreeMap::new(), headers }
    }

    pub async fn get(&mut self, url: &str) -> Answer {
        self.send(Method::GET, url, &[], Bytes::new()).await
    }

    pub async fn post_form(&mut self, url: &str, fields: &[(String, String)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(
            Method::POST,
            url,
            &[("content-type", "application/x-www-form-urlencoded")],
            Bytes::from(body),
        )
        .await
    }

    pub async fn send(&mut self, method: Method, url: &str, extra: &[(&str, &str)], body: Bytes) -> Answer {
        let parsed = url::Url::parse(url).unwrap();
        let host = parsed.host_str().unwrap().to_owned();
        let mut request = Request::builder().method(method).uri(url).body(Full::new(body)).unwrap();
        *request.headers_mut() = self.headers.clone();
        for (name, value) in extra {
            request.headers_mut().insert(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        if let Some(cookies) = self.jar.get(&host).filter(|cookies| !cookies.is_empty()) {
            let line: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.headers_mut().insert("cookie", HeaderValue::from_str(&line.join("; ")).unwrap());
        }
        let answer = self.client.request(request).await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        let (parts, body) = answer.into_parts();
        let cookies = self.jar.entry(host).or_default();
        for line in parts.headers.get_all("set-cookie") {
            let cookie = cookie::Cookie::parse(line.to_str().unwrap().to_owned()).unwrap();
            if cookie.max_age().is_some_and(|age| age.is_zero()) || cookie.value().is_empty() {
                cookies.remove(cookie.name());
            } else {
                cookies.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            url: url.to_owned(),
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// Follows redirects (as GET) until an answer is none; at most ten.
    pub async fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..10 {
            let Some(next) = answer.location() else { return answer };
            answer = self.get(&next).await;
        }
        panic!("more than ten redirects, the last to {:?}", answer.location());
    }

    /// Goes from `start` to the demo's identity provider and back as `user`; the answer that leads to the target.
    pub async fn sign_in(&mut self, start: &str, user: &str) -> Answer {
        let away = self.get(start).await;
        let choice = self.follow(away).await;
        let posted = self.submit(&choice, &[("user", user)]).await;
        let mut answer = self.submit(&posted, &[]).await;
        // On loopback http the answer is posted a second time, from our own site.
        if answer.status == StatusCode::OK {
            answer = self.submit(&answer, &[]).await;
        }
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        answer
    }

    /// Submits the page's first form with its hidden fields, and `extra` ones.
    pub async fn submit(&mut self, page: &Answer, extra: &[(&str, &str)]) -> Answer {
        let (method, action, mut fields) = page.form();
        fields.retain(|(name, _)| !extra.iter().any(|(typed, _)| typed == name));
        fields.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        if method.eq_ignore_ascii_case("post") {
            return self.post_form(&action, &fields).await;
        }
        let mut url = url::Url::parse(&action).unwrap();
        url.query_pairs_mut().clear().extend_pairs(&fields);
        self.get(url.as_str()).await
    }
}

impl Answer {
    /// The absolute address of `Location`, when the status is a redirect.
    pub fn location(&self) -> Option<String> {
        let location = self.headers.get("location").filter(|_| self.status.is_redirection())?;
        Some(url::Url::parse(&self.url).unwrap().join(location.to_str().unwrap()).unwrap().to_string())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| std::str::from_utf8(value.as_bytes()).unwrap())
    }

    /// (method, absolute action, hidden fields) of the first form in the page.
    pub fn form(&self) -> (String, String, Vec<(String, String)>) {
        let lower = self.body.to_ascii_lowercase();
        let start =
            lower.find("<form").unwrap_or_else(|| panic!("no form in {}: {}", self.status, self.body));
        let end = lower[start..].find("</form>").map_or(lower.len(), |end| start + end);
        let (form, form_lower) = (&self.body[start..end], &lower[start..end]);
        let head = &form[..form.find('>').unwrap()];
        let action = attribute(head, "action").unwrap_or_else(|| self.url.clone());
        let action = url::Url::parse(&self.url).unwrap().join(&action).unwrap().to_string();
        let fields = form_lower
            .match_indices("<input")
            .filter_map(|(at, _)| {
                let tag = &form[at..at + form[at..].find('>')?];
                let kind = attribute(tag, "type").unwrap_or_default().to_ascii_lowercase();
                let sent = kind != "submit" && kind != "checkbox";
                sent.then_some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
            })
            .collect();
        (attribute(head, "method").unwrap_or_else(|| "get".to_owned()), action, fields)
    }

    /// The absolute addresses of the page's frames.
    pub fn frames(&self) -> Vec<String> {
        let lower = self.body.to_ascii_lowercase();
        let base = url::Url::parse(&self.url).unwrap();
        let tags = lower.match_indices("<iframe").filter_map(|(at, _)| {
            let tag = &self.body[at..at + self.body[at..].find('>')?];
            Some(base.join(&attribute(tag, "src")?).unwrap().to_string())
        });
        tags.collect()
    }
}

/// The value of an attribute. Its name may be written in capitals, and its value in single quotes.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let at = lower
        .match_indices(&format!("{name}="))
        .map(|(at, _)| at)
        .find(|at| tag[..*at].ends_with(|before: char| before.is_ascii_whitespace()))?;
    let value = &tag[at + name.len() + 1..];
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (value, _) = value[1..].split_once(quote)?;
    Some(unescape(value))
}

/// Undoes what templates escape; the named and numbered forms that occur in ours and in the counterparts' pages.
pub fn unescape(text: &str) -> String {
    let mut plain = text.to_owned();
    for (entity, character) in [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#x2F;", "/"),
        ("&#47;", "/"),
        ("&lt;", "<"),
        ("&#60;", "<"),
        ("&gt;", ">"),
        ("&#62;", ">"),
        ("&#43;", "+"),
        ("&#x2B;", "+"),
        ("&#61;", "="),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ] {
        plain = plain.replace(entity, character);
    }
    plain
}
