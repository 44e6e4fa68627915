"""A server of the npm package, for notebooks and tests."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from prunecast.client import Client
from prunecast.errors import PrunecastError

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
LOG_LINES_KEPT = 20
GRACE_SECONDS = 10.0


class Server:
    """A server that runs as a child process; a context manager. It ends with this process, or with `stop`."""

    def __init__(self, process: subprocess.Popen[str], address: str, log: deque[str], folder: Any) -> None:
        self.address = address
        """What a client connects to."""
        self._process = process
        self._log = log
        self._end = weakref.finalize(self, _stop, process, folder)

    def client(self, **options: Any) -> Client:
        """A client of this server; options are those of `Client`."""
        return Client(self.address, **options)

    @property
    def log(self) -> list[str]:
        """The last lines of the server's log."""
        return list(self._log)

    def stop(self) -> None:
        """Ends the server. Jobs that run go on when a server is started on the same state directory."""
        self._end()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_server(
    *,
    model_root: Paths | None = None,
    data_root: Paths | None = None,
    output_root: str | os.PathLike[str] | None = None,
    state_directory: str | os.PathLike[str] | None = None,
    listen: str | None = None,
    threads: int | None = None,
    memory_budget_bytes: int | None = None,
    plugins: Paths | None = None,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    command: str | Sequence[str] | None = None,
    timeout_seconds: float = 120.0,
) -> Server:
    """Starts `prunecast serve`, and waits until it listens: on a socket in a folder of its own, unless `listen` says
    where else.

    `command` is what runs prunecast; without it PRUNECAST_COMMAND, and without that `npx prunecast`. `arguments` are
    further flags of `prunecast serve`, whose defaults hold for what is left out.

    Raises PrunecastError UNAVAILABLE with the end of the server's log if it does not start.
    """
    folder = tempfile.TemporaryDirectory(prefix="prunecast-") if listen is None else None
    flags = {
        "--model-root": model_root,
        "--data-root": data_root,
        "--output-root": output_root,
        "--state-dir": state_directory,
        "--listen": listen if folder is None else f"unix:{Path(folder.name) / 'server.sock'}",
        "--threads": threads,
        "--memory-budget-bytes": memory_budget_bytes,
        "--plugin": plugins,
    }
    started = [*_find_command(command), "serve"]
    for flag, value in flags.items():
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        started += [
            part
            for each in values
            if each is not None
            for part in (flag, os.fspath(each) if isinstance(each, os.PathLike) else str(each))
        ]
    started += arguments
    try:
        process = subprocess.Popen(
            started,
            env={**os.environ, "PRUNECAST_EXIT_ON_STDIN_END": "true", **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C is for this process alone, which then ends the server.
            start_new_session=True,
        )
    except OSError as error:
        raise PrunecastError(f"{shlex.join(started)} cannot be run: {error}", code="UNAVAILABLE") from error
    log: deque[str] = deque(maxlen=LOG_LINES_KEPT)
    reader = threading.Thread(target=_keep, args=(process.stderr, log), daemon=True)
    reader.start()
    try:
        return Server(process, _read_address(process, timeout_seconds), log, folder)
    except BaseException as error:
        _stop(process, folder)
        reader.join(1.0)
        if isinstance(error, ValueError):
            lines = "\n".join([str(error), *log])
            raise PrunecastError(f"the server did not start: {lines}", code="UNAVAILABLE") from error
        raise


def _find_command(command: str | Sequence[str] | None) -> list[str]:
    command = command or os.environ.get("PRUNECAST_COMMAND") or "npx prunecast"
    return shlex.split(command) if isinstance(command, str) else list(command)


def _read_address(process: subprocess.Popen[str], timeout_seconds: float) -> str:
    """Its first line of output is JSON with its address. Raises ValueError if it is not."""
    timer = threading.Timer(timeout_seconds, process.kill)
    timer.start()
    line = process.stdout.readline() if process.stdout is not None else ""
    timer.cancel()
    if line == "":
        raise ValueError(f"its process ended, or did not listen within {timeout_seconds:g} s")
    try:
        address = json.loads(line)["address"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"its first line of output has no address: {line.strip()}") from None
    if process.stdout is not None:
        threading.Thread(target=_keep, args=(process.stdout, deque(maxlen=0)), daemon=True).start()
    return str(address)


def _keep(stream: Any, lines: deque[str]) -> None:
    for line in stream:
        lines.append(line.rstrip("\n"))


def _stop(process: subprocess.Popen[str], folder: Any) -> None:
    """Asks the server to stop, and after a while no longer asks."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    if folder is not None:
        folder.cleanup()
