//! Whole gates in this process, with real sockets on port 0, an application behind and a client in front.

mod authz;
mod client;
mod cors;
mod forwarded;
mod going;
mod house;
mod judged;
mod manners;
mod origin;
mod reloaded;
mod streams;
mod tidied;
mod tls;
mod told;
mod without_store;
