"""Gates that are held at a value."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from gatelab.errors import InvalidRequest, Problem
from gatelab.network import Array, GateOverride, Layer
from gatelab.specs.gates import ClampSpec


@dataclass(frozen=True)
class _Hold:
    """The effect of one clamp on an activation. A later clamp has a higher `number`."""

    number: int
    value: float
    units: Sequence[int] | None

    def __call__(self, activation: Array) -> Array:
        return np.where(self.held(activation.shape[-1]), np.asarray(self.value, activation.dtype), activation)

    def held(self, hidden: int) -> Array:
        """(hidden,) whether the clamp holds each unit."""
        chosen = np.full(hidden, self.units is None)
        chosen[list(self.units or ())] = True
        return chosen


@dataclass
class _Gate:
    """The clamps of one gate of one layer: those of all steps, and those of some."""

    always: list[_Hold] = field(default_factory=list)
    at: defaultdict[int, list[_Hold]] = field(default_factory=lambda: defaultdict(list))

    def holds(self, step: int) -> list[_Hold]:
        return sorted(chain(self.always, self.at.get(step, ())), key=lambda hold: hold.number)

    def override(self, step: int) -> Callable[[Array], Array] | None:
        holds = self.holds(step)
        if not holds:
            return None

        def apply(activation: Array) -> Array:
            for hold in holds:
                activation = hold(activation)
            return activation

        return apply


class Clamps:
    """Which gates of which layers are held at what value, and when. Where clamps overlap, the later one holds.

    Args:
        clamps: the requested clamps.
        layers: the layers of the network.
        steps: the number of steps that are read; `<bos>` is step 0.

    Raises:
        InvalidRequest: naming every gate, step, layer and unit that does not exist, and those that do.
    """

    def __init__(self, clamps: Sequence[ClampSpec], layers: Sequence[Layer], steps: int) -> None:
        if wrong := list(_faults(clamps, layers, steps)):
            raise InvalidRequest(wrong)
        self._hidden, self._gates = [layer.hidden for layer in layers], dict[tuple[int, str], _Gate]()
        for number, clamp in enumerate(clamps):
            hold = _Hold(number, clamp.value, clamp.units)
            for layer in range(len(layers)) if clamp.layer is None else [clamp.layer]:
                gate = self._gates.setdefault((layer, clamp.gate), _Gate())
                if clamp.at is None:
                    gate.always.append(hold)
                for step in clamp.at or ():
                    gate.at[step].append(hold)

    def at(self, step: int, layer: int) -> dict[str, Callable[[Array], Array]]:
        """The overrides of this layer's gates in this step."""
        overrides = ((name, gate.override(step)) for (of_layer, name), gate in self._gates.items() if of_layer == layer)
        return {name: override for name, override in overrides if override is not None}

    def held(self, step: int, layer: int) -> dict[str, Array]:
        """For each gate of this layer that is held in this step, (hidden,) whether each unit is held."""
        found = {}
        for (of_layer, name), gate in self._gates.items():
            if of_layer == layer and (holds := gate.holds(step)):
                found[name] = np.logical_or.reduce([hold.held(self._hidden[layer]) for hold in holds])
        return found


def recording(
    gates: Iterable[str], overrides: GateOverride, seen: Callable[[str, Array], None]
) -> dict[str, Callable[[Array], Array]]:
    """Overrides that report every activation of these gates as it is used, after `overrides`."""

    def record(name: str) -> Callable[[Array], Array]:
        override = overrides.get(name)

        def show(activation: Array) -> Array:
            used = activation if override is None else override(activation)
            seen(name, used)
            return used

        return show

    return {name: record(name) for name in gates}


def _faults(clamps: Sequence[ClampSpec], layers: Sequence[Layer], steps: int) -> Iterator[Problem]:
    gates = layers[0].gates
    for number, clamp in enumerate(clamps):
        path = f"clamp.{number}"
        if clamp.gate not in gates:
            there = f"its gates are {', '.join(gates)}" if gates else "it has no gates"
            yield Problem(f"{path}.gate", f"the run's cell has no gate {clamp.gate!r}; {there}")
        if clamp.layer is not None and clamp.layer >= len(layers):
            yield Problem(f"{path}.layer", f"must be from 0 to {len(layers) - 1} (got {clamp.layer})")
        of_layer = None if clamp.layer is None or clamp.layer >= len(layers) else [clamp.layer]
        yield from out_of_range(f"{path}.units", clamp.units, fewest_units(layers, of_layer))
        yield from out_of_range(f"{path}.at", clamp.at, steps)


def fewest_units(layers: Sequence[Layer], numbers: Iterable[int] | None = None) -> int:
    """The units of the smallest of these layers (by default of all), since named units must exist in each of them."""
    return min(layers[number].hidden for number in (range(len(layers)) if numbers is None else numbers))


def out_of_range(path: str, numbers: Iterable[int] | None, count: int) -> Iterator[Problem]:
    """The first of `numbers` that is not under `count`, if there is one."""
    for index, number in enumerate(numbers or ()):
        if number >= count:
            yield Problem(f"{path}.{index}", f"must be from 0 to {count - 1} (got {number})")
            return
