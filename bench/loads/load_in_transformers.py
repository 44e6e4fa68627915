"""What transformers finds in folders, beside given logits.

needs: torch, transformers >= 4.48, numpy. Each line of standard input names one folder and is answered by a line:

{"folder", "questions": a file, "kept": null, or [{"query_heads", "ffn_channels"} a layer]}
{"logits": largest difference, "perplexity", "tokens": the greedy ones after the prompt}

A file of questions has "windows" [[ids]], "prompt" [ids], "tokens": how many follow it, and "logits": a file of float32, [windows, tokens,
vocabulary]. With "kept" the folder is a source, and the columns of its removed units are set to zero, which is what the pruned model has to
compute. All weights are float32.
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


def load(folder):
    own_code = (pathlib.Path(folder) / "modeling_prunecast.py").exists()
    return AutoModelForCausalLM.from_pretrained(folder, **{DTYPE: torch.float32}, trust_remote_code=own_code, **spell_rotary(folder)).eval()


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


def answer(folder, questions, kept):
    asked = json.loads(pathlib.Path(questions).read_text())
    model = load(folder)
    if kept is not None:
        zero_removed(model, kept)
    found = compare(model, asked["windows"], asked["logits"])
    return {**found, "tokens": generate(model, asked["prompt"], asked["tokens"])}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), flush=True)
