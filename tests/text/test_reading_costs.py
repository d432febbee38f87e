"""A run reads what was predicted from numbers alone."""

from hypothesis import given

from gatelab.specs import RunSpec
from gatelab.text import Windows, prepare
from gatelab.text.reading_costs import Part, reading
from gatelab.text.token_counts import Extent
from tests.randomized import examples
from tests.text.test_windows import numbers, runs


def part(windows: Windows) -> Part:
    batches = list(windows)
    widest = max(b.inputs.shape[1] for b in batches)
    return Part(sum(b.tokens for b in batches), len(batches), widest, windows.num_steps)


@examples(400)
@given(run=runs("default", "carried", "numbered"))
def test_it_is_what_is_read(run: tuple[RunSpec, int]) -> None:
    spec, tokens = run
    data = prepare(spec, numbers(tokens))
    expected = reading(spec, Extent(tokens, data.tokenizer.vocabulary))
    assert part(data.train) == expected.train
    assert part(data.validation) == expected.validation
    assert (part(data.test) if data.test else None) == expected.test
