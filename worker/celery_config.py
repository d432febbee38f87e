"""Celery's configuration for a worker. Data only: importing this imports no Celery.

The service sends wake-ups with its own configuration (`service/jobs/wakeups.py`), since neither imports the other; a
test compares the two.
"""

from typing import Any

from gatelab.settings import Settings

WAKE_TASK = "gatelab.wake"
"""The task that makes a worker check the database. The service sends it by this name."""


def celery_config(settings: Settings) -> dict[str, Any]:
    """The configuration of a worker at the broker that `settings` name.

    Tasks are acknowledged early and have no results: the database, not the broker, knows the work.
    """
    url = settings.broker_url.get_secret_value()
    redis_options = {
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": not url.startswith("redis+socket"),
        "health_check_interval": 10,
        # Redis does not record what a worker has taken. If it did, a worker whose Redis is away at that moment would
        # never be rid of its one message, and never take another, though Redis came back.
        "ack_emulation": False,
    }
    return {
        "broker_url": url,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 2,
        "broker_transport_options": redis_options if url.startswith("redis") else {"write_timeout": 5},
        "task_default_queue": settings.queue,
        "task_acks_late": False,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_publish_retry": False,
        "worker_prefetch_multiplier": 1,
        "worker_pool": "prefork",
        "worker_concurrency": 1,
        "worker_soft_shutdown_timeout": 15,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,
        "enable_utc": True,
    }
