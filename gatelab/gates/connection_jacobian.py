"""The exact derivative of the connections between layers: see `gatelab.gates.influence`."""

from dataclasses import dataclass

from gatelab.network import Array, Network


@dataclass(frozen=True)
class Passed:
    """The values that pass through a layer in a step, (1, width) each.

    Attributes:
        below: the output of the layer below, or the input of the network.
        read: the input of the layer's cell.
        output: the output of its cell.
    """

    below: Array
    read: Array
    output: Array


def added(one: Array | None, other: Array | None) -> Array | None:
    """The sum of derivatives, where None stands for 0."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


class Between:
    """The connections between the layers of a network. Derivatives are (rows, width); None is 0."""

    def __init__(self, network: Network) -> None:
        self._network, self._connections = network, network.spec.connections

    def through_connection(
        self, layer: int, here: Passed, above: Array | None
    ) -> tuple[Array | None, Array | None, Array | None]:
        """Derivatives by `read`, `below` and `output` of a layer, from those by the value that it sends up.

        They do not include the layer's own path from `read` to `output`.
        """
        if above is None or layer == 0 or self._connections == "plain":
            return None, None, above
        if self._connections == "residual":
            return None, above, above
        return self._network.highways[layer].back(here.read, here.below, here.output, above)

    def through_norm(self, layer: int, here: Passed, of_read: Array | None) -> Array | None:
        """Derivatives by `below` of a layer, from those by `read`."""
        norm = self._network.norms.get(layer)
        return of_read if norm is None or of_read is None else norm.back(here.below, of_read)
