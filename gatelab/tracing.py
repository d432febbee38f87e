"""Traces by OpenTelemetry, if the environment names a collector. Otherwise nothing of it is imported."""

import os
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's variables for the address of spans, by HTTP with protobuf. Its others, such as those for headers and
sampling, hold too."""

log = structlog.get_logger(__name__)


def wanted() -> bool:
    """Whether the environment names a collector."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not disabled and any(os.environ.get(name) for name in ENDPOINTS)


def provider(service: str) -> "TracerProvider | None":
    """The provider that makes spans and sends them in its own thread. Make it after a fork, and shut it down at the
    end.

    None if no collector is named, or if the packages of the extra `otel` are missing, which is logged.

    Args:
        service: the name of the source of the spans, unless OTEL_SERVICE_NAME gives one.
    """
    if not wanted():
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        log.error("traces are off: install the extra otel", error=str(error))
        return None
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": service}
    made = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made
