"""Structured logs on standard error, for every process of an installation."""

import logging
import sys
from contextlib import suppress
from typing import TextIO

import structlog
from structlog.typing import Processor


def configure(*, as_json: bool) -> None:
    """One line an event: text for people, or JSON for machines."""
    structlog.configure(
        processors=[*_shared(), structlog.processors.format_exc_info, _renderer(as_json=as_json)],
        logger_factory=structlog.PrintLoggerFactory(Unfailing(sys.stderr)),  # type: ignore[arg-type]
    )


class Unfailing:
    """A file whose disk may be full: what cannot be written is lost, and the caller continues its work."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


def forward_standard_library(level: int, *, as_json: bool) -> None:
    """Let libraries that log by the standard library (Celery, SQLAlchemy) write lines of the same form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(as_json=as_json))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def adopt_server(*, as_json: bool) -> None:
    """Let uvicorn, which has handlers of its own where it runs, write lines of the same form too.

    Its line a request is left out: it tells the raw address, which may hold what is nobody's business.
    """
    for handler in logging.getLogger("uvicorn").handlers:
        handler.setFormatter(_formatter(as_json=as_json))
    logging.getLogger("uvicorn.access").disabled = True


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _renderer(*, as_json: bool) -> Processor:
    if as_json:
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _formatter(*, as_json: bool) -> logging.Formatter:
    """Renders records of the standard library as `configure` renders events."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared(), structlog.stdlib.add_logger_name],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _renderer(as_json=as_json),
        ],
    )
