"""Records what transformers makes of checkpoints with traits that people's files have.

A row of `traits.json` (beside this file) is one trait. The loading tests (`test/engine/traits.test.ts`) build the same
checkpoint from the same row, load it, and compare their logits with those recorded here. To add a trait, add a row and run

    python test/reference/record_traits.py

with the packages of `test/interop/requirements.txt`; it writes `trait-logits.json`. Every key of a row may be left out:

    config      entries of config.json, over those that all traits share
    tokens      length of the sequence
    drop        tensors left out of the file
    copies      tensors stored again: {"lm_head.weight": "model.embed_tokens.weight"}
    spare       tensors of zeros that no model asks for: {"model.layers.0.attn.bias": {"dtype": "BOOL", "shape": [1, 4]}}
    rename      what the stored names begin with in place of what: {"from": "model.", "to": ""}
    index       the weights lie in this file, which an index names: {"file": "weights/a.safetensors", "absent": ["lm_head.weight"]};
                absent: tensors that the index names and that the file lacks

Values are hashes of a tensor's name and a value's place (`fill`), so that no weights need to be stored. A trait that
transformers does not load with all its weights stops the script.
"""

import json
import pathlib
import sys
import tempfile

import numpy
import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
SPARE_TYPES = {"BOOL": torch.bool, "I64": torch.int64, "F32": torch.float32, "F64": torch.float64}


def mix(x: numpy.ndarray) -> numpy.ndarray:
    """Spreads 32-bit numbers evenly (the constants of "lowbias32")."""
    x = x.astype(numpy.uint32)
    x ^= x >> numpy.uint32(16)
    x *= numpy.uint32(0x21F0AAAD)
    x ^= x >> numpy.uint32(15)
    x *= numpy.uint32(0x735A2D97)
    x ^= x >> numpy.uint32(15)
    return x


def seed_of(name: str) -> int:
    """FNV-1a of a name, 32 bits."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    return seed


def fill(name: str, count: int) -> numpy.ndarray:
    """Values in [-0.5, 0.5), of norms in [0.875, 1.125)."""
    places = numpy.arange(count, dtype=numpy.uint64) * 0x9E3779B9 + seed_of(name)
    values = (mix(places & 0xFFFFFFFF) >> numpy.uint32(8)) / 2.0**24 - 0.5
    return (1 + values / 4 if name.endswith("norm.weight") else values).astype(numpy.float32)


def list_tensors(config: dict) -> dict:
    """Names and values of a stock model's tensors, tied ones once."""
    model = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(**config))
    tensors = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config["tie_word_embeddings"]:
            continue
        tensors[name] = torch.from_numpy(fill(name, tensor.numel())).reshape(tensor.shape)
    return tensors


def store(row: dict, config: dict, directory: pathlib.Path) -> None:
    tensors = list_tensors(config)
    for copy, source in row.get("copies", {}).items():
        tensors[copy] = tensors[source].clone()
    for name in row.get("drop", []):
        del tensors[name]
    for name, spare in row.get("spare", {}).items():
        tensors[name] = torch.zeros(spare["shape"], dtype=SPARE_TYPES[spare["dtype"]])
    rename = row.get("rename", {"from": "", "to": ""})
    stored = {rename["to"] + name.removeprefix(rename["from"]) if name.startswith(rename["from"]) else name: tensor for name, tensor in tensors.items()}
    index = row.get("index", {"file": "model.safetensors"})
    (directory / index["file"]).parent.mkdir(exist_ok=True)
    save_file(stored, directory / index["file"], metadata={"format": "pt"})
    if "index" in row:
        weight_map = {name: index["file"] for name in [*stored, *index.get("absent", [])]}
        (directory / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (directory / "config.json").write_text(json.dumps(config))


def record(row: dict, shared: dict) -> dict:
    config = {**shared["config"], **row.get("config", {})}
    length = row.get("tokens", shared["tokens"])
    tokens = [int(value) % config["vocab_size"] for value in mix(numpy.arange(1, length + 1))]
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder)
        store(row, config, directory)
        model, loading = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        if loading["missing_keys"] or loading["mismatched_keys"]:
            sys.exit(f"{config}: transformers does not find {loading['missing_keys']} {loading['mismatched_keys']}")
        with torch.no_grad():
            logits = model.eval()(torch.tensor([tokens])).logits[0].double()
    losses = -logits.log_softmax(-1)[torch.arange(length - 1), torch.tensor(tokens[1:])]
    return {
        "tokens": tokens,
        "middle": [round(value, 6) for value in logits[length // 2].tolist()],
        "last": [round(value, 6) for value in logits[-1].tolist()],
        "mean_loss": round(losses.mean().item(), 6),
    }


def main() -> None:
    shared = json.loads((HERE / "traits.json").read_text())
    recorded = {name: record(row, shared) for name, row in shared["traits"].items()}
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(values)}" for name, values in recorded.items())
    made_with = json.dumps({"torch": torch.__version__, "transformers": transformers.__version__})
    (HERE / "trait-logits.json").write_text(f'{{\n  "made_with": {made_with},\n  "traits": {{\n{lines}\n  }}\n}}\n')


if __name__ == "__main__":
    main()
