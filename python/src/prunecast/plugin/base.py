"""What plug-ins of all kinds have."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import re
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from google.protobuf.json_format import MessageToDict

from prunecast._proto.prunecast.plugin.v1 import plugin_pb2

MOST_ID_CHARACTERS = 128


class Plugin(ABC):
    """A plug-in: what requests name it by, and what the server checks its options with."""

    id: ClassVar[str]
    """Its name in requests, kebab-case, unique within its kind."""
    version: ClassVar[str | None] = None
    """Labels and predictors belong to one version. If omitted, the digest of the file that the class is in, so that
    each edit makes a new one. With a version of your own, raise it when results change, also through other files."""
    summary: ClassVar[str] = ""
    """A sentence for people."""
    overrides: ClassVar[bool] = False
    """Whether it takes the place of a built-in plug-in of the same kind and id."""
    Options: ClassVar[Any] = None
    """A dataclass whose fields are made by `option`, or a model of pydantic: methods get one with all options. A field
    without a default must be given by requests. None for a plug-in without options."""

    kind: ClassVar[str]

    def describe(self) -> plugin_pb2.PluginInfo:
        """What the server is told of it. Raises TypeError or ValueError for what no server would take."""
        name = type(self).__name__
        if not isinstance(getattr(self, "id", None), str):
            raise TypeError(f'{name} has no id: give it one, such as id = "nearest-pairs"')
        if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.id) is None or len(self.id) > MOST_ID_CHARACTERS:
            raise ValueError(
                f"the id of {name} is {self.id!r}: ids are kebab-case, such as nearest-pairs, with at most "
                f"{MOST_ID_CHARACTERS} characters"
            )
        version = _digest_source(type(self)) if self.version is None else self.version
        if not isinstance(version, str) or version == "":
            raise TypeError(f'the version of {name} is {version!r}: it is a text, such as "2"')
        info = plugin_pb2.PluginInfo(
            id=self.id, version=version, summary=self.summary or _first_line(self), overrides=self.overrides
        )
        if self.Options is not None:
            info.options_schema.update(_make_schema(self.Options))
        self._describe_kind(info)
        return info

    @abstractmethod
    def _describe_kind(self, info: plugin_pb2.PluginInfo) -> None: ...

    def read_options(self, options: Any) -> Any:
        """The options of a request, as `Options`. Raises InvalidOptions."""
        if self.Options is None:
            return None
        values = MessageToDict(options)
        if dataclasses.is_dataclass(self.Options):
            hints = typing.get_type_hints(self.Options)
            values = {name: _restore(value, hints.get(name)) for name, value in values.items()}
        try:
            return self.Options(**values)
        except (TypeError, ValueError) as error:
            raise InvalidOptions(str(error)) from error


class InvalidOptions(Exception):
    """Options that the schema allows and the plug-in does not. The caller gets the message, and the paths of the
    options at fault inside of `options`."""

    def __init__(self, message: str, violations: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.violations = dict(violations or {})


class Unavailable(Exception):
    """It cannot answer now: the server asks again after a pause."""


def option(default: Any, description: str, **schema: Any) -> Any:
    """A field of `Options`. `schema` are further words of JSON Schema: `minimum=1`, `enum=["l1", "l2"]`. The default
    `dataclasses.MISSING` is none: requests must give the option."""
    return dataclasses.field(default=default, metadata={"description": description, **schema})


JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def _make_schema(options: Any) -> dict[str, Any]:
    if hasattr(options, "model_json_schema"):
        schema: dict[str, Any] = options.model_json_schema()
        return schema
    if not dataclasses.is_dataclass(options):
        raise TypeError(f"Options is {options!r}: make it a dataclass by @dataclass, or a model of pydantic")
    hints = typing.get_type_hints(options)
    fields = dataclasses.fields(options)
    properties = {
        field.name: {**_type_of(hints[field.name], field.name), **_default_of(field), **field.metadata}
        for field in fields
    }
    required = [field.name for field in fields if "default" not in properties[field.name]]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _default_of(field: dataclasses.Field[Any]) -> dict[str, Any]:
    return {} if field.default is dataclasses.MISSING else {"default": field.default}


def _type_of(hint: Any, name: str) -> dict[str, Any]:
    if typing.get_origin(hint) is typing.Literal:
        return {"enum": list(typing.get_args(hint))}
    if hint in JSON_TYPES:
        return {"type": JSON_TYPES[hint]}
    allowed = ", ".join(each.__name__ for each in JSON_TYPES)
    raise TypeError(f"the option {name} is {hint}: options are {allowed} or a Literal")


def _restore(value: Any, hint: Any) -> Any:
    """Numbers come as floats."""
    if typing.get_origin(hint) is typing.Literal:
        return next(
            (each for each in typing.get_args(hint) if each == value and _is_bool(each) == _is_bool(value)), value
        )
    return int(value) if hint is int and isinstance(value, float) and value.is_integer() else value


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _digest_source(plugin: type) -> str:
    """`sha256-` and 16 digits; "1" for a class that is in no file, as in an interactive session."""
    try:
        source = Path(inspect.getsourcefile(plugin) or "").read_bytes()
    except (OSError, TypeError):
        return "1"
    return f"sha256-{hashlib.sha256(source).hexdigest()[:16]}"


def _first_line(plugin: Plugin) -> str:
    own = type(plugin).__doc__
    return own.strip().splitlines()[0] if own else type(plugin).__name__


def import_numpy() -> types.ModuleType:
    """Raises ImportError that says what to install."""
    try:
        import numpy
    except ImportError as error:
        raise ImportError("plug-ins need numpy: pip install 'prunecast[plugin]'") from error
    return numpy
