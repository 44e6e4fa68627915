"""Checks exported folders against an independent computation: the dense model with the removed units zeroed out.

usage: check_export.py CASES.json     needs: torch, transformers >= 4.48, safetensors, numpy; with "tuned" accelerate too

CASES.json is a list of {"source", "export", "kept": [{"kv_groups", "query_heads", "ffn_channels"}, ...], "biases": {name: [...]}, "dtype": null or "float16", "tuned": null or a folder to train it to}.
For each case the source is loaded in stock transformers and the columns of o and down that belong to removed units are set to zero (all of
them, with the bias, for a dropped half-block), which leaves exactly what the kept units compute; then the biases are put in
place, which is all that a dropped half-block then adds. With a dtype, torch rounds all weights to it first. The export must give the
same logits, and generate the same tokens with its key-value cache as without. All in float64: in float32 the dense SmolLM2
is 4e-3 from itself on these random tokens, by rounding alone.

Prints one JSON line a case:
{"export", "model_type", "logits": largest difference, "scale": largest logit, "generate": "same" or "differs",
"beams": the same for beam search, "prompt": tokens, "tokens": 20 that follow by greedy search, past what ends a text, "resaved": largest difference after save_pretrained, "parameters": count, "dtype": of the weights as loaded by default, "tuned": what fine_tune.py says, or null}.
"""
import json
import logging
import pathlib
import sys
import tempfile

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

VERSION = tuple(int(part) for part in transformers.__version__.split(".")[:2])
DTYPE = "dtype" if VERSION >= (4, 56) else "torch_dtype"

transformers_logging.set_verbosity_error()
logging.disable(logging.WARNING)


@torch.no_grad()
def zero_removed(model, kept):
    head = model.config.head_dim if getattr(model.config, "head_dim", None) else model.config.hidden_size // model.config.num_attention_heads
    for layer, units in zip(model.model.layers, kept, strict=True):
        zero_columns(layer.self_attn.o_proj, units["query_heads"], head)
        zero_columns(layer.mlp.down_proj, units["ffn_channels"], 1)
    return model


def zero_columns(linear, units, width):
    mask = torch.zeros(linear.in_features // width, dtype=torch.bool)
    mask[units] = True
    linear.weight[:, ~mask.repeat_interleave(width)] = 0
    if not units and linear.bias is not None:
        linear.bias.zero_()


@torch.no_grad()
def set_biases(model, biases):
    for name, values in biases.items():
        linear = model.get_submodule(name.removesuffix(".bias"))
        linear.bias = torch.nn.Parameter(torch.tensor(values, dtype=torch.float64))
    return model


@torch.no_grad()
def round_to(model, dtype):
    for parameter in model.parameters():
        parameter.copy_(parameter.to(getattr(torch, dtype)))
    return model


@torch.no_grad()
def check(case):
    dense = zero_removed(AutoModelForCausalLM.from_pretrained(case["source"], **{DTYPE: torch.float64}, **spell_rotary(case["source"])).eval(), case["kept"])
    set_biases(dense, case["biases"])
    if case["dtype"] is not None:
        round_to(dense, case["dtype"])
    stock = not (pathlib.Path(case["export"]) / "modeling_prunecast.py").exists()
    load = {DTYPE: torch.float64, "trust_remote_code": not stock}
    model = AutoModelForCausalLM.from_pretrained(case["export"], **load).eval()
    for each in (dense, model):
        each.generation_config.eos_token_id = None  # each version and family has a default of its own
    vocabulary = model.config.vocab_size
    ids = torch.randint(3, vocabulary, (2, 48), generator=torch.Generator().manual_seed(0))
    expected, found = dense(ids).logits, model(ids).logits
    greedy = {"max_new_tokens": 12, "min_new_tokens": 12, "do_sample": False, "pad_token_id": 0}
    prompt = ids[:1, :9]
    cached = model.generate(prompt, use_cache=True, **greedy)
    beams = model.generate(prompt, use_cache=True, num_beams=3, **greedy)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        resaved = AutoModelForCausalLM.from_pretrained(folder, **load).eval()(ids).logits
    if (pathlib.Path(case["export"]) / "tokenizer.json").exists():
        text = "Once upon a time, there was a little girl."
        assert AutoTokenizer.from_pretrained(case["export"], **({} if stock else {"trust_remote_code": True}))(text)["input_ids"] == AutoTokenizer.from_pretrained(case["source"])(text)["input_ids"]
    return {
        "export": case["export"],
        "model_type": model.config.model_type,
        "logits": (expected - found).abs().max().item(),
        "scale": expected.abs().max().item(),
        "generate": same(cached, model.generate(prompt, use_cache=False, **greedy), dense.generate(prompt, use_cache=True, **greedy)),
        "beams": same(beams, dense.generate(prompt, use_cache=True, num_beams=3, **greedy)),
        "prompt": prompt[0].tolist(),
        "tokens": model.generate(prompt, max_new_tokens=20, do_sample=False, pad_token_id=0)[0, prompt.shape[1] :].tolist(),
        "resaved": (resaved - found).abs().max().item(),
        "parameters": model.num_parameters(),
        "dtype": str(AutoModelForCausalLM.from_pretrained(case["export"], **{**load, DTYPE: "auto"}).dtype),
    }


def spell_rotary(folder):
    """What transformers before 5 has to be told of a source that it would take the wrong rotary embeddings for."""
    parameters = json.loads((pathlib.Path(folder) / "config.json").read_text()).get("rope_parameters")
    if parameters is None or VERSION >= (5, 0):
        return {}
    scaling = {name: value for name, value in parameters.items() if name != "rope_theta"}
    theta = {"rope_theta": parameters["rope_theta"]}
    return theta if scaling["rope_type"] == "default" else {**theta, "rope_scaling": scaling}


def tune(case):
    if case["tuned"] is None:
        return None
    from fine_tune import fine_tune  # needs accelerate

    return fine_tune(case["export"], case["tuned"], DTYPE)


def same(*runs):
    return "same" if all(torch.equal(runs[0], run) for run in runs) else "differs"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for each in json.loads(pathlib.Path(sys.argv[1]).read_text()):
        print(json.dumps({**check(each), "tuned": tune(each)}), flush=True)
