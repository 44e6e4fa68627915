"""Measures again what lm-evaluation-harness made of SmolLM2-135M-Instruct, and says how far that is from the records.

The records lie in the shared folder beside the project, where `test/plugins/evaluators/harness.reference.test.ts` reads them.
With `lm-eval[hf]==0.4.13` installed, and the model's folder:

    python test/reference/record_harness.py MODEL [OUT [LIMIT]]

writes a file per task to OUT (`harness-records` by default), of as many questions as were recorded or of LIMIT.
"""

import json
import pathlib
import subprocess
import sys

REFERENCE = pathlib.Path(__file__).resolve().parents[3] / "shared" / "reference" / "lm-eval"
TASKS = ["pc_arc_easy", "pc_piqa", "pc_mmlu_anatomy"]

model = sys.argv[1]
out = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "harness-records")
most = int(sys.argv[3]) if len(sys.argv) > 3 else sys.maxsize


def read(folder, task):
    return json.loads((folder / f"{task}.json").read_text(encoding="utf-8"))["rows"]


recorded = {task: read(REFERENCE / "smollm2-135m-instruct", task)[:most] for task in TASKS}
wanted = [f"{task}:{len(rows)}" for task, rows in recorded.items()]
subprocess.run([sys.executable, REFERENCE / "run.py", model, out, *wanted], check=True)
for task, rows in recorded.items():
    pairs = [
        pair
        for old, new in zip(rows, read(out, task), strict=True)
        for pair in zip(old["log_likelihoods"], new["log_likelihoods"], strict=True)
    ]
    worst = max(abs(new / old - 1) for old, new in pairs)
    print(f"{task}: {len(rows)} questions, largest relative difference {worst:.1e}")
