"""Whether vLLM continues a text as transformers does, with the same probabilities.

usage: check_vllm.py FOLDER...     needs: vllm (a build for CPUs will do) and its transformers

FOLDER is an output of Prunecast in a form that vLLM has code for. Its heads are of a size that vLLM's attention knows:
32 and more on a CPU. Prints a line for each: the class that vLLM runs, whether 20 tokens are the same, and the largest
difference between log probabilities of the five likeliest of each.
"""
import os
import sys

os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}

import torch
from transformers import AutoModelForCausalLM
from vllm import LLM, SamplingParams

PROMPT = [3, 14, 15, 9, 26, 5, 35]
TOKENS = 20


def check(folder):
    served = LLM(
        model=folder,
        trust_remote_code=True,
        dtype="float32",
        enforce_eager=True,
        max_model_len=64,
        max_num_seqs=2,
        max_num_batched_tokens=128,
        skip_tokenizer_init=True,
    )
    sampling = SamplingParams(temperature=0, max_tokens=TOKENS, ignore_eos=True, detokenize=False, logprobs=5)
    found = served.generate([{"prompt_token_ids": PROMPT}], sampling, use_tqdm=False)[0].outputs[0]
    runs = type(served.llm_engine.model_executor.driver_worker.model_runner.model).__name__
    tokens = list(found.token_ids)

    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = model(torch.tensor([PROMPT + tokens])).logits[0, len(PROMPT) - 1 : -1]
    expected = logits.log_softmax(-1)
    worst = max(
        abs(value.logprob - expected[step, token].item())
        for step, row in enumerate(found.logprobs)
        for token, value in row.items()
    )
    same = "same tokens" if logits.argmax(-1).tolist() == tokens else "OTHER TOKENS"
    print(f"{folder}: {runs}, {same}, log probabilities within {worst:.1e}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for each in sys.argv[1:]:
        check(each)
