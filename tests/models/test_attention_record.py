"""Recorded attention against torch's own multi-head attention; recording changes no bit of the outputs."""

from __future__ import annotations

import torch
from torch import nn

from edgekit.models.attention_record import record_attention
from edgekit.models.registry import build_model
from edgekit.models.transformer import SelfAttention


def test_weights_are_those_of_torchs_multi_head_attention() -> None:
    torch.manual_seed(0)
    own, tokens = SelfAttention(12, 3), torch.randn(2, 7, 12)
    theirs = nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(own.qkv.weight)
        theirs.in_proj_bias.copy_(own.qkv.bias)
        expected = theirs(tokens, tokens, tokens, need_weights=True, average_attn_weights=False)[1]
        with record_attention(own) as found:
            own(tokens)
    assert len(found) == 1 and not found[0].requires_grad
    torch.testing.assert_close(found[0], expected)


def test_recording_changes_no_output_and_ends_with_its_block() -> None:
    torch.manual_seed(1)
    model = build_model("mobile-vit", classes=4).eval()
    x = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        plain = model(x)
        with record_attention(model) as found:
            recorded = model(x)
        assert torch.equal(plain, recorded)
        count = len(found)
        assert count == sum(isinstance(part, SelfAttention) for part in model.modules()) > 1
        model(x)
    assert len(found) == count


def test_a_model_without_attention_records_nothing() -> None:
    model = build_model("ds-cnn", classes=4).eval()
    with torch.no_grad(), record_attention(model) as found:
        model(torch.randn(1, 1, 49, 10))
    assert found == []
