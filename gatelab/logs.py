"""Structured logs on standard error, for every process of an installation."""

import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from gatelab.log_limits import LineLimit


def configure(*, as_json: bool) -> None:
    """One line per event: text for people, or JSON for machines."""
    global _often, _limit
    _often, _limit = _Lines(sys.stderr, as_json=as_json), LineLimit()
    structlog.configure(
        processors=[_drop_repeated, *_shared(), structlog.processors.format_exc_info, _renderer(as_json=as_json)],
        logger_factory=structlog.PrintLoggerFactory(Unfailing(sys.stderr)),  # type: ignore[arg-type]
    )


class Unfailing:
    """A file whose disk may be full: lines that cannot be written are lost, and the caller continues."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


def may_repeat(kind: str) -> bool:
    """Count a line that a client can cause at will. Returns whether it may be written: `gatelab.log_limits`.

    Writes how many lines were left out in the periods that have ended.

    Args:
        kind: one of a few words, never a client's text.
    """
    for ended, count in _limit.left_out().items():
        _often("lines left out", {"lines": ended, "count": count})
    return _limit.admits(kind)


def _drop_repeated(_logger: Any, method: str, line: EventDict) -> EventDict:
    if method in ("warning", "error", "critical", "exception") and not may_repeat(str(line["event"])):
        raise structlog.DropEvent
    return line


def often(event: str, request_id: str, *, milliseconds: float, **facts: str | int) -> None:
    """Log a frequent event without structlog's steps, which would be a good part of the work; the line is the same.

    Args:
        facts: words and numbers of Gatelab itself, which need no escaping.
    """
    _often(event, {"request_id": request_id, "milliseconds": round(milliseconds, 3), **facts})


class _Lines:
    """Writes lines as structlog does, as configured here."""

    def __init__(self, file: TextIO, *, as_json: bool) -> None:
        self._file, self._as_json = Unfailing(file), as_json
        self._colours = file.isatty()

    def __call__(self, event: str, facts: dict[str, str | int | float]) -> None:
        if self._colours and not self._as_json:
            structlog.get_logger().info(event, **{name: facts[name] for name in facts if name != "request_id"})
            return
        moment = f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"
        if self._as_json:
            line = json.dumps({**facts, "event": event, "level": "info", "timestamp": moment})
        else:
            shown = " ".join(f"{name}={_quoted(facts[name])}" for name in sorted(facts))
            line = f"{moment} [info     ] {event:<30} {shown}"
        self._file.write(line + "\n")
        self._file.flush()


def _quoted(value: str | int | float) -> str:
    return repr(value) if " " in str(value) else str(value)


_limit = LineLimit()
_often: Callable[[str, dict[str, str | int | float]], None] = _Lines(sys.stderr, as_json=False)


def forward_standard_library(level: int, *, as_json: bool) -> None:
    """Let libraries that log by the standard library (Celery, SQLAlchemy) write lines of the same form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(as_json=as_json))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def adopt_server(*, as_json: bool) -> None:
    """Let uvicorn, which has its own handlers, write lines of the same form.

    Its line for each request is left out, because it has the raw address, which may contain private data.
    """
    for handler in logging.getLogger("uvicorn").handlers:
        handler.setFormatter(_formatter(as_json=as_json))
        handler.addFilter(_is_no_repeated_warning)
    logging.getLogger("uvicorn.access").disabled = True


def _is_no_repeated_warning(record: logging.LogRecord) -> bool:
    return record.levelno < logging.WARNING or may_repeat(str(record.msg))


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
