"""Float, post-training int8 and quantization-aware int8 on the same held-out recordings.

    EDGEKIT_DATA=… .venv/bin/python benchmarks/quantization.py --out runs/quantization [--only dspspeech/ds-cnn]

DSPSpeech is split by speaker (spk00–17 train, spk21–25 test), FSDD leaves george or jackson out, ESC-10 fold 4. Every
case trains the float model, quantizes it with the training clips and trains its fake-quantized twin on. Cases, and
epochs of a case, that are finished in ``--out`` are not done again; a float run that lies elsewhere is taken with
``--run CASE=FOLDER``. A drop is float minus int8; its 95 % interval is a paired bootstrap over the test clips.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from results_file import write_results

from edgekit.api.export import export
from edgekit.api.quantize import HeldOut, QatOptions, QuantizeResult, quantize
from edgekit.api.train import train
from edgekit.cli.progress import progress_bar
from edgekit.core.files import write_json
from edgekit.core.progress import Progress
from edgekit.train.recipe import ModelChoice, Recipe
from edgekit.train.recipe_file import load_recipe

CP_MOBILE = ModelChoice(
    name="cp-mobile", arguments={"base_channels": 16, "multiplier": 1.5, "expansion": 2.0, "grn": True}
)


@dataclass(frozen=True)
class Case:
    """A model on a data set.

    Attributes:
        name: "data set/held out/model".
        dataset: folder under ``EDGEKIT_DATA``.
        train, test: selections.
        recipe: of the float run.
        model: in place of the recipe's, if any.
        schedule: what differs from the recipe's schedule.
    """

    name: str
    dataset: str
    train: str
    test: str
    recipe: str
    model: ModelChoice | None = None
    schedule: Mapping[str, Any] = field(default_factory=dict)

    def resolved(self) -> Recipe:
        """The recipe of the float run."""
        recipe = load_recipe(self.recipe)
        schedule = dataclasses.replace(recipe.schedule, **self.schedule)
        return dataclasses.replace(recipe, model=self.model or recipe.model, schedule=schedule)


def cases() -> list[Case]:
    """The small models on the three sets."""
    dsp = ("dspspeech", "speaker=spk00..spk17", "speaker=spk21..spk25", "kws-dscnn-robust")
    out = [Case("dspspeech/spk21-spk25/ds-cnn", *dsp), Case("dspspeech/spk21-spk25/cp-mobile-grn", *dsp, CP_MOBILE)]
    for speaker in ("george", "jackson"):
        fsdd = ("fsdd", f"speaker!={speaker}", f"speaker={speaker}", "kws-dscnn-8khz")
        out.append(Case(f"fsdd/{speaker}/ds-cnn", *fsdd))
        out.append(Case(f"fsdd/{speaker}/cp-mobile-grn", *fsdd, CP_MOBILE))
    esc = ("esc10", "fold=1,2,3", "fold=4", "sounds-dscnn")
    out.append(Case("esc10/fold4/ds-cnn", *esc))
    out.append(Case("esc10/fold4/cp-mobile-grn", *esc, CP_MOBILE))
    return out


def measure(case: Case, data: Path, folder: Path, run: Path | None, epochs: int, progress: Progress) -> dict[str, Any]:
    """The row of one case; kept in ``folder`` and read back when it is there."""
    kept = folder / "row.json"
    if kept.is_file():
        row: dict[str, Any] = json.loads(kept.read_text("utf-8"))
        return row
    if run is None:
        run = folder / "run"
        train(case.resolved(), data, run, train_select=case.train, valid_select="none", device="cpu", progress=progress)
    model = export(run, folder / "export").model
    clips = {"select": case.train, "test": HeldOut(data, case.test), "progress": progress}
    ptq = quantize(model, data, folder / "ptq.tflite", **clips)
    qat_options = QatOptions(
        run=run, folder=folder / "qat", data=data, train=case.train, valid="none", epochs=epochs, device="cpu"
    )
    qat = quantize(model, data, folder / "qat.tflite", qat=qat_options, **clips)
    row = _row(case, ptq, qat, epochs)
    write_json(kept, row)
    return row


def _row(case: Case, ptq: QuantizeResult, qat: QuantizeResult, epochs: int) -> dict[str, Any]:
    if ptq.accuracy is None or qat.accuracy is None:
        raise SystemExit(f"{case.name}: no test clips")
    dataset, held_out, model = case.name.split("/")
    return {
        "model": model,
        "dataset": dataset,
        "held_out": held_out,
        "clips": len(ptq.accuracy.before.clips),
        "float_accuracy": ptq.accuracy.before.scores.accuracy,
        "ptq_accuracy": ptq.accuracy.after.scores.accuracy,
        "qat_accuracy": qat.accuracy.after.scores.accuracy,
        "float_ops": 0,
        "bytes": qat.tflite.stat().st_size,
        **_drop("ptq", ptq),
        **_drop("qat", qat),
        "ptq_max_logit_error": ptq.difference.max_error,
        "logit_range": ptq.difference.output_range,
        "qat_epochs": epochs,
        "recipe": case.recipe,
    }


def _drop(name: str, result: QuantizeResult) -> dict[str, float]:
    """Points lost, with the interval of the paired bootstrap over clips."""
    if result.accuracy is None:
        return {}
    change = result.accuracy.comparison.accuracy["clip"]
    ends = {"": change.value, "_low": change.high, "_high": change.low}
    return {f"{name}_drop_points{end}": 0.0 - 100.0 * value for end, value in ends.items()}


def main() -> None:
    """Run the cases asked for; the result file has every case that is finished in ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("EDGEKIT_DATA"), help="folder with dspspeech, fsdd and esc10")
    parser.add_argument("--out", type=Path, default=Path("runs/quantization"))
    parser.add_argument("--only", action="append", help="cases to run, by the start of their names; again for more")
    parser.add_argument("--run", action="append", default=[], metavar="CASE=FOLDER", help="a float run to take")
    parser.add_argument("--epochs", type=int, default=24, help="of quantization-aware training")
    options = parser.parse_args()
    if not options.data:
        parser.error("set EDGEKIT_DATA or give --data")
    runs = {name: Path(folder) for name, folder in (item.split("=", 1) for item in options.run)}
    rows = []
    for case in cases():
        folder = options.out / case.name.replace("/", "-")
        wanted = not options.only or any(case.name.startswith(start) for start in options.only)
        if wanted or (folder / "row.json").is_file():
            data = Path(options.data) / case.dataset
            with progress_bar() as progress:
                rows.append(measure(case, data, folder, runs.get(case.name), options.epochs, progress))
            write_results("quantization", rows)


if __name__ == "__main__":
    main()
