"""Export of a sweep as an Optuna storage in a file, for other programs."""

from pathlib import Path
from typing import Any

from fitdash.errors import SettingError
from fitdash.sweeps.study import Study, silence_optuna

KINDS = {".log": "journal", ".journal": "journal", ".jsonl": "journal", ".db": "sqlite", ".sqlite3": "sqlite"}


def write_optuna_study(study: Study, uid: str, file: str | Path, *, kind: str | None = None) -> str:
    """Write the ended trials into a file, which `optuna-dashboard FILE` opens.

    Args:
        study: The study with these trials.
        uid: The sweep, after which the study is named.
        file: A path that does not exist yet.
        kind: "journal" or "sqlite"; None: by the ending of the file.

    Returns:
        The name of the study in it.

    Raises:
        SettingError: the file exists already, or its kind is unknown.
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

    source = study.optuna
    with silence_optuna():
        storage: Any = _storage(path, chosen)
        name = f"fitdash {uid}"
        made = optuna.create_study(storage=storage, study_name=name, directions=source.directions)
        made.add_trials(source.trials)
        made.set_user_attr("objective", study.recipe.objective.name)
    return name


def _storage(path: Path, kind: str) -> Any:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    return RDBStorage(f"sqlite:///{path}") if kind == "sqlite" else JournalStorage(JournalFileBackend(str(path)))
