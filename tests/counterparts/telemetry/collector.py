"""A collector of OTLP over HTTP, with the messages of OpenTelemetry's own project: `collector.py PORT FILE [STATUS [REFUSED]]`.

One JSON object a span goes to FILE, the octets of each export to FILE.raw, its headers to FILE.headers. With STATUS every
export is answered so, and dropped; REFUSED spans of each are said to be refused. `collector.py openmetrics` reads a scrape instead, as Prometheus' own client reads it,
and prints each sample that has an exemplar.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def openmetrics():
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    families = samples = 0
    exemplars = []
    for family in text_string_to_metric_families(sys.stdin.read()):
        families += 1
        for sample in family.samples:
            samples += 1
            if sample.exemplar:
                exemplar = sample.exemplar
                exemplars.append(
                    {
                        "name": sample.name,
                        "labels": sample.labels,
                        "trace_id": exemplar.labels["trace_id"],
                        "value": exemplar.value,
                        "timestamp": float(exemplar.timestamp),
                    }
                )
    print(json.dumps({"families": families, "samples": samples, "exemplars": exemplars}))


def value_of(value):
    return getattr(value, value.WhichOneof("value"))


def attributes_of(attributes):
    named = {attribute.key: value_of(attribute.value) for attribute in attributes}
    assert len(named) == len(attributes), "an attribute twice"
    return named


def collect(port, path, status, refused):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
    )
    from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

    def lines(export):
        for resource_spans in export.resource_spans:
            resource = attributes_of(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    assert len(span.trace_id) == 16 and len(span.span_id) == 8, span
                    assert span.start_time_unix_nano <= span.end_time_unix_nano, span
                    yield {
                        "resource": resource,
                        "scope": scope_spans.scope.name,
                        "trace": span.trace_id.hex(),
                        "span": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "name": span.name,
                        "kind": Span.SpanKind.Name(span.kind),
                        "start": span.start_time_unix_nano,
                        "end": span.end_time_unix_nano,
                        "failed": span.status.code == Status.STATUS_CODE_ERROR,
                        "attributes": attributes_of(span.attributes),
                        "links": [link.trace_id.hex() for link in span.links],
                    }

    class Collector(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            response = ExportTraceServiceResponse()
            if refused:
                response.partial_success.rejected_spans = refused
                response.partial_success.error_message = "too old"
            answer = response.SerializeToString()
            code = status
            if self.path != "/v1/traces" or self.headers["content-type"] != "application/x-protobuf":
                code = 404
            if code == 200:
                export = ExportTraceServiceRequest.FromString(body)
                with open(path + ".raw", "ab") as raw:
                    raw.write(body)
                with open(path + ".headers", "a") as headers:
                    headers.write(str(self.headers))
                text = "".join(json.dumps(line) + "\n" for line in lines(export))
                with open(path, "a") as spans:
                    spans.write(text)
            self.send_response(code)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Collector).serve_forever()


if sys.argv[1] == "openmetrics":
    openmetrics()
else:
    status, refused = [*map(int, sys.argv[3:]), *[200, 0][len(sys.argv) - 3 :]]
    collect(int(sys.argv[1]), sys.argv[2], status, refused)
