"""Records the answers that transformers generates to questions of MMLU, for the tests of the evaluator `mmlu`.

    python test/reference/record_mmlu_answers.py MODEL MMLU

with the packages of `test/interop/requirements.txt`, the folder of SmolLM2-135M-Instruct and that of MMLU's CSV files. Writes
`mmlu-answers.json`: of each question its right letter and the 5 tokens that follow its prompt, each the most likely next.
"""

import csv
import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

SHOTS, TOKENS = 5, 5
QUESTIONS = {"anatomy": 10, "us_foreign_policy": 10}

model_folder, mmlu = sys.argv[1], pathlib.Path(sys.argv[2])
tokenizer = AutoTokenizer.from_pretrained(model_folder)
model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval()


def read(split, subject):
    with open(mmlu / split / f"{subject}_{split}.csv", encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def ask(row):
    return row[0].strip() + "".join(f"\n{letter}. {choice}" for letter, choice in zip("ABCD", row[1:5])) + "\nAnswer:"


def answer(prompt):
    ids = torch.tensor([tokenizer(prompt, add_special_tokens=False)["input_ids"]])
    with torch.inference_mode():
        generated = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=TOKENS, repetition_penalty=1.0
        )
    return tokenizer.decode(generated[0, ids.shape[1] :], skip_special_tokens=True)


recorded = []
for subject, count in QUESTIONS.items():
    start = f"The following are multiple choice questions (with answers) about {subject.replace('_', ' ')}.\n\n"
    shots = "".join(f"{ask(row)} {row[5]}\n\n" for row in read("dev", subject)[:SHOTS])
    for row in read("test", subject)[:count]:
        recorded.append({"subject": subject, "gold": row[5], "answer": answer(start + shots + ask(row))})

path = pathlib.Path(__file__).with_name("mmlu-answers.json")
path.write_text(json.dumps({"model": "smollm2-135m-instruct", "shots": SHOTS, "tokens": TOKENS, "questions": recorded}, indent=2) + "\n")
