from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from conftest import serve

import prunecast
from prunecast import messages
from prunecast._deadline import Deadline
from prunecast._proto.google.rpc import error_details_pb2, status_pb2
from prunecast._retry import repeat

QUICK = prunecast.Retry(first_delay_seconds=0.01)


def fail(context: grpc.ServicerContext, code: grpc.StatusCode, *details: Any, **metadata: str) -> None:
    status = status_pb2.Status(code=code.value[0], message="no")
    for detail in details:
        status.details.add().Pack(detail)
    named = [(name.replace("_", "-"), value) for name, value in metadata.items()]
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()), *named))
    context.abort(code, "no")


def busy(milliseconds: int) -> list[Any]:
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(milliseconds)
    quota = error_details_pb2.QuotaFailure()
    quota.violations.add(subject="caller:a", description="4 may wait")
    return [error_details_pb2.ErrorInfo(reason="QUEUE_FULL"), retry, quota]


class Flaky:
    """A server whose first answers are failures."""

    def __init__(self, *failures: Callable[[grpc.ServicerContext], None]) -> None:
        self.calls = 0
        self.times: list[float] = []
        self.requests: list[bytes] = []
        self._failures = failures
        self._server, self.address = serve(grpc.unary_unary_rpc_method_handler(self._answer))

    def _answer(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.calls += 1
        self.times.append(time.monotonic())
        self.requests.append(request)
        if self.calls <= len(self._failures):
            self._failures[self.calls - 1](context)
        return b""

    def __enter__(self) -> Flaky:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None)


def unavailable(context: grpc.ServicerContext) -> None:
    fail(context, grpc.StatusCode.UNAVAILABLE, error_details_pb2.ErrorInfo(reason="SERVER_STARTING"))


def test_a_call_that_reads_is_made_again_and_one_that_changes_something_is_not() -> None:
    with Flaky(unavailable, unavailable) as server, prunecast.Client(server.address, retry=QUICK) as client:
        client.server_info()
        assert server.calls == 3
    with Flaky(unavailable) as server, prunecast.Client(server.address, retry=QUICK) as client:
        with pytest.raises(prunecast.PrunecastError, match="SERVER_STARTING"):
            client.delete_job("j")
        assert server.calls == 1


def test_the_start_of_a_job_is_made_again_with_the_same_id() -> None:
    once = prunecast.Reattach(give_up_after_seconds=0)
    with Flaky(unavailable) as server, prunecast.Client(server.address, retry=QUICK, reattach=once) as client:
        # Nobody has told of the job: only its start counts.
        with pytest.raises(prunecast.PrunecastError):
            client.fit_predictor(study_id="s", progress=False)
        first, second = (messages.FitPredictorRequest.FromString(each) for each in server.requests[:2])
    assert first.request_id != ""
    assert first == second


def test_a_busy_server_is_asked_again_when_it_says_so_and_else_never() -> None:
    def refuse(context: grpc.ServicerContext) -> None:
        fail(context, grpc.StatusCode.RESOURCE_EXHAUSTED, *busy(200))

    with Flaky(refuse) as server, prunecast.Client(server.address) as client:
        client.server_info()
        assert server.calls == 2
        assert 0.2 <= server.times[1] - server.times[0] < 2
    once = prunecast.Retry(max_attempts=1)
    with (
        Flaky(refuse) as server,
        prunecast.Client(server.address, retry=once) as client,
        pytest.raises(prunecast.PrunecastError) as caught,
    ):
        client.server_info()
    assert (caught.value.code, caught.value.reason) == ("RESOURCE_EXHAUSTED", "QUEUE_FULL")
    assert caught.value.retry_after_seconds == 0.2
    assert caught.value.quotas == (prunecast.QuotaViolation("caller:a", "4 may wait"),)
    plain = Flaky(lambda context: fail(context, grpc.StatusCode.RESOURCE_EXHAUSTED))
    with plain as server, prunecast.Client(server.address) as client:
        with pytest.raises(prunecast.PrunecastError):
            client.server_info()
        assert server.calls == 1


def test_the_server_may_say_when_or_never() -> None:
    def at_once(context: grpc.ServicerContext) -> None:
        fail(context, grpc.StatusCode.UNAVAILABLE, grpc_retry_pushback_ms="0")

    def never(context: grpc.ServicerContext) -> None:
        fail(context, grpc.StatusCode.UNAVAILABLE, grpc_retry_pushback_ms="-1")

    slow = prunecast.Retry(first_delay_seconds=1_000, max_delay_seconds=1_000)
    with Flaky(at_once, never) as server, prunecast.Client(server.address, retry=slow) as client:
        with pytest.raises(prunecast.PrunecastError):
            client.server_info()
        assert server.calls == 2


def test_a_call_may_be_made_any_number_of_times() -> None:
    tries = iter(range(1_200))

    def attempt() -> str:
        if next(tries, None) is not None:
            raise prunecast.PrunecastError("not there", code="UNAVAILABLE")
        return "there"

    patient = prunecast.Retry(max_attempts=2_000, first_delay_seconds=0.0, max_delay_seconds=0.0)
    assert repeat(attempt, patient, Deadline(), lambda: True) == "there"


def test_a_deadline_holds_for_all_tries_together() -> None:
    with Flaky(*[unavailable] * 50) as server, prunecast.Client(server.address) as client:
        begun = time.monotonic()
        with pytest.raises(prunecast.PrunecastError):
            client.within(0.5).server_info()
        assert time.monotonic() - begun < 5
        assert 1 <= server.calls < 10


def test_a_deadline_ends_a_call_and_the_wait_for_a_job() -> None:
    over = threading.Event()

    def watch(request, context):  # type: ignore[no-untyped-def]
        yield messages.WatchJobResponse(event=messages.JobEvent(job_id="j", sequence=1)).SerializeToString()
        over.wait(20)

    server, address = serve(grpc.unary_stream_rpc_method_handler(watch))
    with prunecast.Client(address) as client, pytest.raises(prunecast.PrunecastError) as caught:
        client.within(0.3).result("j", progress=False)
    assert caught.value.code == "DEADLINE_EXCEEDED"
    over.set()
    server.stop(None)


def test_a_call_waits_for_a_server_that_is_started_again(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'server.sock'}"
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: b"")
    first, _ = serve(handler, address)
    with prunecast.Client(address) as client:
        client.server_info()
        first.stop(None).wait()
        begun = threading.Timer(0.5, lambda: servers.append(serve(handler, address)[0]))
        servers: list[grpc.Server] = []
        begun.start()
        client.server_info()
        begun.join()
    servers[0].stop(None)


def test_sends_its_token_with_each_call() -> None:
    seen: list[str] = []

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        seen.append(dict(context.invocation_metadata())["authorization"])
        return b""

    server, address = serve(grpc.unary_unary_rpc_method_handler(answer))
    with prunecast.Client(address, token="secret") as client:
        client.server_info()
    server.stop(None)
    assert seen == ["Bearer secret"]
