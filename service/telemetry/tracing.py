"""Spans of requests, and of the wake-ups that they send, if a collector is configured."""

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from fastapi.telemetry import TelemetryConfig

from service.telemetry.requests import PROBES

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


def configuration(provider: "TracerProvider | None") -> TelemetryConfig:
    """The signals that FastAPI traces. Metrics are Prometheus', and errors are in the log."""
    config = TelemetryConfig(tracing=provider is not None, metrics=False, logs=False, auto_configure=False)
    config["exclude"] = _is_probe
    if provider is not None:
        config["tracer_provider"] = provider
        # The last of the extra's packages. With it, a wake-up belongs to the trace of the request that sent it.
        from opentelemetry.instrumentation.celery import CeleryInstrumentor

        CeleryInstrumentor().instrument(tracer_provider=provider)
    return config


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in PROBES
