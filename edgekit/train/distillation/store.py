"""Stored logits: what teachers say to every clip and view, once for all students.

LOGITS/store.json                   labels, digests of the teachers and of their front-ends, sample rate, plan of views
LOGITS/shards/00003.safetensors     logits float32 [n, views, classes], views float64 [n, views, 3], pcm int64 [n];
                                    metadata: clip ids, digest of the identity

A clip lies in the shard that its id's hash names and is found there by its id, never by a row's number.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.digest import canonical_json, digest_json
from edgekit.core.errors import BadConfigError, BadFileError, DigestMismatchError
from edgekit.core.files import atomic_path, write_json
from edgekit.core.optional import require
from edgekit.train.distillation.views import ViewPlan

IDENTITY = "store.json"
KIND = "edgekit-logits"
_KEY = "edgekit.shard"  # one key: the order of several in the file would be by chance
_CLIPS_A_SHARD = 256
_MOST_SHARDS = 4096


@dataclass(frozen=True)
class StoredTeacher:
    """Which teacher spoke: digests of its checkpoint and of its front-end."""

    model: str
    digest: str
    frontend_digest: str


@dataclass(frozen=True)
class StoreIdentity:
    """What decides every number of a store; its digest is in every shard."""

    labels: tuple[str, ...]
    teachers: tuple[StoredTeacher, ...]
    sample_rate: int
    plan: ViewPlan

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "schema_version": 1,
            "kind": KIND,
            "labels": list(self.labels),
            "teachers": [vars(teacher) for teacher in self.teachers],
            "sample_rate": self.sample_rate,
            "views": self.plan.to_json(),
        }

    @property
    def digest(self) -> str:
        """``"sha256:…"`` of :meth:`to_json`."""
        return digest_json(self.to_json())


@dataclass(frozen=True, eq=False)
class Shard:
    """Some clips of a store.

    Attributes:
        ids: of the clips.
        logits: float32 [n, 1 + views, classes].
        views: float64 [n, 1 + views, 3], see :mod:`edgekit.train.distillation.views`.
        pcm: int64 [n], checksums of the clips' samples.
    """

    ids: tuple[str, ...]
    logits: np.ndarray
    views: np.ndarray
    pcm: np.ndarray


def is_store(path: Path) -> bool:
    """True for a folder of stored logits."""
    return (path / IDENTITY).is_file()


def shard_of(clip_id: str, shards: int) -> int:
    """Number of the shard that holds a clip."""
    return int.from_bytes(hashlib.sha256(clip_id.encode("utf-8")).digest()[16:24], "little") % shards


def pcm_checksum(pcm: np.ndarray) -> int:
    """Checksum of a clip's int16 samples: the same id with another sound is another clip."""
    return zlib.crc32(np.ascontiguousarray(pcm, "<i2").tobytes())


def open_store(folder: Path, identity: StoreIdentity, clips: int) -> int:
    """Make ``folder`` the store of ``identity``, or find that it is; the number of its shards.

    Raises:
        DigestMismatchError: the folder holds logits of other teachers, labels or views.
        BadConfigError: the folder holds something else.
    """
    if is_store(folder):
        found, shards = read_identity(folder)
        if found.digest != identity.digest:
            ours, theirs = identity.to_json(), found.to_json()
            changed = [key for key in ours if ours[key] != theirs[key]]
            raise DigestMismatchError(
                f"holds logits of other {' and '.join(changed)}", where=str(folder), mend="choose another folder"
            )
        return shards
    if folder.exists() and (not folder.is_dir() or any(not item.name.startswith(".") for item in folder.iterdir())):
        raise BadConfigError("is not empty and holds no logits", where=str(folder), mend="choose another folder")
    shards = min(_MOST_SHARDS, max(1, -(-clips // _CLIPS_A_SHARD)))
    write_json(folder / IDENTITY, {**identity.to_json(), "shards": shards})
    return shards


def read_identity(folder: Path) -> tuple[StoreIdentity, int]:
    """What a store is, and the number of its shards.

    Raises:
        BadFileError: no store, or a damaged one.
    """
    path = folder / IDENTITY
    try:
        table = json.loads(path.read_text("utf-8"))
        shards = int(table.pop("shards"))
        identity = StoreIdentity(
            labels=tuple(str(label) for label in table["labels"]),
            teachers=tuple(StoredTeacher(**teacher) for teacher in table["teachers"]),
            sample_rate=int(table["sample_rate"]),
            plan=ViewPlan(**table["views"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFileError("no stored logits", where=str(path), mend="make them with 'distill --store'") from error
    if identity.to_json() != table or not 1 <= shards <= _MOST_SHARDS:
        raise BadFileError("is damaged or of another version", where=str(path), mend="store the logits again")
    return identity, shards


def shard_path(folder: Path, number: int) -> Path:
    """File of a shard."""
    return folder / "shards" / f"{number:05d}.safetensors"


def write_shard(folder: Path, number: int, shard: Shard, identity: StoreIdentity) -> None:
    """Write a shard atomically."""
    safetensors = require("safetensors.numpy", "train")
    arrays = {"logits": shard.logits, "views": shard.views, "pcm": shard.pcm}
    metadata = {_KEY: canonical_json({"store": identity.digest, "clips": list(shard.ids)})}
    with atomic_path(shard_path(folder, number)) as temporary:
        safetensors.save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, temporary, metadata)


def read_shard(folder: Path, number: int, identity: StoreIdentity) -> Shard | None:
    """A shard, or None where it was not written yet.

    Raises:
        DigestMismatchError: it belongs to another store.
        BadFileError: it is damaged.
    """
    path = shard_path(folder, number)
    if not path.is_file():
        return None
    files = require("safetensors", "train")
    mend = "remove the file and store the logits again"
    try:
        with files.safe_open(path, framework="np") as stream:
            about = dict(json.loads((stream.metadata() or {})[_KEY]))
            arrays = {name: stream.get_tensor(name) for name in ("logits", "views", "pcm")}
        ids = tuple(str(name) for name in about["clips"])
    except (files.SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise BadFileError("is no shard of logits", where=str(path), mend=mend) from error
    if about.get("store") != identity.digest:
        raise DigestMismatchError("belongs to another store of logits", where=str(path), mend=mend)
    views = 1 + identity.plan.views
    wanted = {"logits": (len(ids), views, len(identity.labels)), "views": (len(ids), views, 3), "pcm": (len(ids),)}
    if {name: array.shape for name, array in arrays.items()} != wanted or len(set(ids)) != len(ids):
        raise BadFileError("has tensors of other shapes than its store", where=str(path), mend=mend)
    if not np.isfinite(arrays["logits"]).all():
        raise BadFileError("holds logits that are no numbers", where=str(path), mend=mend)
    return Shard(ids, arrays["logits"].astype(np.float32), arrays["views"].astype(np.float64), arrays["pcm"])
