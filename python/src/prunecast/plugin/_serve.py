"""A process that serves plug-ins, as the head of plugin.proto says."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from google.protobuf.message_factory import GetMessageClass

from prunecast._proto.google.rpc import error_details_pb2, status_pb2
from prunecast._proto.grpc.health.v1 import health_pb2
from prunecast._proto.pool import pool
from prunecast._proto.prunecast.plugin.v1 import plugin_pb2
from prunecast.plugin.base import InvalidOptions, Plugin, Unavailable, import_numpy
from prunecast.plugin.criterion import CriterionService
from prunecast.plugin.evaluator import EvaluatorService
from prunecast.plugin.predictor import Predictor, PredictorService
from prunecast.plugin.strategy import StrategyService

PROTOCOL = 1
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
# A search holds a thread as long as it lasts; health is answered beside whatever runs.
THREADS = 64
GRACE_SECONDS = 2.0


def serve(
    *plugins: Plugin,
    address: str | None = None,
    certificate: str | os.PathLike[str] | None = None,
    key: str | os.PathLike[str] | None = None,
    concurrent_calls: int = 1,
) -> None:
    """Serves plug-ins until the process is asked to end.

    Prunecast starts such a program by `--plugin "exec:python knn.py"`, and tells it where to listen. One that is
    started otherwise listens at `address`, `unix:/run/knn.sock` or `127.0.0.1:50061`, and Prunecast is given that
    address; with `certificate` and `key` (PEM files) by TLS.

    Plug-ins get `concurrent_calls` calls at once, by default one after the other; runs of strategies go on beside them.
    """
    import_numpy()
    told = os.environ.get("PRUNECAST_PLUGIN_ADDRESS")
    at = told or address
    if at is None:
        raise ValueError("nothing says where to listen: start it by Prunecast, or give an address")
    protocol = os.environ.get("PRUNECAST_PLUGIN_PROTOCOL", str(PROTOCOL))
    if protocol != str(PROTOCOL):
        raise ValueError(f"Prunecast speaks version {protocol} of the plug-in protocol, this kit version {PROTOCOL}")
    if (certificate is None) != (key is None):
        raise ValueError("TLS needs both a certificate and its key: give both, or none for a connection without TLS")
    if concurrent_calls < 1:
        raise ValueError(f"concurrent_calls is {concurrent_calls}: it is at least 1")
    for plugin in plugins:
        if not isinstance(plugin, Plugin):
            hint = f": write {plugin.__name__}()" if isinstance(plugin, type) and issubclass(plugin, Plugin) else ""
            raise TypeError(
                f"{plugin!r} is no plug-in, but plug-ins are instances of classes of prunecast.plugin{hint}"
            )
    _refuse_pickle_for_others(plugins, at)
    server = grpc.server(
        ThreadPoolExecutor(THREADS),
        handlers=[_Handlers(plugins, concurrent_calls)],
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ],
    )
    if certificate is not None and key is not None:
        pair = (Path(key).read_bytes(), Path(certificate).read_bytes())
        port = server.add_secure_port(at, grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port(at)
    server.start()
    ended = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: ended.set())
    if told is not None:
        threading.Thread(target=_watch_input, args=(ended,), daemon=True).start()
    print(f"prunecast-plugin/{PROTOCOL} {_name_port(at, port)}", flush=True)
    ended.wait()
    server.stop(GRACE_SECONDS).wait()
    if told is not None:
        # A method that still runs would hold the process up for as long as it takes.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _watch_input(ended: threading.Event) -> None:
    """Its end says that the server is gone, however it ended."""
    while sys.stdin.buffer.read(4096):
        pass
    ended.set()


def _name_port(address: str, port: int) -> str:
    """The address with the port that was taken, where any was asked for."""
    return f"{address[:-1]}{port}" if not address.startswith("unix:") and address.endswith(":0") else address


def _refuse_pickle_for_others(plugins: tuple[Plugin, ...], address: str) -> None:
    host = address.rpartition(":")[0]
    if address.startswith("unix:") or host in ("127.0.0.1", "localhost", "[::1]"):
        return
    for plugin in plugins:
        if isinstance(plugin, Predictor) and type(plugin).load is Predictor.load:
            raise ValueError(
                f"{plugin.id} would unpickle what callers at {address} send, which may run any code: "
                "give it `save` and `load`, or listen at an address of this machine"
            )


Handlers: Any = grpc.GenericRpcHandler
"""Types of gRPC differ in how much they say of this one."""


class _Method(NamedTuple):
    call: Callable[[Any, Any], Any]
    descriptor: Any
    takes_turn: bool


class _Handlers(Handlers):  # type: ignore[misc]
    """The services of the protocol for these plug-ins."""

    def __init__(self, plugins: tuple[Plugin, ...], concurrent_calls: int) -> None:
        self._plugins = {(plugin.kind, plugin.id): plugin for plugin in plugins}
        if len(self._plugins) != len(plugins) or not plugins:
            raise ValueError("give at least one plug-in, each with an id of its own within its kind")
        self._info = plugin_pb2.GetInfoResponse(
            protocol_version=PROTOCOL,
            plugins=[plugin.describe() for plugin in plugins],
            concurrent_calls=concurrent_calls,
        )
        self._turn = threading.BoundedSemaphore(concurrent_calls)
        self._methods: dict[str, _Method] = {}
        for service in (PredictorService, EvaluatorService, CriterionService, StrategyService):
            self._add(f"prunecast.plugin.v1.{service.__name__}", service(self._find), takes_turn=True)
        self._add("prunecast.plugin.v1.PluginService", self, takes_turn=False)
        self._add("grpc.health.v1.Health", self, takes_turn=False)

    def GetInfo(self, request: plugin_pb2.GetInfoRequest, context: Any) -> plugin_pb2.GetInfoResponse:
        return self._info

    def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> health_pb2.HealthCheckResponse:
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)

    def service(self, handler_call_details: Any) -> Any:
        method = self._methods.get(handler_call_details.method)
        if method is None:
            return None
        takes = "stream" if method.descriptor.client_streaming else "unary"
        gives = "stream" if method.descriptor.server_streaming else "unary"
        answer = _answer_all if method.descriptor.server_streaming else _answer_one
        # A run waits for the server between its steps: the others get their turn meanwhile.
        turn = self._turn if method.takes_turn and method.descriptor.name != "Run" else None
        return getattr(grpc, f"{takes}_{gives}_rpc_method_handler")(
            lambda request, context: answer(method.call, turn, request, context),
            request_deserializer=GetMessageClass(method.descriptor.input_type).FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )

    def _find(self, kind: str, plugin_id: str) -> Plugin:
        return self._plugins[kind, plugin_id]

    def _add(self, service: str, target: object, *, takes_turn: bool) -> None:
        for descriptor in pool.FindServiceByName(service).methods:
            call = getattr(target, descriptor.name, None)
            if call is not None:
                self._methods[f"/{service}/{descriptor.name}"] = _Method(call, descriptor, takes_turn)


def _answer_one(call: Callable[[Any, Any], Any], turn: Any, request: Any, context: Any) -> Any:
    (answer,) = _answer_all(lambda *both: iter([call(*both)]), turn, request, context)
    return answer


def _answer_all(call: Callable[[Any, Any], Any], turn: Any, request: Any, context: Any) -> Iterator[Any]:
    """What the method answers. Its errors become status as the protocol says; what was not foreseen is printed too."""
    if turn is not None:
        turn.acquire()
    try:
        yield from call(request, context)
    except InvalidOptions as error:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=field, description=description)
            for field, description in error.violations.items()
        ]
        _abort(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            str(error),
            error_details_pb2.BadRequest(field_violations=violations),
        )
    except Unavailable as error:
        context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
    except Exception as error:
        # An error of gRPC itself, such as the NOT_FOUND of a state, or of a caller that has gone.
        if context.code() is not None or not context.is_active():
            raise
        traceback.print_exc()
        context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
    finally:
        if turn is not None:
            turn.release()


class _Status(NamedTuple):
    code: grpc.StatusCode
    details: str
    trailing_metadata: Any


def _abort(context: Any, code: grpc.StatusCode, message: str, detail: Any) -> None:
    status = status_pb2.Status(code=code.value[0], message=message)
    status.details.add().Pack(detail)
    metadata = (("grpc-status-details-bin", status.SerializeToString()),)
    context.abort_with_status(_Status(code, message, metadata))
