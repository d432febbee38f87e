"""Gate statistics are measured after every epoch if the spec asks for them, and do not influence the training."""

import pytest

from gatelab.gates import saturation
from gatelab.network import Network
from gatelab.specs import RunSpec
from gatelab.text import Corpus, prepare
from gatelab.training import Evaluated, train
from gatelab.training.engines import Wanted
from tests.training.runs import corpus, evaluations, spec_of

MODEL: dict[str, object] = {"cell": {"kind": "gru", "hidden": 5}, "layers": 2}
LSTM: dict[str, object] = {"cell": {"kind": "lstm", "hidden": 5}}
RNN: dict[str, object] = {"cell": {"kind": "rnn", "hidden": 5}}


def spec(model: dict[str, object], **training: object) -> RunSpec:
    return spec_of(model, num_steps=7, batch_size=11, epochs=3, sample=None, **training)


@pytest.mark.parametrize("engine", ["native", "torch"])
@pytest.mark.parametrize(
    ("model", "gates"),
    [(MODEL, [["reset", "update"]] * 2), (LSTM, [["input", "forget", "output"]]), (RNN, [[]])],
    ids=["gru", "lstm", "rnn"],
)
def test_every_epoch_tells_what_the_gates_do(
    model: dict[str, object], gates: list[list[str]], engine: Wanted, time_machine: str
) -> None:
    asked, text = spec(model, gate_statistics=True), corpus(time_machine)
    windows = prepare(asked, text).validation
    told = []
    for event in train(asked, text, engine=engine):
        if isinstance(event, Evaluated):
            assert event.gates is not None
            assert [list(layer) for layer in event.gates] == gates
            assert event.gates == saturation(Network.of(event.checkpoint()), windows)
            told.append(event.gates)
    assert len(told) == 3
    assert not any(gates) or told[0] != told[1] != told[2], "they move while the network learns"


def test_who_does_not_ask_is_not_told_and_learns_the_same(time_machine: str) -> None:
    text: Corpus = corpus(time_machine)
    silent = evaluations(train(spec(MODEL), text))
    asked = evaluations(train(spec(MODEL, gate_statistics=True), text))
    assert [event.gates for event in silent] == [None] * 3
    assert all(event.gates for event in asked)
    for without, with_gates in zip(silent, asked, strict=True):
        assert without.validation_loss == with_gates.validation_loss
