"""The texts that runs are trained on."""

import hashlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, String, and_, bindparam, delete, insert, or_, select
from sqlalchemy.exc import IntegrityError

from gatelab.errors import CorpusInUse, CorpusNameTaken, CorruptCorpus, NotFound, Unavailable
from gatelab.specs.texts import accepted
from gatelab.spelling import MOST, did_you_mean, nearest
from gatelab.store import pagination
from gatelab.store.clock import now
from gatelab.store.deletion import Deletion
from gatelab.store.engine import Database
from gatelab.store.ids import check_name, new_id
from gatelab.store.pagination import Page
from gatelab.store.postgresql import LARGE
from gatelab.store.tables import LOCAL, corpora
from gatelab.text.findings import Findings

_NAMED = 5
"""The most corpora of the account that the error for a missing one names."""


@dataclass(frozen=True)
class Corpus:
    """An immutable text without the text itself. `bytes` counts its UTF-8; `created_at` is seconds since 1970.

    `findings` are those of the text as it was given; None if it was added before there were findings.
    """

    id: str
    name: str
    sha256: str
    characters: int
    bytes: int
    created_at: float
    findings: Findings | None


_NAMES = tuple(Corpus.__dataclass_fields__)
_COLUMNS = [corpora.c[name] for name in _NAMES]
_KEY = bindparam("key", type_=String)
# An old name may look like the id of another corpus: the id wins, and the corpus of that name has an id as well.
_ONE = (
    select(*_COLUMNS)
    .where(corpora.c.account == bindparam("account"), or_(corpora.c.id == _KEY, corpora.c.name == _KEY))
    .order_by((corpora.c.id == _KEY).desc())
)


class Corpora:
    def __init__(self, database: Database, deletion: Deletion) -> None:
        self._database = database
        self._deletion = deletion

    def add(self, name: str, text: str, account: str = LOCAL) -> tuple[Corpus, bool]:
        """The account's corpus of that name and text, and whether it was created just now.

        Raises:
            CorpusNameTaken: the name belongs to another text.
            InvalidCorpus: the text has a character that no text may have, or nothing to learn.
            InvalidRequest: the name is new and looks like an id.
        """
        given, text = text, accepted(text)
        data = text.encode()
        values = {
            "id": new_id("corpus"),
            "name": name,
            "sha256": hashlib.sha256(data).hexdigest(),
            "characters": len(text),
            "bytes": len(data),
            "text": data,
            "created_at": now(),
            "account": account,
            "findings": asdict(Findings.of(given)),
        }
        here = and_(corpora.c.account == account, corpora.c.name == name)
        try:
            with self._database.write() as connection:
                if (taken := _find(connection, here)) is None:
                    check_name(name)
                    row = connection.execute(insert(corpora).values(values).returning(*_COLUMNS)).mappings().one()
                    return _corpus(row), True
        except IntegrityError:
            # Another process was faster between the query and the insert.
            with self._database.read() as connection:
                taken = _find(connection, here)
        # An older corpus may contain the byte-order mark of the same file.
        if taken is None or taken["sha256"] not in (values["sha256"], hashlib.sha256(given.encode()).hexdigest()):
            raise CorpusNameTaken(f"the corpus {name!r} already has another text; choose another name")
        return _corpus(taken), False

    def has(self, key: str, account: str = LOCAL) -> bool:
        """Whether the account has a corpus with this name or id."""
        return self._database.first(_ONE, {"account": account, "key": key}) is not None

    def get(self, key: str, account: str = LOCAL) -> Corpus:
        """The account's corpus with this name or id.

        Raises:
            NotFound: there is none.
        """
        if (row := self._database.first(_ONE, {"account": account, "key": key})) is not None:
            return _corpus(row)
        with self._database.read() as connection:  # the error names what there is
            return _corpus(_get(connection, key, account))

    def text(self, id: str) -> str:
        """The text of a corpus of any account.

        Raises:
            NotFound: there is no such corpus.
            CorruptCorpus: its text is not the one that was stored.
        """
        return self.named_text(id)[1]

    def named_text(self, id: str) -> tuple[str, str]:
        """The name and the text of a corpus of any account.

        Raises:
            NotFound: there is no such corpus.
            CorruptCorpus: its text is not the one that was stored.
        """
        query = select(corpora.c.name, corpora.c.text, corpora.c.sha256).where(corpora.c.id == id)
        with self._database.read() as connection:
            row = connection.execute(query.execution_options(**LARGE)).first()
        if row is None:
            raise NotFound("corpus", id)
        if hashlib.sha256(row.text).hexdigest() != row.sha256:
            raise CorruptCorpus(f"the text of corpus {id} ({row.name}) is no longer what was stored; restore a backup")
        return row.name, row.text.decode()

    def list(self, account: str = LOCAL, *, cursor: str | None = None, limit: int = 100) -> Page[Corpus]:
        """The account's corpora, newest first.

        Raises:
            InvalidRequest: a bad cursor or limit.
        """
        with self._database.read() as connection:
            page = pagination.fetch(
                connection,
                select(*_COLUMNS).where(corpora.c.account == account),
                [corpora.c.created_at, corpora.c.id],
                cursor=cursor,
                limit=limit,
                newest_first=True,
            )
        return Page([_corpus(row) for row in page.items], page.next)

    def delete(self, key: str, account: str = LOCAL) -> None:
        """Delete the account's corpus with this name or id.

        Raises:
            NotFound: there is none.
            CorpusInUse: jobs refer to it.
        """

        def delete_row(connection: Connection) -> None:
            corpus = _get(connection, key, account)
            connection.execute(delete(corpora).where(corpora.c.id == corpus["id"]))

        try:
            self._deletion.write(delete_row)
        except IntegrityError:
            raise CorpusInUse(f"jobs refer to the corpus {key!r}; delete them first") from None
        with suppress(Unavailable):  # it is deleted; a sweeper deletes what is left of it
            self._deletion.finish()


def _corpus(row: RowMapping) -> Corpus:
    found = row["findings"]
    values = {name: row[name] for name in _NAMES}
    return Corpus(**values | {"findings": None if found is None else Findings(**found)})


def _find(connection: Connection, condition: Any) -> RowMapping | None:
    return connection.execute(select(*_COLUMNS).where(condition)).mappings().first()


def _get(connection: Connection, key: str, account: str) -> RowMapping:
    row = connection.execute(_ONE, {"account": account, "key": key}).mappings().first()
    if row is None:
        raise missing(connection, key, account)
    return row


def missing(connection: Connection, key: str, account: str) -> NotFound:
    """The error for a corpus that the account does not have. It names a similar one, or the existing ones."""
    query = select(corpora.c.name).where(corpora.c.account == account)
    newest = query.order_by(corpora.c.created_at.desc(), corpora.c.id.desc()).limit(MOST)
    names = list(connection.scalars(newest))
    if hint := did_you_mean(nearest(key, names)):
        return NotFound("corpus", key, hint)
    named = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    return NotFound("corpus", key, f"; there are: {named}" if names else "; there is none yet")
