"""Files that travel with edgekit: ``budgets/`` and ``firmware_stubs/``, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from edgekit.core.errors import MissingDependencyError

_PACKAGE = Path(__file__).resolve().parent.parent


def resource_folder(name: str) -> Path:
    """Folder ``name`` ("budgets" or "firmware_stubs").

    In a wheel the folders lie inside the package (``edgekit/_resources/NAME``), in a checkout beside it.

    Raises:
        MissingDependencyError: the installation is incomplete.
    """
    for candidate in (_PACKAGE / "_resources" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise MissingDependencyError(f"the folder {name} is missing from this installation", mend="reinstall edgekit")
