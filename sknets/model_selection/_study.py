"""Opening a study: in memory, in a file, or in a database that several processes share."""

import logging
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, RDBStorage, RetryHeartbeatStaleTrialCallback

# A worker that is killed is noticed after the grace period; its trials are then queued again.
HEARTBEAT_SECONDS = 5
GRACE_SECONDS = 30

# Writers of one SQLite file wait for each other this long.
SQLITE_TIMEOUT_SECONDS = 60

# Of several processes that start on a new database at the same moment, Optuna lets all but one fail: they make the same
# tables. Those that lose look again after a while, and find the tables.
CREATION_TRIES, CREATION_PAUSE_SECONDS = 20, 0.25


def open_study(storage: Any, study_name: str | None, sampler: BaseSampler, pruner: BasePruner | None) -> optuna.Study:
    """Create a study, or open it where there is one of this name."""
    with quiet_optuna():
        try:
            study = optuna.create_study(
                storage=_open_storage_with_others(storage),
                sampler=sampler,
                pruner=pruner or NopPruner(),
                # One in memory has no fellows; "hyperband" divides trials by the name.
                study_name=study_name or ("search" if storage is None else None),
                direction="maximize",
                load_if_exists=True,
            )
        except _reasons_not_to_open() as error:
            raise ValueError(
                f"storage={storage!r} cannot be reached: {error}. Give the path of a file that can be written, a "
                "database's URL such as 'sqlite:///study.db', one of Optuna's storage objects, or None."
            ) from error
    if study.direction != optuna.study.StudyDirection.MAXIMIZE:
        raise ValueError(
            f"study_name={study_name!r} is the name of a study that minimises, and scores of scikit-learn are "
            "maximised. Give another name."
        )
    return study


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from printing what a search says by itself, or does not."""
    logger = logging.getLogger("optuna")
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            # A search sends heartbeats itself.
            warnings.filterwarnings("ignore", message="Heartbeat of storage")
            yield
    finally:
        logger.setLevel(level)


def _open_storage_with_others(storage: Any) -> BaseStorage | None:
    """Open a storage that another process may be making at this moment."""
    n_tries = 0
    while True:
        n_tries += 1
        try:
            return _open_storage(storage)
        except _reasons_not_to_open() as error:
            if n_tries == CREATION_TRIES or not _is_being_made(error):
                raise
        time.sleep(CREATION_PAUSE_SECONDS)


def _is_being_made(error: Exception) -> bool:
    from sqlalchemy.exc import IntegrityError

    # Databases say that there is a table in words of their own, with these two among them.
    return isinstance(error, IntegrityError) or "already exists" in str(error)


def _open_storage(storage: Any) -> BaseStorage | None:
    if storage is None or isinstance(storage, BaseStorage):
        return storage
    if isinstance(storage, os.PathLike) or "://" not in storage:
        storage = f"sqlite:///{os.fspath(storage)}"
    if storage.startswith("redis"):
        return optuna.storages.get_storage(storage)
    is_sqlite = storage.startswith("sqlite")
    opened = RDBStorage(
        storage,
        engine_kwargs={"connect_args": {"timeout": SQLITE_TIMEOUT_SECONDS}} if is_sqlite else None,
        heartbeat_interval=HEARTBEAT_SECONDS,
        grace_period=GRACE_SECONDS,
        heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
    )
    if is_sqlite:
        _write_ahead(opened)
    return opened


def _write_ahead(storage: RDBStorage) -> None:
    """Let a commit cost a write instead of a wait for the disk, and readers go on while one writes."""
    from sqlalchemy import event

    @event.listens_for(storage.engine, "connect")
    def _set(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    # Those that are open already are opened anew.
    storage.engine.dispose()


def _reasons_not_to_open() -> tuple[type[Exception], ...]:
    from sqlalchemy.exc import SQLAlchemyError

    # An ImportError is that of a database's driver.
    return (OSError, ImportError, SQLAlchemyError, optuna.exceptions.StorageInternalError)
