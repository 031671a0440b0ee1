"""Digests over canonical JSON, bytes and files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces; floats in Python's shortest round-trip form, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def digest_json(value: Any) -> str:
    """``"sha256:<64 hex digits>"`` over :func:`canonical_json`."""
    return digest_bytes(canonical_json(value).encode("ascii"))


def digest_bytes(data: bytes) -> str:
    """``"sha256:<64 hex digits>"`` of ``data``."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_file(path: Path, chunk: int = 1 << 20) -> str:
    """``"sha256:<64 hex digits>"`` of a file, read in chunks."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(chunk):
            state.update(block)
    return "sha256:" + state.hexdigest()
