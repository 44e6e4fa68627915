import { FAMILIES, findFamilyOf } from '../../../engine/families/find-family.js';
import { NEMOTRON_NAS } from '../../../engine/families/nemotron-nas.js';
import type { ModellingClasses } from '../../../engine/families/family.js';
import { FFN_MULTIPLE } from '../../../engine/checkpoint/nemotron-nas-form.js';
import { PER_LAYER_PREFIX } from '../../../engine/checkpoint/per-layer-form.js';

/** Name of the modelling file in a per-layer export; `auto_map` in its config.json refers to it. */
export const MODELLING_FILE = 'modeling_prunecast.py';

/** The first transformers version whose models hand the rotary embeddings to the layers, and all take a `head_dim`. */
export const LEAST_TRANSFORMERS = '4.48';

/** Names of the classes that the modelling file defines for a family. */
export function namePerLayerClasses({ classPrefix }: ModellingClasses): {
  readonly config: string;
  readonly layer: string;
  readonly model: string;
} {
  return {
    config: `Prunecast${classPrefix}Config`,
    layer: `Prunecast${classPrefix}DecoderLayer`,
    model: `Prunecast${classPrefix}ForCausalLM`,
  };
}

/** The classes of the modelling file for the form of Nemotron-NAS; vLLM goes by the name of the model. */
export const DECILM_CLASSES = { config: 'DeciLMConfig', model: 'DeciLMForCausalLM' } as const;

const DECILM_BASE = findFamilyOf({}, NEMOTRON_NAS).modelling;
const EARLY = FAMILIES.filter(({ modelling }) => modelling.since === undefined);
const LATE = FAMILIES.flatMap(({ id, modelling }) =>
  modelling.since === undefined ? [] : [{ id, modelling, since: modelling.since }],
);

/**
 * The Python that loads the per-layer form in transformers (`trust_remote_code=True`). It builds on transformers' own
 * classes: it adds only the sizes of each block, and skips dropped halves.
 */
export const MODELLING_SOURCE = `# Written by Prunecast: loads a pruned checkpoint whose layers differ from one another.
#
#   model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
#
# config.json has "prunecast": {"layers": [{"kv_heads", "query_heads_per_kv", "ffn_channels"}, ...], "biases": {...}}.
# A half-block with 0 is not there: nothing is computed, and nothing is added to the residual stream but, with
# "biases": {"dropped": true}, a constant of its own. Or it has the "block_configs" of Nemotron-NAS, which say the same.
import copy

import torch
import transformers
from torch import nn

VERSION = tuple(int(part) for part in transformers.__version__.split(".")[:2])
if VERSION < (${LEAST_TRANSFORMERS.replace('.', ', ')}):
    raise ImportError(
        "a checkpoint whose layers differ from one another needs transformers ${LEAST_TRANSFORMERS} or later, "
        f"this is {transformers.__version__}: run pip install --upgrade transformers"
    )

from transformers import (
${EARLY.map(({ modelling: { classPrefix } }) => `    ${classPrefix}Config,\n    ${classPrefix}ForCausalLM,\n`).join('')})
${EARLY.map(({ modelling }) => importLayer(modelling)).join('')}
${LATE.map(importLate).join('\n')}

# How transformers before 4.53 names the arguments of a layer that it recomputes for gradients.
POSITIONAL = (
    "attention_mask",
    "position_ids",
    "past_key_value",
    "output_attentions",
    "use_cache",
    "cache_position",
    "position_embeddings",
)


class PerLayerBlock:
    """A decoder layer with sizes of its own, either half of which may be missing."""

    def __init__(self, config, layer, cache_index):
        sizes, biases = config.prunecast["layers"][layer], config.prunecast["biases"]
        super().__init__(of_layer(config, sizes), cache_index)
        self.drops = {half: sizes[units] == 0 for half, units in (("self_attn", "kv_heads"), ("mlp", "ffn_channels"))}
        if self.drops["self_attn"]:
            self.self_attn = Constant("o_proj", config.hidden_size) if biases.get("dropped") else None
            self.input_layernorm = None
        else:
            self.self_attn.config = config  # so that a later change of the attention implementation is seen
            for name in ("q_proj", "k_proj", "v_proj"):
                match_bias(self.self_attn, name, biases["query_key_value"])
            match_bias(self.self_attn, "o_proj", biases["attention_output"])
        if self.drops["mlp"]:
            self.mlp = Constant("down_proj", config.hidden_size) if biases.get("dropped") else None
            self.post_attention_layernorm = None
        else:
            for name in ("gate_proj", "up_proj", "down_proj"):
                match_bias(self.mlp, name, biases["ffn"])

    def forward(self, hidden_states, *args, **kwargs):
        kwargs.update(zip(POSITIONAL, args))
        weights = None
        if self.self_attn is not None and self.drops["self_attn"]:
            hidden_states = hidden_states + self.self_attn()
        elif self.self_attn is not None:
            mixed, weights = self.self_attn(hidden_states=self.input_layernorm(hidden_states), **kwargs)
            hidden_states = hidden_states + mixed
        if self.mlp is not None and self.drops["mlp"]:
            hidden_states = hidden_states + self.mlp()
        elif self.mlp is not None:
            hidden_states = hidden_states + self.mlp(self.post_attention_layernorm(hidden_states))
        if VERSION >= (4, 54):
            return hidden_states
        return (hidden_states, weights) if kwargs.get("output_attentions") else (hidden_states,)


class Constant(nn.Module):
    """What a dropped half-block leaves behind: its mean output, under the name of the bias it would have."""

    def __init__(self, name, size):
        super().__init__()
        self.linear = name
        projection = nn.Module()
        projection.bias = nn.Parameter(torch.zeros(size))
        setattr(self, name, projection)

    def forward(self):
        return getattr(self, self.linear).bias


class PerLayerModel:
    """Puts blocks of their own sizes in the place of those that transformers builds alike."""

    block = None

    def __init__(self, config):
        if VERSION < (4, 53) and getattr(config, "use_sliding_window", False):
            raise ImportError(f"windows in some of the layers need transformers 4.53 or later, this is {transformers.__version__}")
        super().__init__(config)
        caches = number_caches(config)
        self.model.layers = nn.ModuleList(self.block(config, layer, cache) for layer, cache in enumerate(caches))
        self.post_init()


def number_caches(config):
    """
    The key-value cache of each layer. Those are numbered by the attention halves that are left, as transformers reads the
    length of the past from the first; where some layers have a sliding window, by those of the layer's own type, as the
    caches are made by the types.
    """
    kept = [sizes["kv_heads"] > 0 for sizes in config.prunecast["layers"]]
    types = getattr(config, "layer_types", None) or ["full_attention"] * len(kept)
    left = {own for own, is_kept in zip(types, kept) if is_kept}
    if len(left) == 1 and len(set(types)) > 1:
        # The type of a layer without attention does not matter, but the first one's has to be among those that are left.
        types = config.layer_types = [left.pop()] * len(types)
    free = {own: iter([layer for layer, other in enumerate(types) if other == own]) for own in types}
    return [next(free[own]) if is_kept else layer for layer, (own, is_kept) in enumerate(zip(types, kept))]


def of_layer(config, sizes):
    """The configuration of a model that has this layer's sizes everywhere; 1 stands in for a half that is dropped."""
    single = copy.copy(config)
    single.num_key_value_heads = max(1, sizes["kv_heads"])
    single.num_attention_heads = single.num_key_value_heads * max(1, sizes["query_heads_per_kv"])
    single.intermediate_size = max(1, sizes["ffn_channels"])
    return single


def match_bias(module, name, wanted):
    linear = getattr(module, name)
    if (linear.bias is not None) != wanted:
        setattr(module, name, nn.Linear(linear.in_features, linear.out_features, bias=wanted))


${EARLY.map(({ id, modelling }) => defineClasses(id, modelling)).join('\n\n')}

class Entries(dict):
    """Entries of config.json that are attributes too: vLLM reads block_configs[0].attention.no_op."""

    def __init__(self, entries):
        super().__init__({name: Entries(value) if isinstance(value, dict) else value for name, value in entries.items()})

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)

    def __reduce__(self):
        return Entries, (dict(self),)


class ${DECILM_CLASSES.config}(${DECILM_BASE.classPrefix}Config):
    model_type = "nemotron-nas"

    def __init__(self, block_configs=None, num_attention_heads=32, num_key_value_heads=None, qkv_bias=False, **kwargs):
        # 1: transformers 5 refuses heads that do not divide the hidden size.
        super().__init__(num_attention_heads=1, num_key_value_heads=1, **kwargs)
        self.num_attention_heads = num_attention_heads
        self.num_key_value_heads = num_key_value_heads
        self.block_configs = [Entries(block) for block in block_configs or []]
        self.qkv_bias = qkv_bias

    def validate(self):
        pass

    @property
    def prunecast(self):
        return {
            "layers": [self.sizes_of(block.attention, block.ffn) for block in self.block_configs],
            "biases": {
                "query_key_value": self.qkv_bias,
                "attention_output": self.attention_bias,
                "ffn": self.mlp_bias,
            },
        }

    def sizes_of(self, attention, ffn):
        heads = 0 if attention.no_op else attention.n_heads_in_group
        width = 0 if ffn.no_op else int(2 * ffn.ffn_mult * self.hidden_size / 3)
        return {
            "kv_heads": self.num_attention_heads // heads if heads else 0,
            "query_heads_per_kv": heads,
            "ffn_channels": -(-width // ${FFN_MULTIPLE}) * ${FFN_MULTIPLE},
        }


class ${DECILM_CLASSES.model}(PerLayerModel, ${DECILM_BASE.classPrefix}ForCausalLM):
    config_class = ${DECILM_CLASSES.config}
    block = ${namePerLayerClasses(DECILM_BASE).layer}
    _no_split_modules = ["${namePerLayerClasses(DECILM_BASE).layer}"]


${LATE.map(defineLate).join('\n')}

def __getattr__(name):
${LATE.map(refuseLate).join('')}    raise AttributeError(name)
`;

function importLayer({ classPrefix, module }: ModellingClasses): string {
  return `from transformers.models.${module}.modeling_${module} import ${classPrefix}DecoderLayer\n`;
}

interface LateFamily {
  readonly id: string;
  readonly modelling: ModellingClasses;
  readonly since: NonNullable<ModellingClasses['since']>;
}

function importLate({ modelling, since }: LateFamily): string {
  const { classPrefix } = modelling;
  return `try:
    from transformers import ${classPrefix}Config, ${classPrefix}ForCausalLM
    ${importLayer(modelling)}except ImportError:  # before transformers ${since.version}
    ${classPrefix}Config = None
`;
}

function defineClasses(id: string, modelling: ModellingClasses): string {
  const { classPrefix } = modelling;
  const { config, layer, model } = namePerLayerClasses(modelling);
  return `class ${config}(${classPrefix}Config):
    model_type = "${PER_LAYER_PREFIX}${id}"


class ${layer}(PerLayerBlock, ${classPrefix}DecoderLayer):
    pass


class ${model}(PerLayerModel, ${classPrefix}ForCausalLM):
    config_class = ${config}
    block = ${layer}
    _no_split_modules = ["${layer}"]
`;
}

function defineLate({ id, modelling }: LateFamily): string {
  const classes = defineClasses(id, modelling)
    .replaceAll('\n\n\n', '\n\n')
    .replaceAll(/^(?=.)/gm, '    ');
  return `if ${modelling.classPrefix}Config is not None:\n\n${classes}`;
}

function refuseLate({ modelling: { classPrefix }, since }: LateFamily): string {
  return `    if name.startswith("Prunecast${classPrefix}"):
        raise ImportError(
            "${since.described} needs transformers ${since.version} or later, "
            f"this is {transformers.__version__}: run pip install --upgrade transformers"
        )
`;
}
