"""OpenTelemetry traces, where OTEL_EXPORTER_OTLP_ENDPOINT says who takes them. Never a word of a question or an answer.

The OTEL_ variables are the SDK's own and read from the environment by it, not from .env; what it does not find set is
sent over HTTP as protobuf. Without an endpoint nothing of OpenTelemetry is imported, which takes a while.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from assistant import __version__
from assistant.errors import SettingsError
from assistant.telemetry import context

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer
    from opentelemetry.util.types import AttributeValue

SERVICE = "story-assistant"


@cache
def tracer() -> "Tracer | None":
    """What makes spans; None where nobody takes them. What is not sent yet when the process ends is sent then.

    Raises:
        SettingsError: another protocol is asked for than the one we have.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not _endpoint():
        return None
    general = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or general or "http/protobuf"
    if protocol != "http/protobuf":
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; use http/protobuf, which collectors take on port 4318."
        )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = {"service.version": __version__}
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not named:
        about["service.name"] = SERVICE
    # Not the process's global provider: who has the chain in a program of their own keeps theirs.
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("assistant", __version__)


def _endpoint() -> str | None:
    return os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")


@contextmanager
def request_span(method: str, headers: Iterable[tuple[bytes, bytes]]) -> "Iterator[Span | None]":
    """The span of one HTTP request, a child of the caller's where a W3C traceparent names it."""
    made = tracer()
    if made is None:
        yield None
        return
    from opentelemetry.trace import SpanKind, use_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in headers
        if name in (b"traceparent", b"tracestate")
    }
    above = TraceContextTextMapPropagator().extract(carrier)
    span = made.start_span(method, above, SpanKind.SERVER, {"http.request.method": method})
    token = context.trace.set(f"{span.get_span_context().trace_id:032x}")
    try:
        # An exception's text may hold what is nobody's business.
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield span
    finally:
        context.trace.reset(token)


def end_request(span: "Span | None", method: str, route: str, status: int) -> None:
    """Say how the request went."""
    if span is None:
        return
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.route": route, "http.response.status_code": status})
    if status >= 500:
        fail(span, str(status))


class Spans:
    """The spans of one answer: one for the whole, below it one for each piece of work of a stage.

    The answer comes in steps, perhaps each in another thread: so parents are named rather than found.
    """

    def __init__(self, attributes: "Mapping[str, AttributeValue]") -> None:
        """Begin the span of the answer, a child of the request's."""
        self._tracer = tracer()
        self._whole: Span | None = None
        if self._tracer:
            named = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": SERVICE, **attributes}
            self._whole = self._tracer.start_span(f"invoke_agent {SERVICE}", attributes=named)

    @contextmanager
    def stage(self, name: str, model: str | None = None) -> Iterator[None]:
        """A stage's work; with the `provider:model` that is asked for it, if one is."""
        if self._tracer is None or self._whole is None:
            yield
            return
        from opentelemetry.trace import SpanKind, set_span_in_context

        attributes = {"assistant.stage": name}
        if model:
            provider, _, model = model.rpartition(":")
            attributes |= {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}
            if provider:
                attributes["gen_ai.provider.name"] = provider
        span = self._tracer.start_span(
            f"chat {model}" if model else name,
            set_span_in_context(self._whole),
            SpanKind.CLIENT if model else SpanKind.INTERNAL,
            attributes,
        )
        try:
            yield
        except Exception as error:
            fail(span, type(error).__name__)
            raise
        finally:
            span.end()

    def end(self, attributes: "Mapping[str, AttributeValue]", error: str | None = None) -> None:
        """End the span of the answer; `error` names what went wrong, if anything did."""
        if self._whole is not None:
            self._whole.set_attributes(attributes)
            if error:
                fail(self._whole, error)
            self._whole.end()


def fail(span: "Span", kind: str) -> None:
    """Mark a span as failed, by the kind of failure: an error's own text may hold what is nobody's business."""
    from opentelemetry.trace import StatusCode

    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", kind)
