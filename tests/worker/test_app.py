"""The Celery application, and the flag that its processes share."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Consumer, Message, Queue
from pydantic import SecretStr

from gatelab.settings import Settings
from tests.faults.servers import Broker
from tests.waiting import PATIENCE
from worker.celery_config import celery_config

SHOW = """
import json
from worker.app import app, wake
names = ("broker_url", "task_default_queue", "accept_content", "task_acks_late", "worker_concurrency")
print(json.dumps({name: app.conf[name] for name in names} | {"task": wake.name, "serializer": wake.serializer}))
"""

CROSS_FORK = """
import os, time
from worker.stop_flag import STOP
assert not STOP
child = os.fork()
if child == 0:
    while not STOP:
        time.sleep(0.01)
    os._exit(7)
STOP.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def output(code: str, folder: Path, **environment: str) -> str:
    """The output of Python in a process of its own."""
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_application_is_configured_by_the_environment(tmp_path: Path) -> None:
    found = json.loads(output(SHOW, tmp_path, GATELAB_BROKER_URL="redis://somewhere/7", GATELAB_QUEUE="mine"))
    assert found == {
        "broker_url": "redis://somewhere/7",
        "task_default_queue": "mine",
        "accept_content": ["json"],
        "task_acks_late": False,
        "worker_concurrency": 1,
        "task": "gatelab.wake",
        "serializer": "json",
    }


def test_a_parent_s_flag_is_seen_by_its_children(tmp_path: Path) -> None:
    assert output(CROSS_FORK, tmp_path).strip() == "7"


@pytest.fixture
def config() -> dict[str, Any]:
    return celery_config(Settings(broker_url=SecretStr("redis://127.0.0.1:6379/0")))


def test_messages_are_hints(config: dict[str, Any]) -> None:
    """Tasks are acknowledged early, have no results and are never retried, since the database knows the work."""
    assert (config["task_acks_late"], config["task_ignore_result"], config["task_publish_retry"]) == (
        False,
        True,
        False,
    )


def test_messages_are_json_and_nothing_else(config: dict[str, Any]) -> None:
    assert (config["task_serializer"], config["accept_content"]) == ("json", ["json"])


def test_a_worker_has_one_child_that_takes_one_message_at_a_time(config: dict[str, Any]) -> None:
    names = ("worker_pool", "worker_concurrency", "worker_prefetch_multiplier")
    assert [config[name] for name in names] == ["prefork", 1, 1]


def test_taking_a_message_needs_no_broker(tmp_path: Path) -> None:
    """A worker that kept its only message until the broker had the acknowledgement would stop listening if it died."""
    broker = Broker(tmp_path)
    broker.start()
    try:
        options = celery_config(Settings(broker_url=SecretStr(broker.url)))["broker_transport_options"]
        with Connection(broker.url, transport_options=options) as connection:
            queue, taken = Queue("hints"), list[Message]()
            connection.Producer().publish({}, routing_key=queue.name)
            channel: Any = connection.channel()
            Consumer(channel, [queue], on_message=taken.append, prefetch_count=1).consume()
            connection.drain_events(timeout=PATIENCE)
            assert not channel.qos.can_consume()
            broker.kill()
            taken[0].ack()
            assert channel.qos.can_consume()
    finally:
        broker.stop()


def test_nobody_can_steer_a_worker_over_the_broker(config: dict[str, Any]) -> None:
    assert (config["worker_enable_remote_control"], config["worker_send_task_events"]) == (False, False)


def test_no_socket_is_waited_for_without_end(config: dict[str, Any]) -> None:
    options = config["broker_transport_options"]
    assert 0 < options["socket_connect_timeout"] <= 5
    assert 0 < options["socket_timeout"] <= 5
    assert 0 < config["broker_connection_timeout"] <= 5
