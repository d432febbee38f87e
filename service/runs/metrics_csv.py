"""A run's metrics as CSV (RFC 4180): one line for each evaluation, an empty cell for null."""

import csv
import io
from collections.abc import Sequence

from gatelab.wire.evaluations import Evaluation, GateStatistics

COLUMNS = tuple(name for name in Evaluation.model_fields if name != "gates")


def as_csv(rows: Sequence[Evaluation]) -> str:
    """The figures of each evaluation, headings first. A gate's statistics are columns such as `gates.0.update.mean`."""
    gates = sorted({(layer, gate) for row in rows for layer, named in enumerate(row.gates or ()) for gate in named})
    text = io.StringIO()
    writer = csv.writer(text)
    columns = [f"gates.{layer}.{gate}.{name}" for layer, gate in gates for name in GateStatistics.model_fields]
    writer.writerow([*COLUMNS, *columns])
    for row in rows:
        found = [row.gates[layer][gate] if row.gates else None for layer, gate in gates]
        cells = [getattr(of_gate, name, None) for of_gate in found for name in GateStatistics.model_fields]
        writer.writerow([*(getattr(row, name) for name in COLUMNS), *cells])
    return text.getvalue()
