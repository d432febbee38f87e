"""API keys."""

from gatelab.client.models.base import Answer


class ApiKey(Answer):
    """A key without its secret. Times are seconds since 1970."""

    id: str
    account: str
    name: str
    scope: str
    created_at: float
    revoked_at: float | None


class ApiKeys(Answer):
    data: list[ApiKey]


class NewKey(Answer):
    """A key just made; `secret` is what requests are sent with."""

    key: ApiKey
    secret: str
