//! The front page of a sign-on host.

use super::answer::Kind;
use super::{Branding, Frame, broken, is_link, rendered};
use askama::Template;
use bytes::Bytes;
use http::{Response, StatusCode};

/// An application that somebody can go on to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// What people call it.
    pub name: &'a str,
    /// Its host and port, which people know from their address bar.
    pub address: &'a str,
    /// Where it is.
    pub href: &'a str,
}

/// What somebody who is signed in sees there.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// Those that are open to them.
    pub places: &'a [Place<'a>],
    /// Who they are.
    pub user: &'a str,
    /// Where they leave.
    pub sign_out: &'a str,
    /// Where they see in which other browsers they are signed in.
    pub sessions: &'a str,
}

/// "Where would you like to go?"
pub fn places(branding: &Branding, page: &Places<'_>) -> Response<Bytes> {
    if !is_link(page.sign_out)
        || !is_link(page.sessions)
        || !page.places.iter().all(|place| is_link(place.href))
    {
        return broken(branding);
    }
    let frame = Frame::of(branding);
    let title = if page.places.is_empty() { frame.words.no_places_title } else { frame.words.places_title };
    rendered(branding, StatusCode::OK, Kind::Plain, &PlacesTemplate { frame, title, page })
}

/// The same for somebody who is not signed in: what this address is, and a link to sign in.
pub fn nobody_here(branding: &Branding, sign_in: &str) -> Response<Bytes> {
    if !is_link(sign_in) {
        return broken(branding);
    }
    let frame = Frame::of(branding);
    let template = NobodyHereTemplate { title: frame.words.nobody_here_title, frame, sign_in };
    rendered(branding, StatusCode::OK, Kind::Plain, &template)
}

impl Place<'_> {
    /// Stands where a logo would.
    fn initial(&self) -> String {
        super::initial(self.name)
    }
}

#[derive(Template)]
#[template(path = "places.html")]
struct PlacesTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    page: &'a Places<'a>,
}

#[derive(Template)]
#[template(path = "nobody_here.html")]
struct NobodyHereTemplate<'a> {
    frame: Frame<'a>,
    title: &'a str,
    sign_in: &'a str,
}
