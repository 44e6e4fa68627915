"""Runs decoder graphs in ONNX Runtime and says how far their logits are from the given ones.

usage: check_graph.py EXPECTED.json MODEL.onnx..., where EXPECTED.json has `tokens` and `logits` [tokens][vocabulary].
Prints for each model {"whole": D, "stepwise": D}: the differences for the sequence at once, and token by token with the
cache, each as {"most": the largest, "share": their root mean square as a share of the deviation of the logits}.
"""

import json
import sys

import numpy
import onnxruntime

expected_path, *paths = sys.argv[1:]
with open(expected_path, encoding="utf-8") as file:
    expected = json.load(file)
tokens = numpy.array([expected["tokens"]], dtype=numpy.int64)
logits = numpy.array(expected["logits"], dtype=numpy.float32)

onnxruntime.set_default_logger_severity(3)


def run(session, steps):
    """The logits of the sequence, which comes in steps of so many tokens."""
    names = [output.name for output in session.get_outputs()]
    caches = [entry for entry in session.get_inputs() if entry.name.startswith("past_key_values.")]
    cache = {entry.name: numpy.zeros((1, entry.shape[1], 0, entry.shape[3]), dtype=numpy.float32) for entry in caches}
    parts = []
    start = 0
    for step in steps:
        end = start + step
        inputs = {
            "input_ids": tokens[:, start:end],
            "attention_mask": numpy.ones((1, end), dtype=numpy.int64),
            "position_ids": numpy.arange(start, end, dtype=numpy.int64)[None],
        }
        outputs = dict(zip(names, session.run(None, {**inputs, **cache})))
        parts.append(outputs["logits"][0])
        cache = {entry.name: outputs[entry.name.replace("past_key_values", "present")] for entry in caches}
        start = end
    return numpy.concatenate(parts)


def compare(session, steps):
    off = run(session, steps) - logits
    return {"most": float(numpy.abs(off).max()), "share": float(numpy.sqrt((off**2).mean()) / logits.std())}


def check(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    length = tokens.shape[1]
    stepwise = [length // 2] + [1] * (length - length // 2)
    return {"whole": compare(session, [length]), "stepwise": compare(session, stepwise)}


print(json.dumps([check(path) for path in paths]))
