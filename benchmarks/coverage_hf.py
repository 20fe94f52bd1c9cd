"""Tiny Hugging Face models of many families, built from configurations without a download, with example inputs."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from coverage_entry import Entry

TEXT = {
    "vocab_size": 97,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
DECODER = TEXT | {"num_key_value_heads": 2, "use_cache": False, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
PICTURE = {
    "image_size": 32,
    "patch_size": 8,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
SPEECH = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4}

Case = tuple[str, str, dict[str, Any], str]
"""Name, class of the model, arguments of its configuration, and kind of inputs."""

CASES: tuple[Case, ...] = (
    ("bert_spans", "BertForQuestionAnswering", TEXT, "masked"),
    ("bert_classes", "BertForSequenceClassification", TEXT, "masked"),
    ("bert_words", "BertForMaskedLM", TEXT, "tokens"),
    ("roberta", "RobertaForTokenClassification", TEXT | {"pad_token_id": 1}, "masked"),
    ("xlm_roberta", "XLMRobertaForSequenceClassification", TEXT | {"pad_token_id": 1}, "masked"),
    (
        "distilbert",
        "DistilBertForSequenceClassification",
        {"vocab_size": 97, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "max_position_embeddings": 40},
        "masked",
    ),
    ("albert", "AlbertForSequenceClassification", TEXT | {"embedding_size": 16}, "masked"),
    ("electra", "ElectraForSequenceClassification", TEXT | {"embedding_size": 16}, "masked"),
    (
        "deberta",
        "DebertaForSequenceClassification",
        TEXT | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "type_vocab_size": 0},
        "masked",
    ),
    (
        "deberta_v2",
        "DebertaV2ForSequenceClassification",
        TEXT
        | {
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "type_vocab_size": 0,
            "position_buckets": 8,
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
        },
        "masked",
    ),
    ("mpnet", "MPNetForSequenceClassification", TEXT | {"pad_token_id": 1}, "masked"),
    ("modernbert", "ModernBertForSequenceClassification", TEXT | {"pad_token_id": 0, "cls_token_id": 1}, "masked"),
    (
        "gpt2",
        "GPT2LMHeadModel",
        {"vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 40, "use_cache": False},
        "tokens",
    ),
    (
        "gpt_neo",
        "GPTNeoForCausalLM",
        {
            "vocab_size": 97,
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "max_position_embeddings": 40,
            "use_cache": False,
        },
        "tokens",
    ),
    ("gpt_neox", "GPTNeoXForCausalLM", TEXT | {"use_cache": False}, "tokens"),
    (
        "opt",
        "OPTForCausalLM",
        {
            "vocab_size": 97,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "ffn_dim": 48,
            "max_position_embeddings": 40,
            "word_embed_proj_dim": 32,
            "use_cache": False,
        },
        "tokens",
    ),
    (
        "bloom",
        "BloomForCausalLM",
        {"vocab_size": 97, "hidden_size": 32, "n_layer": 2, "n_head": 4, "use_cache": False},
        "tokens",
    ),
    ("llama", "LlamaForCausalLM", DECODER, "tokens"),
    ("llama_masked", "LlamaForCausalLM", DECODER, "masked"),
    ("llama_caching", "LlamaForCausalLM", DECODER | {"use_cache": True}, "tokens"),
    ("mistral", "MistralForCausalLM", DECODER, "tokens"),
    ("gemma", "GemmaForCausalLM", DECODER | {"head_dim": 8}, "tokens"),
    ("gemma2", "Gemma2ForCausalLM", DECODER | {"head_dim": 8, "query_pre_attn_scalar": 8}, "tokens"),
    ("gemma3", "Gemma3ForCausalLM", DECODER | {"head_dim": 8, "query_pre_attn_scalar": 8}, "tokens"),
    ("qwen2", "Qwen2ForCausalLM", DECODER, "tokens"),
    ("qwen3", "Qwen3ForCausalLM", DECODER | {"head_dim": 8}, "tokens"),
    ("phi", "PhiForCausalLM", TEXT | {"use_cache": False}, "tokens"),
    ("phi3", "Phi3ForCausalLM", DECODER, "tokens"),
    ("falcon", "FalconForCausalLM", TEXT | {"use_cache": False, "new_decoder_architecture": False}, "tokens"),
    ("stablelm", "StableLmForCausalLM", DECODER, "tokens"),
    ("olmo2", "Olmo2ForCausalLM", DECODER, "tokens"),
    (
        "t5_encoder",
        "T5ForTokenClassification",
        {"vocab_size": 97, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4},
        "masked",
    ),
    (
        "t5",
        "T5ForConditionalGeneration",
        {
            "vocab_size": 97,
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 48,
            "num_layers": 2,
            "num_heads": 4,
            "use_cache": False,
            "feed_forward_proj": "gated-gelu",
            "decoder_start_token_id": 0,
        },
        "pairs",
    ),
    (
        "bart",
        "BartForConditionalGeneration",
        SPEECH
        | {
            "vocab_size": 97,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 48,
            "decoder_ffn_dim": 48,
            "max_position_embeddings": 40,
            "use_cache": False,
        },
        "pairs",
    ),
    ("vit", "ViTForImageClassification", PICTURE | {"num_labels": 5}, "pictures"),
    ("deit", "DeiTForImageClassification", PICTURE | {"num_labels": 5}, "pictures"),
    ("beit", "BeitForImageClassification", PICTURE | {"num_labels": 5, "use_relative_position_bias": True}, "pictures"),
    (
        "swin",
        "SwinForImageClassification",
        {
            "image_size": 32,
            "patch_size": 4,
            "embed_dim": 16,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 4,
            "num_labels": 5,
        },
        "pictures",
    ),
    (
        "swinv2",
        "Swinv2ForImageClassification",
        {
            "image_size": 32,
            "patch_size": 4,
            "embed_dim": 16,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 4,
            "num_labels": 5,
        },
        "pictures",
    ),
    ("clip_vision", "CLIPForImageClassification", {"vision_config": PICTURE, "num_labels": 5}, "pictures"),
    (
        "clip_text",
        "CLIPTextModelWithProjection",
        TEXT | {"projection_dim": 16, "eos_token_id": 96, "bos_token_id": 95},
        "masked",
    ),
    ("siglip_vision", "SiglipForImageClassification", {"vision_config": PICTURE, "num_labels": 5}, "pictures"),
    ("dinov2", "Dinov2ForImageClassification", PICTURE | {"num_labels": 5}, "pictures"),
    (
        "convnext",
        "ConvNextForImageClassification",
        {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1], "num_labels": 5},
        "pictures",
    ),
    (
        "convnextv2",
        "ConvNextV2ForImageClassification",
        {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1], "num_labels": 5},
        "pictures",
    ),
    (
        "resnet",
        "ResNetForImageClassification",
        {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 2], "num_labels": 5},
        "pictures",
    ),
    (
        "regnet",
        "RegNetForImageClassification",
        {
            "embedding_size": 8,
            "hidden_sizes": [16, 32],
            "depths": [1, 2],
            "groups_width": 8,
            "num_labels": 5,
        },
        "pictures",
    ),
    ("mobilenet_v1", "MobileNetV1ForImageClassification", {"depth_multiplier": 0.25, "num_labels": 5}, "pictures"),
    ("mobilenet_v2", "MobileNetV2ForImageClassification", {"depth_multiplier": 0.25, "num_labels": 5}, "pictures"),
    (
        "segformer",
        "SegformerForImageClassification",
        {
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 16, 16, 32],
            "num_attention_heads": [1, 2, 2, 4],
            "decoder_hidden_size": 16,
            "num_labels": 5,
        },
        "pictures",
    ),
    (
        "segformer_masks",
        "SegformerForSemanticSegmentation",
        {
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 16, 16, 32],
            "num_attention_heads": [1, 2, 2, 4],
            "decoder_hidden_size": 16,
            "num_labels": 5,
        },
        "pictures",
    ),
    (
        "whisper_encoder",
        "WhisperForAudioClassification",
        SPEECH
        | {
            "vocab_size": 97,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 48,
            "decoder_ffn_dim": 48,
            "num_mel_bins": 16,
            "max_source_positions": 16,
            "classifier_proj_size": 16,
            "num_labels": 5,
        },
        "spectra",
    ),
    (
        "wav2vec2",
        "Wav2Vec2ForSequenceClassification",
        {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "conv_dim": (16, 16, 16),
            "conv_stride": (5, 2, 2),
            "conv_kernel": (10, 3, 3),
            "num_conv_pos_embeddings": 8,
            "num_conv_pos_embedding_groups": 4,
            "classifier_proj_size": 16,
            "mask_time_prob": 0.0,
            "num_labels": 5,
        },
        "waves",
    ),
)


def entries(group: str) -> list[Entry]:
    """Return the models."""
    import transformers

    transformers.logging.set_verbosity_error()
    found = []
    for name, model, arguments, kind in CASES if group == "hf" else ():
        build = functools.partial(_build, getattr(transformers, model), arguments)
        found.append(Entry("hf", name, model, build, KINDS[kind]))
    return found


def _build(cls: Any, arguments: dict[str, Any]) -> nn.Module:
    """Return a model with matrices of order one, so that attention is not nearly uniform."""
    _keep_double()
    network = cls(cls.config_class(**arguments)).double().eval()
    with torch.no_grad():
        for key, value in network.named_parameters():
            norm = value.ndim == 1 and "bias" not in key
            small = 0.4 / value[0].numel() ** 0.5 if value.ndim > 1 else 0.2
            value.copy_(norm + small * torch.randn_like(value))
    return network


def _keep_double() -> None:
    """Let models cast to double precision where their code casts to single precision, in this process.

    Norms and attention are computed in float32 for the sake of float16; in float64 that would hide what is exact.
    """
    torch.float32 = torch.float64
    Tensor.float = Tensor.double


def _tokens(count: int) -> Tensor:
    return torch.randint(3, 95, (count, 12))


def _masked(count: int) -> dict[str, Tensor]:
    mask = torch.ones(count, 12, dtype=torch.int64)
    mask[::2, 9:] = 0
    return {"input_ids": _tokens(count), "attention_mask": mask}


def _pairs(count: int) -> dict[str, Tensor]:
    return {**_masked(count), "decoder_input_ids": _tokens(count)[:, :7]}


KINDS: dict[str, Callable[[int], Any]] = {
    "tokens": _tokens,
    "masked": _masked,
    "pairs": _pairs,
    "pictures": lambda count: torch.randn(count, 3, 32, 32, dtype=torch.float64),
    "spectra": lambda count: torch.randn(count, 16, 32, dtype=torch.float64),
    "waves": lambda count: torch.randn(count, 400, dtype=torch.float64),
}
