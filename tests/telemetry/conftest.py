from tests.service.conftest import http, service, trained

__all__ = ["http", "service", "trained"]
