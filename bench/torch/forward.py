"""Losses of token windows with transformers, timed: the same windows, batch and threads as Evaluate's.

Arguments: model folder, dtype, threads. The first line of standard input is {"batch": windows a batch, "windows": [[ids]]};
each further one names the attention of one more pass. Every pass is answered by a line with its milliseconds and loss.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM

directory, dtype, threads = sys.argv[1], getattr(torch, sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
model = AutoModelForCausalLM.from_pretrained(directory, dtype=dtype).eval()
work = json.loads(sys.stdin.readline())
windows = torch.tensor(work["windows"])

# Logits of all rows at once take memory that is slow to fill: some hundred rows at a time were fastest here too.
ROWS = 512


@torch.inference_mode()
def sum_losses() -> float:
    total = 0.0
    for batch in windows.split(work["batch"]):
        hidden = model.model(input_ids=batch, use_cache=False).last_hidden_state[:, :-1].reshape(-1, model.config.hidden_size)
        for rows, targets in zip(hidden.split(ROWS), batch[:, 1:].reshape(-1).split(ROWS)):
            total += F.cross_entropy(model.lm_head(rows).float(), targets, reduction="sum").item()
    return total


print(json.dumps({"torch": torch.__version__}), flush=True)
for line in sys.stdin:
    model.set_attn_implementation(line.strip())
    started = time.perf_counter()
    loss = sum_losses()
    print(json.dumps({"milliseconds": 1000 * (time.perf_counter() - started), "loss": loss}), flush=True)
