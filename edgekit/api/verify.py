"""Speaker verification: how well a model's embeddings tell voices apart that it never heard in training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.api.training_clips import read_data
from edgekit.core.errors import BadConfigError
from edgekit.core.optional import require
from edgekit.core.progress import Progress, silent

if TYPE_CHECKING:
    from edgekit.data.manifest import Manifest
    from edgekit.train.evaluation.verification import Verification

_BATCH = 64


@dataclass(frozen=True)
class VerifyResult:
    """What the trials gave.

    Attributes:
        run: the model.
        speakers: number of voices.
        clips: number of clips.
        verification: trials, equal error rate, minDCF.
    """

    run: str
    speakers: int
    clips: int
    verification: Verification

    def to_json(self) -> dict[str, Any]:
        """Plain dictionary for JSON output."""
        return {
            "run": self.run,
            "speakers": self.speakers,
            "clips": self.clips,
            **dataclasses.asdict(self.verification),
        }


def verify_speakers(
    run: str | Path,
    data: str | Path | Manifest | Sequence[str | Path | Manifest],
    *,
    select: str | None = None,
    most: int = 50_000,
    p_target: float = 0.05,
    seed: int = 0,
    det: Path | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
) -> VerifyResult:
    """Score pairs of clips by the cosine of their embeddings; pairs lie within one data set each.

    Args:
        run: of a speaker model ("ecapa-tdnn", "speaker-resnet34", "amcrn").
        data: sets whose clips name speakers.
        select: which clips, see :mod:`edgekit.data.selector`; all by default.
        most: trials at most, drawn at random.
        p_target: prior of minDCF.
        seed: of the draw.
        det: SVG file of the detection error trade-off.
        cache: folder of decoded audio.
        progress: told about decoding.

    Raises:
        EdgekitError: a run without embeddings, clips without speakers, or trials of one kind only.
    """
    require("torch", "train")
    from edgekit.data.manifest import Manifest
    from edgekit.data.selector import select_clips
    from edgekit.models.speakers.heads import SpeakerModel
    from edgekit.train.checkpoint import load_checkpoint
    from edgekit.train.evaluation.verification import all_pairs, verify_trials

    checkpoint = load_checkpoint(Path(run))
    model = checkpoint.build()
    if not isinstance(model, SpeakerModel):
        text = f"{checkpoint.model} has no embeddings of speakers"
        raise BadConfigError(text, where=str(run), mend="train ecapa-tdnn, speaker-resnet34 or amcrn")
    parts = [data] if isinstance(data, str | Path | Manifest) else list(data)
    embeddings, speakers, sets = [], [], []
    for number, part in enumerate(parts):
        manifest = read_data(part)
        chosen = select_clips(manifest, select) if select else manifest
        named = chosen.where(lambda clip: bool(clip.speaker)).require_clips()
        vectors, names = _embeddings(model, checkpoint.frontend, named, cache, progress)
        embeddings.append(vectors)
        speakers += [f"{number}/{name}" for name in names]
        sets += [number] * len(names)
    voices = np.array(speakers)
    pairs, same = all_pairs(voices, np.array(sets), most, seed)
    together = np.concatenate(embeddings)
    scores = np.einsum("nc,nc->n", together[pairs[:, 0]], together[pairs[:, 1]])
    told = verify_trials(scores, same, p_target)
    if det is not None:
        _draw(det, scores, same, told.eer)
    return VerifyResult(str(run), len(set(speakers)), len(voices), told)


def _draw(file: Path, scores: np.ndarray, same: np.ndarray, eer: float) -> None:
    from edgekit.core.files import write_text
    from edgekit.report.det_figure import det_curve
    from edgekit.train.evaluation.verification import error_rates

    _, missed, false = error_rates(scores, same)
    write_text(file, det_curve(missed, false, eer))


def _embeddings(
    model: Any, spec: Any, manifest: Manifest, cache: Path | None, progress: Progress
) -> tuple[np.ndarray, list[str]]:
    """Embeddings [N, E] of all clips and their speakers."""
    import torch

    from edgekit.data.cache import AudioCache
    from edgekit.features.torch_frontend import TorchFrontend

    clips = AudioCache(manifest, spec.sample_rate, cache, progress)
    frontend = TorchFrontend(spec)
    parts = []
    for first in range(0, len(clips), _BATCH):
        rows = np.arange(first, min(first + _BATCH, len(clips)))
        pcm = torch.from_numpy(clips.windows(rows, spec.clip_samples, np.zeros(len(rows), np.int64)))
        with torch.no_grad():
            parts.append(model.embed(frontend(pcm)).numpy())
    return np.concatenate(parts), [str(clip.speaker) for clip in clips.manifest.clips]
