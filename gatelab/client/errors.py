"""The errors of this client.

ClientError
├── ApiError            the service refused, and says why
├── ConnectionFailed    nothing answers at the address
├── UnexpectedAnswer    something answers, but not as Gatelab does
└── CannotRun           this machine cannot run the command
"""

from collections.abc import Iterable
from typing import Any

from gatelab.errors import GatelabError, Problem


class ClientError(GatelabError):
    """Base of all errors that the client raises on purpose."""

    code = "client-error"
    title = "Client error"


class ApiError(ClientError):
    """The service's refusal, from its problem document (RFC 9457).

    Attributes:
        status: the HTTP status.
        type: the URI that names the kind of problem, the same in every release.
        title: that kind in words.
        detail: what is wrong this time.
        problems: each fault, with the path of the faulty input.
    """

    code = "api-error"
    title = "Refused"

    def __init__(self, status: int, type: str, title: str, detail: str = "", problems: Iterable[Problem] = ()) -> None:
        self.status, self.type, self.detail = status, type, detail
        # The class has one title for all its errors; the service's title is more precise.
        self.title = title  # type: ignore[misc]
        self.problems = tuple(problems)
        super().__init__(detail or title)

    @classmethod
    def from_problem(cls, document: object, status: int) -> "ApiError":
        """The error for a problem document. Any other body becomes an error that has only the status."""
        fields: dict[str, Any] = document if isinstance(document, dict) else {}
        found = fields.get("problems")
        return cls(
            status=status,
            type=str(fields.get("type") or "about:blank"),
            title=str(fields.get("title") or f"HTTP status {status}"),
            detail=str(fields.get("detail") or ""),
            problems=[
                Problem(str(item.get("path", "")), str(item.get("message", "")))
                for item in (found if isinstance(found, list) else [])
                if isinstance(item, dict)
            ],
        )


class ConnectionFailed(ClientError):
    """Nothing answers at the address."""

    code = "connection-failed"
    title = "Connection failed"


class UnexpectedAnswer(ClientError):
    """Something answers at the address, but not as Gatelab does."""

    code = "unexpected-answer"
    title = "Unexpected answer"


class CannotRun(ClientError):
    """This machine cannot do what the command line was asked for; the message says what is missing."""

    code = "cannot-run"
    title = "Cannot run"
