"""The base of all specs: frozen, no unknown fields, no NaN or infinity, and errors that name their path."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function, no_info_before_validator_function

from gatelab.errors import InvalidSpec
from gatelab.specs.fault_messages import problems
from gatelab.specs.texts import unfit, without_marks

MOST_ENTRIES = 10_000
"""The most entries of an object. No request needs nearly as many."""

_LEFT_ALONE = ("keys_schema", "metadata", "default")


def _exact(schema: Any) -> Any:
    """A strict schema that stops early: it converts no types, and does not examine every wrong item.

    pydantic takes 1 for true, true for 1, and "1" for a whole number; and it reports every wrong item of a list. A
    number with a fraction may be a string, since YAML 1.1 reads 1e-3 as one. Keys of objects are strings in JSON.
    """
    if isinstance(schema, list | tuple):
        return type(schema)(map(_exact, schema))
    if not isinstance(schema, dict):
        return schema
    exact = {key: value if key in _LEFT_ALONE else _exact(value) for key, value in schema.items()}
    match exact.get("type"):
        case "bool":
            return exact | {"strict": True}
        case "int":
            return no_info_before_validator_function(_whole, cast(CoreSchema, exact))
        case "float":
            # -0.0 + 0.0 is 0.0: two spellings of a value are one value.
            positive = no_info_after_validator_function(lambda value: value + 0.0, cast(CoreSchema, exact))
            return no_info_before_validator_function(_number, positive)
        case "list" | "tuple" | "set" | "frozenset":
            # Only one wrong item of a list is reported: collecting a million of them would take seconds and gigabytes.
            return exact | {"fail_fast": True}
        case "dict" | "model-fields":
            most = min(exact.get("max_length") or MOST_ENTRIES, MOST_ENTRIES)
            return no_info_before_validator_function(partial(_few, most), cast(CoreSchema, exact))
    return exact


def _few(most: int, value: Any) -> Any:
    """Count the entries of an object before they are examined."""
    if isinstance(value, Mapping) and len(value) > most:
        raise ValueError(f"must have at most {most} entries, not {len(value)}")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"must be a number, not {str(value).lower()}")  # noqa: TRY004 - pydantic tells no TypeError
    return value


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("must be a whole number, not a string")  # noqa: TRY004
    return _number(value)


class Spec(BaseModel):
    """A piece of data that users write. The same object is the HTTP body, the database JSON and the YAML file."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, ser_json_inf_nan="null"
    )

    words: ClassVar[bool] = False
    """Whether values may all be texts, as those of environment variables are."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        return schema if cls.words else cast(CoreSchema, _exact(schema))


def _fit(text: str) -> str:
    if fault := unfit(text):
        raise ValueError(fault)
    return text


Text = Annotated[str, AfterValidator(_fit)]
"""Text that every database, JSON reader and UTF-8 encoder accepts."""

PromptText = Annotated[Text, AfterValidator(without_marks)]
"""Text that a model reads: it loses the byte-order marks at its beginning, as a corpus does."""

AnySpec = TypeVar("AnySpec", bound=BaseModel)


def parse(kind: type[AnySpec], data: object, *, hints: bool = True) -> AnySpec:
    """Validate `data` as `kind`.

    Args:
        hints: whether unknown fields are compared with the known ones, which takes milliseconds.

    Raises:
        InvalidSpec: with one `Problem` per fault, each naming the dotted path as the user wrote it.
    """
    if not isinstance(data, Mapping):
        raise InvalidSpec.at("", f"must be an object with fields, not {type(data).__name__}")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise InvalidSpec(problems(error.errors(include_url=False), data, kind if hints else None)) from None
