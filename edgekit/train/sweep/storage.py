"""Where a sweep's trials are kept: a journal file that machines with one file system share, or a database."""

from __future__ import annotations

import logging
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.digest import digest_json
from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.optional import require
from edgekit.train.sweep.space import Space

if TYPE_CHECKING:
    import optuna

JOURNAL = "journal.log"
_IDENTITY = "edgekit.identity"
_WAITS_S = (0.5, 1.0, 2.0)
"""Before a database is tried again."""


def open_study(folder: Path, storage: str | None, space: Space, subject: dict[str, Any]) -> optuna.Study:
    """The study of this sweep, made where there is none.

    Args:
        folder: of the sweep.
        storage: a database (``sqlite:///…``, ``postgresql://…``), a journal file, or None for one in ``folder``.
        space: what is searched.
        subject: everything else that decides the trials (recipe, clips, teachers), as plain values.

    Raises:
        BadConfigError: the storage holds another sweep under this name, or is of no known kind.
        BadFileError: the storage cannot be opened.
    """
    require("optuna", "sweep")
    import optuna

    optuna.logging.set_verbosity(logging.ERROR)
    database_error = require("sqlalchemy.exc", "sweep").SQLAlchemyError
    where = storage or str(folder / JOURNAL)
    kinds = optuna.study.StudyDirection
    maximise_first = [kinds.MAXIMIZE, *[kinds.MINIMIZE] * (len(space.objectives) - 1)]
    pruner = optuna.pruners.MedianPruner(n_startup_trials=4) if space.pruner == "median" else optuna.pruners.NopPruner()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the journal is called experimental
            study = optuna.create_study(
                storage=_storage(where),
                study_name="edgekit sweep",
                directions=maximise_first,
                pruner=pruner,
                load_if_exists=True,
            )
    except (OSError, ValueError, RuntimeError, ImportError, optuna.exceptions.OptunaError, database_error) as error:
        raise BadFileError(f"cannot be opened: {error}", where=where, mend="check --storage") from error
    _claim(study, {"space": space.to_json(), **subject}, where)
    return study


def _storage(where: str) -> optuna.storages.BaseStorage:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    if "://" in where:
        return _database(where)
    path = Path(where)
    path.parent.mkdir(parents=True, exist_ok=True)
    return optuna.storages.JournalStorage(JournalFileBackend(str(path)))


def _database(where: str) -> optuna.storages.RDBStorage:
    """A database; of workers that make its tables at the same time, all but one are refused at first."""
    import optuna
    from sqlalchemy.exc import IntegrityError, OperationalError

    for wait in _WAITS_S:
        try:
            return optuna.storages.RDBStorage(where)
        except (IntegrityError, OperationalError):
            time.sleep(wait)
    return optuna.storages.RDBStorage(where)


def _claim(study: optuna.Study, identity: dict[str, Any], where: str) -> None:
    """Make the study this sweep's, or find that it is; the parts that differ are named."""
    digests = {key: digest_json(value) for key, value in identity.items()}
    known = study.user_attrs.get(_IDENTITY)
    if known is None:
        study.set_user_attr(_IDENTITY, digests)
        return
    changed = [key for key in digests if known.get(key) != digests[key]]
    if changed:
        text = f"holds a sweep with another {' and '.join(changed)}"
        raise BadConfigError(text, where=where, mend="choose another folder or --storage")
