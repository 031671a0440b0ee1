"""The report about runs in a browser, and as JSON, Markdown and model card: two small runs with hostile names."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from browser import Browser, browser

import edgekit
from edgekit.api.export import export
from edgekit.api.quantize import quantize
from edgekit.api.report import report
from edgekit.api.train import train
from edgekit.cli.main import main
from edgekit.core.errors import BadConfigError, BadFileError

HOSTILE = '</script><img src=x onerror="document.title=1">'
RUN = "<b onmouseover=alert(1)>run&"
RECIPE = """
[frontend]
preset = "kws-logmel-40"
fields = {sample_rate = 8000, clip_samples = 4000, window_length = 256, n_fft = 256, padding = "none", f_max = 4000}
[schedule]
epochs = 2
batch_size = 8
"""
CNN = "[model.arguments]\nchannels = [8, 8]\n"
VIT = """[model]
name = "small-vit"
[model.arguments]
input_shape = [40, 24]
patch = [8, 8]
stride = [8, 8]
layers = 1
width = 12
heads = 3
"""
PARTS = (
    "Summary", "Pareto front", "float accuracy", "int8 accuracy", "float beside int8", "training", "budget", "layers",
    "memory timeline", "front-end", "attention", "provenance",
)  # fmt: skip


@pytest.fixture(scope="module")
def noises(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CSV manifest of 24 noises: two classes that sound alike, four speakers, two devices."""
    pytest.importorskip("matplotlib")
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("noises")
    draw = np.random.default_rng(0)
    lines = ["path,label,speaker,device"]
    for number in range(24):
        soundfile.write(folder / f"{number}.wav", draw.normal(0, 0.1, 4000), 8000)
        label = '"' + HOSTILE.replace('"', '""') + '"' if number % 2 else "a$"
        lines.append(f"{number}.wav,{label},s{number % 4},d{number % 3}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def runs(noises: Path) -> tuple[Path, Path, Path]:
    """A convolutional run, its integer model, and a transformer."""
    folder, cache = noises.parent, noises.parent / "cache"
    for name, model in ((RUN, CNN), ("vit", VIT)):
        recipe = folder / "recipe.toml"
        recipe.write_text(RECIPE + model)
        train(recipe, noises, folder / name, train_select="all", device="cpu", cache=cache)
    onnx = export(folder / RUN, folder / "exported").model
    quantize(onnx, noises, folder / "small.tflite", cache=cache)
    return folder / RUN, folder / "small.tflite", folder / "vit"


@pytest.fixture(scope="module")
def page(runs: tuple[Path, Path, Path], noises: Path) -> Path:
    run, int8, vit = runs
    out = noises.parent / "page.html"
    report([run, vit], out, data=noises, int8=[int8], layer_times=True, cache=noises.parent / "cache")
    return out


@pytest.fixture(scope="module")
def shown(page: Path) -> Browser:
    with browser() as window:
        window.size(1000)
        window.media("", "light")
        window.open(page)
        yield window


def test_every_part_is_there_and_drawn_and_nothing_comes_from_outside(shown: Browser, page: Path) -> None:
    heads = shown.value("[...document.querySelectorAll('h2')].map(h => h.textContent).join('|')")
    assert [part for part in PARTS if part.lower() not in heads.lower()] == []
    drawn = shown.value("[...document.querySelectorAll('figure svg')].map(s => s.getBBox().width * s.getBBox().height)")
    assert len(drawn) > 15 and min(drawn) > 1000
    paths = shown.value(
        "[...document.querySelectorAll('figure svg')].map(s => s.querySelectorAll('path,image,rect').length)"
    )
    assert min(paths) > 0
    assert shown.value("document.querySelectorAll('audio[src^=\"data:audio/\"]').length") > 0
    assert page.stat().st_size < 3_000_000
    assert shown.requests() == [] and shown.complaints() == []


def test_clips_can_be_played(shown: Browser) -> None:
    length = shown.value(
        "new Promise((done, fail) => { const a = document.querySelector('audio'); a.onloadedmetadata = () => "
        "done(a.duration); a.onerror = () => fail(a.error.message); a.preload = 'auto'; a.load(); })"
    )
    assert length == pytest.approx(0.5)


def test_a_cell_of_the_confusion_matrix_leads_to_its_clips(shown: Browser) -> None:
    found = shown.value(
        "[...document.querySelectorAll('.matrix a')].map(a => [Number(a.textContent), "
        "document.querySelector(a.getAttribute('href')).parentElement.querySelectorAll('audio').length])"
    )
    assert found and all(0 < clips <= count for count, clips in found)


def test_hostile_names_are_shown_as_text(shown: Browser) -> None:
    assert shown.value("document.title") == f"edgekit: {RUN}, vit"
    assert shown.value("document.querySelectorAll('img:not([src^=\"data:\"]), b, [onmouseover]').length") == 0
    texts = shown.value("[...document.querySelectorAll('.matrix tbody th')].map(c => c.textContent)")
    assert set(texts) == {HOSTILE, "a$"}


def test_every_figure_has_a_name_and_every_id_is_there_once(shown: Browser) -> None:
    names = shown.value("[...document.querySelectorAll('figure svg')].map(s => s.querySelector('title').textContent)")
    assert all(names)
    assert (
        shown.value("(ids => ids.length - new Set(ids).size)([...document.querySelectorAll('[id]')].map(e => e.id))")
        == 0
    )
    broken = (
        "[...document.querySelectorAll('a[href^=\"#\"], use')].map(e => e.getAttribute('href') || "
        "e.getAttribute('xlink:href')).filter(h => !document.getElementById(h.slice(1))).length"
    )
    assert shown.value(broken) == 0


def test_the_keyboard_reaches_everything(shown: Browser) -> None:
    shown.value("document.activeElement.blur(); window.scrollTo(0, 0)")
    shown.press("Tab", 9)
    assert shown.value("document.activeElement.className") == "skip"
    shown.press("Enter", 13)
    assert shown.value("document.activeElement.id") == "content"
    wanted = shown.value(
        "[...document.querySelectorAll('main a, main summary, main audio')].filter(e => e.checkVisibility()).length"
    )
    seen = set()
    for _ in range(12 * wanted):  # the controls of a player are stops of their own
        shown.press("Tab", 9)
        place = shown.value(
            "[...document.querySelectorAll('main a, main summary, main audio')].indexOf(document.activeElement)"
        )
        seen.add(place)
        if len(seen - {-1}) == wanted:
            break
    assert len(seen - {-1}) == wanted
    shown.value("document.querySelector('main summary').focus()")
    shown.press("Enter", 13)
    assert shown.value("document.querySelector('main details').open") is True


def test_the_theme_follows_the_system_and_the_button(shown: Browser) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = shown.value(colour)
    shown.media("", "dark")
    dark = shown.value(colour)
    shown.value("document.getElementById('theme').focus()")
    shown.press(" ", 32)
    assert shown.value(colour) == light != dark
    assert shown.value("document.getElementById('theme').getAttribute('aria-pressed')") == "false"
    shown.value("document.getElementById('theme').click()")
    shown.media("", "light")
    assert shown.value(colour) == dark
    shown.value("delete document.documentElement.dataset.theme")


def test_it_fits_a_narrow_window_and_prints_on_white(shown: Browser) -> None:
    shown.size(360)
    assert shown.value("document.documentElement.scrollWidth") <= 360
    shown.size(1000)
    shown.media("print", "dark")
    assert shown.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert shown.value("getComputedStyle(document.querySelector('audio')).display") == "none"
    shown.media("", "light")
    assert shown.printed().startswith(b"%PDF")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(shown: Browser, scheme: str) -> None:
    spec = importlib.util.find_spec("axe_playwright_python") or importlib.util.find_spec("axe_core_python")
    if spec is None or spec.origin is None:
        pytest.skip("install axe-core: pip install axe-core-python")
    shown.media("", scheme)
    shown.value(Path(spec.origin).with_name("axe.min.js").read_text("utf-8") + ";0")
    found = shown.value("axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].html.slice(0, 200)))")
    shown.media("", "light")
    assert found == []


def test_json_says_what_the_page_says_and_what_is_missing(
    runs: tuple[Path, Path, Path], noises: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, int8, _ = runs
    assert main(["report", str(run), "--int8", str(int8), "--format", "json"]) == 0
    bare = json.loads(capsys.readouterr().out)["runs"][0]
    assert bare["evaluations"] == {"float": None, "int8": None} and bare["quantization"] is None
    assert {"accuracy on test clips", "float beside int8", "time by layer"} <= {m["what"] for m in bare["missing"]}
    assert bare["verdict"]["verdict"] == "pass" and bare["memory"]["arena_bytes"] > 0
    assert bare["frontend"]["digest"] == edgekit.FrontendSpec(**bare["frontend"]["spec"]).digest
    full = report(run, data=noises, int8=[int8], form="json", cache=noises.parent / "cache").content["runs"][0]
    assert full["evaluations"]["int8"]["clips"] == 24
    assert full["quantization"]["clips"] == 24 and full["provenance"]["test"]["digest"].startswith("sha256:")
    assert "accuracy on test clips" not in {m["what"] for m in full["missing"]}


def test_an_interrupted_run_is_said_to_be_one(runs: tuple[Path, Path, Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    shutil.copytree(runs[0], cut)
    (cut / "metrics.json").unlink()
    made = report(cut, tmp_path / "p.html")
    assert "end of the training" in {item["what"] for item in made.content["runs"][0]["missing"]}
    assert "The training has not ended" in made.text


def test_the_json_keeps_the_published_schema(runs: tuple[Path, Path, Path], noises: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    from edgekit.report.schemas import json_schema

    run, int8, vit = runs
    for options in ({}, {"data": noises, "int8": [int8], "cache": noises.parent / "cache", "layer_times": True}):
        made = report([run, vit], form="json", **options)
        jsonschema.validate(json.loads(made.text), json_schema("report"))


def test_markdown_and_model_card_hold_the_numbers(runs: tuple[Path, Path, Path], noises: Path, tmp_path: Path) -> None:
    run, int8, _ = runs
    card = report(run, tmp_path / "MODEL_CARD.md", data=noises, int8=[int8], cache=noises.parent / "cache")
    assert card.path is not None and card.path.read_text("utf-8") == card.text
    accuracy = card.content["runs"][0]["evaluations"]["int8"]["accuracy"]
    assert card.text.startswith("# Model card: ") and f"{accuracy:.4f}" in card.text
    assert "<img" not in card.text and "Intended use" in card.text and "To be written by its author" in card.text
    bare = report(run, form="model-card").text
    assert bare.count("Not evaluated.") == 2 and "No recording names" not in bare
    text = report(run, form="markdown").text
    assert "accuracy on test clips missing" in text and "<img" not in text


def test_two_runs_are_compared_on_the_same_clips(runs: tuple[Path, Path, Path], noises: Path, tmp_path: Path) -> None:
    run, _, vit = runs
    made = report(
        (), tmp_path / "p.html", compare=(run, vit), data=noises, select="speaker=s0..s2", cache=noises.parent / "cache"
    )
    found = made.content["comparison"]
    a, b = (entry["evaluations"]["float"]["accuracy"] for entry in made.content["runs"])
    assert found["answers"]["accuracy"]["clip"]["value"] == pytest.approx(b - a) and found["answers"]["clips"] == 18
    assert "McNemar" in made.text
    bare = report((), compare=(run, vit), form="markdown")
    assert bare.content["comparison"]["answers"] is None and "accuracies are not compared" in bare.text


def test_what_cannot_be_reported_is_refused(runs: tuple[Path, Path, Path], tmp_path: Path) -> None:
    run, int8, vit = runs
    with pytest.raises(BadConfigError, match="a page needs a file"):
        report(run)
    with pytest.raises(BadConfigError, match="about one run"):
        report([run, vit], tmp_path / "MODEL_CARD.md")
    with pytest.raises(BadConfigError, match="2 integer models for 1 runs"):
        report(run, form="json", int8=[int8, int8])
    with pytest.raises(BadFileError, match=re.escape("history.csv is missing")):
        report(tmp_path, form="json")
    (tmp_path / "eval.json").write_text("[]")
    with pytest.raises(BadFileError, match="not a JSON object"):
        report(run, form="json", evaluations=[tmp_path / "eval.json"])
    (tmp_path / "bench.json").write_text('{"results": [{"model": 5}]}')
    with pytest.raises(BadFileError, match="has no results with model, target"):
        report(run, form="json", benches=[tmp_path / "bench.json"])


def test_an_evaluation_made_before_is_taken_over(runs: tuple[Path, Path, Path], noises: Path, tmp_path: Path) -> None:
    _, int8, _ = runs
    cache = noises.parent / "cache"
    done = edgekit.evaluate_models([int8], noises, cache=cache).to_json()
    (tmp_path / "eval.json").write_text(json.dumps(done))
    bench = {"results": [{"model": int8.name, "target": "cortex-m4", "instructions": 12345, "latency_ms": None}]}
    (tmp_path / "bench.json").write_text(json.dumps(bench))
    made = report(int8, tmp_path / "p.html", evaluations=[tmp_path / "eval.json"], benches=[tmp_path / "bench.json"])
    run = made.content["runs"][0]
    assert run["evaluations"]["int8"] == done["results"][0] and run["training"] is None
    assert "12,345" in made.text and "No clips to listen to: give the recordings with --data" in made.text
