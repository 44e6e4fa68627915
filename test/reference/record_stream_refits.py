"""Records what a fit on the stream makes of the demo model, computed with transformers and numpy in float64.

    python test/reference/record_stream_refits.py

with the packages of `test/interop/requirements.txt` writes `stream-refits.json` (format it: `npx biome format --write`), which
`test/engine/compensation/stream-refits.test.ts` compares the engine with. Two models run side by side, one hook at a time:
each map is refitted by solving its normal equations directly, from raw activations.
"""

import json
import pathlib

import numpy
import torch
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
SEQUENCES = 12
DAMPING = {"output": 0.02, "input": 0.1}
# Of each layer, what is kept: key-value groups (of 4, two heads each) and channels (of 172), the first ones.
KEPT = [(4, 172), (2, 172), (4, 90), (4, 172), (3, 60)]
HEAD = 8

torch.set_grad_enabled(False)
fixture = json.loads((HERE.parent / "fixtures/criteria.json").read_text())
ids = torch.tensor(fixture["calibration_ids"][:SEQUENCES])
windows = torch.tensor(fixture["evaluation_ids"])


def load():
    model = AutoModelForCausalLM.from_pretrained(HERE.parents[1] / "models/stories260k", attn_implementation="eager")
    return model.double().eval()


def capture(model, module):
    """The inputs of a module, [tokens, in], when the model runs over all sequences."""
    seen = []
    hook = module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(ids)
    hook.remove()
    return seen[0].reshape(-1, seen[0].shape[-1]).numpy()


def states(model, layer, half, end):
    """The residual stream before or after a half-block, [tokens, hidden]."""
    block = model.model.layers[layer]
    if half == "ffn" and end == "after":
        seen = []
        hook = block.register_forward_hook(lambda _, __, out: seen.append(out[0] if isinstance(out, tuple) else out))
        model(ids)
        hook.remove()
        return seen[0].reshape(-1, seen[0].shape[-1]).numpy()
    first = (half, end) == ("attention", "before")
    return capture(model, block.input_layernorm if first else block.post_attention_layernorm)


def solve(x, target, weight, damping):
    """W' of X W' = T, drawn to W; weight is [out, in]."""
    gram = x.T @ x / len(x)
    ridge = damping * numpy.trace(gram) / len(gram)
    left = gram + ridge * numpy.eye(len(gram))
    return numpy.linalg.solve(left, x.T @ target / len(x) + ridge * weight.T).T


def set_weight(module, weight):
    module.weight = torch.nn.Parameter(torch.from_numpy(numpy.ascontiguousarray(weight)))


def refit(reach):
    dense, pruned = load(), load()
    changed = False
    fitted = {}
    for layer, (groups, channels) in enumerate(KEPT):
        block, own = pruned.model.layers[layer], dense.model.layers[layer]
        for half in ("attention", "ffn"):
            if half == "attention":
                norm, inputs = block.input_layernorm, {"q": block.self_attn.q_proj, "k": block.self_attn.k_proj, "v": block.self_attn.v_proj}
                output, kept, lost = block.self_attn.o_proj, 2 * groups * HEAD, groups < 4
            else:
                norm, inputs = block.post_attention_layernorm, {"gate": block.mlp.gate_proj, "up": block.mlp.up_proj}
                output, kept, lost = block.mlp.down_proj, channels, channels < 172
            if changed and reach == "all":
                name = next(iter(inputs))
                twin = own.self_attn if half == "attention" else own.mlp
                x = capture(pruned, inputs[name])
                y = capture(dense, getattr(twin, name + "_proj"))
                for name, module in inputs.items():
                    weight = module.weight.numpy().copy()
                    set_weight(module, solve(x, y @ weight.T, weight, DAMPING["input"]))
            if lost or (changed and reach != "pruned"):
                x = capture(pruned, output)[:, :kept]
                lacking = states(dense, layer, half, "after") - states(pruned, layer, half, "before")
                weight = output.weight.numpy().copy()
                weight[:, :kept] = solve(x, lacking, weight[:, :kept], DAMPING["output"])
                # Zero columns of o and down stand for the units that are gone.
                weight[:, kept:] = 0
                set_weight(output, weight)
            changed = changed or lost
    for name, tensor in pruned.state_dict().items():
        before = dense.state_dict()[name]
        if torch.equal(tensor, before):
            continue
        layer = int(name.split(".")[2])
        groups, channels = KEPT[layer]
        part = name.split(".")[-2][: -len("_proj")]
        rows = {"q": 2 * groups * HEAD, "k": groups * HEAD, "v": groups * HEAD, "gate": channels, "up": channels}
        value = tensor.numpy()
        value = value[:, : 2 * groups * HEAD] if part == "o" else value[:, :channels] if part == "down" else value[: rows[part]]
        change = value - before.numpy()[: value.shape[0], : value.shape[1]]
        fitted[name] = {
            "shape": list(value.shape),
            "norm": float(numpy.linalg.norm(value)),
            "change": float(numpy.linalg.norm(change)),
            "first": [float(v) for v in value[0, :6]],
            "last": [float(v) for v in value[-1, -6:]],
        }
    logits = pruned(windows).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), windows[:, 1:].reshape(-1))
    return {"perplexity": float(torch.exp(loss)), "fitted": fitted}


(HERE / "stream-refits.json").write_text(
    json.dumps(
        {
            "sequences": SEQUENCES,
            "damping": DAMPING["output"],
            "input_damping": DAMPING["input"],
            "kept": [{"kv_heads": groups, "ffn_channels": channels} for groups, channels in KEPT],
            "refits": {reach: refit(reach) for reach in ("pruned", "outputs", "all")},
        },
        indent=1,
    )
    + "\n"
)
