//! A sign-in under way, and everything else that a browser asks of the gate itself.
//!
//! Nothing is stored on the server for somebody who has not signed in. What must be remembered between the question
//! to the identity provider and its answer is one sealed cookie for each attempt ([`attempt`]), made only by
//! [`start`]. [`finish`] redeems it: the browser that asked is the browser that comes back.
//!
//! ```text
//! sign-in (start.rs)                       assertion consumer service (finish.rs)
//! rd -> ReturnTo                           form -> RawResponse -> claimed InResponseTo
//! rounds: is this a loop?                  attempt cookie of that request -> redeem
//! attempt -> sealed cookie                 verify -> accept            (on the verifier's threads)
//! AuthnRequest -> redirect or form         claim once -> session -> 303 to ReturnTo
//! ```
//!
//! The answer is a cross-site POST, on which a browser leaves out every Lax cookie: the session always, the attempt on
//! loopback. So an answer whose attempt is not there, or that was answered before, is sent once more by the browser
//! from a page of ours ([`form`]); from then on the cookies are there and decide. The same happens to an answer that
//! nobody asked for, where an identity provider may send one ([`begun`]).
//!
//! A test sign-in ([`trial`]) goes the same way and turns off where a session would be made.
//!
//! A sign-out ([`sign_out`]) ends the session here first and then goes on at the identity provider, where that is set
//! up; [`slo`] takes what identity providers say and ask about signing out.
//!
//! A site that signs on at a host of its own sends people there instead, and a hand-over comes back ([`hand_over`]).
//!
//! Transport-neutral: `http::Request<Bytes>` in, `http::Response<Bytes>` out; both faces call [`endpoints::answer`].

mod admitted;
mod answers;
pub mod ask;
mod at;
mod attempt;
mod begun;
mod choose;
pub mod endpoints;
mod evidence;
mod examination;
mod finish;
mod form;
mod hand_over;
mod landing;
mod own_sessions;
pub mod refused;
pub mod return_to;
mod rounds;
mod second_opinion;
mod sign_out;
mod slo;
mod start;
mod step_up;
pub mod too_many;
mod trial;
pub mod tries;
pub mod verifier;
mod whoami;
