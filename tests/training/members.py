"""PyTorch's models as members of an engine."""

from gatelab.model import LanguageModel
from gatelab.specs.training import TrainingSpec
from gatelab.training.engines import Member

PLAIN = TrainingSpec()


def member_of(model: LanguageModel, training: TrainingSpec = PLAIN) -> Member:
    """A member that begins with the weights of a model, in their precision; the model stays as it is."""
    weights = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    return Member.starting_with(weights, model.spec, model.vocabulary, training)
