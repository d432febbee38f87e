"""A run that begins from another run's checkpoint, without changes, is the same run, on any engine."""

from typing import Any

import numpy as np
import pytest

from gatelab.checkpoint import Checkpoint
from gatelab.errors import InvalidSpec
from gatelab.specs import RunSpec, parse
from gatelab.specs.warm_start import StartSpec
from gatelab.text import Corpus, prepare
from gatelab.text.vocabulary_growth import grown
from gatelab.training import Evaluated, Started, train
from gatelab.warm_start import Origin, begin
from tests.training.runs import corpus, recorded, spec_of
from tests.training.test_resume import same_bits
from tests.training.test_stopping import MODEL, SMALL, course


def starting(spec: RunSpec, what: str = "weights", **training: Any) -> RunSpec:
    """`spec` as a run that starts from step 1 of another, with some of its training fields changed."""
    fields = spec.model_dump(mode="json")
    fields["training"] |= training
    return parse(RunSpec, fields | {"start": {"run": "run-a", "checkpoint": 1, "what": what}})


def trained(spec: RunSpec, text: Corpus) -> list[Checkpoint]:
    return [checkpoint for _, checkpoint in recorded(train(spec, text, engine="torch"))]


@pytest.mark.parametrize("engine", ["torch", "native"])
@pytest.mark.parametrize("name", ["warm-cosine", "plateau", "one-cycle"])
def test_a_fork_without_an_edit_is_the_run_itself(
    name: str, engine: Any, time_machine: str, random: np.random.Generator
) -> None:
    text, spec = corpus(time_machine), course(name)
    whole = recorded(train(spec, text, engine=engine))
    last = whole[-1][0].position.step
    # After the last step, nothing is left to train, so a fork there is refused, as below.
    at = int(random.choice([i for i, (event, _) in enumerate(whole) if event.position.step < last]))
    origin = Origin(Checkpoint.from_bytes(whole[at][1].to_bytes()))
    fork = recorded(train(starting(spec, "everything"), text, engine=engine, start=origin))[1:]
    assert [event for event, _ in fork] == [event for event, _ in whole[at + 1 :]], f"forked at event {at}"
    mine, theirs = fork[-1][1], whole[-1][1]
    same_bits(Checkpoint(theirs.spec, *list(vars(mine).values())[1:]), theirs)


@pytest.mark.parametrize("engine", ["torch", "native"])
def test_more_epochs_are_the_run_that_had_them_from_the_start(engine: Any, time_machine: str) -> None:
    text, short = corpus(time_machine), spec_of(MODEL | {"dropout": 0.2}, **(SMALL | {"epochs": 2}))
    source = recorded(train(short, text, engine=engine))[-1][1]
    longer = starting(short, "everything", epochs=4)
    fork = recorded(train(longer, text, engine=engine, start=Origin(source)))[-1]
    whole = recorded(train(spec_of(MODEL | {"dropout": 0.2}, **(SMALL | {"epochs": 4})), text, engine=engine))[-1]
    assert fork[0] == whole[0]
    same_bits(Checkpoint(whole[1].spec, *list(vars(fork[1]).values())[1:]), whole[1])


def test_weights_alone_begin_a_run_of_its_own(time_machine: str) -> None:
    text, spec = corpus(time_machine), course("decay")
    last = trained(spec, text)[-1]
    started, *_, evaluated = train(starting(spec), text, engine="torch", start=Origin(last))
    assert isinstance(started, Started)
    assert isinstance(evaluated, Evaluated)
    first = started.position
    assert (first.step, first.epoch, first.standing) == (0, 0, type(first.standing)())
    assert evaluated.position.step > 0


def test_a_fork_may_change_the_rate_and_go_on_for_longer(time_machine: str) -> None:
    text, spec = corpus(time_machine), course("decay")
    last = trained(spec, text)[-1]
    optimizer = {"kind": "adamw", "lr": 0.001}
    changed = starting(spec, "everything", epochs=last.position.epoch + 2, optimizer=optimizer, stop={})
    *_, evaluated = train(changed, text, engine="torch", start=Origin(last))
    assert isinstance(evaluated, Evaluated)
    assert evaluated.position.epoch == last.position.epoch + 2
    assert evaluated.learning_rate == 0.001


@pytest.mark.parametrize("what", ["weights", "everything"])
@pytest.mark.parametrize("given", ["one_hot", {"embedding": 4}])
def test_an_alphabet_grows_behind_the_old_one(what: str, given: object, time_machine: str) -> None:
    fields = course("warm-cosine").model_dump(mode="json")
    fields["model"]["input"] = given
    spec, text = parse(RunSpec, fields), corpus(time_machine)
    source = trained(spec, text)[-4]
    other = Corpus("other", "Ω — " + text.text[::-1] + " 你好 ☃")
    fork = starting(spec, what, epochs=9)
    data = prepare(fork, other, grown(source.tokenizer, other))
    old, new = source.tokenizer.vocabulary, data.tokenizer.vocabulary
    assert new > old
    same = source.tokenizer.encode(text.text).ids
    assert np.array_equal(data.tokenizer.encode(text.text).ids, same)
    assert data.tokenizer.decode(data.tokenizer.encode(other.text).ids) == other.text
    found = begin(fork, data.tokenizer, Origin(source, same_text=False))
    for name, before in source.weights.items():
        after = found.weights[name]
        assert np.array_equal(after[tuple(slice(0, n) for n in before.shape)], before), name
        assert after.shape == tuple(new if n == old else n for n in before.shape), name
    rows = found.weights["embedding" if given != "one_hot" else "cells.0.W_z"]
    assert rows[old:].any(axis=1).all(), "new characters have initial values"
    assert found.position.batch == 0
    assert found.position.step == (source.position.step if what == "everything" else 0)
    for engine in ("torch", "native"):
        *_, last = train(fork, other, engine=engine, start=Origin(source, same_text=False))
        assert isinstance(last, Evaluated)
        assert np.isfinite(last.validation_loss)


def test_other_text_begins_an_epoch(time_machine: str) -> None:
    spec, text = course("one-cycle"), corpus(time_machine)
    source = next(each for each in trained(spec, text) if each.position.batch > 1)
    fork = starting(spec, "everything")
    assert source.carried != ()
    assert begin(fork, source.tokenizer, Origin(source)).position == source.position
    other = begin(fork, source.tokenizer, Origin(source, same_text=False))
    assert (other.position.batch, other.position.step, other.carried) == (0, source.position.step, ())


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"model": {"layers": 2}}, "model.layers"),
        ({"model": {"cell": {"kind": "gru", "hidden": 6}}}, "model.cell"),
        ({"tokenizer": {"kind": "byte"}}, "tokenizer"),
        ({"training": {"optimizer": {"kind": "adam"}}}, "training.optimizer.kind"),
        ({"training": {"epochs": 1}}, "training.epochs"),
        ({"training": {"stop": {"max_steps": 3}}}, "training.stop.max_steps"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], path: str, time_machine: str) -> None:
    spec, text = course("decay"), corpus(time_machine)
    source = trained(spec, text)[-1]
    fields = spec.model_copy(update={"start": StartSpec(run="r", checkpoint=1, what="everything")}).model_dump()
    fields["training"] |= {"epochs": 20}
    for part, changed in change.items():
        fields[part] = (fields[part] | changed) if part != "tokenizer" else changed
    with pytest.raises(InvalidSpec) as refused:
        begin(parse(RunSpec, fields), source.tokenizer, Origin(source))
    assert [problem.path for problem in refused.value.problems] == [path]
