//! Whole gates in this process, with real sockets on port 0, an application behind and a client in front.

mod authz;
mod client;
mod cors;
mod crowded;
mod envoy;
mod ext_authz;
mod forwarded;
mod going;
mod grpc;
mod house;
mod judged;
mod lasting;
mod limited;
mod manners;
mod origin;
mod proven;
mod reloaded;
mod streams;
mod tidied;
mod tls;
mod told;
mod verdicts;
mod without_store;
