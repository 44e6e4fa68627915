"""Servers for tests: those that the npm package beside this one has built, on the demo model."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

import prunecast

ROOT = Path(__file__).resolve().parents[2]
MAIN = ROOT / "dist/src/cli/main.js"
TEXT = "stories260k/stories.json"
WINDOWS = {"window": 64}

SMALL_SEARCH: dict[str, Any] = {
    "model": "stories260k",
    "removed_share": 0.2,
    "text": TEXT,
    "windows": WINDOWS,
    "recipes": [{"criterion": "magnitude", "compensation": "none"}],
    "pairs": {"count": 16, "rungs": [{"token_limit": 256}]},
    "predictor": "ridge",
    "candidates": 200,
    "rounds": 1,
    "verify": {"count": 3, "rungs": [{"token_limit": 512}]},
    "report": {"token_limit": 512},
    "controls": ["uniform-paper"],
}
"""A search of seconds."""


@pytest.fixture(scope="session", autouse=True)
def command() -> Iterator[None]:
    node = shutil.which("node")
    if node is None or not MAIN.exists():
        pytest.skip("needs Node.js, and the npm package built: npm run build")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNECAST_COMMAND", f"{node} {MAIN}")
        yield


def start(folder: Path, **options: Any) -> prunecast.Server:
    """A server with its own state, on the demo model."""
    return prunecast.start_server(
        **{
            "model_root": ROOT / "models",
            "data_root": ROOT / "models",
            "output_root": folder / "outputs",
            "state_directory": folder / "state",
            "threads": 1,
            **options,
        }
    )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[prunecast.Server]:
    with start(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="session")
def client(server: prunecast.Server) -> Iterator[prunecast.Client]:
    with server.client() as connected:
        yield connected


@pytest.fixture(scope="session")
def report(client: prunecast.Client) -> prunecast.SearchReport:
    """Of one small search that several tests look at."""
    return client.search(**SMALL_SEARCH, output="winner", progress=False)


def serve(handle: grpc.RpcMethodHandler, address: str = "127.0.0.1:0") -> tuple[grpc.Server, str]:
    """A server that answers every method alike."""

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            return handle

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Handler()])
    port = server.add_insecure_port(address)
    server.start()
    return server, address if address.startswith("unix:") else f"127.0.0.1:{port}"


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python/src")}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)


def run_example(name: str, server: prunecast.Server) -> dict[str, Any]:
    """Runs an example against a server, and returns its names."""
    source = (ROOT / "python/examples" / name).read_text()
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source.replace("127.0.0.1:50051", server.address), name, "exec"), names)
    return names
