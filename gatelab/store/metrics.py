"""What runs measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from gatelab.store.engine import Database
from gatelab.store.runs import require_run
from gatelab.store.tables import metrics


@dataclass(frozen=True)
class MetricRow:
    """One evaluation after `step` optimizer steps.

    Losses are nats per token. `tokens` counts the tokens trained on since the run began, `seconds` the time spent on
    them. `gates` has for each layer, by the name of the gate, its `mean` and the shares `near_zero` and `near_one` of
    its activations; only where the spec asks for it. None stands for what was not measured, and for NaN and infinities.
    """

    step: int
    epoch: int
    train_loss: float | None = None
    validation_loss: float | None = None
    test_loss: float | None = None
    validation_bits_per_character: float | None = None
    test_bits_per_character: float | None = None
    tokens: int = 0
    seconds: float | None = None
    tokens_per_second: float | None = None
    gates: Sequence[Mapping[str, Mapping[str, float | None]]] | None = None


class Metrics:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, run_id: str) -> list[MetricRow]:
        """All evaluations of a run in the order of their steps.

        Raises:
            NotFound: there is no such run.
        """
        columns = [metrics.c[name] for name in MetricRow.__dataclass_fields__]
        query = select(*columns).where(metrics.c.run_id == run_id).order_by(metrics.c.step)
        with self._database.read() as connection:
            require_run(connection, run_id)
            return [MetricRow(**row) for row in connection.execute(query).mappings()]

    def lowest_validation_loss(self, run_id: str) -> float | None:
        """Of all evaluations of a run; None where nothing finite was measured."""
        query = select(func.min(metrics.c.validation_loss)).where(metrics.c.run_id == run_id)
        with self._database.read() as connection:
            lowest: float | None = connection.scalar(query)
        return lowest
