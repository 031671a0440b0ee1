"""How public checkpoints name their tensors, as data: prefixes, renames, merges, what has no counterpart."""

from __future__ import annotations

from dataclasses import dataclass

Rename = tuple[str, str]
"""A regular expression over a whole tensor name, and its replacement."""


@dataclass(frozen=True)
class NameMap:
    """One family of checkpoints.

    Attributes:
        family: its name, for messages.
        signature: a tensor that every such checkpoint has and no other family, without prefix.
        renames: from the checkpoint's names to ours; the first that matches wins, names that none matches stay.
        ignored: names (regular expressions, before renaming) that have no counterpart here.
        rows: frequency rows of the grid behind joint positional codes; 0 where the grid is square.
    """

    family: str
    signature: str
    renames: tuple[Rename, ...] = ()
    ignored: tuple[str, ...] = ()
    rows: int = 0


PREFIXES = ("", "module.", "net.", "model.", "model.net.", "model.module.")
"""What wrappers (DataParallel, Lightning, published training code) put before every name."""

WRAPPERS = ("state_dict", "model")
"""Keys under which a ``.pt`` file may hold the weights."""

QKV = ("query", "key", "value")
"""Order in which separate projections ``….qkv/NAME.…`` are stacked into one."""

_HF = r"audio_spectrogram_transformer\."
_HF_LAYER = _HF + r"encoder\.layer\.(\d+)\."

NAME_MAPS = (
    NameMap("PaSST", "freq_new_pos_embed", ignored=(r"head_dist\..+", r"pre_logits\..+", r"mel\..+")),
    NameMap(
        "AST",
        "v.pos_embed",
        renames=((r"mlp_head\.(.+)", r"head.\1"), (r"v\.(.+)", r"\1")),
        ignored=(r"v\.head\..+", r"v\.head_dist\..+", r"v\.pre_logits\..+"),
        rows=12,
    ),
    NameMap(
        "AST (transformers)",
        "audio_spectrogram_transformer.embeddings.position_embeddings",
        renames=(
            (_HF + r"embeddings\.cls_token", "cls_token"),
            (_HF + r"embeddings\.distillation_token", "dist_token"),
            (_HF + r"embeddings\.position_embeddings", "pos_embed"),
            (_HF + r"embeddings\.patch_embeddings\.projection\.(.+)", r"patch_embed.proj.\1"),
            (_HF_LAYER + r"layernorm_before\.(.+)", r"blocks.\1.norm1.\2"),
            (_HF_LAYER + r"attention\.attention\.(query|key|value)\.(.+)", r"blocks.\1.attn.qkv/\2.\3"),
            (_HF_LAYER + r"attention\.output\.dense\.(.+)", r"blocks.\1.attn.proj.\2"),
            (_HF_LAYER + r"layernorm_after\.(.+)", r"blocks.\1.norm2.\2"),
            (_HF_LAYER + r"intermediate\.dense\.(.+)", r"blocks.\1.mlp.fc1.\2"),
            (_HF_LAYER + r"output\.dense\.(.+)", r"blocks.\1.mlp.fc2.\2"),
            (_HF + r"layernorm\.(.+)", r"norm.\1"),
            (r"classifier\.layernorm\.(.+)", r"head.0.\1"),
            (r"classifier\.dense\.(.+)", r"head.1.\1"),
        ),
        rows=12,
    ),
    NameMap("ViT (timm)", "pos_embed", ignored=(r"head_dist\..+", r"pre_logits\..+", r"fc_norm\..+")),
    NameMap("MobileNetV3 (EfficientAT)", "features.0.0.weight"),
)
"""Families in the order in which they are tried."""
