"""What a run will cost: parameters, memory, work and, calibrated by what past runs took, seconds. No torch."""

from gatelab.costs.prediction import Past, predict
from gatelab.costs.work import Expected, Work, flops_per_token, parameters, step_flops, work

__all__ = ["Expected", "Past", "Work", "flops_per_token", "parameters", "predict", "step_flops", "work"]
