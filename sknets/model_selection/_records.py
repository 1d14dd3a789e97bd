"""What a study keeps of a trial beside Optuna's own: each fold's scores and curve."""

import base64
import json
import zlib

from optuna.trial import FrozenTrial, TrialState

from sknets.model_selection._fold_runs import TrialRun

RECORD = "sknets"
ERROR = "error"


def pack(run: TrialRun) -> str:
    """Return a trial's folds as text."""
    content = {"results": run.results, "curves": run.curves, "averages": run.averages, "pruned_at": run.pruned_at}
    return base64.b85encode(zlib.compress(json.dumps(content).encode())).decode()


def unpack(trial: FrozenTrial) -> TrialRun | None:
    """Return a trial's folds; None where another program than this ran it."""
    text = trial.user_attrs.get(RECORD)
    return None if text is None else TrialRun(**json.loads(zlib.decompress(base64.b85decode(text))))


def is_recorded(trial: FrozenTrial, n_folds: int) -> bool:
    """Whether a finished trial has what ``cv_results_`` needs."""
    run = unpack(trial) if trial.state.is_finished() else None
    return run is not None and len(run.results) == n_folds


def describe_state(trial: FrozenTrial) -> str:
    """Return the name of Optuna's state."""
    return TrialState(trial.state).name
