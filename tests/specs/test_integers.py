import pytest

from gatelab.specs.integers import LARGEST, read_count


@pytest.mark.parametrize("number", [0, 7, LARGEST])
def test_a_number_is_read(number: int) -> None:
    assert read_count(str(number)) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "1_0", " 1", "1.0", "²", "٣", "x", str(LARGEST + 1), "9" * 5000])
def test_what_is_no_number_within_bounds_is_none(text: str) -> None:
    assert read_count(text) is None
