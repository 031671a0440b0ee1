"""Pictures of trained programs: what reprogramming adds to a clip and draws around its spectrogram."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.core.files import write_text

if TYPE_CHECKING:
    import torch

    from edgekit.adapt.reprogram.model import Reprogrammed
    from edgekit.data.manifest import Clip, Manifest

_EXAMPLES = 3


def draw_programs(folder: Path, model: Reprogrammed, clips: Manifest, cache: Path | None) -> tuple[Path, ...]:
    """SVG files in ``folder``: ``waveform-program.svg`` where P1D is trained, ``frame-program.svg`` always.

    The frame is drawn alone and around clips of different classes, as the source sees them.

    Args:
        folder: exists.
        model: trained.
        clips: of the task; one of each of the first classes is drawn.
        cache: folder of decoded audio.
    """
    import torch

    from edgekit.report.program_figures import frame_program, waveform_program

    model.eval()
    first = {clip.label: clip for clip in reversed(clips.clips)}
    shown = [first[label] for label in clips.labels if label in first][:_EXAMPLES]
    with torch.no_grad():
        seen = model.picture(_samples(model, clips, shown, cache))[:, 0].numpy()
        blank = model.frame(torch.zeros(1, 1, *model.frame.inner))[0, 0].numpy()
    captions = [str(clip.label) for clip in shown]
    pictures = {"frame-program.svg": frame_program([("P2D", blank), *zip(captions, seen, strict=True)])}
    if model.waveform is not None:
        delta = model.waveform.waveform().detach()[0].numpy()
        pictures["waveform-program.svg"] = waveform_program(delta, model.spec.sample_rate)
    for name, text in pictures.items():
        write_text(folder / name, text)
    return tuple(folder / name for name in pictures)


def _samples(model: Reprogrammed, clips: Manifest, shown: list[Clip], cache: Path | None) -> torch.Tensor:
    """The clips as the model takes them, [N, 1, 1, samples] in [-1, 1)."""
    import dataclasses

    import numpy as np
    import torch

    from edgekit.data.cache import AudioCache

    few = dataclasses.replace(clips, clips=tuple(shown))
    audio = AudioCache(few, model.spec.sample_rate, cache)
    rows = np.arange(len(shown))
    pcm = audio.windows(rows, model.spec.clip_samples, np.zeros(len(rows), np.int64))
    return torch.from_numpy(pcm).float()[:, None, None] / 32768
