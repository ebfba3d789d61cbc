//! Traces: what a request went through, for a collector that speaks OpenTelemetry's protocol (OTLP).
//!
//! ```text
//! context.rs    traceparent, read and written
//! recording.rs  what is noted while a request is served
//! tracer.rs     which requests are recorded, and the bounded queue of those that are done
//! otlp.rs       a batch of them as OTLP wants it
//! ```
//!
//! Who serves a request begins a [`Current`] and lets the work run [`within`] it; whoever works deeper down adds a [`step`]
//! without being handed anything. Where nobody traces, each of these is one look at a thread's own memory. A span holds names
//! of the configuration, codes and figures: nothing that a client sent but its method, and nobody's name.

mod context;
mod otlp;
mod recording;
mod tracer;

pub use context::{SpanId, TRACEPARENT, TRACESTATE, TraceContext, TraceId};
pub use otlp::{batch, refused_in};
pub use recording::{
    Current, Kind, Served, Step, Value, continues, current, during, finish, refused, step, within,
};
pub use tracer::{Done, Sampling, Tracer};
