"""Recurrent cells written as equations: list, show, check."""

from __future__ import annotations

from collections.abc import Iterator

from gatelab.client.calls.base import Calls
from gatelab.client.models import CheckedCell, Page, PublishedCell
from gatelab.errors import InvalidRequest
from gatelab.spelling import did_you_mean, nearest


class CellCalls(Calls):
    """The methods of `gatelab.Gatelab` for cells."""

    def cells(self) -> Iterator[PublishedCell]:
        """The published cells that come with Gatelab."""
        return self._pages("/v1/cells", Page[PublishedCell])

    def cell(self, name: str) -> PublishedCell:
        """A published cell by its name.

        Raises:
            InvalidRequest: no published cell has this name.
        """
        cells = {cell.name: cell for cell in self.cells()}
        if name not in cells:
            raise InvalidRequest.at("", f"there is no published cell {name!r}{did_you_mean(nearest(name, cells))}")
        return cells[name]

    def check_cell(self, equations: str, hidden: int = 32, inputs: int = 28) -> CheckedCell:
        """Check equations: their parameters, gates and costs, and advice about likely mistakes.

        Args:
            inputs: the size of the input: the vocabulary of a one-hot input, or the embedding.

        Raises:
            ApiError: the equations have a mistake; the message says where.
        """
        body = {"equations": equations, "hidden": hidden, "inputs": inputs}
        return self._transport.post("/v1/cells/check", CheckedCell, body)
