"""A process that works on a study: python _study_worker.py FILE N_TRIALS SECONDS, the last what each fit waits."""

import sys
import time
import warnings

import numpy as np
from optuna.distributions import FloatDistribution
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import MLPClassifier
from sknets.model_selection import OptunaSearchCV, _study

#: Between heartbeats, and until one is missed: a killed process is to be noticed soon.
SECONDS_OF_HEARTBEATS = 1, 2


class Pause(TransformerMixin, BaseEstimator):
    """Takes its time."""

    def __init__(self, seconds):
        self.seconds = seconds

    def fit(self, X, y=None):
        time.sleep(self.seconds)
        return self

    def transform(self, X):
        return X


def make_search(storage, n_trials, seconds=0.0):
    network = MLPClassifier((8,), max_iter=10, random_state=0)
    pipeline = make_pipeline(StandardScaler(), Pause(seconds), network)
    space = {
        "mlpclassifier__alpha": FloatDistribution(1e-6, 1.0, log=True),
        "mlpclassifier__learning_rate_init": FloatDistribution(1e-4, 1e-1, log=True),
    }
    return OptunaSearchCV(
        pipeline, space, n_trials=n_trials, cv=3, storage=storage, study_name="shared", random_state=0, verbose=1
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    X, y = load_breast_cancer(return_X_y=True)
    _study.HEARTBEAT_SECONDS, _study.GRACE_SECONDS = SECONDS_OF_HEARTBEATS
    search = make_search(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
    search.fit(X[::3], y[::3])
    print(f"{len(search.cv_results_['params'])} trials, best {np.max(search.cv_results_['mean_test_score'])}")
