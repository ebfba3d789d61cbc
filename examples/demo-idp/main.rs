//! A SAML identity provider for the demo: three users, one click each, fresh keys at every start.
//!
//! It is a program of its own and shares no code with the gate: it builds each response as canonical XML by hand and
//! signs it with aws-lc. It asks for no password, so it belongs on a loopback address and nowhere else.
//!
//! ```text
//! demo-idp --listen 127.0.0.1:4190 --url http://localhost:4190 \
//!          --audience ENTITY_ID --acs ACS_URL --metadata-out idp-metadata.xml
//! ```

mod logout;
mod response;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use response::{Question, Signer, User};
use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Read as _;
use std::sync::Arc;

const USAGE: &str = "\
A SAML identity provider for the demo: three users, no passwords, fresh keys at every start. For loopback addresses only.

  demo-idp --listen ADDRESS --url URL --audience ENTITY_ID --acs URL --metadata-out FILE

  --listen ADDRESS      where to listen, such as 127.0.0.1:4190
  --url URL             where browsers reach it, such as http://localhost:4190
  --audience ENTITY_ID  the gate's entity ID, as `vestibule metadata --values` prints it
  --acs URL             the gate's ACS URL, from the same place
  --metadata-out FILE   where to write this provider's metadata for the gate's metadata_file";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Who may sign in. The application behind the demo lets `admins` into /admin.
const USERS: &[User] = &[
    User { id: "ada", name: "Ada Lovelace", email: "ada@example.com", groups: &["admins", "engineering"] },
    User { id: "grace", name: "Grace Hopper", email: "grace@example.com", groups: &["engineering"] },
    User { id: "joan", name: "Joan Clarke", email: "joan@example.com", groups: &[] },
];

struct Idp {
    url: String,
    audience: String,
    acs: String,
    signer: Signer,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    if std::env::args().any(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return Ok(());
    }
    let options = options()?;
    let option = |name: &str| options.get(name).cloned().ok_or_else(|| format!("--{name} is missing"));
    let idp = Arc::new(Idp {
        url: option("url")?,
        audience: option("audience")?,
        acs: option("acs")?,
        signer: Signer::with_fresh_key()?,
    });
    let listener = tokio::net::TcpListener::bind(option("listen")?).await?;
    std::fs::write(option("metadata-out")?, idp.metadata())?;
    println!("demo IdP: {} (three users, no passwords: for this machine only)", idp.url);
    loop {
        let (stream, _) = listener.accept().await?;
        let idp = Arc::clone(&idp);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let idp = Arc::clone(&idp);
                async move { Ok::<_, Infallible>(idp.answer(&request)) }
            });
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// `--name value` pairs.
fn options() -> Result<HashMap<String, String>, Failure> {
    let mut found = HashMap::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let name = word.strip_prefix("--").ok_or_else(|| format!("unexpected word: {word}"))?;
        found.insert(name.to_owned(), words.next().ok_or_else(|| format!("--{name} needs a value"))?);
    }
    Ok(found)
}

impl Idp {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let query: HashMap<String, String> =
            url::form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes())
                .into_owned()
                .collect();
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/sso") => self.sign_in(&query),
            (&Method::GET, "/slo") => self.logout_message(&query),
            (&Method::GET, "/logout") => self.sign_out(&query),
            (&Method::GET, "/metadata") => {
                page(StatusCode::OK, "application/samlmetadata+xml", self.metadata())
            }
            (&Method::GET, "/") => html(StatusCode::OK, &home()),
            _ => html(StatusCode::NOT_FOUND, "<p>There is nothing here.</p>"),
        }
    }

    /// Shows the users; once one is chosen, posts the signed response to the assertion consumer service.
    fn sign_in(&self, query: &HashMap<String, String>) -> Response<Full<Bytes>> {
        let Some(encoded) = query.get("SAMLRequest") else {
            return html(StatusCode::BAD_REQUEST, "<p>There is no SAMLRequest in the address.</p>");
        };
        let question = match read_request(encoded) {
            Ok(question) => question,
            Err(error) => {
                return html(StatusCode::BAD_REQUEST, &format!("<p>{}</p>", escape(&error.to_string())));
            }
        };
        if question.issuer != self.audience || question.acs.as_deref().is_some_and(|acs| acs != self.acs) {
            return html(StatusCode::FORBIDDEN, "<p>This service is not registered here.</p>");
        }
        let relay_state = query.get("RelayState").map_or("", String::as_str);
        let Some(user) = query.get("user").and_then(|id| USERS.iter().find(|user| user.id == id)) else {
            return html(StatusCode::OK, &choice(encoded, relay_state));
        };
        match self.signer.response(&self.url, &self.audience, &self.acs, &question, user) {
            Ok(response) => html(StatusCode::OK, &post_form(&self.acs, &response, relay_state)),
            Err(error) => {
                html(StatusCode::INTERNAL_SERVER_ERROR, &format!("<p>{}</p>", escape(&error.to_string())))
            }
        }
    }

    /// A logout message of the gate's. Nobody stays signed in here, so a request is done as soon as it is read.
    fn logout_message(&self, query: &HashMap<String, String>) -> Response<Full<Bytes>> {
        if query.contains_key("SAMLResponse") {
            return html(StatusCode::OK, "<h1>Signed out</h1><p>The application has answered.</p>");
        }
        let read = query.get("SAMLRequest").ok_or_else(|| "no message".into()).and_then(|m| read_request(m));
        let relay_state = query.get("RelayState").map_or("", String::as_str);
        match read {
            Ok(request) if request.issuer == self.audience => {
                redirect(logout::response(&self.signer, &self.url, &self.slo(), &request.id, relay_state))
            }
            _ => html(StatusCode::BAD_REQUEST, "<p>This is no logout request of the application.</p>"),
        }
    }

    /// Asks the gate to end every session of a user.
    fn sign_out(&self, query: &HashMap<String, String>) -> Response<Full<Bytes>> {
        match query.get("user").and_then(|id| USERS.iter().find(|user| user.id == id)) {
            Some(user) => redirect(logout::request(&self.signer, &self.url, &self.slo(), user.email)),
            None => html(StatusCode::NOT_FOUND, "<p>There is no such user.</p>"),
        }
    }

    /// The gate's single logout service, which lies beside its assertion consumer service.
    fn slo(&self) -> String {
        format!("{}/slo", self.acs.trim_end_matches("/acs"))
    }

    fn metadata(&self) -> String {
        format!(
            r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{url}/metadata"><md:IDPSSODescriptor WantAuthnRequestsSigned="false" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{url}/slo"/><md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{url}/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>"#,
            url = escape(&self.url),
            certificate = self.signer.certificate_base64(),
        )
    }
}

/// Undoes the Redirect binding (base64, raw DEFLATE) and reads what the answer needs.
fn read_request(encoded: &str) -> Result<Question, Failure> {
    use base64::Engine as _;
    let deflated = base64::engine::general_purpose::STANDARD.decode(encoded)?;
    let mut xml = String::new();
    flate2::read::DeflateDecoder::new(deflated.as_slice()).take(64 * 1024).read_to_string(&mut xml)?;
    let document = uppsala::Parser::new().with_forbid_dtd(true).parse(&xml)?;
    let root = document.document_element().ok_or("the request is empty")?;
    let attribute = |name: &str| document.get_attribute(root, name).map(str::to_owned);
    let issuer = document
        .children_iter(root)
        .find(|child| document.element(*child).is_some_and(|element| &*element.name.local_name == "Issuer"))
        .map(|issuer| document.text_content_deep(issuer))
        .ok_or("the request has no Issuer")?;
    Ok(Question {
        id: attribute("ID").ok_or("the request has no ID")?,
        acs: attribute("AssertionConsumerServiceURL"),
        issuer,
    })
}

fn home() -> String {
    let mut page =
        "<h1>Demo identity provider</h1><p>Open the application; it will send you here. Or sign somebody \
                    out of it:</p><form method=\"get\" action=\"/logout\">"
            .to_owned();
    for user in USERS {
        page.push_str(&format!(r#"<button name="user" value="{}"><b>{}</b></button>"#, user.id, user.name));
    }
    page + "</form>"
}

fn redirect(to: Result<String, Failure>) -> Response<Full<Bytes>> {
    let location = to.and_then(|to| Ok(http::HeaderValue::from_str(&to)?));
    match location {
        Ok(location) => {
            let mut response = page(StatusCode::SEE_OTHER, "text/plain", String::new());
            response.headers_mut().insert("location", location);
            response
        }
        Err(error) => {
            html(StatusCode::INTERNAL_SERVER_ERROR, &format!("<p>{}</p>", escape(&error.to_string())))
        }
    }
}

fn choice(request: &str, relay_state: &str) -> String {
    let mut buttons = String::new();
    for user in USERS {
        let groups = if user.groups.is_empty() { "no groups".to_owned() } else { user.groups.join(", ") };
        buttons.push_str(&format!(
            r#"<button name="user" value="{}"><b>{}</b><span>{} · {}</span></button>"#,
            user.id, user.name, user.email, groups
        ));
    }
    format!(
        r#"<h1>Demo identity provider</h1><p>Sign in as</p><form method="get" action="/sso"><input type="hidden" name="SAMLRequest" value="{}"><input type="hidden" name="RelayState" value="{}">{buttons}</form>"#,
        escape(request),
        escape(relay_state)
    )
}

fn post_form(acs: &str, response: &str, relay_state: &str) -> String {
    format!(
        r#"<h1>Demo identity provider</h1><form id="f" method="post" action="{}"><input type="hidden" name="SAMLResponse" value="{}"><input type="hidden" name="RelayState" value="{}"><button>Continue</button></form><script>document.getElementById("f").submit()</script>"#,
        escape(acs),
        escape(response),
        escape(relay_state)
    )
}

fn html(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    const STYLE: &str = ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;\
        margin:12vh auto;padding:0 1rem}h1{overflow-wrap:anywhere}button{color:inherit;display:block;width:100%;margin:.6rem 0;padding:.8rem 1rem;text-align:left;\
        font:inherit;border:1px solid #8886;border-radius:.6rem;background:#8881;cursor:pointer}\
        button:hover,button:focus{background:#8883}span{display:block;opacity:.7;font-size:.9em}";
    let document = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>Demo identity provider</title><style>{STYLE}</style>{body}</html>"
    );
    page(status, "text/html; charset=utf-8", document)
}

fn page(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static(content_type));
    headers.insert("cache-control", http::HeaderValue::from_static("no-store"));
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
