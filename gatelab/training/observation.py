"""Observations of an evaluation besides the losses: a generated text, and the gates. In numpy, whatever engine
trains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatelab.errors import GatelabError, NotFinite
from gatelab.gates import Saturation, saturation
from gatelab.generation import build_decoder, continuation
from gatelab.network import Network
from gatelab.specs.generation import Sampling
from gatelab.specs.job import RunSpec
from gatelab.text.windows import Data


@dataclass(frozen=True)
class Observation:
    """
    Attributes:
        sample: the text generated after the spec's prefix; None if the spec asks for none, or the model cannot
            generate.
        gates: for each layer, statistics of each gate on held-out text; None if the spec does not ask for them.
        fault: why the model cannot write, if that ends the run.
    """

    sample: str | None = None
    gates: Sequence[Mapping[str, Saturation]] | None = None
    fault: GatelabError | None = None


def observe(spec: RunSpec, data: Data, network: Network, step: int, *, sound: bool) -> Observation:
    """The observations that the spec asks for, after `step` optimizer steps.

    Args:
        sound: whether its numbers are finite, as far as known; if they are not, it generates nothing.
    """
    gates = saturation(network, data.validation) if spec.training.gate_statistics else None
    if not sound:
        return Observation(gates=gates)
    try:
        return Observation(sample(spec, data, network, step), gates)
    except NotFinite:  # the losses, which are kept, end the run
        return Observation(gates=gates)
    except GatelabError as error:
        return Observation(gates=gates, fault=error)


def sample(spec: RunSpec, data: Data, network: Network, step: int) -> str | None:
    """The model's continuation of the spec's prefix; None if the spec asks for no sample.

    Raises:
        NotFinite: the model's numbers are not.
    """
    how = spec.training.sample
    if how is None:
        return None
    sampling = Sampling(max_tokens=how.characters, temperature=how.temperature, seed=step)
    return continuation(build_decoder(network), data.tokenizer, how.prefix, sampling)
