"""What all specs share: frozen, closed to unknown fields, no NaN or infinity, and errors that name their path."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from gatelab.errors import InvalidSpec, Problem


class Spec(BaseModel):
    """A piece of data that users write. The same object is the HTTP body, the database JSON and the YAML file."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, ser_json_inf_nan="null"
    )


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain the NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode (it has a lone surrogate)") from None
    return text


Text = Annotated[str, AfterValidator(_no_nul)]
"""Text that every database, JSON reader and UTF-8 encoder accepts."""

AnySpec = TypeVar("AnySpec", bound=BaseModel)


def parse(kind: type[AnySpec], data: object) -> AnySpec:
    """Validate `data` as `kind`.

    Raises:
        InvalidSpec: with one `Problem` per fault, each naming the dotted path as the user wrote it.
    """
    if not isinstance(data, Mapping):
        raise InvalidSpec.at("", f"must be an object with fields, not {type(data).__name__}")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise InvalidSpec(problems(error.errors(include_url=False), data)) from None


def problems(faults: Iterable[Mapping[str, Any]], data: object) -> list[Problem]:
    """pydantic's faults in the user's words: paths of the input `data`, without the tags of unions."""
    return list(dict.fromkeys(Problem(_input_path(fault, data), describe(fault)) for fault in faults))


def _input_path(fault: Mapping[str, Any], data: object) -> str:
    """The dotted path in `data` of a pydantic fault, whose location also holds union tags and type names."""
    path: list[str] = []
    here = data
    for key in fault["loc"]:
        if isinstance(here, Mapping) and key in here:
            here = here[key]
        elif isinstance(here, Sequence) and not isinstance(here, str) and isinstance(key, int):
            here = here[key] if key < len(here) else None
        else:
            continue  # a tag: not something the user wrote
        path.append(str(key))
    if fault["type"] == "missing" and fault["loc"]:
        path.append(str(fault["loc"][-1]))
    return ".".join(path)


def describe(fault: Mapping[str, Any]) -> str:
    """What is wrong, and what is allowed, in a line."""
    message: str = fault["msg"]
    match fault["type"]:
        case "extra_forbidden":
            return "unknown field"
        case "missing":
            return "this field is required"
        case "model_type" | "dict_type" | "model_attributes_type":
            return "must be an object with fields"
        case "union_tag_invalid":
            field, allowed = fault["ctx"]["discriminator"].strip("'"), fault["ctx"]["expected_tags"]
            return f"unknown {field} {fault['ctx']['tag']!r}; use one of {allowed}"
        case "union_tag_not_found":
            return f"the field {fault['ctx']['discriminator']} is required"
        case "value_error":
            return message.removeprefix("Value error, ")
    value = fault.get("input")
    shown = f" (got {value!r})" if isinstance(value, str | int | float) and len(repr(value)) <= 40 else ""
    return message[:1].lower() + message[1:] + shown
