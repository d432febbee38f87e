"""The reason why a run failed, in the shape that is stored and sent."""

from gatelab.errors import Diverged, GatelabError
from gatelab.wire.runs import RunError


def error_of(error: Exception) -> RunError:
    match error:
        case Diverged():
            return RunError(type=error.code, message=str(error), step=error.step, epoch=error.epoch)
        case GatelabError():
            return RunError(type=error.code, message=str(error))
        case _:
            return RunError(type="error", message=f"{type(error).__name__}: {error}")
