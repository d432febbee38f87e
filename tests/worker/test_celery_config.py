"""The service and a worker use the same queue of the broker."""

from collections.abc import Callable
from typing import Any

import pytest

from gatelab.settings import Settings
from service.jobs import wakeups
from service.jobs.wakeups import sender_config
from worker import celery_config as worker_side
from worker.celery_config import celery_config

URLS = ["redis://host:6379/0", "rediss://host/1", "redis+socket:///run/broker.sock", "amqp://host//"]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("config_of", [celery_config, sender_config])
def test_celery_gets_the_broker_and_the_queue(url: str, config_of: Callable[[Settings], dict[str, Any]]) -> None:
    config = config_of(Settings.model_validate({"broker_url": url, "queue": "mine"}))
    assert (config["broker_url"], config["task_default_queue"]) == (url, "mine")
    assert config["accept_content"] == ["json"]


def test_a_message_is_acknowledged_before_its_run_ends() -> None:
    assert not celery_config(Settings())["task_acks_late"]


@pytest.mark.parametrize("config_of", [celery_config, sender_config])
def test_the_keepalive_of_tcp_is_not_asked_of_a_unix_socket(config_of: Callable[[Settings], dict[str, Any]]) -> None:
    by_url = {
        url: config_of(Settings.model_validate({"broker_url": url}))["broker_transport_options"]["socket_keepalive"]
        for url in ("redis://host/0", "redis+socket:///run/broker.sock")
    }
    assert by_url == {"redis://host/0": True, "redis+socket:///run/broker.sock": False}


@pytest.mark.parametrize("url", URLS)
def test_the_sender_says_nothing_that_a_worker_says_otherwise(url: str) -> None:
    settings = Settings.model_validate({"broker_url": url, "queue": "mine"})
    sent, taken = sender_config(settings), celery_config(settings)
    options = sent.pop("broker_transport_options")
    assert sent == {name: taken[name] for name in sent}
    assert options == {name: taken["broker_transport_options"][name] for name in options}
    assert wakeups.WAKE_TASK == worker_side.WAKE_TASK
