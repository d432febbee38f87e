"""The client's objects have a field for everything that the service answers, and no other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from gatelab.client import models
from gatelab.client.models import Answer
from tests.client.trained import DONE, TASK, Trained

ASKED = {"text": "the time", "influence": {"output": 3}}

ANSWERS: dict[str, tuple[type[Answer], Callable[[Trained], Any]]] = {
    "corpus": (models.Corpus, lambda trained: trained.raw("/v1/corpora/wells")),
    "list of corpora": (models.Page[models.Corpus], lambda trained: trained.raw("/v1/corpora")),
    "job": (models.Job, lambda trained: trained.job("mixed")),
    "plan": (models.Plan, lambda trained: trained.raw_post("/v1/jobs?dry_run=true", DONE)),
    "run": (models.Run, lambda trained: trained.run("done")),
    "run that failed": (models.Run, lambda trained: trained.run("mixed", 1)),
    "evaluations": (models.Page[models.MetricPoint], lambda trained: of_run(trained, "/metrics")),
    "samples": (models.Page[models.Sample], lambda trained: of_run(trained, "/samples")),
    "checkpoints": (models.Page[models.Checkpoint], lambda trained: of_run(trained, "/checkpoints")),
    "text": (models.Generation, lambda trained: of_run(trained, "/generate", {"prompt": "the ", "max_tokens": 3})),
    "scores": (models.Scores, lambda trained: of_run(trained, "/score", {"texts": ["the "]})),
    "completion": (models.Completion, lambda trained: trained.raw_post("/v1/completions", completion(trained))),
    "gates": (models.Gates, lambda trained: of_run(trained, "/gates", ASKED)),
    "recall": (models.Recall, lambda trained: of_run(trained, "/recall", {"task": TASK, "examples": 9}, "memory")),
}


@pytest.mark.parametrize("noun", ANSWERS)
def test_nothing_is_lost_and_nothing_made_up(noun: str, trained: Trained) -> None:
    model, ask = ANSWERS[noun]
    raw = ask(trained)
    fields = Fields()
    fields.note(model.model_validate(raw), raw)
    assert fields.of_client == fields.of_service


def of_run(trained: Trained, path: str, body: Any = None, job: str = "done") -> Any:
    address = f"/v1/runs/{trained.run(job)['id']}{path}"
    return trained.raw(address) if body is None else trained.raw_post(address, body)


def completion(trained: Trained) -> Any:
    return {"model": trained.run("done")["id"], "prompt": "the ", "max_tokens": 2, "echo": True, "logprobs": 2}


@dataclass
class Fields:
    """The paths of all fields that an answer of the service has, and that the client's object for it has."""

    of_client: set[str] = field(default_factory=set)
    of_service: set[str] = field(default_factory=set)

    def note(self, found: Any, raw: Any, path: str = "") -> None:
        if isinstance(found, Answer):
            known = type(found).model_fields
            self.of_client.update(f"{path}.{name}" for name in known)
            self.of_service.update(f"{path}.{name}" for name in raw)
            for name in known.keys() & raw.keys():
                self.note(getattr(found, name), raw[name], f"{path}.{name}")
        elif isinstance(found, list):
            for item, of_service in zip(found, raw, strict=True):
                self.note(item, of_service, f"{path}[]")
        elif isinstance(found, dict):
            for name, item in found.items():
                self.note(item, raw[name], f"{path}{{}}")
