"""A sweep as a study that other programs open: an Optuna storage in a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitdash.errors import SettingError
from fitdash.sweeps.study import silence_optuna

if TYPE_CHECKING:
    from fitdash.sweeps.results import Sweep

KINDS = {".log": "journal", ".journal": "journal", ".jsonl": "journal", ".db": "sqlite", ".sqlite3": "sqlite"}


def to_optuna(sweep: "Sweep", file: str | Path, *, kind: str | None = None) -> str:
    """Write the trials that are over into a file: `optuna-dashboard FILE` opens it.

    Args:
        file: Must not be there yet.
        kind: "journal" or "sqlite"; None: by the ending of the file.

    Returns:
        The name of the study in it.

    Raises:
        SettingError: the file is there, or nobody knows its kind.
    """
    path = Path(file)
    chosen = kind or KINDS.get(path.suffix.lower(), "")
    if chosen not in ("journal", "sqlite"):
        raise SettingError(
            f"kind must be 'journal' or 'sqlite', or the file end in {', '.join(KINDS)}, got {path.name!r}."
        )
    if path.exists():
        raise SettingError(f"file must not be there yet, got {str(path)!r}. Name another one.")
    import optuna

    source = sweep.study().optuna
    with silence_optuna():
        storage: Any = _storage(path, chosen)
        name = f"fitdash {sweep.uid}"
        study = optuna.create_study(storage=storage, study_name=name, directions=source.directions)
        study.add_trials(source.trials)
        study.set_user_attr("objective", sweep.recipe.objective.name)
    return name


def _storage(path: Path, kind: str) -> Any:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    return RDBStorage(f"sqlite:///{path}") if kind == "sqlite" else JournalStorage(JournalFileBackend(str(path)))
