"""Answers to requests that are refused before a route is found for them."""

from starlette.types import ASGIApp

from gatelab.errors import GatelabError
from service.openai.errors import answer as openai_answer
from service.problems import details, headers_of, response


def refusal(path: str, error: GatelabError) -> ASGIApp:
    """The answer to a refused request, in the shape that its route would use."""
    if path.startswith(("/v1/completions", "/v1/models")) or "/openai/" in path:
        return openai_answer(error)
    problem = details(error)
    return response(problem, headers_of(problem.status))
