"""The C of a wake word: streaming models, and detectors with their thresholds in the headers."""

from __future__ import annotations

from pathlib import Path

from edgekit.api.stream import StreamResult, stream
from edgekit.api.wake_stream import output_scale
from edgekit.core.files import write_text
from edgekit.deploy.detector.generate import generate_detector
from edgekit.detect.settings import DetectorSettings


def write_firmware(
    place: Path,
    models: tuple[Path, Path],
    target: str,
    single: DetectorSettings,
    staged: DetectorSettings,
    label: str,
) -> dict[str, int]:
    """Both models' streaming C built for the target, with the detectors' sources beside them.

    Args:
        place: folder for it.
        models: the word's int8 model and the first stage's.
        target: name.
        single: detector of the word's model alone.
        staged: behind the first stage.
        label: of the word.

    Returns:
        "word_macs_a_hop", "first_flash" …: what a hop of each model costs, and bytes of its image with the front-end.
    """
    built = [
        stream(model, place / part, target=target, name=name)
        for part, model, name in (("word", models[0], "wake"), ("first", models[1], "wake_first"))
    ]
    labels = ("unknown", label)
    scale, first = output_scale(models[0]), output_scale(models[1])
    alone = generate_detector(single, scale, labels, "wake")
    for item in (alone, generate_detector(staged, scale, labels, "wake_staged", first)):
        for name, text in item.files.items():
            write_text(place / name, text)
    sizes = {f"{part}_{key}": value for part, item in zip(("word", "first"), built, strict=True)
             for key, value in _sizes(item).items()}  # fmt: skip
    return sizes


def _sizes(built: StreamResult) -> dict[str, int]:
    """What a hop of a model costs, and its image with the front-end."""
    from edgekit.bench.elf import read_elf
    from edgekit.bench.sizes import image_sizes

    told = {"macs_a_hop": built.hop_macs or 0}
    if built.image is None or built.image.target.kind != "mcu":
        return told
    sizes = image_sizes(read_elf(built.image.path))
    return {**told, "flash": sizes.flash, "ram": sizes.ram}
