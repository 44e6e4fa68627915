from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from conftest import SMALL_SEARCH, run_python, start

import prunecast
from prunecast import messages


def test_a_search_goes_on_when_the_server_is_killed_and_started_again(
    report: prunecast.SearchReport, tmp_path: Path
) -> None:
    """With the same winner as a search that nothing interrupted."""
    address = f"unix:{tmp_path / 'server.sock'}"
    servers = [start(tmp_path, listen=address)]
    sequences: list[int] = []

    def kill(event: messages.JobEvent) -> None:
        if event.sequence > 0:
            sequences.append(event.sequence)
        if len(servers) == 1 and event.HasField("study") and event.study.HasField("trial"):
            os.killpg(servers[0]._process.pid, signal.SIGKILL)
            servers.append(start(tmp_path, listen=address))

    try:
        with prunecast.Client(address) as client:
            resumed = client.search(**SMALL_SEARCH, on_event=kill, progress=False)
    finally:
        for each in servers:
            each.stop()
    assert len(servers) == 2
    assert sequences == list(range(1, len(sequences) + 1))
    assert resumed.winner == report.winner


def test_gives_up_soon_where_nobody_ever_answered(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'nobody.sock'}"
    patience = prunecast.Reattach(first_delay_seconds=0.01, give_up_start_after_seconds=0.1)
    with prunecast.Client(address, reattach=patience) as client, pytest.raises(prunecast.PrunecastError) as caught:
        client.search("stories260k", progress=False)
    assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "")


def test_refuses_an_address_that_is_a_url() -> None:
    with pytest.raises(ValueError, match=r"^the address 'https://host:50051' is a URL: it is host:port or unix:/path"):
        prunecast.Client("https://host:50051", tls=True)


def test_connects_by_tls_with_the_certificate_of_the_server(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    try:
        subprocess.run([*made, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    arguments = ["--tls-certificate", str(certificate), "--tls-key", str(key)]
    with start(tmp_path, listen="127.0.0.1:0", arguments=arguments) as server:
        with server.client(ca_certificate=certificate) as client:
            assert client.inspect("stories260k").family == "llama"
        for tls in (False, True):
            with server.client(tls=tls) as client, pytest.raises(prunecast.PrunecastError) as caught:
                client.server_info()
            assert caught.value.code == "UNAVAILABLE"


def serve(handle: grpc.RpcMethodHandler, seen: list[str] | None = None) -> tuple[grpc.Server, str]:
    """A server that answers every method alike."""

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            if seen is not None:
                seen.append(dict(details.invocation_metadata)["authorization"])
            return handle

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


def test_sends_its_token_with_each_call() -> None:
    seen: list[str] = []
    server, address = serve(grpc.unary_unary_rpc_method_handler(lambda request, context: b""), seen)
    with prunecast.Client(address, token="secret") as client:
        client.server_info()
    server.stop(None)
    assert seen == ["Bearer secret"]


def test_takes_a_silent_stream_for_a_lost_one() -> None:
    over = threading.Event()

    def watch(request, context):  # type: ignore[no-untyped-def]
        yield messages.WatchJobResponse(event=messages.JobEvent(job_id="j", sequence=1)).SerializeToString()
        over.wait(30)

    server, address = serve(grpc.unary_stream_rpc_method_handler(watch))
    patience = prunecast.Reattach(silence_seconds=0.3, first_delay_seconds=0.01, give_up_after_seconds=0)
    with prunecast.Client(address, reattach=patience) as client:
        events = client.watch("j")
        assert next(events).sequence == 1
        with pytest.raises(prunecast.PrunecastError, match=r"nothing was heard of the server for 0\.3 s"):
            next(events)
    over.set()
    server.stop(None)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(prunecast.PrunecastError, match=r"threads \(--threads\): Too small"):
        start(tmp_path, threads=-1)
    with pytest.raises(prunecast.PrunecastError, match="no-such-program serve.* cannot be run"):
        start(tmp_path, command="no-such-program")
    with pytest.raises(prunecast.PrunecastError, match="no address: serve"):
        start(tmp_path, command="echo")


def test_a_server_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    program = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from conftest import start
print(start(Path({str(tmp_path)!r}))._process.pid, flush=True)
os._exit(0)
"""
    ended = run_python("-c", program)
    assert ended.stdout.strip().isdigit(), ended.stderr
    process = int(ended.stdout)
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        try:
            os.killpg(process, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(process, signal.SIGKILL)
    pytest.fail("the server still runs 20 s after the program that started it")
