"""The state of optimizers, independent of the engine."""

from gatelab.specs.training import AdamWSpec, OptimizerSpec, RmspropSpec, SgdSpec


def decays(spec: OptimizerSpec, dimensions: int) -> bool:
    """Whether the weight decay is for a parameter with this number of axes: biases have one."""
    return not isinstance(spec, AdamWSpec) or spec.decay_biases or dimensions > 1


def remembered(spec: OptimizerSpec) -> tuple[str, ...]:
    """The names of the tensors that an optimizer keeps for every parameter."""
    match spec:
        case SgdSpec(momentum=momentum):
            return ("momentum_buffer",) if momentum else ()
        case RmspropSpec(momentum=momentum):
            return ("square_avg", "momentum_buffer") if momentum else ("square_avg",)
    return "exp_avg", "exp_avg_sq"
