"""An evaluator: how many words of stories transformers predicts right, greedily, on the written checkpoint."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import prunecast
from prunecast.plugin import Candidate, Evaluator, Measured, Metric, option


class StoryWords(Evaluator):
    """Share of the tokens of each story that the model predicts right."""

    id = "story-words"
    metrics = [Metric("story_accuracy", better="higher", mean=("right", "tokens"))]

    @dataclass
    class Options:
        stories: str = option("stories.json", "A JSON file with an array of texts, as this process sees it.")
        count: int = option(8, "How many of them.", minimum=1)

    def evaluate(self, candidate: Candidate, options: Options) -> Measured:
        # An output whose layers differ brings its own code along.
        model: Any = AutoModelForCausalLM.from_pretrained(candidate.folder, trust_remote_code=True)
        tokenizer: Any = AutoTokenizer.from_pretrained(candidate.folder)
        right, tokens = [], []
        for story in json.loads(Path(options.stories).read_text())[: options.count]:
            ids = tokenizer(story, return_tensors="pt", truncation=True, max_length=128).input_ids
            with torch.no_grad():
                guesses = model(ids).logits[0, :-1].argmax(dim=-1)
            right.append(int((guesses == ids[0, 1:]).sum()))
            tokens.append(len(guesses))
        return Measured({"story_accuracy": sum(right) / sum(tokens)}, items={"right": right, "tokens": tokens})


if __name__ == "__main__":
    prunecast.serve(StoryWords())
