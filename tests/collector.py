"""An OpenTelemetry collector on this machine: takes traces by OTLP over HTTP, and says what came."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from google.protobuf import text_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

from config import environment, otlp
from payments.kernel import tracing
from tests.webhooks.receiver import Answer, Receiver


@dataclass(frozen=True)
class Span:
    """One span as it came; `failed` is why, or ""."""

    name: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    failed: str
    facts: dict[str, str | int]


class Collector:
    """Listens on 127.0.0.1; `receiver.answer` decides what it says."""

    def __init__(self) -> None:
        self.receiver = Receiver()
        self.receiver.answer = lambda _: Answer(200)
        self.url = self.receiver.url.removesuffix("/hooks")
        self.tracer: otlp.Otlp | None = None

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        """What came, in its order, once all that waited was sent."""
        if self.tracer is not None:
            self.tracer.flush()
        assert {one.path for one in self.receiver.received} <= {"/v1/traces"}
        return [ExportTraceServiceRequest.FromString(one.body) for one in self.receiver.received]

    @property
    def text(self) -> str:
        """All of it, to be searched."""
        return "\n".join(text_format.MessageToString(one, as_utf8=True) for one in self.requests)

    @property
    def spans(self) -> list[Span]:
        """All spans, the earliest begun first."""
        return [_read(span) for span in sorted(self._sent(), key=lambda span: span.start_time_unix_nano)]

    @property
    def events(self) -> list[Sent.Event]:
        """What is told to have happened within spans."""
        return [event for span in self._sent() for event in span.events]

    def _sent(self) -> list[Sent]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def _read(span: Sent) -> Span:
    facts: dict[str, str | int] = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
    links = tuple(link.trace_id.hex() for link in span.links)
    parent = span.parent_span_id.hex()
    failed = (span.status.message or "yes") if span.status.code == span.status.STATUS_CODE_ERROR else ""
    return Span(span.name, span.trace_id.hex(), span.span_id.hex(), parent, links, failed, facts)


@contextmanager
def tracing_to(url: str) -> Iterator[otlp.Otlp]:
    """Traces of this process go there while the context is open."""
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    before = os.environ.get(name)
    os.environ[name] = url
    try:
        tracer = otlp.Otlp(environment.load())
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
    tracing.tell_to(tracer)
    try:
        yield tracer
    finally:
        tracing.tell_to(None)
        tracer.end()


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that takes what this process does while the context is open."""
    collector = Collector()
    try:
        with tracing_to(collector.url) as collector.tracer:
            yield collector
    finally:
        collector.receiver.stop()
