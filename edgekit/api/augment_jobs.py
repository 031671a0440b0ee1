"""The workshop of offline augmentation: jobs, their files, and the folder's record of what is done."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.augment.offline.copies import Copy, plan_copies
from edgekit.augment.offline.plan import Plan
from edgekit.augment.offline.steps import ImpulseResponse, Studio
from edgekit.core.digest import digest_json
from edgekit.core.errors import BadFileError, DataError
from edgekit.core.files import write_json
from edgekit.data.audio import decode_float, probe, to_int16
from edgekit.data.lock import exclusive
from edgekit.data.manifest import Clip, Manifest, Rejected
from edgekit.data.recordings import find_recordings
from edgekit.data.write import write_clip, write_rows

if TYPE_CHECKING:
    from edgekit.data.responses import Responses

RECORD, SHARDS, LOCK = "augment.json", ".shards", ".lock"
HEADER = ("path", "label", "split", "fold", "device", "speaker", "source", "sample_rate", "samples", "augmentation")


@dataclass(frozen=True)
class Job:
    """One copy: what it is made of, and the file that it becomes, relative to the folder."""

    copy: Copy
    path: str

    def shard(self, count: int) -> int:
        """The shard of ``count`` that makes it, from 1."""
        return int.from_bytes(hashlib.sha256(self.path.encode()).digest()[:8], "big") % count + 1


def make_jobs(plan: Plan, manifest: Manifest, responses: int, seed: int, audio_format: str) -> list[Job]:
    """All jobs of a plan, in the order of the manifest that they become."""
    clips = manifest.clips
    recordings = find_recordings(clips) if plan.mode == "recut" else []
    copies = plan_copies(plan, clips, recordings, responses, seed)
    return [Job(copy, _file_name(clips[copy.sources[0]], plan, copy, audio_format)) for copy in copies]


def _file_name(clip: Clip, plan: Plan, copy: Copy, audio_format: str) -> str:
    """Readable, and unique: the hash of the clip's id tells clips of the same name apart."""
    label, stem, name = (_safe(text) for text in (clip.label, clip.path.stem, plan.name))
    mark = hashlib.sha256(clip.id.encode()).hexdigest()[:8]
    return f"{label}/{stem}.{mark}~{name}-{copy.number}.{audio_format}"


def _safe(text: str) -> str:
    """A part of a file name: letters, digits, - and _ stay, also a dot inside."""
    return re.sub(r"[^\w.-]", "_", text).strip(".") or "_"


@dataclass(frozen=True, eq=False)
class Workshop:
    """Makes copies into a folder.

    Attributes:
        folder: of the set.
        plan, manifest, seed, audio_format, rate: what to make, see :func:`edgekit.api.augment.augment`.
        responses: the plan's impulse responses at a rate.
    """

    folder: Path
    plan: Plan
    manifest: Manifest
    seed: int
    audio_format: str
    rate: int | None
    responses: Callable[[int], Responses]

    def make(self, job: Job) -> tuple[dict[str, object] | None, bool, Rejected | None]:
        """Make one copy, unless its file is there: its row of the manifest, whether it was there, what went wrong."""
        path = self.folder / job.path
        there = path.exists()
        clip = self.manifest.clips[job.copy.sources[0]]
        if not there:
            try:
                pcm, rate = self._render(job)
            except BadFileError as error:  # of the source: what cannot be written is raised below
                return None, False, Rejected(clip.id, error.what)
            write_clip(path, pcm, rate)
        info = probe(path)
        row: dict[str, object] = {
            "path": job.path,
            "label": clip.label,
            "split": clip.split,
            "fold": clip.fold,
            "device": job.copy.device or self._heard_by(job.copy) or clip.device,
            "speaker": clip.speaker,
            "source": clip.source or clip.id,
            "sample_rate": info.sample_rate,
            "samples": info.samples,
            "augmentation": self._text(job.copy),
        }
        return row, there, None

    def _render(self, job: Job) -> tuple[np.ndarray, int]:
        """int16 [n] and its rate."""
        copy, clips = job.copy, [self.manifest.clips[index] for index in job.copy.sources]
        rate = self.rate or clips[0].sample_rate
        signal = np.concatenate([decode_float(clip.path, rate, clip.start, clip.samples) for clip in clips])
        if copy.seconds:
            start = round(copy.start * rate)
            signal = signal[start : start + round(copy.seconds * rate)]
        taps = self.responses(rate).taps if self.plan.needs_responses else None
        studio = Studio(rate, taps, self._response(copy))
        for place, step in enumerate(self.plan.chains[copy.chain]):
            draw = np.random.default_rng(np.frombuffer(self._hash(copy, str(place)), np.uint32))
            signal = step.apply(signal, studio, draw)
        return to_int16(signal), rate

    def _hash(self, copy: Copy, purpose: str) -> bytes:
        """What everything drawn for a copy follows from."""
        clip = self.manifest.clips[copy.sources[0]].id
        return hashlib.sha256(f"{self.seed}/{self.plan.name}/{clip}/{copy.number}/{purpose}".encode()).digest()

    def _response(self, copy: Copy) -> int | None:
        """The impulse response of a copy: the plan's choice, or drawn; None where no step convolves."""
        if not any(isinstance(step, ImpulseResponse) for step in self.plan.chains[copy.chain]):
            return None
        if copy.response is not None:
            return copy.response
        return int.from_bytes(self._hash(copy, "response")[:8], "big") % len(self.responses(0))

    def _heard_by(self, copy: Copy) -> str | None:
        """Name of the response that a copy is convolved with: it is no longer a clip of its source's device."""
        response = self._response(copy)
        return None if response is None else self.responses(0).names[response]

    def _text(self, copy: Copy) -> str:
        """The steps of a copy, with the name of the response."""
        heard_by = self._heard_by(copy)
        names = [step.name for step in self.plan.chains[copy.chain]]
        return "+".join(f"{n}:{heard_by}" if n == ImpulseResponse.name else n for n in names) or self.plan.mode

    @contextlib.contextmanager
    def open(self, jobs: Sequence[Job], shard: tuple[int, int]) -> Iterator[None]:
        """Claim the folder for this set, and the shard for this process; another one of the same shard waits.

        Raises:
            BadFileError: the folder cannot be made or written.
            DataError: it holds something else.
        """
        try:
            (self.folder / SHARDS).mkdir(parents=True, exist_ok=True)
            with exclusive(self.folder / LOCK):
                self._claim(jobs)
            with exclusive(self.folder / SHARDS / f"{shard[0]}-of-{shard[1]}.lock"):
                yield
        except OSError as error:
            mend = "make room or choose another folder; run again, it goes on where it was"
            raise BadFileError(f"cannot write: {error.strerror}", where=str(self.folder), mend=mend) from error

    def close_shard(self, rows: Sequence[dict[str, object]], shard: tuple[int, int]) -> tuple[int, ...]:
        """Note that a shard is done; the last one writes the manifest. Returns the numbers that are missing."""
        shards = self.folder / SHARDS
        write_rows(shards / f"{shard[0]}-of-{shard[1]}.csv", HEADER, rows)
        with exclusive(self.folder / LOCK):
            if not shards.is_dir():  # another process wrote the manifest meanwhile
                return ()
            parts = {number: shards / f"{number}-of-{shard[1]}.csv" for number in range(1, shard[1] + 1)}
            missing = tuple(number for number, path in parts.items() if not path.exists())
            if missing:
                return missing
            found: list[Mapping[str, object]]
            found = [row for path in parts.values() for row in csv.DictReader(path.open(encoding="utf-8"))]
            write_rows(self.folder / "manifest.csv", HEADER, sorted(found, key=lambda row: str(row["path"])))
            shutil.rmtree(shards)
            for leftover in self.folder.glob("*/.*"):  # of interrupted writes
                leftover.unlink()
            (self.folder / LOCK).unlink()
        return ()

    def _claim(self, jobs: Sequence[Job]) -> None:
        record = json.loads(json.dumps(self._record(jobs)))
        path = self.folder / RECORD
        if path.exists():
            if _read_json(path) != record:
                mend = "choose another folder, or remove this one"
                raise DataError("holds a set of another plan, seed or source", where=str(self.folder), mend=mend)
            return
        if any(child.name not in (SHARDS, LOCK) for child in self.folder.iterdir()):
            raise DataError("is not empty", where=str(self.folder), mend="choose a new folder")
        write_json(path, record)

    def _record(self, jobs: Sequence[Job]) -> dict[str, Any]:
        """What decides about the set: another one must not go on in its folder."""
        clips = [[clip.id, clip.label, clip.start, clip.samples, clip.sample_rate] for clip in self.manifest.clips]
        return {
            "schema_version": 1,
            "plan": self.plan.to_json(),
            "responses": list(self.responses(0).names) if self.plan.needs_responses else [],
            "seed": self.seed,
            "source": self.manifest.name,
            "clips": digest_json(clips),
            "copies": len(jobs),
            "rate": self.rate,
            "format": self.audio_format,
        }


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError:
        return None
