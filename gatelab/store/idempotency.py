"""Requests that may be sent again: a caller's key stands for the job that its first request made."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select

from gatelab.errors import IdempotencyKeyReused
from gatelab.store.clock import now
from gatelab.store.tables import idempotency_keys

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

KEPT_SECONDS = 24 * 3600.0
"""Seconds for which a key stands for its job."""


@dataclass(frozen=True)
class IdempotencyKey:
    """A key that a caller chose, and the digest of its request."""

    caller: str
    key: str
    request_sha256: str


def find_job(connection: Connection, key: IdempotencyKey) -> str | None:
    """The id of the job that this key made in the last 24 hours.

    Raises:
        IdempotencyKeyReused: the key was used for another request.
    """
    of_key = (idempotency_keys.c.caller == key.caller, idempotency_keys.c.key == key.key)
    fresh = idempotency_keys.c.created_at > now() - KEPT_SECONDS
    columns = (idempotency_keys.c.job_id, idempotency_keys.c.request_sha256)
    row = connection.execute(select(*columns).where(*of_key, fresh)).first()
    if row is None:
        return None
    if row.request_sha256 != key.request_sha256:
        raise IdempotencyKeyReused.at("Idempotency-Key", "was used for another request; use a new key for a new job")
    return str(row.job_id)


def take(connection: Connection, key: IdempotencyKey, job_id: str) -> bool:
    """Let `key` stand for `job_id`. False if it stands for another job: then nothing was written.

    Waits for a transaction that is taking the same key.
    """
    old = idempotency_keys.c.created_at <= now() - KEPT_SECONDS
    connection.execute(delete(idempotency_keys).where(old))
    row = _insert(connection).values(
        caller=key.caller, key=key.key, request_sha256=key.request_sha256, job_id=job_id, created_at=now()
    )
    taken = connection.execute(row.on_conflict_do_nothing().returning(idempotency_keys.c.key))
    return taken.first() is not None


def _insert(connection: Connection) -> "postgresql.Insert | sqlite.Insert":
    """The insertion of a key that may exist. Each dialect has its own, whose import takes long."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(idempotency_keys)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(idempotency_keys)
