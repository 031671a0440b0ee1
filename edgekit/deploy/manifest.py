"""What a manifest says of generated sources, whatever they compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit import __version__
from edgekit.core.digest import digest_bytes
from edgekit.deploy.c.choice import Optimize
from edgekit.deploy.c.interface import API_VERSION, Names
from edgekit.deploy.target import Target
from edgekit.graph.rounding import TWICE


def common_manifest(api: Names, target: Target, optimize: Optimize) -> dict[str, Any]:
    """Names, target, front-end and sizes, as plain JSON; "rounding" where it is not TensorFlow Lite's default."""
    return {
        "schema_version": 1,
        "generator": f"edgekit {__version__}",
        "api_version": API_VERSION,
        "name": api.name,
        "model": api.title,
        "target": target.name,
        "instruction_set": target.isa,
        "optimize": optimize,
        "frontend_digest": api.frontend_digest or None,
        "frontend_compiled": api.frontend is not None,
        "sample_rate": None if api.frontend is None else api.frontend.sample_rate,
        "labels": list(api.labels),
        "input_bytes": api.input_size,
        "output_bytes": api.output_size,
        "arena_bytes": api.plan.arena_bytes,
        "arena_lower_bound": api.plan.lower_bound,
        **({} if api.rounding == TWICE else {"rounding": api.rounding}),
    }


def file_hashes(files: Mapping[str, str]) -> dict[str, str]:
    """File name to digest, by name."""
    return {name: digest_bytes(text.encode("utf-8")) for name, text in sorted(files.items())}
