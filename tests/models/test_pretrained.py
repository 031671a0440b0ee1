"""Public checkpoint layouts, fabricated from their published names and shapes, load by tensor name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.models.registry import build_model
from edgekit.models.teachers.pretrained import load_pretrained, put_tensors

SMALL = {"layers": 2, "width": 24, "heads": 2, "mlp_ratio": 4.0}


class Fabric:
    """Random tensors by published names; ``full`` makes the published sizes without allocating them."""

    def __init__(self, width: int = 24, layers: int = 2, *, full: bool = False) -> None:
        self.width, self.layers, self.full = width, layers, full
        self.generator = torch.Generator().manual_seed(11)
        self.tensors: dict[str, Tensor] = {}

    def put(self, name: str, *shape: int) -> None:
        if self.full:
            self.tensors[name] = torch.zeros(1).expand(shape)
        else:
            self.tensors[name] = torch.randn(shape, generator=self.generator)

    def both(self, name: str, *shape: int) -> None:
        self.put(f"{name}.weight", *shape)
        self.put(f"{name}.bias", shape[0])

    def blocks(self, prefix: str) -> None:
        wide = 4 * self.width
        for index in range(self.layers):
            base = f"{prefix}blocks.{index}."
            self.both(base + "norm1", self.width)
            self.both(base + "attn.qkv", 3 * self.width, self.width)
            self.both(base + "attn.proj", self.width, self.width)
            self.both(base + "norm2", self.width)
            self.both(base + "mlp.fc1", wide, self.width)
            self.both(base + "mlp.fc2", self.width, wide)
        self.both(prefix + "norm", self.width)


def passt(classes: int = 527, columns: int = 99, **sizes: int) -> dict[str, Tensor]:
    """passt_s_swa_p16_128_ap476: 12 × 99 patches of 10 s."""
    made = Fabric(**sizes)
    for token in ("cls_token", "dist_token"):
        made.put(token, 1, 1, made.width)
    made.put("new_pos_embed", 1, 2, made.width)
    made.put("freq_new_pos_embed", 1, made.width, 12, 1)
    made.put("time_new_pos_embed", 1, made.width, 1, columns)
    made.both("patch_embed.proj", made.width, 1, 16, 16)
    made.blocks("")
    made.both("head.0", made.width)
    made.both("head.1", classes, made.width)
    made.both("head_dist", classes, made.width)
    return made.tensors


def ast(**sizes: int) -> dict[str, Tensor]:
    """audioset_10_10_0.4593.pth: 12 × 101 patches, names behind DataParallel's prefix."""
    made = Fabric(**sizes)
    for token in ("cls_token", "dist_token"):
        made.put("module.v." + token, 1, 1, made.width)
    made.put("module.v.pos_embed", 1, 2 + 12 * 101, made.width)
    made.both("module.v.patch_embed.proj", made.width, 1, 16, 16)
    made.blocks("module.v.")
    made.both("module.v.head", 1000, made.width)
    made.both("module.v.head_dist", 1000, made.width)
    made.both("module.mlp_head.0", made.width)
    made.both("module.mlp_head.1", 527, made.width)
    return made.tensors


def ast_transformers(**sizes: int) -> dict[str, Tensor]:
    """The same weights in the layout of the transformers library."""
    made = Fabric(**sizes)
    top = "audio_spectrogram_transformer."
    made.put(top + "embeddings.cls_token", 1, 1, made.width)
    made.put(top + "embeddings.distillation_token", 1, 1, made.width)
    made.put(top + "embeddings.position_embeddings", 1, 2 + 12 * 101, made.width)
    made.both(top + "embeddings.patch_embeddings.projection", made.width, 1, 16, 16)
    for index in range(made.layers):
        base = f"{top}encoder.layer.{index}."
        for part in ("query", "key", "value"):
            made.both(base + f"attention.attention.{part}", made.width, made.width)
        made.both(base + "attention.output.dense", made.width, made.width)
        made.both(base + "intermediate.dense", 4 * made.width, made.width)
        made.both(base + "output.dense", made.width, 4 * made.width)
        made.both(base + "layernorm_before", made.width)
        made.both(base + "layernorm_after", made.width)
    made.both(top + "layernorm", made.width)
    made.both("classifier.layernorm", made.width)
    made.both("classifier.dense", 527, made.width)
    return made.tensors


def timm(side: int = 14, **sizes: int) -> dict[str, Tensor]:
    """vit_base_patch16_224 of timm: RGB patches, 14 × 14 codes, 1,000 classes."""
    made = Fabric(**sizes)
    made.put("cls_token", 1, 1, made.width)
    made.put("pos_embed", 1, 1 + side * side, made.width)
    made.both("patch_embed.proj", made.width, 3, 16, 16)
    made.blocks("")
    made.both("head", 1000, made.width)
    return made.tensors


LAYOUTS = {"passt": passt, "ast": ast, "ast-transformers": ast_transformers, "timm": timm}


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("model", ["large-vit", "passt", "ast"])
def test_published_sizes_fit_every_layout_of_the_teacher(layout: str, model: str) -> None:
    with torch.device("meta"):
        teacher = build_model(model)
    for name, code in list(teacher.named_parameters(recurse=False)):
        setattr(
            teacher, name, nn.Parameter(torch.zeros(code.shape))
        )  # these are computed with, the rest is only placed
    loaded = put_tensors(teacher, LAYOUTS[layout](width=768, layers=12, full=True), "fabricated")
    own = {name for name in teacher.state_dict() if name.startswith("head")}
    fresh = set(loaded.fresh) - {"dist_token"}
    assert fresh <= own
    assert ("dist_token" in loaded.fresh) == (layout == "timm" and model != "large-vit")


def test_passt_weights_arrive_and_its_middle_seconds_stay(tmp_path: Path) -> None:
    given = passt()
    torch.save({"state_dict": {"net." + name: tensor for name, tensor in given.items()}}, tmp_path / "passt.pt")
    model = build_model("passt", **SMALL)
    head = model.get_parameter("head.1.weight").detach().clone()
    loaded = load_pretrained(model, tmp_path / "passt.pt")
    assert loaded.family == "PaSST"
    assert set(loaded.fresh) == {"head.1.weight", "head.1.bias"}
    assert loaded.resized == ("time_new_pos_embed",)
    assert torch.equal(model.get_parameter("blocks.1.attn.qkv.weight"), given["blocks.1.attn.qkv.weight"])
    assert torch.equal(model.get_parameter("head.0.weight"), given["head.0.weight"])
    assert torch.equal(model.get_parameter("head.1.weight"), head)
    assert torch.equal(model.get_parameter("time_new_pos_embed"), given["time_new_pos_embed"][..., 45:54])


def test_passt_with_its_own_classes_gives_a_hand_computed_logit(tmp_path: Path) -> None:
    given = passt(columns=9)
    save_file(given, tmp_path / "passt.safetensors")
    model = build_model("passt", classes=527, **SMALL).eval()
    assert load_pretrained(model, tmp_path / "passt.safetensors").fresh == ()
    x = torch.randn(2, 1, 128, 100, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model(x), passt_by_hand(given, x, heads=2), atol=1e-3, rtol=1e-3)


def passt_by_hand(w: dict[str, Tensor], x: Tensor, heads: int) -> Tensor:
    """The paper's forward pass from the raw tensors."""
    f = torch.nn.functional
    width = w["cls_token"].shape[2]
    x = f.conv2d(x, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], 10)
    x = (x + w["time_new_pos_embed"] + w["freq_new_pos_embed"]).flatten(2).transpose(1, 2)
    tokens = torch.cat((w["cls_token"], w["dist_token"]), dim=1) + w["new_pos_embed"]
    x = torch.cat((tokens.expand(len(x), -1, -1), x), dim=1)
    for i in range(2):
        b = {name.removeprefix(f"blocks.{i}."): t for name, t in w.items() if name.startswith(f"blocks.{i}.")}
        y = f.layer_norm(x, (width,), b["norm1.weight"], b["norm1.bias"], 1e-6)
        qkv = f.linear(y, b["attn.qkv.weight"], b["attn.qkv.bias"]).unflatten(2, (3, heads, width // heads))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = torch.softmax(q @ k.mT / (width // heads) ** 0.5, dim=-1) @ v
        x = x + f.linear(y.transpose(1, 2).flatten(2), b["attn.proj.weight"], b["attn.proj.bias"])
        y = f.layer_norm(x, (width,), b["norm2.weight"], b["norm2.bias"], 1e-6)
        y = f.gelu(f.linear(y, b["mlp.fc1.weight"], b["mlp.fc1.bias"]))
        x = x + f.linear(y, b["mlp.fc2.weight"], b["mlp.fc2.bias"])
    x = f.layer_norm(x, (width,), w["norm.weight"], w["norm.bias"], 1e-6)[:, :2].mean(dim=1)
    x = f.layer_norm(x, (width,), w["head.0.weight"], w["head.0.bias"])
    return f.linear(x, w["head.1.weight"], w["head.1.bias"])


def test_both_layouts_of_ast_give_the_same_model() -> None:
    theirs = ast_transformers()
    top = "audio_spectrogram_transformer."
    original = {
        "module.v.cls_token": theirs[top + "embeddings.cls_token"],
        "module.v.dist_token": theirs[top + "embeddings.distillation_token"],
        "module.v.pos_embed": theirs[top + "embeddings.position_embeddings"],
    }
    for kind in ("weight", "bias"):
        original[f"module.v.patch_embed.proj.{kind}"] = theirs[top + f"embeddings.patch_embeddings.projection.{kind}"]
        original[f"module.v.norm.{kind}"] = theirs[top + f"layernorm.{kind}"]
        original[f"module.mlp_head.0.{kind}"] = theirs[f"classifier.layernorm.{kind}"]
        original[f"module.mlp_head.1.{kind}"] = theirs[f"classifier.dense.{kind}"]
        for i in range(2):
            layer, block = f"{top}encoder.layer.{i}.", f"module.v.blocks.{i}."
            parts = [theirs[f"{layer}attention.attention.{part}.{kind}"] for part in ("query", "key", "value")]
            original[f"{block}attn.qkv.{kind}"] = torch.cat(parts)
            original[f"{block}attn.proj.{kind}"] = theirs[f"{layer}attention.output.dense.{kind}"]
            original[f"{block}mlp.fc1.{kind}"] = theirs[f"{layer}intermediate.dense.{kind}"]
            original[f"{block}mlp.fc2.{kind}"] = theirs[f"{layer}output.dense.{kind}"]
            original[f"{block}norm1.{kind}"] = theirs[f"{layer}layernorm_before.{kind}"]
            original[f"{block}norm2.{kind}"] = theirs[f"{layer}layernorm_after.{kind}"]
    first = build_model("ast", classes=527, **SMALL)
    second = build_model("ast", classes=527, **SMALL)
    assert put_tensors(first, theirs, "a").fresh == put_tensors(second, original, "b").fresh == ()
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


def test_joint_codes_are_counted_row_by_row_and_cropped_in_time() -> None:
    given = ast()
    codes = given["module.v.pos_embed"]
    model = build_model("ast", **SMALL)
    put_tensors(model, given, "a")
    own = model.get_parameter("pos_embed")
    assert torch.equal(own[:, :2], codes[:, :2])
    assert torch.equal(own[0, 2 + 3 * 9 + 4], codes[0, 2 + 3 * 101 + 46 + 4])


def test_split_codes_from_an_image_model_are_means_over_the_other_axis() -> None:
    given = timm(side=12)
    model = build_model("passt", input_shape=[128, 128], **SMALL)
    loaded = put_tensors(model, given, "a")
    square = given["pos_embed"][0, 1:].reshape(12, 12, 24)
    torch.testing.assert_close(model.get_parameter("freq_new_pos_embed")[0, :, :, 0].T, square.mean(dim=1))
    torch.testing.assert_close(model.get_parameter("time_new_pos_embed")[0, :, 0].T, square.mean(dim=0))
    assert set(loaded.fresh) == {"dist_token", "head.0.weight", "head.0.bias", "head.1.weight", "head.1.bias"}


def test_colours_are_summed() -> None:
    given = timm()
    model = build_model("large-vit", **SMALL)
    put_tensors(model, given, "a")
    grey = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    colours = torch.nn.functional.conv2d(grey.expand(1, 3, 16, 16), given["patch_embed.proj.weight"])
    ours = torch.nn.functional.conv2d(grey, model.get_parameter("patch_embed.proj.weight"))
    torch.testing.assert_close(ours, colours, atol=1e-4, rtol=1e-4)


EFFICIENTAT_MN10 = {
    "features.0.0.weight": (16, 1, 3, 3),
    "features.0.1.running_var": (16,),
    "features.1.block.0.0.weight": (16, 1, 3, 3),
    "features.1.block.1.0.weight": (16, 16, 1, 1),
    "features.2.block.1.0.weight": (64, 1, 3, 3),
    "features.4.block.1.0.weight": (72, 1, 5, 5),
    "features.4.block.2.conc_se_layers.0.fc1.weight": (24, 72),
    "features.4.block.2.conc_se_layers.0.fc2.bias": (72,),
    "features.4.block.3.0.weight": (40, 72, 1, 1),
    "features.11.block.2.conc_se_layers.0.fc1.weight": (120, 480),
    "features.15.block.3.1.num_batches_tracked": (),
    "features.16.0.weight": (960, 160, 1, 1),
    "classifier.2.weight": (1280, 960),
    "classifier.5.weight": (527, 1280),
}
"""Names and shapes of the published mn10_as checkpoint: one of each kind."""


def test_mobilenet_has_the_names_of_efficientat() -> None:
    with torch.device("meta"):
        state = build_model("mn10", classes=527).state_dict()
    assert {name: tuple(state[name].shape) for name in EFFICIENTAT_MN10} == EFFICIENTAT_MN10


def test_mobilenet_loads_and_replaces_its_classes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    published = build_model("mobilenet-v3", classes=527, width=0.1)
    save_file(published.state_dict(), tmp_path / "mn01.safetensors")
    model = build_model("mobilenet-v3", classes=10, width=0.1)
    loaded = load_pretrained(model, tmp_path / "mn01.safetensors")
    assert loaded.fresh == ("classifier.5.weight", "classifier.5.bias")
    x = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model.eval().features(x), published.eval().features(x))


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    model = build_model("passt", **SMALL)
    bad = tmp_path / "bad.pt"
    bad.write_bytes(b"not a checkpoint")
    with pytest.raises(BadFileError, match="no plain weights"):
        load_pretrained(model, bad)
    torch.save({"state_dict": model}, bad)  # a pickled module would run code
    with pytest.raises(BadFileError, match="no plain weights"):
        load_pretrained(model, bad)
    (tmp_path / "bad.safetensors").write_bytes(b"\x08" * 64)
    with pytest.raises(BadFileError, match="not a safetensors file"):
        load_pretrained(model, tmp_path / "bad.safetensors")
    with pytest.raises(BadFileError, match="no such file"):
        load_pretrained(model, tmp_path / "absent.pt")
    torch.save([1, 2], bad)
    with pytest.raises(BadFileError, match="no table"):
        load_pretrained(model, bad)


def test_checkpoints_of_other_shapes_are_refused() -> None:
    model = build_model("passt", **SMALL)
    with pytest.raises(BadFileError, match="no known layout"):
        put_tensors(model, {"conv1.weight": torch.zeros(3)}, "a")
    with pytest.raises(BadFileError, match="that the model lacks"):
        put_tensors(model, passt(layers=3), "a")
    with pytest.raises(BadFileError, match=r"blocks\.1\.norm1\.weight is missing"):
        put_tensors(model, passt(layers=1), "a")
    with pytest.raises(BadFileError, match="new_pos_embed is"):
        put_tensors(model, passt(width=48), "a")
    broken = ast_transformers()
    del broken["audio_spectrogram_transformer.encoder.layer.0.attention.attention.key.weight"]
    with pytest.raises(BadFileError, match="lacks one of query, key, value"):
        put_tensors(model, broken, "a")
    crooked = timm()
    crooked["pos_embed"] = torch.zeros(1, 198, 24)
    with pytest.raises(BadFileError, match="not a square grid"):
        put_tensors(model, crooked, "a")
    with pytest.raises(BadConfigError, match="no public checkpoint"):
        put_tensors(build_model("ds-cnn"), passt(), "a")
