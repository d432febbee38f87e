"""The same weights have the same score, however they were trained."""

from typing import Any

import numpy as np
import pytest
import torch

from gatelab.checkpoint import Checkpoint
from gatelab.gates import saturation
from gatelab.model import LanguageModel, model_of, network_of
from gatelab.specs import RunSpec
from gatelab.text import Corpus, Data, prepare
from gatelab.training import Pack, Trainer, train
from gatelab.training.engines import EngineName
from gatelab.training.engines.native import NativeEngine
from gatelab.training.engines.reference import TorchEngine
from gatelab.training.reference import evaluate
from tests.rounding import assert_rounded
from tests.training.members import member_of
from tests.training.runs import evaluations, spec_of

SIZES = [1, 4, 32, 63]
LSTM = {"cell": {"kind": "lstm", "hidden": 9}, "layers": 2}


def texts_of(spec: RunSpec, text: str) -> Data:
    """A validation and a test part that are each a little shorter than two streams."""
    return prepare(spec, Corpus("text", text[2000:90_003]))


@pytest.mark.parametrize("carry_state", [False, True], ids=["shuffled", "carried"])
def test_the_batch_size_changes_no_score(carry_state: bool, time_machine: str, seed: int) -> None:
    found: dict[int, list[Any]] = {}
    for batch_size in SIZES:
        spec = spec_of(LSTM, num_steps=32, batch_size=batch_size, carry_state=carry_state)
        data = texts_of(spec, time_machine)
        assert data.test is not None
        model = LanguageModel(spec.model, data.tokenizer.vocabulary)
        model.initialize(seed)
        engine = NativeEngine([member_of(model, spec.training)])
        scores = [engine.evaluate({0: part})[0] for part in (data.validation, data.test)]
        found[batch_size] = [*scores, saturation(network_of(model), data.validation)]
    assert all(scores == found[1] for scores in found.values())


def test_with_a_carried_state_the_window_changes_no_score_but_for_rounding(time_machine: str, seed: int) -> None:
    found = []
    for num_steps in (5, 32, 3000):
        spec = spec_of(LSTM, num_steps=num_steps, batch_size=3, carry_state=True)
        data = texts_of(spec, time_machine)
        model = LanguageModel(spec.model, data.tokenizer.vocabulary)
        model.initialize(seed)
        found.append(NativeEngine([member_of(model, spec.training)]).evaluate({0: data.validation})[0])
    assert_rounded(found, [found[0]] * 3, terms=1000, dtype=torch.float32)


def test_engines_agree_on_a_carried_text(time_machine: str, seed: int) -> None:
    spec = spec_of(LSTM, num_steps=32, batch_size=7, carry_state=True)
    data = texts_of(spec, time_machine)
    model = LanguageModel(spec.model, data.tokenizer.vocabulary)
    model.initialize(seed)
    torchs = TorchEngine([member_of(model, spec.training)]).evaluate({0: data.validation})[0]
    assert torchs == pytest.approx(evaluate(model, data.validation), rel=1e-12)
    natives = NativeEngine([member_of(model, spec.training)]).evaluate({0: data.validation})[0]
    assert_rounded(natives, torchs, terms=1000, dtype=torch.float32)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_packs_and_resumed_runs_measure_the_same_bits(engine: EngineName, time_machine: str) -> None:
    text = Corpus("text", time_machine[2000:30_003])
    fields: dict[str, Any] = {"num_steps": 64, "batch_size": 30, "carry_state": True, "epochs": 1, "sample": None}
    specs = [spec_of({"cell": {"kind": "gru", "hidden": 6}}, seed=seed, **fields) for seed in (1, 2)]
    alone = [evaluations(train(spec, text, engine=engine))[0] for spec in specs]
    members = {str(i): Trainer(spec, prepare(spec, text)) for i, spec in enumerate(specs)}
    together = evaluations(event for news in Pack(members, engine=engine) for _, event in news)  # type: ignore[misc]
    for mine, theirs in zip(together, alone, strict=True):
        assert (mine.validation_loss, mine.test_loss) == (theirs.validation_loss, theirs.test_loss)
    events = train(specs[0], text, engine=engine)
    for _ in range(5):
        event = next(events)
    halfway = Checkpoint.from_bytes(event.checkpoint().to_bytes())
    resumed = evaluations(train(specs[0], text, engine=engine, resume=halfway))[0]
    assert (resumed.validation_loss, resumed.test_loss) == (alone[0].validation_loss, alone[0].test_loss)


def test_streams_cost_little_of_what_one_stream_would_score(time_machine: str) -> None:
    spec = spec_of({"cell": {"kind": "gru", "hidden": 16}}, num_steps=32, batch_size=64, carry_state=True, epochs=2)
    spec = spec.model_copy(update={"training": spec.training.model_copy(update={"sample": None})})
    text = Corpus("text", time_machine[2000:])
    data = prepare(spec, text)
    model = model_of(evaluations(train(spec, text))[-1].checkpoint())
    windows = data.validation
    assert windows.per_batch > 1
    ends = np.append(np.arange(32, len(windows.ids) - 1, 32), len(windows.ids) - 1)
    one = type(windows)(windows.ids, ends - np.diff([0, *ends]), ends, 32, 1, carried=True)
    assert abs(evaluate(model, windows) - evaluate(model, one)) < 0.002
