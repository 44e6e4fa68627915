"""Calls of a server, by the names of methods."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from prunecast._proto.pool import pool
from prunecast._requests import fill
from prunecast.errors import PrunecastError

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A local server is back in a second; the default doubles to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Servers in one process, one after the other on the same socket, are not to share a connection.
    ("grpc.use_local_subchannel_pool", 1),
]


class Transport:
    """One channel for all services. Connects with the first call."""

    def __init__(
        self,
        address: str,
        *,
        token: str | None,
        ca_certificate: str | os.PathLike[str] | bytes | None,
        tls: bool | None,
    ) -> None:
        self.breaks_with_server = address.startswith("unix:")
        self._metadata = [] if token is None else [("authorization", f"Bearer {token}")]
        certificate = (
            ca_certificate if isinstance(ca_certificate, (bytes, type(None))) else Path(ca_certificate).read_bytes()
        )
        if "://" in address:
            raise ValueError(
                f"the address {address!r} is a URL: it is host:port or unix:/path/of.sock, and tls=True or "
                "ca_certificate= ask for TLS"
            )
        if tls is False and certificate is not None:
            raise ValueError("a ca_certificate is for a connection with TLS: leave out tls=False")
        self._channel = (
            grpc.secure_channel(address, grpc.ssl_channel_credentials(certificate), OPTIONS)
            if tls or certificate is not None
            else grpc.insecure_channel(address, OPTIONS)
        )

    def call(self, method: str, request: Message | Iterable[Message], timeout_seconds: float | None = None) -> Any:
        """The answer of a method (`JobService.GetJob`). Raises PrunecastError."""
        try:
            return self._open(method)(request, timeout=timeout_seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise PrunecastError.of_call(error) from error

    def stream(self, method: str, request: Message, timeout_seconds: float | None = None) -> Any:
        """The call of a method that streams answers; iterating it raises grpc.RpcError."""
        return self._open(method)(request, timeout=timeout_seconds, metadata=self._metadata)

    def close(self) -> None:
        self._channel.close()

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
