"""See how long a search takes when all its networks are trained at once, and that it finds the same.

Eighty small networks: sixteen pairs of learning rate and L2 penalty, five folds each, and scikit-learn's own
GridSearchCV around a pipeline. The same search runs as it stands, and inside of batched_fits(). Writes
plot_search_at_once.png into the current folder.
"""

import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import MLPClassifier, batched_fits

PICTURE = Path("plot_search_at_once.png")

# %% A pipeline and a grid

X, y = load_breast_cancer(return_X_y=True)
network = MLPClassifier((64,), batch_size=32, learning_rate="cosine", max_iter=20, tol=0, random_state=0)
model = make_pipeline(StandardScaler(), network)
grid = {
    "mlpclassifier__learning_rate_init": [1e-4, 3e-4, 1e-3, 1e-2],
    "mlpclassifier__alpha": [1e-4, 1e-2, 1.0, 10.0],
}
# The first fit of a process loads parts of torch, which is no part of a search.
model.fit(X[::10], y[::10])

# %% The same search twice

start = time.perf_counter()
one_by_one = GridSearchCV(model, grid, cv=5).fit(X, y)
seconds_one_by_one = time.perf_counter() - start

start = time.perf_counter()
with batched_fits() as report:
    at_once = GridSearchCV(model, grid, cv=5).fit(X, y)
seconds_at_once = time.perf_counter() - start

print(report)
print(f"one by one: {seconds_one_by_one:5.2f} s, best {one_by_one.best_params_}")
print(f"at once:    {seconds_at_once:5.2f} s, best {at_once.best_params_}")

# %% The picture

scores, scores_at_once = (search.cv_results_["mean_test_score"] for search in (one_by_one, at_once))

figure, (time_axes, score_axes) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
bars = time_axes.barh(["one by one", "at once"], [seconds_one_by_one, seconds_at_once], color=["tab:grey", "tab:blue"])
time_axes.bar_label(bars, fmt="%.2f s", padding=4)
time_axes.margins(x=0.15)
time_axes.invert_yaxis()
time_axes.set(xlabel="seconds", title="A search of 81 fits")

ends = [scores.min(), scores.max()]
score_axes.plot(ends, ends, color="tab:grey", linewidth=1, label="equal")
score_axes.plot(scores, scores_at_once, "o", color="tab:blue", alpha=0.6, label="one of 16 candidates")
score_axes.set(xlabel="mean test score, one by one", ylabel="mean test score, at once", title="What it finds")
score_axes.legend()
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

print(
    f"All at once took {seconds_at_once / seconds_one_by_one:.0%} of the time. The largest difference of a candidate's "
    f"score is {np.abs(scores_at_once - scores).max():.1g}, and the same candidate is the best."
)
