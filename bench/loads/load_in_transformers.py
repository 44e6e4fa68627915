"""What transformers finds in folders, beside given logits.

needs: torch, transformers >= 4.48, numpy. Each line of standard input names one folder and is answered by a line:

{"folder", "questions": a file, "kept": null, or [{"query_heads", "ffn_channels"} a layer], "rounding": "float32", "float64" or "q8_0"}
{"logits": largest difference, "perplexity", "tokens": the greedy ones after the prompt}

A file of questions has "windows" [[ids]], "prompt" [ids], "tokens": how many follow it, and "logits": a file of float32, [windows, tokens,
vocabulary]. With "kept" the folder is a source, and the columns of its removed units are set to zero, which is what the pruned model has to
compute. "rounding" is how it computes; with "q8_0" in float32, after matrices and what they are multiplied by are rounded as llama.cpp does
for a file of that type.
"""
import json
import logging
import pathlib
import sys

import numpy
import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging as transformers_logging

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "test/interop/transformers"))
from check_export import DTYPE, spell_rotary, zero_removed  # noqa: E402

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()
torch.set_num_threads(1)  # as the other runtimes
logging.disable(logging.WARNING)


def load(folder, dtype):
    own_code = (pathlib.Path(folder) / "modeling_prunecast.py").exists()
    return AutoModelForCausalLM.from_pretrained(folder, **{DTYPE: dtype}, trust_remote_code=own_code, **spell_rotary(folder)).eval()


@torch.inference_mode()
def compare(model, windows, logits):
    """The largest difference, and the perplexity on all tokens but the first of each window."""
    expected = numpy.memmap(logits, dtype=numpy.float32, mode="r", shape=(len(windows), len(windows[0]), model.config.vocab_size))
    most, losses = 0.0, []
    for window, given in zip(windows, expected, strict=True):
        ids = torch.tensor([window])
        found = model(ids).logits[0]
        most = max(most, float(numpy.abs(found.numpy() - given).max()))
        losses.append(torch.nn.functional.cross_entropy(found[:-1], ids[0, 1:], reduction="none"))
    return {"logits": most, "perplexity": torch.cat(losses).mean().exp().item()}


def generate(model, prompt, tokens):
    model.generation_config.eos_token_id = None  # goes on past what ends a text
    ids = torch.tensor([prompt])
    made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, pad_token_id=0)
    return made[0, len(prompt) :].tolist()


@torch.no_grad()
def round_products(model):
    for parameter in model.parameters():
        if parameter.dim() == 2:
            parameter.copy_(round_q8_0(parameter))
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_pre_hook(lambda _, inputs: (round_q8_0(inputs[0]),))


def round_q8_0(values):
    """ggml's Q8_0: blocks of 32 values share a float16 step, 1/127 of the largest of them."""
    blocks = values.reshape(-1, 32)
    steps = blocks.abs().amax(1, keepdim=True) / 127
    return (torch.nan_to_num(blocks / steps).round() * steps.half().float()).reshape(values.shape)


def answer(folder, questions, kept, rounding):
    asked = json.loads(pathlib.Path(questions).read_text())
    model = load(folder, torch.float64 if rounding == "float64" else torch.float32)
    if kept is not None:
        zero_removed(model, kept)
    if rounding == "q8_0":
        round_products(model)
    found = compare(model, asked["windows"], asked["logits"])
    return {**found, "tokens": generate(model, asked["prompt"], asked["tokens"])}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), flush=True)
