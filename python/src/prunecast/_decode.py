"""Reads result dataclasses from messages."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import timezone
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from prunecast._requests import enum_names
from prunecast.errors import PrunecastError

Result = TypeVar("Result")


def decode(cls: type[Result], message: Message) -> Result:
    """A dataclass from the message whose fields it names.

    `message` is the message itself; a field that may be None is None where the message does not set it, or it is empty;
    an enum is its name in small letters; a point in time is in UTC.
    """
    hints = _hints(cls)  # type: ignore[arg-type]
    return cls(**{name: message if name == "message" else _read(message, name, hint) for name, hint in hints.items()})


@cache
def _hints(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls) if field.init}


def _read(message: Message, name: str, hint: Any) -> Any:
    field: Any = message.DESCRIPTOR.fields_by_name[name]
    value = getattr(message, name)
    if get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
        if not (message.HasField(name) if field.has_presence else value):
            return None
        hint = next(arg for arg in get_args(hint) if arg is not NoneType)
    if get_origin(hint) is tuple:
        return tuple(_convert(field, item, get_args(hint)[0]) for item in value)
    if get_origin(hint) is dict and field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    return _convert(field, value, hint)


def _convert(field: Any, value: Any, hint: Any) -> Any:
    if field.enum_type is not None:
        return enum_names(field.enum_type).get(value, str(value))
    if field.message_type is None:
        return value
    name = field.message_type.full_name
    if name == "google.protobuf.Timestamp":
        return value.ToDatetime(tzinfo=timezone.utc)
    if name == "google.protobuf.Struct":
        return MessageToDict(value)
    if name == "google.rpc.Status":
        return PrunecastError.of_status(value)
    if is_dataclass(hint):
        return decode(hint, value)  # type: ignore[arg-type]
    return value
