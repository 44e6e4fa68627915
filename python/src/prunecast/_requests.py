"""Fills request messages from Python values."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message


def fill(message: Message, values: Mapping[str, Any], path: str = "") -> None:
    """Sets fields by their names; None leaves one as it is.

    A message is given as itself, as a mapping of its fields, as a result of this package, or in short: a plug-in by its
    id, a text by its path, a list of one kind of things by the list, an enum by its name in small letters.

    Raises ValueError with the path of a field that does not exist or cannot hold its value.
    """
    known = message.DESCRIPTOR.fields_by_name
    for name, value in values.items():
        if value is None:
            continue
        if name not in known:
            raise ValueError(f"there is no field {path}{name}; {message.DESCRIPTOR.name} has {', '.join(known)}")
        _set(message, known[name], value, path + name)


def _set(message: Message, field: Any, value: Any, path: str) -> None:
    current = getattr(message, field.name)
    try:
        if _is_map(field):
            current.clear()
            current.update(value)
        elif _is_repeated(field):
            del current[:]
            for index, item in enumerate(_list_of(value, path)):
                if field.message_type is None:
                    current.append(_scalar(field, item, path))
                else:
                    _fill_message(current.add(), item, f"{path}[{index}]")
        elif field.message_type is not None:
            current.SetInParent()
            _fill_message(current, value, path)
        else:
            setattr(message, field.name, _scalar(field, value, path))
    except TypeError as error:
        raise ValueError(f"{path} cannot be {shorten(value)}: {error}") from error


def _fill_message(message: Message, value: Any, path: str) -> None:
    name = message.DESCRIPTOR.full_name
    whole = getattr(value, "message", None)
    if isinstance(value, Message):
        message.MergeFromString(value.SerializeToString())
    elif isinstance(whole, Message) and whole.DESCRIPTOR is message.DESCRIPTOR:
        message.CopyFrom(whole)
    elif is_dataclass(value) and not isinstance(value, type):
        fill(message, {field.name: getattr(value, field.name) for field in fields(value)}, f"{path}.")
    elif name == "google.protobuf.Struct":
        message.update(dict(value))  # type: ignore[attr-defined]
    elif isinstance(value, Mapping):
        fill(message, value, f"{path}.")
    else:
        fill(message, _expand(message, value, path), f"{path}.")


def _expand(message: Message, value: Any, path: str) -> Mapping[str, Any]:
    short = SHORT_FORMS.get(message.DESCRIPTOR.full_name)
    if short is not None and isinstance(value, (str, os.PathLike)):
        return {short: os.fspath(value)}
    if message.DESCRIPTOR.full_name == "prunecast.v1.EvaluateTarget":
        if value == "dense":
            return {"dense": {}}
        if isinstance(value, (int, float)):
            return {"uniform_rate": value}
    known: list[Any] = list(message.DESCRIPTOR.fields)
    if len(known) == 1 and _is_repeated(known[0]):
        return {known[0].name: value}
    raise ValueError(f"{path} cannot be {shorten(value)}: {message.DESCRIPTOR.name} takes a mapping or a message")


SHORT_FORMS = {
    "prunecast.v1.PluginRef": "id",
    "prunecast.v1.ExportSpec": "exporter",
    "prunecast.v1.Text": "path",
    "prunecast.v1.Calibration": "text",
    "prunecast.v1.StudyTexts": "text",
    "prunecast.v1.Objective": "metric",
}
"""Which field a lone string fills."""


def shorten(value: Any) -> str:
    """A value for a message: thousands of pairs are not to fill the screen."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 100
    return short.repr(value)


def _list_of(value: Any, path: str) -> Iterable[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f"{path} cannot be {shorten(value)}: it is a list")
    return value


def _scalar(field: Any, value: Any, path: str) -> Any:
    if field.enum_type is None or not isinstance(value, str):
        return value
    wanted = value.upper().replace("-", "_").replace(" ", "_")
    names = enum_names(field.enum_type)
    for number, name in names.items():
        if wanted in (name.upper(), field.enum_type.values_by_number[number].name):
            return number
    allowed = ", ".join(name for number, name in names.items() if number != 0)
    raise ValueError(f"{path} cannot be {shorten(value)}: allowed are {allowed}")


def enum_names(enum: Any) -> dict[int, str]:
    """The values of an enum as users write them: `JOB_STATE_QUEUED` is `queued`."""
    zero = enum.values_by_number[0].name
    prefix = zero[: -len("UNSPECIFIED")] if zero.endswith("UNSPECIFIED") else ""
    return {value.number: value.name.removeprefix(prefix).lower() for value in enum.values}


def _is_map(field: Any) -> bool:
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)


def _is_repeated(field: Any) -> bool:
    # `label` has gone from protobuf 7, `is_repeated` has come with 6.31.
    repeated = getattr(field, "is_repeated", None)
    return bool(field.label == FieldDescriptor.LABEL_REPEATED if repeated is None else repeated)
