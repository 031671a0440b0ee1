"""FrontendSpec: strict, with a digest that follows from its values alone."""

from __future__ import annotations

import hashlib
import json

import pytest

from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.features.presets import PRESETS
from edgekit.features.spec import FrontendSpec, from_json
from edgekit.features.spec_file import load_spec

SMALL = PRESETS["kws-logmel-40"]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("dcase2023", (256, 64)),  # CP-JKU's published models are counted at 1x1x256x64
        ("dcase2024-baseline", (256, 65)),  # the baseline's input is 1x1x256x65
        ("kws-mfcc-49x10", (49, 10)),  # MLPerf Tiny
        ("kws-logmel-40", (40, 101)),  # BC-ResNet is counted at 40x101
        ("thesis-128x100", (128, 100)),
    ],
)
def test_presets_have_the_published_input_shapes(name: str, shape: tuple[int, int]) -> None:
    assert PRESETS[name].feature_shape == shape
    assert PRESETS[name].input_shape == (1, *shape, 1)


def test_digest_is_sha256_over_sorted_compact_json() -> None:
    text = json.dumps(SMALL.to_json(), sort_keys=True, separators=(",", ":"))
    assert SMALL.canonical() == text
    assert SMALL.digest == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_digests_of_the_presets_differ() -> None:
    assert len({spec.digest for spec in PRESETS.values()}) == len(PRESETS)


def test_every_field_changes_the_digest() -> None:
    changes = {
        "sample_rate": 22_050, "clip_samples": 8_000, "window_length": 400, "n_fft": 1024, "hop_length": 200,
        "window": "hamming", "window_periodic": False, "window_align": "left", "padding": "zero", "preemphasis": 0.9,
        "preemphasis_scope": "frame", "remove_dc": True, "power": 1, "mel_scale": "slaney", "mel_norm": "slaney",
        "mel_bins": 32, "f_min": 20.0, "f_max": 7_000.0, "log": "db", "log_floor": 1e-5, "log_floor_mode": "max",
        "dct": "tf", "mean": 1.0, "std": 2.0, "layout": "time_freq",
    }  # fmt: skip
    digests = {SMALL.replace(**{key: value}).digest for key, value in changes.items()}
    assert len(digests) == len(changes)
    assert SMALL.digest not in digests


def test_round_trip_through_json_keeps_spec_and_digest() -> None:
    for spec in PRESETS.values():
        assert from_json(json.dumps(spec.to_json())) == spec
        assert from_json(spec.to_json()).digest == spec.digest


def test_whole_numbers_in_float_fields_give_the_same_digest() -> None:
    assert SMALL.replace(f_max=8000).digest == SMALL.digest
    assert SMALL.replace(f_min=-0.0).digest == SMALL.digest


def test_unknown_key_names_the_nearest_one() -> None:
    with pytest.raises(BadConfigError, match="did you mean 'hop_length'"):
        SMALL.replace(hop_lenght=160)


def test_missing_key_is_an_error() -> None:
    fields = SMALL.to_json()
    del fields["mel_bins"]
    with pytest.raises(BadConfigError, match="missing mel_bins"):
        from_json(fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "mel"), ("sample_rate", 0), ("sample_rate", 16000.0), ("sample_rate", True), ("clip_samples", 0),
        ("clip_samples", 200), ("window_length", 1), ("window_length", 513), ("n_fft", 500), ("n_fft", 1 << 20),
        ("hop_length", 0), ("window", "Hann"), ("window", 3), ("window_periodic", 1), ("padding", "both"),
        ("preemphasis", 1.5), ("preemphasis", float("nan")), ("power", 3), ("mel_bins", 0), ("f_min", -1.0),
        ("f_min", 8000.0), ("f_max", 9000.0), ("log", "log2"), ("log_floor", 0.0), ("log_floor", float("inf")),
        ("n_mfcc", 10), ("lifter", 22.0), ("std", 0.0), ("std", -1.0), ("mean", "0"), ("layout", None),
    ],
)  # fmt: skip
def test_impossible_values_are_refused(field: str, value: object) -> None:
    with pytest.raises(BadConfigError, match=field.split("_")[0]):
        SMALL.replace(**{field: value})


def test_mfcc_needs_a_count_within_the_mel_bins() -> None:
    mfcc = PRESETS["kws-mfcc-49x10"]
    for count in (None, 0, 41):
        with pytest.raises(BadConfigError, match="n_mfcc"):
            mfcc.replace(n_mfcc=count)


def test_kaldi_triangles_are_not_normalised() -> None:
    with pytest.raises(BadConfigError, match="mel_norm"):
        PRESETS["dcase2023"].replace(mel_norm="slaney")


@pytest.mark.parametrize("text", ["[]", "nul", '"x"', "{", "[" * 100_000])
def test_text_that_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(BadConfigError):
        from_json(text)


def test_load_spec_by_preset_file_and_folder(tmp_path) -> None:
    spec = SMALL.replace(clip_samples=8_000)
    (tmp_path / "frontend.json").write_text(json.dumps(spec.to_json()))
    assert load_spec("kws-logmel-40") is SMALL
    assert load_spec(tmp_path) == spec
    assert load_spec(tmp_path / "frontend.json") == spec


def test_load_spec_suggests_a_preset(tmp_path) -> None:
    with pytest.raises(BadConfigError, match="did you mean 'dcase2023'"):
        load_spec("dcase2032")
    with pytest.raises(BadConfigError, match="neither a preset"):
        load_spec(tmp_path)


def test_load_spec_refuses_binary_and_huge_files(tmp_path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00\x80")
    (tmp_path / "b.json").write_bytes(b" " * 100_000)
    with pytest.raises(BadFileError, match="UTF-8"):
        load_spec(tmp_path / "a.json")
    with pytest.raises(BadFileError, match="too large"):
        load_spec(tmp_path / "b.json")


def test_signal_preemphasis_shortens_the_signal_by_one() -> None:
    assert SMALL.signal_samples == 16_000
    assert SMALL.replace(preemphasis=0.97).signal_samples == 15_999
    assert SMALL.replace(preemphasis=0.97, preemphasis_scope="frame").signal_samples == 16_000


def test_specs_are_values() -> None:
    assert FrontendSpec(**SMALL.to_json()) == SMALL
    assert hash(FrontendSpec(**SMALL.to_json())) == hash(SMALL)
