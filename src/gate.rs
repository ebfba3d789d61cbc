//! What both faces share (STUB of the gateway room; the login room's file wins).

use crate::clock::{Clock, Moment};
use crate::headers::jwt::JwtKeys;
use crate::observe::metrics::Metrics;
use crate::pages::Branding;
use crate::reason::Refusal;
use crate::saml::parties::Limits;
use crate::seal::KeyRing;
use crate::session::{Rendered, Session, SessionKey, Store};
use crate::site::Site;
use http::HeaderMap;
use std::sync::Arc;

pub struct Gate {
    pub sites: Vec<Site>,
    pub keys: KeyRing,
    pub jwt_keys: JwtKeys,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub branding: Branding,
    pub message_limits: Limits,
}

pub enum Resumed {
    Live(Arc<Session>),
    Absent,
    Ask(SessionKey),
}

impl Gate {
    pub fn from_config(_config: crate::config::Config, _clock: Arc<dyn Clock>) -> Self {
        todo!()
    }
    pub fn site_for_authority(&self, _host_header: &str) -> Option<&Site> {
        todo!()
    }
    pub fn resume_now(&self, _site: &Site, _headers: &HeaderMap, _now: Moment) -> Resumed {
        todo!()
    }
    pub async fn resume(
        &self,
        _site: &Site,
        _headers: &HeaderMap,
        _now: Moment,
    ) -> Result<Option<Arc<Session>>, Refusal> {
        todo!()
    }
    pub fn identity_headers(&self, _site: &Site, _session: &Arc<Session>, _now: Moment) -> Arc<Rendered> {
        todo!()
    }
}
