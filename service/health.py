"""/healthz and /readyz, for monitoring."""

from typing import Literal

from fastapi import Response

from gatelab.errors import Unavailable
from gatelab.machine import disk_obstacle
from gatelab.store.migrate import pending
from gatelab.wire.base import Wire
from service.context import Service
from service.json_answers import said
from service.routing import OpenRouter

router = OpenRouter(tags=["health"])


class Health(Wire):
    status: Literal["ok"] = "ok"


@router.get("/healthz", response_model=Health)
async def healthz() -> Response:
    """Check that the process answers."""
    return said(Health())


@router.get("/readyz")
def readyz(service: Service) -> Health:
    """Check that the database answers, has the tables of this version, and has room on its disk (else 503).

    A broker that is away only costs latency.
    """
    if pending(service.store.database):
        raise Unavailable("the database's tables are not those of this version: run `python -m gatelab.store.migrate`")
    if obstacle := disk_obstacle(service.settings.data_dir):
        raise Unavailable(obstacle)
    return Health()
