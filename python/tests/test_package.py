from __future__ import annotations

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, run_python

PACKAGE = ROOT / "python"
UNREACHABLE = ("Could not find a version", "Temporary failure in name resolution", "No matching distribution")


def test_generated_modules_are_those_of_the_protos(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="needs grpcio-tools 1.62: pip install './python[generate]'")
    subprocess.run([sys.executable, PACKAGE / "scripts/generate.py", tmp_path / "_proto"], check=True)

    def read(folder: Path) -> dict[str, str]:
        files = [path for path in folder.rglob("*") if path.suffix in (".py", ".pyi", ".json")]
        return {str(path.relative_to(folder)): path.read_text() for path in files}

    fresh = read(tmp_path / "_proto")
    assert read(PACKAGE / "src/prunecast/_proto") == fresh, "run python/scripts/generate.py and commit the result"


def test_the_built_wheel_is_typed_and_needs_grpcio_and_protobuf_alone(tmp_path: Path) -> None:
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    built = run_python("-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(PACKAGE))
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "prunecast/py.typed" in names
    assert "prunecast/_proto/service_config.json" in names
    assert "prunecast/_proto/prunecast/v1/pruning_pb2.pyi" in names
    assert [name for name in names if not name.startswith(("prunecast/", "prunecast-"))] == []

    venv.create(tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    installed = run_python("-m", "pip", "--python", str(python), "install", str(wheel))
    if any(sign in installed.stderr for sign in UNREACHABLE):
        pytest.skip("needs a registry that has grpcio and protobuf")
    assert installed.returncode == 0, installed.stderr
    listed = run_python("-m", "pip", "--python", str(python), "list", "--format=freeze").stdout.splitlines()
    packages = {line.partition("==")[0].replace("_", "-") for line in listed}
    assert packages <= {"prunecast", "grpcio", "protobuf", "typing-extensions"}
    use = "import prunecast; prunecast.Client('unix:/nobody').close()"
    subprocess.run([python, "-W", "error", "-c", use], check=True)


def test_lives_beside_modules_that_somebody_else_generated_from_the_same_protos(tmp_path: Path) -> None:
    protoc = pytest.importorskip("grpc_tools.protoc", reason="needs grpcio-tools")
    folders = [ROOT / "proto", Path(protoc.__file__).parent / "_proto"]
    names = ["prunecast/v1/common.proto"]
    assert protoc.main(["", *(f"-I{folder}" for folder in folders), f"--python_out={tmp_path}", *names]) == 0
    program = f"""
import importlib.util
from prunecast.messages import Text
spec = importlib.util.spec_from_file_location("theirs", {str(tmp_path / "prunecast/v1/common_pb2.py")!r})
theirs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(theirs)
assert theirs.Text is not Text and theirs.Text(path="a").SerializeToString() == Text(path="a").SerializeToString()
"""
    ended = run_python("-c", program)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("tool", [["mypy"], ["ruff", "check"], ["ruff", "format", "--check"]], ids=" ".join)
def test_its_sources_are_clean(tool: list[str]) -> None:
    pytest.importorskip(tool[0])
    checked = subprocess.run([sys.executable, "-m", *tool], cwd=PACKAGE, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("page", ["python.md", "clients.md", "plugin-python.md"])
def test_code_on_the_page_is_that_of_the_tested_examples(page: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.DOTALL | re.MULTILINE)
    examples = [path.read_text() for path in (PACKAGE / "examples").glob("*.py")]
    assert blocks != []
    assert [block for block in blocks if not any(block in example for example in examples)] == []
