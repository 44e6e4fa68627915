from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import grpc
import pytest
from conftest import SMALL_SEARCH, run_python, serve, start

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
    with pytest.raises(prunecast.PrunecastError, match=r"threads \(--threads\): -1 is less than 1"):
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
