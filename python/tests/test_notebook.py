from __future__ import annotations

import re
import sys

import pytest
from conftest import ROOT

EXAMPLES = ROOT / "python/examples"


def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """From an empty kernel of this Python; it is committed without outputs."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    for name in ("ipykernel", "pandas"):
        pytest.importorskip(name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python/src"))
    notebook = nbformat.read(EXAMPLES / "first-search.ipynb", as_version=4)
    assert [cell for cell in notebook.cells if cell.get("outputs")] == []
    # Whatever kernels are installed: the one of this Python.
    manager = pytest.importorskip("jupyter_client").KernelManager()
    manager.kernel_cmd = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    client = nbclient.NotebookClient(notebook, km=manager, timeout=600, resources={"metadata": {"path": str(EXAMPLES)}})
    client.execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []) if output.get("text")
    )
    assert re.search(r"The winner has [\d,]+ parameters and a perplexity of", printed)
    assert "'config.json'" in printed
