//! What goes on while the store cannot be reached.

use super::house::{self, HOST, NOW, SESSION_COOKIE, any_port, config, live, patience, site, upstream};
use crate::clock::{ManualClock, Moment};
use crate::gate::Gate;
use crate::gateway::authz::{Authz, Doorkeeper};
use crate::gateway::decide::{Decision, Front, Trip};
use crate::gateway::request::TrustedProxies;
use crate::observe::metrics::VerdictLabel;
use crate::session::{
    Claim, ClaimKey, Peek, PerUser, Placed, Selection, Session as Visit, SessionId, SessionKey, SiteKey,
    Store, StoreError, StoreSize,
};
use crate::site::Face;
use async_trait::async_trait;
use http::{Request, StatusCode};
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::{GetSocketDigest as _, SocketDigest};
use pingora::proxy::Session;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;

/// On another machine, which is down.
struct Gone;

fn gone<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("gone".into()))
}

#[async_trait]
impl Store for Gone {
    fn peek(&self, _: &SessionKey) -> Peek {
        Peek::Ask
    }
    async fn load(&self, _: &SessionKey) -> Result<Option<Arc<Visit>>, StoreError> {
        gone()
    }
    async fn insert(&self, _: Arc<Visit>) -> Result<(), StoreError> {
        gone()
    }
    async fn insert_within(
        &self,
        _: Arc<Visit>,
        _: &PerUser,
        _: &[SessionKey],
        _: Moment,
    ) -> Result<Placed, StoreError> {
        gone()
    }
    async fn remove(&self, _: &SessionKey) -> Result<Option<Arc<Visit>>, StoreError> {
        gone()
    }
    async fn by_name_id(
        &self,
        _: SiteKey,
        _: &str,
        _: &str,
        _: Option<&str>,
    ) -> Result<Vec<SessionKey>, StoreError> {
        gone()
    }
    async fn by_user(&self, _: &str, _: &str) -> Result<Vec<SessionKey>, StoreError> {
        gone()
    }
    async fn by_idp(&self, _: SiteKey, _: &str) -> Result<Vec<SessionKey>, StoreError> {
        gone()
    }
    async fn select(&self, _: &Selection<'_>, _: usize) -> Result<Vec<Arc<Visit>>, StoreError> {
        gone()
    }
    async fn claim_once(&self, _: &[ClaimKey], _: Moment, _: Moment) -> Result<Claim, StoreError> {
        gone()
    }
    async fn is_claimed(&self, _: &ClaimKey, _: Moment) -> Result<bool, StoreError> {
        gone()
    }
    fn remembers_since(&self) -> Moment {
        NOW
    }
    fn size(&self) -> StoreSize {
        StoreSize::default()
    }
}

fn gate(face: Face) -> Arc<Gate> {
    house::gate(config(vec![site(0, HOST, face)]), Arc::new(Gone), Arc::new(ManualClock::at(NOW)))
}

fn cookie() -> String {
    format!("{SESSION_COOKIE}={}", SessionId::random().to_cookie())
}

#[tokio::test]
async fn the_proxy_lets_pass_whom_it_would_let_pass_unknown_and_refuses_others() {
    let gate = gate(Face::from(upstream(any_port())));
    let live = live(gate);
    let front =
        Front { live: live.clone(), patience: patience(), leaving: Arc::default(), seats: Arc::default() };
    for (path, expected) in
        [("/public/a", None), ("/optional/a", None), ("/a", Some(503)), ("/admin/a", Some(503))]
    {
        let listener = tokio::net::TcpListener::bind(any_port()).await.unwrap();
        let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (near, _) = listener.accept().await.unwrap();
        let text = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {}\r\n\r\n", cookie());
        tokio::io::AsyncWriteExt::write_all(&mut client, text.as_bytes()).await.unwrap();
        let socket = SocketDigest::from_raw_fd(near.as_raw_fd());
        let mut near = Stream::from(near);
        near.set_socket_digest(socket);
        let mut session = Session::new_h1(Box::new(near));
        session.read_request().await.unwrap();
        let mut trip = Trip::new(live.load());
        match (front.decide(&mut session, &mut trip).await.unwrap(), expected) {
            (Decision::Forward(passenger), None) => assert!(!passenger.is_identified(), "{path}"),
            (Decision::Answer(VerdictLabel::Failed, response), Some(status)) => {
                assert_eq!(response.status(), status, "{path}");
            }
            _ => panic!("{path}"),
        }
    }
}

#[tokio::test]
async fn a_gateway_is_told_the_same() {
    let authz = Authz::new(gate(Face::ForwardAuth), keeper(), false, None);
    for (path, expected) in
        [("/public/a", StatusCode::OK), ("/optional/a", StatusCode::OK), ("/a", StatusCode::FORBIDDEN)]
    {
        let request = Request::get("/vestibule/authz/auth-request")
            .header("x-original-url", format!("https://{HOST}{path}"))
            .header("x-original-method", "GET")
            .header("cookie", cookie())
            .body(())
            .unwrap();
        let response = authz.answered(&request, [127, 0, 0, 1].into()).await;
        assert_eq!(response.status(), expected, "{path}");
        if expected == StatusCode::OK {
            assert_eq!(response.headers().get("x-forwarded-user").unwrap(), "");
        }
    }
}

fn keeper() -> Doorkeeper {
    let trusted = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
    Doorkeeper::new(trusted, crate::config::Gateways::default())
}
