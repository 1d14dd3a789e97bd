"""See the perceptron rule move its boundary, one misclassified point after the other.

Rosenblatt's rule looks at one point at a time. A point on the right side changes nothing; a point on the wrong side is
added to the weights, or taken from them, and so pulls the boundary towards itself. Writes plot_perceptron_rule.png into
the current folder.
"""

from copy import deepcopy
from itertools import cycle, islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs
from sklearn.inspection import DecisionBoundaryDisplay

from sknets import Perceptron

PICTURE = Path("plot_perceptron_rule.png")
SEED = 7  # with these points six are corrected, one for each panel; others need between one and more than a hundred
MOST_LOOKS = 2_000  # at points; with classes that overlap it would go on for ever
BLUE, ORANGE = "#0072B2", "#E69F00"

# %% Points of two classes

X, y = make_blobs(40, centers=[(-1.0, -0.5), (1.5, 1.5)], cluster_std=0.8, random_state=SEED)

# %% One point at a time
# partial_fit with a single point is one application of the rule. Once all points in a row are right, nothing changes.

perceptron = Perceptron()
weights, n_right = np.zeros(2), 0
corrections = []  # of each: the point's index, and the perceptron after it
for n_seen, index in enumerate(islice(cycle(range(len(X))), MOST_LOOKS), start=1):
    perceptron.partial_fit(X[[index]], y[[index]], classes=[0, 1])
    before, weights = weights, perceptron.coef_[0].copy()
    n_right += 1
    if not np.array_equal(weights, before):
        n_right = 0
        corrections.append((index, deepcopy(perceptron)))
        sign = "+" if y[index] else "-"
        print(f"Point {n_seen:2d} is wrong: weights {before.round(2)} {sign} {X[index].round(2)} = {weights.round(2)}")
    if n_right == len(X):
        break

# %% The picture

figure, axes = plt.subplots(2, 3, figsize=(11, 7), layout="constrained", sharex=True, sharey=True)
for number, (ax, (index, corrected)) in enumerate(zip(axes.flat, corrections, strict=False), start=1):
    DecisionBoundaryDisplay.from_estimator(
        corrected,
        X,
        response_method="decision_function",
        ax=ax,
        levels=[-np.inf, 0, np.inf],  # the boundary is where the function is 0
        colors=[BLUE, ORANGE],
        alpha=0.35,
    )
    for label, color, marker in ((0, BLUE, "o"), (1, ORANGE, "s")):
        ax.scatter(*X[y == label].T, color=color, marker=marker, s=32, edgecolor="k", linewidth=0.5)
    ax.scatter(*X[index], s=180, facecolor="none", edgecolor="#D55E00", linewidth=2.5)
    ax.set_title(f"Correction {number}: {np.sum(corrected.predict(X) != y)} of {len(X)} wrong")
figure.supxlabel("The circled point was on the wrong side, and has just moved the boundary")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

n_wrong = np.sum(perceptron.predict(X) != y)
print(
    f"Of {n_seen} looks at a point, {len(corrections)} moved the boundary; after the last one {n_wrong} of {len(X)} "
    "points are on the wrong side" + (", and the rule has nothing more to do." if n_wrong == 0 else ".")
)
