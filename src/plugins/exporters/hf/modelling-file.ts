/** Under this name the modelling file lies in a per-layer export; `auto_map` in its config.json names it. */
export const MODELLING_FILE = 'modeling_prunecast.py';

/** The first transformers whose decoder takes the hidden states themselves from a layer, and not a tuple of them. */
export const LEAST_TRANSFORMERS = '4.54';

/**
 * The Python that loads the per-layer form in transformers (`trust_remote_code=True`). It stands on transformers' own
 * classes: only the sizes of each block and the skipping of dropped halves are its own.
 */
export const MODELLING_SOURCE = `# Written by Prunecast: loads a pruned checkpoint whose layers differ from one another.
#
#   model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
#
# config.json has "prunecast": {"layers": [{"kv_heads", "query_heads_per_kv", "ffn_channels"}, ...], "biases": {...}}.
# A half-block with 0 is not there: nothing is computed, and nothing is added to the residual stream but, with
# "biases": {"dropped": true}, a constant of its own.
import copy

import torch
import transformers
from torch import nn

if tuple(int(part) for part in transformers.__version__.split(".")[:2]) < (${LEAST_TRANSFORMERS.replace('.', ', ')}):
    raise ImportError(
        "a checkpoint whose layers differ from one another needs transformers ${LEAST_TRANSFORMERS} or later, "
        f"this is {transformers.__version__}: run pip install --upgrade transformers"
    )

from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.models.llama.modeling_llama import LlamaDecoderLayer
from transformers.models.mistral.modeling_mistral import MistralDecoderLayer
from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer
from transformers.models.qwen3.modeling_qwen3 import Qwen3DecoderLayer

try:
    from transformers import MinistralConfig, MinistralForCausalLM
    from transformers.models.ministral.modeling_ministral import MinistralDecoderLayer
except ImportError:  # before transformers 4.57
    MinistralConfig = None


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

    def forward(self, hidden_states, **kwargs):
        if self.self_attn is not None and self.drops["self_attn"]:
            hidden_states = hidden_states + self.self_attn()
        elif self.self_attn is not None:
            mixed, _ = self.self_attn(hidden_states=self.input_layernorm(hidden_states), **kwargs)
            hidden_states = hidden_states + mixed
        if self.mlp is not None and self.drops["mlp"]:
            hidden_states = hidden_states + self.mlp()
        elif self.mlp is not None:
            hidden_states = hidden_states + self.mlp(self.post_attention_layernorm(hidden_states))
        return hidden_states


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


class PrunecastLlamaConfig(LlamaConfig):
    model_type = "prunecast_llama"


class PrunecastLlamaDecoderLayer(PerLayerBlock, LlamaDecoderLayer):
    pass


class PrunecastLlamaForCausalLM(PerLayerModel, LlamaForCausalLM):
    config_class = PrunecastLlamaConfig
    block = PrunecastLlamaDecoderLayer
    _no_split_modules = ["PrunecastLlamaDecoderLayer"]


class PrunecastMistralConfig(MistralConfig):
    model_type = "prunecast_mistral"


class PrunecastMistralDecoderLayer(PerLayerBlock, MistralDecoderLayer):
    pass


class PrunecastMistralForCausalLM(PerLayerModel, MistralForCausalLM):
    config_class = PrunecastMistralConfig
    block = PrunecastMistralDecoderLayer
    _no_split_modules = ["PrunecastMistralDecoderLayer"]


class PrunecastQwen2Config(Qwen2Config):
    model_type = "prunecast_qwen2"


class PrunecastQwen2DecoderLayer(PerLayerBlock, Qwen2DecoderLayer):
    pass


class PrunecastQwen2ForCausalLM(PerLayerModel, Qwen2ForCausalLM):
    config_class = PrunecastQwen2Config
    block = PrunecastQwen2DecoderLayer
    _no_split_modules = ["PrunecastQwen2DecoderLayer"]


class PrunecastQwen3Config(Qwen3Config):
    model_type = "prunecast_qwen3"


class PrunecastQwen3DecoderLayer(PerLayerBlock, Qwen3DecoderLayer):
    pass


class PrunecastQwen3ForCausalLM(PerLayerModel, Qwen3ForCausalLM):
    config_class = PrunecastQwen3Config
    block = PrunecastQwen3DecoderLayer
    _no_split_modules = ["PrunecastQwen3DecoderLayer"]


if MinistralConfig is not None:

    class PrunecastMinistralConfig(MinistralConfig):
        model_type = "prunecast_ministral"

    class PrunecastMinistralDecoderLayer(PerLayerBlock, MinistralDecoderLayer):
        pass

    class PrunecastMinistralForCausalLM(PerLayerModel, MinistralForCausalLM):
        config_class = PrunecastMinistralConfig
        block = PrunecastMinistralDecoderLayer
        _no_split_modules = ["PrunecastMinistralDecoderLayer"]


def __getattr__(name):
    if name.startswith("PrunecastMinistral"):
        raise ImportError(
            "a Mistral with a sliding window in some of its layers needs transformers 4.57 or later, "
            f"this is {transformers.__version__}: run pip install --upgrade transformers"
        )
    raise AttributeError(name)
`;
