"""The deployment files agree with the program. No Docker engine is needed: the tests start the commands themselves."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from gatelab.settings import Settings, load
from tests.conftest import NO_COMPOSE, ROOT, has_docker_compose
from tests.processes import free_port, read_log, running, wait_until
from tests.servers import postgres_database
from tests.waiting import PATIENCE

COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (INSTRUCTION, arguments), continued lines joined, comments and flags left out."""
    lines = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    words = (line.split(None, 1) for line in re.sub(r"\\\n\s*", "", lines).splitlines() if line)
    return [(word, re.sub(r"--(?!from)\S+ +", "", rest) if word == "COPY" else rest) for word, rest in words]


def last(instruction: str) -> str:
    return [rest for word, rest in instructions() if word == instruction][-1]


# -- The files ----------------------------------------------------------------------------------------------------


def test_the_compose_file_follows_the_specification() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run([*checker, str(COMPOSE_FILE)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_images_of_others_are_pinned_by_their_digests() -> None:
    digest = r"sha256:[0-9a-f]{64}"
    for name, service in SERVICES.items():
        assert name in OURS or re.fullmatch(rf"\w+:\d+@{digest}", service["image"])
    arguments = dict(rest.split("=") for word, rest in instructions() if word == "ARG")
    assert re.fullmatch(f"@{digest}", arguments["DIGEST"])
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert all(base == "python:${PYTHON}-slim${DIGEST}" for base in bases)


@pytest.mark.skipif(not has_docker_compose(), reason=NO_COMPOSE)
def test_docker_compose_accepts_the_file() -> None:
    command = ["docker", "compose", "--file", str(COMPOSE_FILE), "--profile", "gpu", "config", "--quiet"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", OURS)
def test_settings_are_real(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {key: value for key, value in SERVICES[name]["environment"].items() if key.startswith("GATELAB_")}
    assert {key.removeprefix("GATELAB_").lower() for key in variables} <= set(Settings.model_fields)
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    load()


def test_every_named_volume_is_declared() -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])


def test_only_the_service_has_a_port_and_only_on_this_machine() -> None:
    open_ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert open_ports.keys() == {"service"}
    assert all(port.startswith("127.0.0.1:") for port in open_ports["service"])
    assert not [name for name, service in SERVICES.items() if "network_mode" in service]


def test_what_is_waited_for_can_come_true() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            healthy = wait["condition"] == "service_healthy"
            assert ("test" in SERVICES[name].get("healthcheck", {})) == healthy


def test_images_of_others_have_a_version() -> None:
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    images = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    assert all(re.search(r":[\d$]", image) for image in bases + images)


def test_the_image_is_made_of_files_that_exist_and_are_sent() -> None:
    sent = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = {
        source
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    # Folders that are part of another one are copied early, to be built.
    assert {source for source in copied if str(Path(source).parent) not in copied} == sent
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_can_compile_a_cell() -> None:
    """Check the last stage: the image does not contain what earlier stages install."""
    words = instructions()
    begin = max(place for place, (word, _) in enumerate(words) if word == "FROM")
    assert any(word == "RUN" and re.search(r"apt-get install .*g\+\+", rest) for word, rest in words[begin:])
    assert any(word == "RUN" and "--create-home" in rest for word, rest in words[begin:])  # the code is kept there


def test_the_image_does_not_run_as_root() -> None:
    assert last("USER") not in ("root", "0")


def test_the_image_starts_the_service_by_default() -> None:
    assert json.loads(last("CMD")) == shlex.split(SERVICES["service"]["command"])


# -- What they start ----------------------------------------------------------------------------------------------


@pytest.fixture
def environment(tmp_path: Path, postgres_server: str, redis_url: str) -> Iterator[dict[str, str]]:
    """The environment of the compose file on real servers, and this virtual environment's programs."""
    variables = {**SERVICES["service"]["environment"], "GATELAB_DATA_DIR": str(tmp_path / "data")}
    with postgres_database(postgres_server) as postgres_url:
        variables |= {"GATELAB_DATABASE_URL": postgres_url, "GATELAB_BROKER_URL": redis_url}
        yield os.environ | variables


def command_of(name: str) -> list[str]:
    """The command of a service, from this virtual environment."""
    program, *arguments = shlex.split(SERVICES[name]["command"])
    return [str(Path(sys.executable).parent / program), *arguments]


def test_the_stack_starts_answers_and_stops(tmp_path: Path, environment: dict[str, str]) -> None:
    migrated = subprocess.run(command_of("migrate"), cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert migrated.returncode == 0, migrated.stderr
    port = str(free_port())
    (service_folder := tmp_path / "service").mkdir()
    (worker_folder := tmp_path / "worker").mkdir()
    served = [word.replace("8000", port) for word in command_of("service")]
    with (
        running(served, service_folder, environment=environment) as service,
        running(command_of("worker"), worker_folder, environment=environment) as worker,
    ):
        wait_until(lambda: healthy(port), service, service_folder)
        wait_until(lambda: " ready" in read_log(worker_folder), worker, worker_folder)
        assert httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE).status_code == 200
        for process, folder in ((service, service_folder), (worker, worker_folder)):
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE) in (0, -signal.SIGTERM), read_log(folder)


def healthy(port: str) -> bool:
    """The result of the image's health check for a service on `port`."""
    program, *arguments = json.loads(last("HEALTHCHECK").split("CMD ", 1)[1].replace("8000", port))
    assert program == "python"
    return subprocess.run([sys.executable, *arguments], capture_output=True).returncode == 0
