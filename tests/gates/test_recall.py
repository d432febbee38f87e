"""A network's memory is measured only at the recall."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from gatelab.errors import InvalidRequest
from gatelab.gates import recall
from gatelab.model import LanguageModel, network_of
from gatelab.network import Network
from gatelab.specs import CharTokenizerSpec, CopySpec, GruSpec, ModelSpec, RecallSpec, RunSpec, SyntheticSpec, parse
from gatelab.text import Corpus, Tokenizer
from gatelab.text.memory_tasks import corpus_text, drawn_anew, line_length
from gatelab.text.tokenizers import train_tokenizer
from gatelab.training import Evaluated, train
from tests.randomized import assert_close, randomize

TASKS: list[SyntheticSpec] = [
    RecallSpec(kind="recall", lag=4, symbols=3, examples=100),
    CopySpec(kind="copy", lag=3, width=4, symbols=3, examples=100),
]


def tokenizer_of(task: SyntheticSpec) -> Tokenizer:
    return train_tokenizer(CharTokenizerSpec(kind="char"), corpus_text(task))


@pytest.mark.parametrize("task", TASKS, ids=["recall", "copy"])
def test_recall_is_judged_line_by_line(task: SyntheticSpec, random: np.random.Generator) -> None:
    tokenizer = tokenizer_of(task)
    model = LanguageModel(ModelSpec(cell=GruSpec(kind="gru", hidden=5)), tokenizer.vocabulary)
    randomize(model, random)
    right, loss = 0, 0.0
    for line in drawn_anew(task, 20):
        ids = torch.from_numpy(tokenizer.encode("\n" + line).ids)
        logits, _ = model(ids[:-1, None], model.initial_state(1))
        asked, found = ids[-task.shown :], logits[-task.shown :, 0]
        right += int((found.argmax(1) == asked).sum())
        loss += functional.cross_entropy(found, asked, reduction="sum").item()
    measured = recall(network_of(model), tokenizer, task, 20)
    assert measured.symbols == 20 * task.shown
    assert measured.chance == pytest.approx(1 / 3)
    assert measured.accuracy == right / measured.symbols
    assert_close(measured.loss, loss / measured.symbols)


def test_a_network_that_learned_the_task_remembers() -> None:
    task = TASKS[0]
    spec = parse(
        RunSpec,
        {
            "corpus": "x",
            "model": {"cell": {"kind": "gru", "hidden": 16, "gates": ["update"]}},
            "training": {
                "num_steps": line_length(task),
                "batch_size": 8,
                "epochs": 40,
                "optimizer": {"kind": "adam", "lr": 0.02},
                "sample": None,
            },
        },
    )
    events = [event for event in train(spec, Corpus("x", corpus_text(task))) if isinstance(event, Evaluated)]
    checkpoint = events[-1].checkpoint()
    found = recall(Network.of(checkpoint), checkpoint.tokenizer, task, 200)
    assert found.accuracy > 0.95
    assert found.loss < 0.3


def test_a_model_of_another_text_is_not_asked(random: np.random.Generator) -> None:
    tokenizer = train_tokenizer(CharTokenizerSpec(kind="char"), "something else")
    model = LanguageModel(ModelSpec(), tokenizer.vocabulary)
    with pytest.raises(InvalidRequest, match="vocabulary lacks"):
        recall(network_of(model), tokenizer, TASKS[0], 1)
