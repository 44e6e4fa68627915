"""A criterion in numpy: a channel matters as much as its largest weight."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import prunecast
from prunecast.plugin import Criterion, ScoreProblem, UnitGroup

Array = np.ndarray[Any, Any]
FFN = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
ATTENTION = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
TENSORS = {
    "ffn_channel": FFN,
    "query_head": ["self_attn.q_proj", "self_attn.o_proj"],
    "kv_group": ATTENTION,
    "layer": [*FFN, *ATTENTION],
}
BY_COLUMNS = ("mlp.down_proj", "self_attn.o_proj")


class LargestWeight(Criterion):
    """The largest absolute weight of each unit."""

    id = "largest-weight"

    def score(self, problem: ScoreProblem, options: None) -> Iterator[tuple[UnitGroup, Array]]:
        for group in problem.groups:
            largest = np.zeros(group.units)
            for name in TENSORS[group.kind]:
                weights = np.abs(read_tensor(problem.folder, f"model.layers.{group.layer}.{name}.weight"))
                rows = weights.T if name in BY_COLUMNS else weights
                # Each unit has the same number of neighbouring rows.
                largest = np.maximum(largest, rows.reshape(group.units, -1).max(axis=1))
            yield group, largest


def read_tensor(folder: Path, name: str) -> Array:
    """A float32 tensor of a checkpoint in one safetensors file."""
    with (folder / "model.safetensors").open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        entry = json.loads(file.read(length))[name]
        if entry["dtype"] != "F32":
            raise ValueError(f"{name} is {entry['dtype']}: this example reads F32 only")
        start, end = entry["data_offsets"]
        file.seek(8 + length + start)
        return np.frombuffer(file.read(end - start), "<f4").reshape(entry["shape"])


if __name__ == "__main__":
    prunecast.serve(LargestWeight())
