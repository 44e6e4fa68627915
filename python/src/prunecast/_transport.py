"""Calls of a server, by the names of methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from prunecast._access import Access
from prunecast._deadline import Deadline
from prunecast._proto.pool import pool
from prunecast._requests import fill
from prunecast._retry import Retry, read_repeatable, repeat
from prunecast.errors import PrunecastError

REPEATABLE = read_repeatable()
NO_DEADLINE = Deadline()


class Answers(Iterator[Any]):
    """The answers of one call that streams them. Iterating it raises PrunecastError."""

    def __init__(self, call: Any, error_of: Callable[[grpc.RpcError], PrunecastError]) -> None:
        self._call = call
        self._error_of = error_of

    def __next__(self) -> Any:
        try:
            return next(self._call)
        except grpc.RpcError as error:
            raise self._error_of(error) from error

    def cancel(self) -> None:
        self._call.cancel()


class Transport:
    """One channel for all services. Connects with the first call."""

    def __init__(self, access: Access, retry: Retry) -> None:
        self.breaks_with_server = access.address.startswith("unix:")
        self._access = access
        self._retry = retry
        self._channel = access.open_channel()
        self._is_reached = False

    def call(
        self,
        method: str,
        request: Message | Iterable[Message],
        deadline: Deadline = NO_DEADLINE,
        *,
        is_repeatable: bool = False,
    ) -> Any:
        """The answer of a method (`JobService.GetJob`), which is called again if it may be. Raises PrunecastError."""

        def attempt() -> Any:
            try:
                answer = self._open(method)(request, timeout=deadline.left(), metadata=self._access.read_metadata())
            except grpc.RpcError as error:
                raise self._error_of(error) from error
            self._is_reached = True
            return answer

        return self._repeat(method, attempt, deadline, is_repeatable)

    def stream(self, method: str, request: Message, deadline: Deadline = NO_DEADLINE) -> Answers:
        """The answers of a method that streams them, which is called once."""
        call = self._open(method)(request, timeout=deadline.left(), metadata=self._access.read_metadata())
        return Answers(call, self._error_of)

    def answers(self, method: str, request: Message, deadline: Deadline = NO_DEADLINE) -> Iterator[Any]:
        """The same, called again if it may be and failed before its first answer."""

        def attempt() -> tuple[Answers, list[Any]]:
            call = self.stream(method, request, deadline)
            first = [answer for answer in [next(call, None)] if answer is not None]
            self._is_reached = True
            return call, first

        call, first = self._repeat(method, attempt, deadline, False)
        try:
            yield from first
            yield from call
        finally:
            call.cancel()

    def close(self) -> None:
        self._channel.close()

    def _repeat(self, method: str, attempt: Callable[[], Any], deadline: Deadline, is_repeatable: bool) -> Any:
        if not (is_repeatable or method in REPEATABLE):
            return attempt()
        return repeat(attempt, self._retry, deadline, lambda: self._is_reached)

    def _error_of(self, error: grpc.RpcError) -> PrunecastError:
        made = self._access.explain(PrunecastError.of_call(error))
        self._is_reached = self._is_reached or made.reason != ""
        return made

    def _open(self, name: str) -> Any:
        method = find_method(name)
        takes = "stream" if method.client_streaming else "unary"
        gives = "stream" if method.server_streaming else "unary"
        return getattr(self._channel, f"{takes}_{gives}")(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )


def find_method(name: str) -> MethodDescriptor:
    service, _, method = name.partition(".")
    return pool.FindServiceByName(f"prunecast.v1.{service}").methods_by_name[method]


def make_request(method: str, request: Message | None = None, **values: Any) -> Any:
    """A request of a method: a copy of one that is given, with these fields set."""
    made = GetMessageClass(find_method(method).input_type)()
    if request is not None:
        if request.DESCRIPTOR.full_name != made.DESCRIPTOR.full_name:
            raise ValueError(f"{method} takes a {made.DESCRIPTOR.name}, not a {request.DESCRIPTOR.name}")
        made.MergeFromString(request.SerializeToString())
    fill(made, values)
    return made
