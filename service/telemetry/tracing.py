"""Spans of requests, and of the wake-ups that they send, where a collector is named."""

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from fastapi.telemetry import TelemetryConfig

from service.telemetry.requests import PROBES

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


def configuration(provider: "TracerProvider | None") -> TelemetryConfig:
    """What FastAPI is to trace. Metrics are Prometheus', and what went wrong stands in the log."""
    config = TelemetryConfig(tracing=provider is not None, metrics=False, logs=False, auto_configure=False)
    config["exclude"] = _is_probe
    if provider is not None:
        config["tracer_provider"] = provider
        # The last of the extra's packages: with it a wake-up belongs to the request that sent it.
        from opentelemetry.instrumentation.celery import CeleryInstrumentor

        CeleryInstrumentor().instrument(tracer_provider=provider)
    return config


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in PROBES
