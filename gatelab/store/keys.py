"""API keys: their accounts and rights. Only a key's digest is kept: the key is shown once, when it is made."""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, Update, bindparam, insert, select, update

from gatelab.errors import NotFound
from gatelab.secrets import write_secret
from gatelab.store.changes import announce
from gatelab.store.clock import now
from gatelab.store.engine import Database
from gatelab.store.ids import check_name, new_id
from gatelab.store.pagination import Page, fetch
from gatelab.store.tables import LOCAL, api_keys

PREFIX = "gatelab_"
"""The prefix of every key, so that programs that look for leaked secrets find it."""
SECRET_BYTES = 32


class Scope(StrEnum):
    """What a key allows. Each scope includes the ones before it."""

    READ = "read"
    """Read everything; generate, score, look at gates."""
    SUBMIT = "submit"
    """Add, control and delete corpora and jobs."""
    ADMIN = "admin"
    """Make, list and revoke keys of all accounts; read the service's metrics."""

    def allows(self, other: "Scope") -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Key:
    """A key without its secret. Times are seconds since 1970."""

    id: str
    account: str
    name: str
    scope: Scope
    created_at: float
    revoked_at: float | None


_COLUMNS = [api_keys.c[name] for name in Key.__dataclass_fields__]
_GOOD = select(*_COLUMNS).where(api_keys.c.sha256 == bindparam("sha256"), api_keys.c.revoked_at.is_(None))


class Keys:
    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, account: str, scope: Scope, name: str) -> tuple[Key, str]:
        """A new key, and its secret, which cannot be recovered later.

        Raises:
            InvalidRequest: the name looks like an id.
        """
        check_name(name)
        with self._database.write() as connection:
            return _make(connection, account, scope, name)

    def find(self, secret: str) -> Key | None:
        """The key of this secret, unless it is revoked.

        A secret is long and random, so its digest needs no salt and no stretching, and looking it up does not reveal
        how much of a guess was right.
        """
        row = self._database.first(_GOOD, {"sha256": _digest(secret)})
        return None if row is None else _key(**row)

    def is_good(self, id: str) -> bool:
        """Whether this key exists and is not revoked."""
        query = select(api_keys.c.id).where(api_keys.c.id == id, api_keys.c.revoked_at.is_(None))
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def list(self, *, cursor: str | None = None, limit: int = 100) -> Page[Key]:
        """Keys, including revoked ones, oldest first.

        Raises:
            InvalidRequest: a bad cursor or limit.
        """
        with self._database.read() as connection:
            order = [api_keys.c.created_at, api_keys.c.id]
            page = fetch(connection, select(*_COLUMNS), order, cursor=cursor, limit=limit)
        return Page([_key(*(row[name] for name in Key.__dataclass_fields__)) for row in page.items], page.next)

    def revoke(self, id: str) -> Key:
        """Revoke a key. Revoking it again changes nothing.

        Raises:
            NotFound: there is no such key.
        """
        with self._database.write() as connection:
            connection.execute(_revoking(id))
            announce(connection)
            row = connection.execute(select(*_COLUMNS).where(api_keys.c.id == id)).first()
        if row is None:
            raise NotFound("key", id)
        return _key(*row)

    def rotate(self, id: str) -> tuple[Key, str]:
        """A new key for the same account, scope and name; the old one is revoked in the same transaction.

        Raises:
            NotFound: there is no such key, or it was revoked.
        """
        with self._database.write() as connection:
            row = connection.execute(_revoking(id).returning(*_COLUMNS)).first()
            if row is None:
                raise NotFound("key", id)
            announce(connection)
            old = _key(*row)
            return _make(connection, old.account, old.scope, old.name)


def ensure_file(keys: Keys, file: Path) -> None:
    """Let `file`, which only its owner may read, hold a key with all rights for the account `local`."""
    if file.exists() and keys.find(file.read_text().strip()):
        return
    _, secret = keys.create(LOCAL, Scope.ADMIN, "first")
    write_secret(file, secret.encode() + b"\n")


def _make(connection: Connection, account: str, scope: Scope, name: str) -> tuple[Key, str]:
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    values = {"id": new_id("key"), "account": account, "name": name, "scope": scope, "sha256": _digest(secret)}
    row = connection.execute(insert(api_keys).values(values | {"created_at": now()}).returning(*_COLUMNS))
    return _key(*row.one()), secret


def _revoking(id: str) -> Update:
    """The statement that revokes a valid key."""
    return update(api_keys).where(api_keys.c.id == id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _key(id: str, account: str, name: str, scope: str, created_at: float, revoked_at: float | None) -> Key:
    return Key(id, account, name, Scope(scope), created_at, revoked_at)
