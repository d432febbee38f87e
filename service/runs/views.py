"""Runs and their records, as the API answers them."""

from gatelab.specs import RunSpec
from gatelab.store import CheckpointInfo
from gatelab.store import Run as StoredRun
from gatelab.wire.base import moment
from gatelab.wire.evaluations import Summary
from gatelab.wire.runs import Checkpoint, RunOf
from service.views import moment_if


class Run(RunOf[RunSpec]):
    """One model trained once."""

    @classmethod
    def of(cls, run: StoredRun) -> "Run":
        return cls(
            id=run.id,
            job=run.job_id,
            index=run.index,
            state=run.state.value,
            spec=run.spec,
            parameters=run.parameters,
            step=run.step,
            total_steps=run.total_steps,
            epoch=run.epoch,
            metrics=run.metrics or Summary(),
            sample=run.sample.prefix + run.sample.text if run.sample else None,
            error=run.error,
            device=run.device,
            engine=run.engine,
            parent=run.parent,
            parent_step=run.parent_step,
            weights_sha256=run.weights_sha256,
            created_at=moment(run.created_at),
            started_at=moment_if(run.started_at),
            finished_at=moment_if(run.finished_at),
        )


def checkpoint_of(row: CheckpointInfo) -> Checkpoint:
    return Checkpoint(
        step=row.step, epoch=row.epoch, sha256=row.sha256, size=row.size, created_at=moment(row.created_at)
    )
