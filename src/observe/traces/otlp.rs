//! A batch of requests as OTLP wants it: `opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest`.

use super::context::{SpanId, TraceContext};
use super::recording::{Kind, Served, StepDone, Value};
use super::tracer::Done;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use tokio::time::Instant;

/// The octets of one export. `resource`: what is said of this process.
pub fn batch(done: &[Done], resource: &[(&'static str, String)]) -> Vec<u8> {
    let resource = Resource {
        attributes: resource.iter().map(|(key, value)| key_value(key, &Value::from(value.clone()))).collect(),
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "vestibule".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_spans = ScopeSpans {
        scope: Some(scope),
        spans: done.iter().flat_map(spans).collect(),
        ..ScopeSpans::default()
    };
    let resource_spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

/// What a collector says to an export of which it refused a part (OTLP, "Partial Success"): how many spans, and why. It must not be sent
/// again. What is no such answer refuses nothing.
pub fn refused_in(answer: &[u8]) -> Option<(usize, String)> {
    let partial = ExportTraceServiceResponse::decode(answer).ok()?.partial_success?;
    let spans = usize::try_from(partial.rejected_spans).ok().filter(|spans| *spans > 0)?;
    Some((spans, partial.error_message))
}

fn spans(done: &Done) -> Vec<Span> {
    let root = done.served.as_ref().map(|served| root(done, served));
    let parent = root.is_some().then_some(done.state.context.span);
    let steps = done.state.steps.iter().map(|step| of_step(done, step, parent));
    root.into_iter().chain(steps).collect()
}

fn root(done: &Done, served: &Served) -> Span {
    let state = &done.state;
    let lost =
        (state.steps_lost > 0).then(|| ("vestibule.steps_lost", Value::Number(state.steps_lost.into())));
    let attributes = served.attributes.iter().chain(&state.attributes).chain(&lost);
    Span {
        name: served.name.clone(),
        kind: SpanKind::Server.into(),
        attributes: attributes.map(|(key, value)| key_value(key, value)).collect(),
        links: state.link.iter().map(link).collect(),
        status: status(served.failed),
        ..span(done, state.context.span, state.parent, (done.began, done.ended))
    }
}

fn of_step(done: &Done, step: &StepDone, parent: Option<SpanId>) -> Span {
    let kind = match step.kind {
        Kind::Internal => SpanKind::Internal,
        Kind::Client => SpanKind::Client,
    };
    Span {
        name: step.name.to_owned(),
        kind: kind.into(),
        attributes: step.attributes.iter().map(|(key, value)| key_value(key, value)).collect(),
        status: status(step.failed),
        ..span(done, step.span, parent, (step.began, step.ended))
    }
}

fn span(done: &Done, id: SpanId, parent: Option<SpanId>, (began, ended): (Instant, Instant)) -> Span {
    let context = &done.state.context;
    Span {
        trace_id: context.trace.0.to_vec(),
        span_id: id.0.to_vec(),
        parent_span_id: parent.map(|parent| parent.0.to_vec()).unwrap_or_default(),
        flags: SAMPLED,
        start_time_unix_nano: unix_nanoseconds(done, began),
        end_time_unix_nano: unix_nanoseconds(done, ended),
        ..Span::default()
    }
}

fn link(to: &TraceContext) -> Link {
    let (trace_id, span_id) = (to.trace.0.to_vec(), to.span.0.to_vec());
    Link { trace_id, span_id, flags: u32::from(to.sampled), ..Link::default() }
}

/// The one clock that knows the date was asked at the end; the other one knows how long ago the rest was.
fn unix_nanoseconds(done: &Done, then: Instant) -> u64 {
    let end = u64::try_from(done.at.millis()).unwrap_or(0).saturating_mul(1_000_000);
    let before = done.ended.saturating_duration_since(then).as_nanos();
    end.saturating_sub(u64::try_from(before).unwrap_or(u64::MAX))
}

fn status(failed: bool) -> Option<Status> {
    failed.then(|| Status { code: StatusCode::Error.into(), ..Status::default() })
}

fn key_value(key: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Text(text) => any_value::Value::StringValue(text.clone().into_owned()),
        Value::Number(number) => any_value::Value::IntValue(*number),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// The flag of the trace context.
const SAMPLED: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    #[test]
    fn what_a_collector_refused_is_read_and_what_is_no_such_answer_refuses_nothing() {
        let answer = |rejected_spans, why: &str| {
            let partial = ExportTracePartialSuccess { rejected_spans, error_message: why.to_owned() };
            ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        };
        assert_eq!(refused_in(&answer(3, "too old")), Some((3, "too old".to_owned())));
        // A warning of a collector that took them all; and one that cannot count.
        assert_eq!(refused_in(&answer(0, "soon too old")), None);
        assert_eq!(refused_in(&answer(-1, "")), None);
        for other in [&b""[..], b"{}", b"<html>", &[0xff; 40]] {
            assert_eq!(refused_in(other), None, "{other:?}");
        }
    }
}
