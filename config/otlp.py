"""Spans by OTLP over HTTP: kept in memory, cleaned and sent by a thread of their own. Nothing here makes anybody wait.

What the collector does not take in time is dropped: a trace is never worth a payment.
"""

import atexit
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from os import environ
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from config.environment import Environment
from payments.kernel import redaction, tracing

SECONDS: Final = 3.0
"""For one batch with all its repetitions, unless OTEL_EXPORTER_OTLP_TIMEOUT says otherwise."""

LAST_SECONDS: Final = 2.0
"""After this, a process that ends sends no further batch; one that is on its way may take its `SECONDS`."""

KINDS: Final = {
    tracing.Kind.SERVER: trace.SpanKind.SERVER,
    tracing.Kind.CLIENT: trace.SpanKind.CLIENT,
    tracing.Kind.CONSUMER: trace.SpanKind.CONSUMER,
}
_w3c: Final = TraceContextTextMapPropagator()


class Discreet(SpanExporter):
    """Takes secrets, card numbers and what names people out of every span, by the one place that knows them."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._until = float("inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, cleaned."""
        if time.monotonic() > self._until:
            return SpanExportResult.FAILURE
        return self._exporter.export([_clean(span) for span in spans])

    def hurry(self) -> None:
        """The process ends."""
        self._until = time.monotonic() + LAST_SECONDS

    def shutdown(self) -> None:
        """Nothing more is sent."""
        self._exporter.shutdown()


def _clean(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=redaction.text(span.name),
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=redaction.anonymous(dict(span.attributes or {})),
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=trace.Status(span.status.status_code, redaction.text(span.status.description or "") or None),
        start_time=span.start_time,
        end_time=span.end_time,
    )


class Otlp:
    """The `tracing.Tracer` of OpenTelemetry."""

    def __init__(self, environment: Environment) -> None:
        self._exporter = Discreet(OTLPSpanExporter(timeout=None if _timed() else SECONDS))
        self._provider = TracerProvider(resource=_resource(environment), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("countinghouse")

    def span(
        self, name: str, kind: tracing.Kind, facts: tracing.Facts, *, parent: str, came_from: str
    ) -> AbstractContextManager[object]:
        """A span of the SDK. What an exception says stays with us: the log has it."""
        link = trace.get_current_span(_w3c.extract({"traceparent": came_from})).get_span_context()
        return self._tracer.start_as_current_span(
            name,
            context=_w3c.extract({"traceparent": parent}) if parent else None,
            kind=KINDS[kind],
            attributes=dict(facts),
            links=[trace.Link(link)] if link.is_valid else [],
            record_exception=False,
            set_status_on_exception=False,
        )

    def rename(self, name: str) -> None:
        """Call the open span so."""
        trace.get_current_span().update_name(name)

    def tell(self, facts: tracing.Facts) -> None:
        """Add to the open span."""
        trace.get_current_span().set_attributes(dict(facts))

    def failed(self, why: str) -> None:
        """Mark the open span."""
        trace.get_current_span().set_status(trace.Status(trace.StatusCode.ERROR, why))

    def here(self) -> str:
        """The open span's `traceparent`."""
        carrier: dict[str, str] = {}
        _w3c.inject(carrier)
        return carrier.get("traceparent", "")

    def flush(self) -> None:
        """Send what waits, now."""
        self._provider.force_flush()

    def end(self) -> None:
        """Send what waits, for `LAST_SECONDS`, and no more afterwards."""
        self._exporter.hurry()
        self._provider.shutdown()


def begin(environment: Environment) -> Otlp:
    """Tell this process's spans to the collector from now on, and the last of them when it ends."""
    tracer = Otlp(environment)
    tracing.tell_to(tracer)
    atexit.register(tracer.end)
    return tracer


def _timed() -> bool:
    return bool(environ.get("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT") or environ.get("OTEL_EXPORTER_OTLP_TIMEOUT"))


def _resource(environment: Environment) -> Resource:
    """Who tells; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say it otherwise."""
    said: Mapping[str, Any] = Resource.create().attributes
    ours = {
        "service.name": "countinghouse",
        "deployment.environment.name": environment.countinghouse_env,
        "countinghouse.role": environment.countinghouse_role.value,
    }
    named = {key: value for key, value in said.items() if not str(value).startswith("unknown_service")}
    return Resource({**ours, **named})
