"""Keys, accounts, and whose turn it is."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from gatelab.errors import CorpusNameTaken, NotFound, Overloaded
from gatelab.specs import JobSpec
from gatelab.store import Store
from gatelab.store.keys import PREFIX, Scope, ensure_file
from gatelab.store.tables import api_keys


def test_a_key_is_found_by_its_secret_alone(store: Store) -> None:
    key, secret = store.keys.create("ada", Scope.SUBMIT, "laptop")
    other, _ = store.keys.create("ada", Scope.READ, "phone")
    assert secret.startswith(PREFIX)
    assert store.keys.find(secret) == key
    assert store.keys.list().items == [key, other]
    for wrong in ("", PREFIX, secret[:-1], secret + "x", secret.upper(), "\ud800", key.id):
        assert store.keys.find(wrong) is None


def test_nothing_that_is_kept_tells_the_secret(store: Store) -> None:
    key, secret = store.keys.create("ada", Scope.SUBMIT, "laptop")
    with store.database.read() as connection:
        row = connection.execute(select(api_keys).where(api_keys.c.id == key.id)).one()
    assert secret not in str(row)
    assert secret.removeprefix(PREFIX) not in str(row)


def test_a_revoked_key_is_good_for_nothing(store: Store) -> None:
    key, secret = store.keys.create("ada", Scope.ADMIN, "laptop")
    revoked = store.keys.revoke(key.id)
    assert revoked.revoked_at is not None
    assert store.keys.find(secret) is None
    assert store.keys.revoke(key.id) == revoked
    for wrong in (key.id, "key-of-nobody"):
        with pytest.raises(NotFound):
            store.keys.rotate(wrong)
    with pytest.raises(NotFound):
        store.keys.revoke("key-of-nobody")


def test_rotation_puts_another_key_in_its_place(store: Store) -> None:
    old, old_secret = store.keys.create("ada", Scope.READ, "laptop")
    new, new_secret = store.keys.rotate(old.id)
    assert (new.account, new.scope, new.name) == (old.account, old.scope, old.name)
    assert store.keys.find(old_secret) is None
    assert store.keys.find(new_secret) == new


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (Scope.READ, {Scope.READ}),
        (Scope.SUBMIT, {Scope.READ, Scope.SUBMIT}),
        (Scope.ADMIN, {Scope.READ, Scope.SUBMIT, Scope.ADMIN}),
    ],
)
def test_a_scope_allows_what_those_below_it_do(scope: Scope, allowed: set[Scope]) -> None:
    assert {other for other in Scope if scope.allows(other)} == allowed


def test_the_first_key_lies_in_a_file_for_its_owner_alone(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "api-key"
    ensure_file(store.keys, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = file.read_text().strip()
    key = store.keys.find(secret)
    assert key is not None
    assert key.scope is Scope.ADMIN
    ensure_file(store.keys, file)
    assert file.read_text().strip() == secret
    store.keys.revoke(key.id)
    ensure_file(store.keys, file)
    assert store.keys.find(file.read_text().strip()) is not None
    assert [entry.name for entry in tmp_path.iterdir() if "api-key" in entry.name] == ["api-key"]


def test_names_of_corpora_are_each_account_s_own(store: Store) -> None:
    mine, _ = store.corpora.add("tides", "high and low", "ada")
    other, created = store.corpora.add("tides", "low and high", "bob")
    assert created
    assert store.corpora.get("tides", "ada") == mine
    assert store.corpora.get("tides", "bob") == other
    with pytest.raises(CorpusNameTaken):
        store.corpora.add("tides", "neither", "ada")
    for key in ("tides", mine.id):
        with pytest.raises(NotFound):
            store.corpora.get(key, "eve")
    with pytest.raises(NotFound):
        store.corpora.delete(mine.id, "bob")
    assert store.corpora.list("ada").items == [mine]
    assert store.corpora.list("eve").items == []


def submit(store: Store, account: str, runs: int, most: int | None = None) -> str:
    corpus, _ = store.corpora.add("tides", "high and low " * 9, account)
    spec = JobSpec(corpus="tides", repeats=runs)
    return store.jobs.create(spec, corpus.id, [spec.base()] * runs, account=account, most_unfinished=most).id


def owners_of_claims(store: Store, count: int) -> list[str]:
    """The accounts whose runs are claimed, one after the other, each finished before the next claim."""
    found = []
    for _ in range(count):
        claim = store.claims.claim("worker")
        assert claim is not None
        found.append(next(a for a in ("ada", "bob", "eve") if _owns(store, a, claim.run_id)))
    return found


def _owns(store: Store, account: str, run: str) -> bool:
    try:
        store.accounts.require(account, "run", run)
    except NotFound:
        return False
    return True


def test_accounts_take_turns(store: Store) -> None:
    submit(store, "ada", 6)
    submit(store, "bob", 1)
    submit(store, "eve", 3)
    assert owners_of_claims(store, 10) == ["ada", "bob", "eve", "ada", "eve", "ada", "eve", "ada", "ada", "ada"]
    assert store.claims.claim("worker") is None


def test_turns_come_even_where_one_worker_does_all(store: Store) -> None:
    submit(store, "ada", 1000)
    first = store.claims.claim("worker")
    assert first is not None
    submit(store, "bob", 1)
    store.claims.release(first)
    second = store.claims.claim("worker")
    assert second is not None
    assert _owns(store, "bob", second.run_id)


def test_an_account_that_trains_less_comes_before_one_that_was_served_longer_ago(store: Store) -> None:
    submit(store, "ada", 2)
    still_training = store.claims.claim("worker")
    submit(store, "bob", 1)
    served_later = store.claims.claim("worker")
    assert still_training is not None
    assert served_later is not None
    store.claims.release(served_later)
    following = store.claims.claim("worker")
    assert following is not None
    assert _owns(store, "bob", following.run_id)


def test_an_account_may_have_so_many_unfinished_runs(store: Store, new_job: Callable[..., object]) -> None:
    new_job()
    job = submit(store, "ada", 3, most=5)
    with pytest.raises(Overloaded, match="queued_runs is 5"):
        submit(store, "ada", 3, most=5)
    assert len(store.jobs.list(account="ada").items) == 1
    submit(store, "bob", 5, most=5)
    store.jobs.cancel(job)
    submit(store, "ada", 5, most=5)
