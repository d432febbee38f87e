"""The address that `gatelab up` prints signs in once, and holds no key."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatelab.settings import KEY_FILE
from gatelab.sign_in_links import CODE_FILE, make_code
from gatelab.store.keys import ensure_file
from service.authorization import COOKIE
from tests.service.installation import SERVER, Installation, client, installation, problem


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, auth=True) as service:
        ensure_file(service.store.keys, tmp_path / KEY_FILE)
        yield service


def sign_in(service: Installation, **body: str) -> int:
    with client(service.settings) as http:
        answer = http.post("/v1/login", json=body)
        if answer.status_code == 204:
            assert http.cookies.get(COOKIE) == (service.settings.data_dir / KEY_FILE).read_text().strip()
            assert http.get("/v1/jobs", headers={"Origin": SERVER}).status_code == 200
        else:
            problem(answer, 401, "not-authenticated")
        return answer.status_code


def test_a_code_is_good_once(service: Installation) -> None:
    code = make_code(service.settings.data_dir)
    assert [sign_in(service, code=code) for _ in range(3)] == [204, 401, 401]


def test_a_new_code_takes_the_place_of_the_one_before(service: Installation) -> None:
    first, second = (make_code(service.settings.data_dir) for _ in range(2))
    assert (sign_in(service, code=first), sign_in(service, code=second)) == (401, 204)


@pytest.mark.parametrize("code", ["x", "\u0041" * 200])
def test_a_guess_is_no_code_and_spoils_none(service: Installation, code: str) -> None:
    good = make_code(service.settings.data_dir)
    assert (sign_in(service, code=code), sign_in(service, code=good)) == (401, 204)
    assert sign_in(service, code=code) == 401, "where there is none"


def test_a_file_of_codes_signs_nobody_in_who_reads_it(service: Installation) -> None:
    make_code(service.settings.data_dir)
    file = service.settings.data_dir / CODE_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sign_in(service, code=file.read_text()) == 401


@pytest.mark.parametrize("body", [{}, {"key": "a", "code": "b"}])
def test_it_is_a_key_or_a_code(service: Installation, body: dict[str, str]) -> None:
    problem(service.client.post("/v1/login", json=body), 422, "invalid-request")
