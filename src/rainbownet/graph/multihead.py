"""Attention modules of torch, written out as linear maps and products while they are traced."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

EXPANDED = (
    *(nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.TransformerDecoder, nn.TransformerDecoderLayer),
    *(nn.Transformer, nn.MultiheadAttention),
)
"""Modules of torch that are traced through."""


def is_written_out(module: nn.Module) -> bool:
    """Whether an attention module is one that `attend` computes."""
    return (
        isinstance(module, nn.MultiheadAttention)
        and module.bias_k is None
        and module.bias_v is None
        and not module.add_zero_attn
    )


def attend(
    module: nn.MultiheadAttention,
    query: Any,
    key: Any,
    value: Any,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """Compute what `nn.MultiheadAttention` does, of batched inputs, by operations that have rules.

    Arguments and results are those of its forward pass. Where queries, keys and values are not made of one tensor the
    packed weight of the module, which is private, is taken apart.
    """
    heads, size, own = module.num_heads, module.head_dim, query is key and key is value
    if not module.batch_first:
        query, key, value = (query.transpose(0, 1),) * 3 if own else (x.transpose(0, 1) for x in (query, key, value))
    images, tokens = query.shape[0], query.shape[1]
    if own and module._qkv_same_embed_dim:
        packed = F.linear(query, module.in_proj_weight, module.in_proj_bias)
        q, k, v = packed.reshape(images, tokens, 3, heads, size).permute(2, 0, 3, 1, 4).unbind(0)
    else:
        parts = zip((query, key, value), _apart(module), strict=True)
        q, k, v = (_heads(_linear(x, *map_), heads, size) for x, map_ in parts)
    mask = _mask(module, attn_mask, key_padding_mask, images, query)
    result = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    result = result.transpose(1, 2).reshape(images, tokens, heads * size)
    result = F.linear(result, module.out_proj.weight, module.out_proj.bias)
    weights = None
    if need_weights:
        scores = (q @ k.transpose(-2, -1)) * size**-0.5
        weights = (scores if mask is None else scores + mask).softmax(-1)
        weights = weights.mean(1) if average_attn_weights else weights
    return (result if module.batch_first else result.transpose(0, 1)), weights


def _heads(x: Any, heads: int, size: int) -> Any:
    return x.reshape(x.shape[0], x.shape[1], heads, size).transpose(1, 2)


def _linear(x: Any, weight: Any, bias: Any) -> Any:
    mapped = F.linear(x, weight)
    return mapped if bias is None else mapped + bias


def _apart(module: nn.MultiheadAttention) -> list[tuple[Any, Any]]:
    """Return weight and bias of queries, keys and values, the packed weight taken apart first."""
    names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
    if module._qkv_same_embed_dim:
        packed = module._parameters["in_proj_weight"]
        assert packed is not None
        for name, part in zip(names, packed.detach().chunk(3), strict=True):
            module._parameters[name] = nn.Parameter(part.clone(), requires_grad=False)
        module._parameters["in_proj_weight"] = None
        module._qkv_same_embed_dim = False
    biases = (None,) * 3 if module.in_proj_bias is None else module.in_proj_bias.chunk(3)
    return [(getattr(module, name), bias) for name, bias in zip(names, biases, strict=True)]


def _mask(module: nn.MultiheadAttention, attn_mask: Any, padding: Any, images: Any, like: Any) -> Any:
    """Return what is added to the scores, masks of truth values being those of what is left out."""
    masks = []
    if attn_mask is not None:
        mask = _additive(attn_mask, like)
        masks.append(mask.reshape(images, module.num_heads, *mask.shape[1:]) if mask.ndim == 3 else mask)
    if padding is not None:
        masks.append(_additive(padding, like)[:, None, None, :])
    return masks[0] + masks[1] if len(masks) > 1 else masks[0] if masks else None


def _additive(mask: Any, like: Any) -> Any:
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(mask, float("-inf"))
