"""Voice2Series: distances, placing, the program's mask, and the whole command on a made problem."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from edgekit.adapt.series.dtw import dtw_distances, nearest_neighbour
from edgekit.adapt.series.fit import FitOptions, fit
from edgekit.adapt.series.model import Voice2Series
from edgekit.adapt.series.place import place_series
from edgekit.adapt.series.risk import risk_bound, sliced_wasserstein, wasserstein_1
from edgekit.adapt.series.saliency import class_activation
from edgekit.adapt.source import read_source
from edgekit.api.voice2series import voice2series
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError, DataError
from edgekit.features.presets import PRESETS
from edgekit.models.registry import build_model
from edgekit.train.checkpoint import Checkpoint, save_checkpoint

SPEC = PRESETS["kws-logmel-40"].replace(
    sample_rate=8000, clip_samples=4000, window_length=256, n_fft=256, hop_length=128, padding="none",
    mel_bins=32, f_min=100, f_max=4000, layout="time_freq",
)  # fmt: skip


@pytest.fixture(scope="module")
def acoustic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small attention BiLSTM that tells "low" from "high", as a run folder with random weights."""
    torch.manual_seed(5)
    folder = tmp_path_factory.mktemp("acoustic")
    arguments = {"classes": 4, "bins": 32, "channels": 2, "hidden": 8, "dense": 8}
    weights = build_model("attention-bilstm", **arguments).state_dict()
    checkpoint = Checkpoint("attention-bilstm", arguments, SPEC, ("low", "high", "third", "fourth"), weights)
    save_checkpoint(checkpoint, folder / "checkpoint.safetensors")
    return folder


def test_one_dimensional_distances_are_scipys() -> None:
    draw = np.random.default_rng(1)
    for sizes in ((5, 5), (7, 40), (1, 3)):
        a, b = draw.normal(0, 1, sizes[0]), draw.normal(1, 2, sizes[1])
        assert wasserstein_1(a, b) == pytest.approx(wasserstein_distance(a, b), abs=1e-12)


def test_a_shift_is_the_mean_of_its_projections() -> None:
    a = np.random.default_rng(2).standard_normal((50, 3))
    shift = np.array([2.0, 0.0, 0.0])
    # a direction on the sphere has E|u_1| = 1/2 in three dimensions
    assert sliced_wasserstein(a, a + shift, projections=4000) == pytest.approx(1.0, rel=0.03)
    assert sliced_wasserstein(a, a) == 0.0


def test_the_bound_is_the_theorems() -> None:
    assert risk_bound(0.1, 0.5, 9) == pytest.approx(0.1 + 2 * 3 * 0.5)


def test_warping_forgives_a_delay_within_the_band() -> None:
    one = np.array([0.0, 0, 1, 2, 1, 0, 0, 0])
    late = np.roll(one, 1)
    assert dtw_distances(one, late[None], band=1)[0] == 0.0
    assert dtw_distances(one, np.roll(one, 3)[None], band=1)[0] > 0.0
    assert nearest_neighbour([one, -one], np.array([4, 7]), [late, -late]).tolist() == [4, 7]


def test_warping_equals_the_plain_recursion() -> None:
    draw = np.random.default_rng(3)
    a, b = draw.standard_normal(9), draw.standard_normal(9)
    table = np.full((10, 10), np.inf)
    table[0, 0] = 0.0
    for i in range(1, 10):
        for j in range(max(1, i - 2), min(9, i + 2) + 1):
            table[i, j] = (a[i - 1] - b[j - 1]) ** 2 + min(table[i - 1, j], table[i, j - 1], table[i - 1, j - 1])
    assert dtw_distances(a, b[None], band=2)[0] == pytest.approx(table[9, 9])


def test_series_lie_where_the_program_does_not() -> None:
    series = [np.ones(10), -2 * np.ones(10)]
    for placement, copies in (("pad", 1), ("repeat", 3)):
        placed = place_series(series, 100, placement)  # type: ignore[arg-type]
        assert int((~placed.free).sum()) == 10 * copies
        assert np.all(placed.clips[0][~placed.free] == 0.5) and np.all(placed.clips[1][~placed.free] == -0.5)
        assert np.all(placed.clips[:, placed.free] == 0.0)
    with pytest.raises(BadConfigError, match="101 values in a clip of 100"):
        place_series([np.ones(101)], 100, "pad")


def test_the_program_stays_off_the_series(acoustic: Path) -> None:
    source = read_source(acoustic)
    placed = place_series([np.sin(np.arange(50.0))], SPEC.clip_samples, "pad")
    model = Voice2Series(2, source.mark(), placed.free, [0, 1, 0, 1])
    model.load_source(source.weights())
    with torch.no_grad():
        model.delta.fill_(1.0)
    model.eval()
    heard = model.programmed(torch.from_numpy(placed.clips)).detach().numpy()
    np.testing.assert_array_equal(heard[:, ~placed.free], placed.clips[:, ~placed.free])
    assert np.all(heard[:, placed.free] == 1.0)


@pytest.mark.parametrize(("placement", "copies"), [("pad", 1), ("repeat", 3)])
def test_only_the_free_samples_are_trained(acoustic: Path, placement: str, copies: int) -> None:
    source = read_source(acoustic)
    series = [np.sin(np.arange(50.0)), np.cos(np.arange(50.0))]
    placed = place_series(series, SPEC.clip_samples, placement)  # type: ignore[arg-type]
    model = Voice2Series(2, source.mark(), placed.free, [0, 1, 0, 1])
    model.load_source(source.weights())
    assert model.trained_parameters() == SPEC.clip_samples - 50 * copies
    assert [name for name, _ in model.learning()] == ["delta"]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fit(model, placed.clips, np.array([0, 1]), FitOptions(epochs=3), lambda *_: None)
    after = model.state_dict()
    assert not torch.equal(before.pop("delta"), after["delta"])
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def _problem(path: Path, seed: int) -> None:
    draw = np.random.default_rng(seed)
    lines = ["@problemName Pitch", "@timeStamps false", "@classLabel true slow fast", "@data"]
    for number in range(20):
        rate = 0.1 if number % 2 else 0.8
        wave = np.sin(rate * np.arange(60) + draw.uniform(0, 6)) + 0.1 * draw.standard_normal(60)
        lines.append(",".join(f"{value:.4f}" for value in wave) + (":slow" if number % 2 else ":fast"))
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_a_problem_is_reprogrammed_and_drawn(acoustic: Path, tones: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    _problem(tmp_path / "train.ts", 1)
    _problem(tmp_path / "test.ts", 2)
    out = tmp_path / "out"
    before = (acoustic / "checkpoint.safetensors").read_bytes()
    result = voice2series(acoustic, tmp_path / "train.ts", tmp_path / "test.ts", tones, out, epochs=12)
    assert (acoustic / "checkpoint.safetensors").read_bytes() == before
    assert len(result.candidates) == 4
    smallest = min(item.bound for item in result.candidates)
    assert result.candidates[result.chosen].bound == smallest
    written = json.loads((out / "result.json").read_text())
    assert written["problem"] == "Pitch" and written["schema_version"] == 2
    assert {path.name for path in out.iterdir()} >= {
        "program.safetensors",
        "saliency.svg",
        "attention.svg",
        "bounds.svg",
    }


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small VGGish with the same classes."""
    torch.manual_seed(6)
    folder = tmp_path_factory.mktemp("second")
    arguments = {"classes": 4, "width": 1 / 64}
    weights = build_model("vggish", **arguments).state_dict()
    checkpoint = Checkpoint("vggish", arguments, SPEC, ("low", "high", "third", "fourth"), weights)
    save_checkpoint(checkpoint, folder / "checkpoint.safetensors")
    return folder


_UNET: dict[str, object] = {"bins": 32, "channels": 2, "hidden": 8, "dense": 8, "unet": 2}


def _source(name: str, arguments: dict[str, object], folder: Path) -> Path:
    """A run folder with random weights of four classes."""
    torch.manual_seed(7)
    weights = build_model(name, **arguments).state_dict()
    checkpoint = Checkpoint(name, arguments, SPEC, ("low", "high", "third", "fourth"), weights)
    save_checkpoint(checkpoint, folder / "checkpoint.safetensors")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "more", "drawn"),
    [
        ("unet-attention-bilstm", _UNET, {"saliency", "attention"}),
        ("keyword-mlp", {"frames": 30, "bins": 32, "width": 8, "layers": 1}, set()),
    ],
)
def test_pictures_are_drawn_of_what_a_source_has(
    name: str, more: dict[str, object], drawn: set[str], tones: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    source = _source(name, {"classes": 4, **more}, tmp_path)
    _problem(tmp_path / "train.ts", 1)
    _problem(tmp_path / "test.ts", 2)
    out = tmp_path / "out"
    voice2series(source, tmp_path / "train.ts", tmp_path / "test.ts", tones, out, epochs=1, placements=("pad",))
    assert {path.stem for path in out.glob("*.svg")} == {"bounds", "t-sne-before", "t-sne-after", *drawn}


def test_class_activation_reads_the_convolution_that_runs_last(tmp_path: Path) -> None:
    """The U-Net's last layer is put together after the stem and runs before it."""
    source = read_source(_source("unet-attention-bilstm", {"classes": 4, **_UNET}, tmp_path))
    placed = place_series([np.sin(np.arange(50.0))], SPEC.clip_samples, "pad")
    model = Voice2Series(2, source.mark(), placed.free, [0, 1, 0, 1])
    model.load_source(source.weights())
    last = [layer for layer in model.source.stem.modules() if isinstance(layer, torch.nn.Conv2d)][-1]  # type: ignore[union-attr]
    seen: list[torch.Tensor] = []
    handle = last.register_forward_hook(lambda module, given, made: seen.append(made))
    features = model.eval().heard(torch.from_numpy(placed.clips)).detach().requires_grad_(True)
    model.mapping(model.source(features)).max().backward(inputs=seen)
    handle.remove()
    assert seen[0].shape[2:] == features.shape[2:] and seen[0].grad is not None
    expected = (seen[0].grad.mean(dim=(2, 3), keepdim=True) * seen[0]).sum(dim=1).relu().detach()
    assert float(expected.max()) > 0.0
    told = class_activation(model, placed.clips)
    np.testing.assert_allclose(told, (expected / expected.max().clamp_min(1e-12)).numpy(), atol=1e-5)


@pytest.mark.slow
def test_the_command_chooses_among_sources_by_their_bound(
    acoustic: Path, second: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    _problem(tmp_path / "train.ts", 1)
    _problem(tmp_path / "test.ts", 2)
    files = ["--train", str(tmp_path / "train.ts"), "--test", str(tmp_path / "test.ts")]
    sources = ["--source", str(acoustic), "--source", str(second), "--source-data", str(tones)]
    few = ["--placement", "pad", "--epochs", "2", "--format", "json"]
    assert main(["voice2series", *sources, *files, *few, "-o", str(tmp_path / "out")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [item["source"] for item in told["candidates"]] == ["attention-bilstm"] * 2 + ["vggish"] * 2
    bounds = [item["bound"] for item in told["candidates"]]
    for item in told["candidates"]:
        assert item["bound"] == pytest.approx(item["source_risk"] + 2 * 2.0 * item["distance"])  # K = 4
    assert told["chosen"] == int(np.argmin(bounds))


def test_a_test_set_of_another_problem_is_refused(acoustic: Path, tones: Path, tmp_path: Path) -> None:
    _problem(tmp_path / "train.ts", 1)
    (tmp_path / "test.ts").write_text("@problemName X\n@classLabel true a b\n@data\n1,2:a\n")
    with pytest.raises(DataError, match="other classes"):
        voice2series(acoustic, tmp_path / "train.ts", tmp_path / "test.ts", tones, tmp_path / "out")
