"""What people do to a pruned model: load it as bfloat16 and by a device map, and train it further."""
import tempfile

import torch
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments


def fine_tune(folder, tuned, dtype_entry):
    """
    Three steps of the Trainer, saved to `tuned`.

    {"bfloat16": the norm of what loading as bfloat16 changes of the logits, over their own, "device_map": the largest
    difference of a logit when loaded by a map, "recomputed": how often a part of a layer runs for one gradient with gradient
    checkpointing, "gradients": the largest difference that it makes to one, "losses": of each step, "loaded": the largest
    difference of a logit of the trained model after loading it again, "prompt": tokens, "logits": those of the trained
    model after the last of them}
    """
    load = {"trust_remote_code": True, dtype_entry: torch.float32}
    model = AutoModelForCausalLM.from_pretrained(folder, **load)
    ids = torch.randint(3, model.config.vocab_size, (2, 24), generator=torch.Generator().manual_seed(1))
    found = logits_of(model, ids)
    halved = AutoModelForCausalLM.from_pretrained(folder, **{**load, dtype_entry: torch.bfloat16}, device_map="cpu")
    mapped = AutoModelForCausalLM.from_pretrained(folder, **load, device_map="auto")
    gradients, runs = compute_gradients(model, ids, checkpointing=False), []
    inner = next(module for module in model.model.layers[-1].modules() if isinstance(module, torch.nn.Linear))
    attached = inner.register_forward_pre_hook(lambda *_: runs.append(None))
    recomputed = compute_gradients(model, ids, checkpointing=True)
    attached.remove()
    losses = train(model, ids)
    model.save_pretrained(tuned)
    trained = logits_of(model, ids)
    return {
        "bfloat16": ((logits_of(halved, ids).float() - found).norm() / found.norm()).item(),
        "device_map": (logits_of(mapped, ids) - found).abs().max().item(),
        "recomputed": len(runs),
        "gradients": max((one - other).abs().max().item() for one, other in zip(gradients, recomputed, strict=True)),
        "losses": losses,
        "loaded": (logits_of(AutoModelForCausalLM.from_pretrained(tuned, **load), ids) - trained).abs().max().item(),
        "prompt": ids[0].tolist(),
        "logits": trained[0, -1].tolist(),
    }


@torch.no_grad()
def logits_of(model, ids):
    return model.eval()(ids.to(model.device)).logits


def compute_gradients(model, ids, *, checkpointing):
    model.train()
    model.zero_grad()
    if checkpointing:
        model.gradient_checkpointing_enable()
    model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
    model.gradient_checkpointing_disable()
    return [parameter.grad.clone() for parameter in model.parameters()]


def train(model, ids):
    model.zero_grad()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=3,
            learning_rate=1e-4,
            lr_scheduler_type="constant",
            per_device_train_batch_size=2,
            gradient_checkpointing=True,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        trainer = Trainer(model, arguments, train_dataset=[{"input_ids": row, "labels": row} for row in ids])
        trainer.train()
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
