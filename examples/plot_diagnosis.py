"""See why a network reads tumours badly, and what to do about it.

A network of 100 hidden units learns from 30 measurements of 450 tumours, of which one in five bears the wrong name. It
is trained for 80 epochs, and then it is asked what is wrong. Writes plot_diagnosis.png into the current folder.
"""

import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import MLPClassifier, batched_fits
from sknets.inspection import diagnose

# The network ends after the epochs that it is given, which is what is to be diagnosed.
warnings.simplefilter("ignore", ConvergenceWarning)
PICTURE = Path("plot_diagnosis.png")

# %% Rows with some wrong labels, and a network with room for all of them

X, y = load_breast_cancer(return_X_y=True)
rng = np.random.default_rng(0)
rows = rng.permutation(len(X))[:450]
X, y = X[rows], y[rows]
y = np.where(rng.random(len(y)) < 0.2, 1 - y, y)
pipeline = make_pipeline(StandardScaler(), MLPClassifier((100,), learning_rate_init=0.01, max_iter=80, random_state=0))

# %% What is wrong?

verdict = diagnose(pipeline, X, y)
print(verdict)
verdict.plot().figure_.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% Is the advice any good? On folds that it was not chosen by

folds = StratifiedKFold(5, shuffle=True, random_state=1)
advised = verdict.advice[0]
with batched_fits():
    before, after = (cross_val_score(model, X, y, cv=folds).mean() for model in (pipeline, advised.estimator))

# %% What it shows

print(
    f"The verdict is {verdict.label}. Its first advice, to {advised.words}, takes the score on other folds from "
    f"{before:.1%} to {after:.1%}."
)
