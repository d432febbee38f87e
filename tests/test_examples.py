"""Every example is a valid job with the number of runs that its page names."""

import itertools
from pathlib import Path

import pytest

from gatelab.client import specfile
from gatelab.costs import parameters
from gatelab.specs import JobSpec, Limits, ModelSpec
from gatelab.sweeps import expand
from gatelab.text.token_counts import Extent
from gatelab.text.windows import check_length

FOLDER = Path(__file__).parent.parent / "examples"

RUNS = {
    "bfloat16": 2 * 2 * 5,
    "cell-zoo": 30 * 4 * 2,
    "cell-zoo-recall": 30 * 3,
    "forget-bias": 2 * 5,
    "gate-ablation": 6 * 20,
    "gate-ablation-rates": 6 * 5 * 20,
    "gru-grid": 5 * 5 * 4,
    "gru-scratch": 20,
    "memory": 5 * 5,
    "rnn-vs-gru": 3 * 2 * 20,
    "rnn-vs-gru-equal-parameters": 3 * 2 * 20,
    "tiny-shakespeare": 1,
    "tiny-shakespeare-1-minute": 1,
    "tiny-shakespeare-5-minutes": 1,
}
BOOK_TOKENS, VOCABULARY = 173_428, 29
"""The Time Machine with `letters`: 26 letters, the space, <unk> and <bos>."""


def load(name: str) -> JobSpec:
    return specfile.load(FOLDER / f"{name}.yaml")


def test_these_are_all() -> None:
    assert {file.stem for file in FOLDER.glob("*.yaml")} == set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_an_example_expands_within_the_default_limits(name: str) -> None:
    spec, limits = load(name), Limits()
    runs = expand(spec, limits.runs_per_job)
    assert len(runs) == RUNS[name]
    assert spec.name == name
    assert len({run.model_dump_json() for run in runs}) == len(runs), "no run is asked for twice"
    for run in runs:
        limits.check(run)
        check_length(run, Extent(BOOK_TOKENS, VOCABULARY))


def test_equal_parameters_are_as_near_as_hidden_units_allow() -> None:
    """One hidden unit more or less would be further from the GRU."""
    models: dict[str, ModelSpec] = {
        run.model.cell.kind: run.model for run in expand(load("rnn-vs-gru-equal-parameters"), 1000)
    }
    target = parameters(models["gru"], VOCABULARY)
    found = {kind: parameters(model, VOCABULARY) for kind, model in models.items()}
    assert found == {"rnn": 6991, "gru": 6941, "lstm": 6968}, "as the example says"
    for kind, change in itertools.product(("rnn", "lstm"), (-1, 1)):
        cell = models[kind].cell
        other = models[kind].model_copy(update={"cell": cell.model_copy(update={"hidden": cell.hidden + change})})
        assert abs(parameters(other, VOCABULARY) - target) > abs(found[kind] - target)


def test_the_ablations_differ_by_their_rates_alone() -> None:
    book, rates = load("gate-ablation"), load("gate-ablation-rates")
    assert rates.base() == book.base()
    assert {run.model_dump_json() for run in expand(book.model_copy(update={"repeats": rates.repeats}), 1000)} < {
        run.model_dump_json() for run in expand(rates, 1000)
    }
