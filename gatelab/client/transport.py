"""HTTP to one service, with every fault as a `ClientError`.

httpx2 is imported with the first client, since `from gatelab import Gatelab` takes half as long without it.
"""

from __future__ import annotations

import ipaddress
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from gatelab.client.credentials import local_key
from gatelab.client.errors import ApiError, ConnectionFailed, UnexpectedAnswer
from gatelab.errors import InvalidRequest

if TYPE_CHECKING:
    import httpx2

RETRY_PAUSES = (0.2, 0.6)
"""Seconds before the second and the third attempt of a request that may be repeated and whose connection failed."""

Model = TypeVar("Model", bound=BaseModel)


class Transport:
    """Requests to the service at `url`, with at most `timeout` seconds of silence."""

    def __init__(self, url: str, timeout: float, key: str | None = None) -> None:
        import httpx2

        self.url = url.rstrip("/")
        self.timeout = timeout
        with self._faults():
            base = httpx2.URL(self.url)
            # A proxy from the environment cannot reach the services of this machine.
            local = _is_loopback(base.host)
            key = _key(key or os.environ.get("GATELAB_API_KEY")) or (local_key(base.port or 80) if local else None)
            headers = {"Authorization": f"Bearer {key}"} if key else None
            # Loading the certificates of authorities, which only https needs, would take 22 to 35 ms.
            verified = base.scheme == "https" or not local
            self._client = httpx2.Client(
                base_url=base, timeout=timeout, trust_env=not local, headers=headers, verify=verified
            )

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, model: type[Model], params: Mapping[str, Any] | None = None) -> Model:
        return self._read(self._get(path, params), model)

    def get_bytes(self, path: str, params: Mapping[str, Any] | None = None) -> bytes:
        return self._get(path, params).content

    def post(
        self, path: str, model: type[Model], body: object = None, params: Mapping[str, Any] | None = None
    ) -> Model:
        return self._read(self._send("POST", path, params=params, **_json(body)), model)

    def post_bytes(self, path: str, body: object) -> bytes:
        return self._send("POST", path, **_json(body)).content

    def post_once(self, path: str, model: type[Model], body: object, idempotency_key: str) -> Model:
        """A POST that is sent again if its connection is lost: the service recognises it by the key."""
        arguments = _json(body)
        arguments["headers"] = {**arguments["headers"], "Idempotency-Key": idempotency_key}
        return self._read(self._persist("POST", path, **arguments), model)

    def delete(self, path: str) -> None:
        self._send("DELETE", path)

    @contextmanager
    def events(
        self, path: str, *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Iterator[httpx2.ServerSentEvent]]:
        """The server-sent events of `path`, requested with POST if there is a body."""
        method, arguments = ("GET", {"headers": headers}) if body is None else ("POST", _json(body))
        with self._faults(), self._client.sse(path, method=method, **arguments) as source:
            if source.response.is_error:
                source.response.read()
            self._check(source.response)
            yield iter(source)

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> httpx2.Response:
        return self._persist("GET", path, params=params)

    def _persist(self, method: str, path: str, **arguments: Any) -> httpx2.Response:
        """Send a request that may be repeated, and repeat it if the connection fails."""
        import httpx2

        for pause in RETRY_PAUSES:
            try:
                return self._send(method, path, **arguments)
            except ConnectionFailed as error:
                if not isinstance(error.__cause__, httpx2.NetworkError | httpx2.RemoteProtocolError):
                    raise
                time.sleep(pause)
        return self._send(method, path, **arguments)

    def _send(self, method: str, path: str, **arguments: Any) -> httpx2.Response:
        with self._faults():
            response = self._client.request(method, path, **arguments)
        self._check(response)
        return response

    def _check(self, response: httpx2.Response) -> None:
        """
        Raises:
            ApiError: the answer is a refusal.
            UnexpectedAnswer: it is a redirect, which Gatelab never sends.
        """
        if response.is_error:
            try:
                document = response.json()
            except ValueError:
                document = None
            raise ApiError.from_problem(document, response.status_code)
        if not response.is_success:
            raise UnexpectedAnswer(f"{self.url} does not answer like Gatelab: HTTP status {response.status_code}")

    def _read(self, response: httpx2.Response, model: type[Model]) -> Model:
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            where = ".".join(map(str, fault["loc"])) or response.headers.get("content-type", "no content type")
            raise UnexpectedAnswer(f"{self.url} does not answer like Gatelab: {where}: {fault['msg']}") from None

    @contextmanager
    def _faults(self) -> Iterator[None]:
        import httpx2

        try:
            yield
        except UnicodeEncodeError as error:
            raise InvalidRequest.at("", f"cannot be sent: {error.object!r} is not valid Unicode") from None
        except httpx2.SSEError as error:
            raise UnexpectedAnswer(f"{self.url} does not answer like Gatelab: {error}") from error
        except httpx2.TimeoutException as error:
            raise ConnectionFailed(f"no answer from {self.url} within {self.timeout:g} s") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ConnectionFailed(
                f"cannot reach Gatelab at {self.url} ({error or type(error).__name__}); "
                "start it with `gatelab up`, or name its address with --url or GATELAB_URL"
            ) from error


def _key(given: str | None) -> str | None:
    """The key without white space that a file or a shell adds.

    Raises:
        InvalidRequest: no HTTP header can hold it. The message does not show it.
    """
    key = (given or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise InvalidRequest.at(
            "", "the API key (GATELAB_API_KEY) must consist of printable ASCII characters on one line"
        )
    return key or None


def _json(body: object) -> dict[str, Any]:
    """
    Raises:
        InvalidRequest: `body` holds what JSON cannot: NaN, infinity, a lone surrogate.
    """
    if body is None:
        return {}
    try:
        content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError) as error:
        raise InvalidRequest.at("", f"cannot be sent as JSON: {error}") from None
    return {"content": content, "headers": {"Content-Type": "application/json"}}


def read_data(message: httpx2.ServerSentEvent) -> dict[str, Any]:
    """The JSON object that an event carries.

    Raises:
        UnexpectedAnswer: it carries something else.
    """
    try:
        data = json.loads(message.data)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise UnexpectedAnswer(f"the event {message.event!r} is not a JSON object: {message.data[:80]!r}")
    return data


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
