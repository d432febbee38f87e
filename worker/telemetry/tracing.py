"""Spans of wake-ups and slices, if a collector is configured. Start it in the child, since a thread sends them."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from gatelab import tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_providers: list["TracerProvider"] = []
"""This process's, if it has one."""


def start() -> None:
    if (provider := tracing.provider("gatelab-worker")) is None:
        return
    from opentelemetry.instrumentation.celery import CeleryInstrumentor

    CeleryInstrumentor().instrument(tracer_provider=provider)
    _providers[:] = [provider]


def stop() -> None:
    """Send the remaining spans."""
    for provider in _providers:
        provider.shutdown()


def span(name: str, **attributes: str | int) -> AbstractContextManager[object]:
    """A span around a block; nothing if no collector is configured."""
    for provider in _providers:
        named = {f"gatelab.{key}": value for key, value in attributes.items()}
        return provider.get_tracer("gatelab").start_as_current_span(name, attributes=named)
    return nullcontext()
