import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, select, text, update
from sqlalchemy.exc import IntegrityError

import migrations
from gatelab.errors import Unavailable
from gatelab.settings import Settings
from gatelab.specs import JobSpec, shape_key
from gatelab.store import Job, State, Store
from gatelab.store.engine import Database
from gatelab.store.migrate import pending, upgrade
from gatelab.store.tables import metadata, runs


@pytest.fixture
def database(empty: Settings) -> Iterator[Database]:
    database = Database(empty.database_url.get_secret_value())
    yield database
    database.close()


def tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(inspect(connection).get_table_names())


def test_an_empty_database_is_brought_up_to_date(empty: Settings, database: Database) -> None:
    assert pending(database)
    upgrade(empty)
    assert not pending(database)
    assert tables(database) == {*metadata.tables, "alembic_version"}
    upgrade(empty)


def test_the_migrations_make_the_tables_that_the_code_expects(empty: Settings, database: Database) -> None:
    upgrade(empty)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_database_knows_the_states(store: Store, new_job: Callable[..., Job]) -> None:
    new_job()
    for state in State:
        with store.database.write() as connection:
            connection.execute(update(runs).values(state=state))
    with pytest.raises(IntegrityError, match="ck_runs_state"), store.database.write() as connection:
        connection.execute(update(runs).values(state="lost"))


def test_the_migrations_can_be_taken_back(empty: Settings, database: Database) -> None:
    upgrade(empty)
    downgrade(database, "base")
    assert tables(database) == {"alembic_version"}
    assert pending(database)


def downgrade(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])))
    unchecked = Database(str(database.url.render_as_string(hide_password=False)), foreign_keys=False)
    with closing(unchecked), unchecked.write() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_runs_from_before_there_were_packs_get_their_shape(empty: Settings, database: Database) -> None:
    upgrade(empty)
    with Store(empty) as store:
        corpus, _ = store.corpora.add("abc", "abc" * 100)
        spec = JobSpec(corpus="abc", repeats=3)
        store.jobs.create(spec, corpus.id, [spec.base()] * 3)
        ended, *waiting = store.runs.list().items
        with database.write() as connection:
            connection.execute(update(runs).where(runs.c.id == ended.id).values(state=State.FAILED))
        downgrade(database, "0002")
        upgrade(empty)
        with database.read() as connection:
            shapes = {run.id: run.shape for run in connection.execute(select(runs.c.id, runs.c.shape))}
        assert shapes == {ended.id: None, **{run.id: shape_key(run.spec) for run in waiting}}


def test_alembic_s_own_commands_use_the_configured_database(empty: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(empty)
    monkeypatch.setenv("GATELAB_DATABASE_URL", empty.database_url.get_secret_value())
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])))
    command.check(config)


def test_processes_may_start_at_once(empty: Settings, database: Database, tmp_path: Path) -> None:
    environment = os.environ | {
        "GATELAB_DATABASE_URL": empty.database_url.get_secret_value(),
        "GATELAB_DATA_DIR": str(tmp_path / "new" / "data"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-W", "error", "-m", "gatelab.store.migrate"]
    started = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait() for process in started] == [0, 0]
    assert not pending(database)
    assert (tmp_path / "new" / "data").is_dir()


def test_a_database_of_a_newer_program_is_left_alone(empty: Settings, database: Database) -> None:
    upgrade(empty)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
    assert pending(database)
    with pytest.raises(Unavailable, match="newer"):
        upgrade(empty)
