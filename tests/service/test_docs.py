"""/docs works without an internet connection; /openapi.json describes all requests and refusals."""

from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest

from gatelab.specs import JobSpec
from service.problems import MEDIA_TYPE, ProblemDetails
from tests.service.conftest import Trained
from tests.service.installation import SERVER, SPEC, Installation


class Assets(HTMLParser):
    """The addresses that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


@pytest.fixture(scope="module")
def openapi(trained: Trained) -> Any:
    return trained.service.get("/openapi.json")


def operations(openapi: Any) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    }


@pytest.mark.filterwarnings("ignore:open_binary is deprecated:DeprecationWarning")  # by the bundled assets' package
def test_the_page_loads_everything_from_the_service(trained: Trained) -> None:
    client = trained.service.client
    page = client.get("/docs")
    assets = Assets()
    assets.feed(page.text)
    assert len(assets.found) >= 3
    for address in assets.found:
        assert address.startswith((SERVER, "/")), f"{address} is somewhere else"
        assert client.get(address).status_code == 200
        assert client.get(address).content
    assert "url: '/openapi.json'" in page.text
    elsewhere = page.text.replace(SERVER, "")
    assert "//" not in elsewhere.replace("<!-- `SwaggerUIBundle` is now available on the page -->", "")


def test_the_wire_is_documented(openapi: Any) -> None:
    assert openapi["openapi"].startswith("3.1")
    assert set(operations(openapi)) >= {
        "POST /v1/corpora",
        "GET /v1/corpora",
        "GET /v1/corpora/{corpus}",
        "DELETE /v1/corpora/{corpus}",
        "POST /v1/jobs",
        "GET /v1/jobs",
        "GET /v1/jobs/{job}",
        "DELETE /v1/jobs/{job}",
        "POST /v1/jobs/{job}/cancel",
        "POST /v1/jobs/{job}/pause",
        "POST /v1/jobs/{job}/resume",
        "GET /v1/jobs/{job}/events",
        "GET /v1/runs",
        "GET /v1/runs/{run}",
        "GET /v1/runs/{run}/metrics",
        "GET /v1/runs/{run}/samples",
        "GET /v1/runs/{run}/checkpoints",
        "GET /v1/runs/{run}/checkpoints/{step}",
        "POST /v1/runs/{run}/generate",
        "POST /v1/runs/{run}/gates",
        "POST /v1/runs/{run}/recall",
        "GET /healthz",
        "GET /readyz",
    }


def test_every_operation_says_what_it_does_and_how_it_refuses(openapi: Any, trained: Trained) -> None:
    refusal = trained.service.client.get("/v1/jobs/nothing").json()
    openai_refusal = trained.service.client.get("/v1/models/nothing").json()
    for name, operation in operations(openapi).items():
        assert operation["operationId"], name
        for status in ("4XX", "5XX"):
            contents = dict(operation["responses"][status]["content"])
            if operation["tags"] == ["OpenAI"]:
                jsonschema.validate(openai_refusal, contents.pop("application/json")["schema"])
            [(media_type, content)] = contents.items()
            assert media_type == MEDIA_TYPE
            assert set(content["schema"]["properties"]) == set(ProblemDetails.model_fields)
            jsonschema.validate(refusal, content["schema"])


def test_every_reference_leads_somewhere(openapi: Any) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return here + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    found = set(references(openapi))
    assert found
    for reference in found:
        node = openapi
        assert reference.startswith("#/")
        for key in reference.removeprefix("#/").split("/"):
            node = node[key]


def test_every_schema_is_a_schema_and_tells_specs_apart(openapi: Any) -> None:
    for schema in openapi["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    job = {"$ref": "#/components/schemas/JobSpec", "components": openapi["components"]}
    validator = jsonschema.Draft202012Validator(job)
    assert validator.is_valid(SPEC)
    assert validator.is_valid(JobSpec.model_validate(SPEC).model_dump(mode="json"))
    assert not validator.is_valid(SPEC | {"epochs": 3})


def test_answers_are_as_the_schema_says(openapi: Any, trained: Trained) -> None:
    paths = {"/v1/jobs/{job}": f"/v1/jobs/{trained.job}"}
    paths |= {f"/v1/runs/{{run}}{end}": trained.path(end) for end in ("", "/metrics", "/samples", "/checkpoints")}
    for template, path in paths.items():
        content = openapi["paths"][template]["get"]["responses"]["200"]["content"]
        schema = content["application/json"]["schema"] | {"components": openapi["components"]}
        jsonschema.Draft202012Validator(schema).validate(trained.service.get(path))


def test_the_schema_of_two_services_is_the_same(openapi: Any, service: Installation) -> None:
    assert service.get("/openapi.json") == openapi
