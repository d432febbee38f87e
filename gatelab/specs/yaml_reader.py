"""Specs as YAML, read by the core schema of YAML 1.2 and nothing else (https://yaml.org/spec/1.2.2/#103-core-schema).

PyYAML reads YAML 1.1, in which 010 is 8, 1:30 is 90, `no` is false, a date is a date, and 1e-3 is text. It also takes
the last of two values for one key. The page's parser reads YAML 1.2 and would read the same spec differently.
"""

import math
import re
from typing import Any, ClassVar

import yaml
from yaml.constructor import BaseConstructor, ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode

_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}
"""Patterns, in this order, of plain scalars that are not text, and their possible first characters."""
_PATTERNS = {kind: re.compile(f"(?:{pattern})\\Z") for kind, (pattern, _) in _SCALARS.items()}

_BREAKS = re.compile("[\x85\u2028\u2029]")

MOST_DIGITS = 4300
"""The most digits of a whole number, since Python reads no longer ones from JSON."""


class NotYaml(ValueError):
    """A text is not YAML, or has a key twice. The message says where."""


def load(text: str) -> Any:
    """The data of a text in YAML.

    Raises:
        NotYaml: it is not YAML, or an object has a key twice.
    """
    try:
        return _Loader(text).get_single_data()
    except yaml.YAMLError as error:
        raise NotYaml(_reason(error)) from None
    except RecursionError:
        raise NotYaml("it is nested too deeply") from None


def dump(data: Any) -> str:
    """`data` as YAML that `load` reads as the same data, and a reader of YAML 1.1 too."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Loader(yaml.SafeLoader):
    """Knows only the tags of the core schema: no dates, sets, binary data and merge keys."""

    yaml_constructors: ClassVar[dict[str | None, Any]] = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        # An object that contains itself cannot be JSON; PyYAML refuses it because it makes inner objects first.
        self.deep_construct = True

    def construct_mapping(self, node: Node, deep: bool = False) -> dict[Any, Any]:
        if not isinstance(node, MappingNode):
            raise ConstructorError(None, None, "this must be an object with fields", node.start_mark)
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if isinstance(key, list | dict):
                raise ConstructorError(None, None, "a key must be a single value", key_node.start_mark)
            if key in lines:
                message = f"the key {str(key)[:100]!r} is given twice: in line {lines[key]} and in line {line}"
                raise ConstructorError(None, None, message, key_node.start_mark)
            lines[key] = line
        return dict(BaseConstructor.construct_mapping(self, node, deep))

    def construct_core(self, node: Node) -> Any:
        """A scalar that is null, a boolean or a number, by its form or by an explicit tag."""
        kind = node.tag.removeprefix(_TAG)
        text = self.construct_scalar(node) if isinstance(node, ScalarNode) else None
        if text is None or not _PATTERNS[kind].match(text):
            raise ConstructorError(None, None, f"this is not a valid {kind} of YAML 1.2", node.start_mark)
        if len(text) > MOST_DIGITS:
            raise ConstructorError(None, None, "the number has too many digits", node.start_mark)
        return _value(kind, text)


class _Dumper(yaml.SafeDumper):
    """Quotes text that either version of YAML would take for something else."""

    def represent_str(self, text: str) -> ScalarNode:
        # YAML 1.1 ends lines at some characters at which YAML 1.2 does not; only double quotes escape them.
        return self.represent_scalar(_TAG + "str", text, style='"' if _BREAKS.search(text) else None)


_Loader.yaml_implicit_resolvers = {}
for _kind, (_, _beginnings) in _SCALARS.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _kind, _PATTERNS[_kind], _beginnings)
    _Loader.yaml_constructors[_TAG + _kind] = _Loader.construct_core
_Loader.yaml_constructors |= {
    _TAG + "str": _Loader.construct_yaml_str,
    _TAG + "seq": _Loader.construct_yaml_seq,
    _TAG + "map": _Loader.construct_yaml_map,
    None: _Loader.construct_undefined,
}


_Dumper.add_representer(str, _Dumper.represent_str)


def _value(kind: str, text: str) -> Any:
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            return int(text.removeprefix("0o"), 8) if base == 8 else int(text, base)
    if text[-1:].isalpha():
        return math.nan if text.lower() == ".nan" else math.copysign(math.inf, -1 if text[0] == "-" else 1)
    return float(text)


def _reason(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return str(error).partition("\n")[0]
