import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from psycopg.pq import Format
from pydantic import SecretStr
from sqlalchemy import event, text

from gatelab.errors import InvalidInput, Unavailable
from gatelab.settings import Settings
from gatelab.store import Claim, Corpus, Report, State, Store
from gatelab.store.clock import now
from gatelab.store.engine import Database

BACKEND = text("SELECT pg_backend_pid()")


def test_a_store_answers(store: Store) -> None:
    assert store.count_runs().runs[State.QUEUED] == 0


def test_a_failed_write_is_undone(store: Store) -> None:
    def fail() -> None:
        with store.database.write() as connection:
            connection.execute(text("DELETE FROM alembic_version"))
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with store.database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1


def test_the_clock_is_the_database_s_and_goes_on_in_a_transaction(store: Store) -> None:
    with store.database.read() as connection:
        begun = connection.execute(now().select()).scalar_one()
        while (later := connection.execute(now().select()).scalar_one()) == begun:
            pass
    assert isinstance(begun, float)
    assert begun < later < begun + 60


def test_a_store_can_be_used_again_after_it_was_closed(store: Store) -> None:
    store.close()
    store.count_runs()


def test_nothing_is_opened_before_the_first_use(settings: Settings) -> None:
    store = Store(settings)
    assert store.database._engine is None
    store.close()


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody@127.0.0.1:{reserved.getsockname()[1]}/none"
        with Store(Settings(database_url=SecretStr(url), data_dir=tmp_path)) as store, pytest.raises(Unavailable):
            store.count_runs()


def test_a_file_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    settings = Settings(database_url=SecretStr(f"sqlite:///{tmp_path}/none/gatelab.db"), data_dir=tmp_path)
    with Store(settings) as store, pytest.raises(Unavailable):
        store.count_runs()


@pytest.mark.parametrize("kind", ["postgresql"])
def test_connections_that_the_server_ended_are_replaced(store: Store) -> None:
    with pytest.raises(Unavailable), store.database.write() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    store.count_runs()


@pytest.mark.parametrize("kind", ["postgresql"])
def test_connections_that_the_server_ended_while_they_rested_are_replaced_unnoticed(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatelab.store.postgresql.PING_SECONDS", 0.0)
    with ExitStack() as open_ones:
        pids = [open_ones.enter_context(store.database.read()).scalar(BACKEND) for _ in range(3)]
    with Store(settings) as other, other.database.read() as connection:
        for pid in pids:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    with store.database.read() as connection:
        assert connection.scalar(BACKEND) not in pids


@pytest.mark.parametrize("kind", ["postgresql"])
def test_texts_and_checkpoints_are_read_in_the_binary_format(store: Store, claim: Claim, corpus: Corpus) -> None:
    formats = []

    def look(_connection: Any, cursor: Any, *_: Any) -> None:
        formats.append(cursor.format)

    store.claims.record(claim, Report(step=7, epoch=7, checkpoint=b"weights", keep_checkpoints=1))
    with store.database.read() as connection:
        event.listen(connection.engine, "after_cursor_execute", look)
    assert store.corpora.text(corpus.id) == "abc" * 100
    assert store.checkpoints.get(claim.run_id).data == b"weights"
    assert formats == [Format.BINARY, Format.BINARY]


@pytest.mark.parametrize("kind", ["postgresql"])
def test_what_the_url_sets_wins(settings: Settings) -> None:
    database = Database(f"{settings.database_url.get_secret_value()}%20-c%20lock_timeout%3D123ms")
    with database.read() as connection:
        assert connection.scalar(text("SHOW lock_timeout")) == "123ms"
        assert connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == "10s"
    database.close()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_sqlite_is_durable_and_patient(store: Store) -> None:
    full = 2
    expected = {"journal_mode": "wal", "synchronous": full, "foreign_keys": 1, "busy_timeout": 15_000}
    with store.database.read() as connection:
        assert {name: connection.scalar(text(f"PRAGMA {name}")) for name in expected} == expected


@pytest.mark.parametrize("kind", ["sqlite"])
def test_sqlite_is_as_patient_after_its_log_was_cleared(settings: Settings) -> None:
    with Store(settings, busy_seconds=0.25) as store:
        assert store.database.forget()
        with store.database.read() as connection:
            assert connection.scalar(text("PRAGMA busy_timeout")) == 250


@pytest.mark.parametrize(
    "url", ["", "mysql://host/name", "sqlite://", "sqlite:///:memory:", "postgresql+asyncpg://h/n"]
)
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Database(url)
    assert caught.value.problems[0].path == "database_url"


def test_the_store_starts_without_torch_and_alembic() -> None:
    program = "import sys, gatelab.store; sys.exit(bool({'torch', 'alembic', 'celery', 'fastapi'} & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
