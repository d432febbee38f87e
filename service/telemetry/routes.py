"""/metrics, for Prometheus."""

from fastapi import Response

from service.context import Service
from service.routing import Router
from service.telemetry.exposition import MEDIA_TYPE, exposition

router = Router(tags=["metrics"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(service: Service) -> Response:
    """Metrics in the text format of Prometheus. Their labels name no run, job, corpus or client."""
    return Response(exposition(service.instruments), media_type=MEDIA_TYPE)
