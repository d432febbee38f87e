"""PyTorch's models as members of an engine."""

from gatelab.model import LanguageModel
from gatelab.specs.training import TrainingSpec
from gatelab.training.engines import Member

PLAIN = TrainingSpec()


def member_of(model: LanguageModel, training: TrainingSpec = PLAIN) -> Member:
    """A member that begins with a copy of a model's weights, in their precision."""
    weights = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    return Member.starting_with(weights, model.spec, model.vocabulary, training)
