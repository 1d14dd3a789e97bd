"""See what the L2 and the L1 penalty do to overfitting, and to the weights.

A network learns 100 rows of 50 columns. Only 3 columns say anything about the class, and every tenth label is drawn
anew. Ten such data sets, one a seed, are each learnt under penalties from weak to strong, and the networks are judged
on 1 000 further rows. Writes plot_penalties.png into the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from sknets import MLPClassifier, batched_fits

PICTURE = Path("plot_penalties.png")
SEEDS = range(10)
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SIZES = np.logspace(-12, 1, 200)  # of weights
COLORS = {"none": "0.5", "L2": "#0072B2", "L1": "#D55E00", "L1 by lbfgs": "#009E73"}

# %% One network: which rows and initial weights it gets is up to its seed


def learn(seed, name, strength, solver="adam"):
    X, y = make_classification(
        1100, 50, n_informative=3, n_redundant=0, n_clusters_per_class=1, flip_y=0.1, random_state=seed
    )
    X_train, X_val, y_train, y_val = train_test_split(X, y, train_size=100, stratify=y, random_state=seed)
    penalty = {"alpha": strength if name == "L2" else 0.0, "l1": strength if name.startswith("L1") else 0.0}
    # The rate falls to zero, so that weights come to rest. lbfgs has none, and ends by itself.
    steps = {} if solver == "lbfgs" else {"learning_rate": "cosine", "learning_rate_init": 0.01, "tol": 0}
    network = MLPClassifier((20,), solver=solver, max_iter=500, n_iter_no_change=500, random_state=seed)
    network.set_params(**penalty, **steps).fit(X_train, y_train)
    sizes = np.abs(network.coefs_[0])
    return {
        "penalty": name,
        "strength": strength,
        "seed": seed,
        "training": network.score(X_train, y_train),
        "validation": network.score(X_val, y_val),
        "small weights": np.mean(sizes < 0.001),
        "zero weights": np.mean(sizes == 0),
        "shares": [np.mean(sizes < size) for size in SIZES],
    }


# %% Ten seeds of each penalty and strength
# With adam the penalty is one more slope to step along. With lbfgs a penalised weight can come to rest at zero itself.

tasks = [(seed, "none", 0.0) for seed in SEEDS]
tasks += [(seed, name, strength) for name in ("L2", "L1") for strength in STRENGTHS for seed in SEEDS]
tasks += [(seed, "L1 by lbfgs", 3.0, "lbfgs") for seed in SEEDS]
with batched_fits():
    results = pd.DataFrame(Parallel()(delayed(learn)(*task) for task in tasks))
results["gap"] = results["training"] - results["validation"]

print(f"Means and standard deviations over {len(SEEDS)} seeds; small: below 0.001 in the first layer")
COLUMNS = ["training", "validation", "gap", "small weights", "zero weights"]
summary = results.groupby(["penalty", "strength"], sort=False)[COLUMNS].agg(["mean", "std"])
for (name, strength), row in summary.iterrows():
    figures = ", ".join(f"{column} {row[column, 'mean']:.2f} ± {row[column, 'std']:.2f}" for column in COLUMNS)
    print(f"{name:11} {strength:5.1f}: {figures}")

# %% The picture

figure, (score_axes, weight_axes) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")

for name in ("L2", "L1"):
    scores = summary.loc[name]
    for column, style in {"training": "-o", "validation": "--s"}.items():
        mean, spread = scores[column, "mean"], scores[column, "std"]
        score_axes.plot(STRENGTHS, mean, style, color=COLORS[name], label=f"{name}, {column}")
        score_axes.fill_between(STRENGTHS, mean - spread, mean + spread, color=COLORS[name], alpha=0.15, linewidth=0)
score_axes.set(xscale="log", xlabel="strength of the penalty", ylabel="accuracy")
score_axes.set_title("The gap closes, then all is lost")
score_axes.legend(loc="lower left")

CHOSEN = {"none": 0.0, "L2": 30.0, "L1": 3.0, "L1 by lbfgs": 3.0}
for name, strength in CHOSEN.items():
    chosen = results[(results["penalty"] == name) & (results["strength"] == strength)]
    label = "no penalty" if name == "none" else f"{name}, {strength:g}"
    weight_axes.plot(SIZES, np.mean(chosen["shares"].tolist(), axis=0), color=COLORS[name], linewidth=2, label=label)
weight_axes.set(xscale="log", xlabel="size", ylabel="share of weights below that size")
weight_axes.set_title("How small the weights are")
weight_axes.legend(loc="center left")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

gap = {name: results[(results["penalty"] == name) & (results["strength"] == CHOSEN[name])] for name in CHOSEN}
gap = {name: chosen.set_index("seed")["gap"] for name, chosen in gap.items()}
small, exact = (summary.loc[(name, 3.0)] for name in ("L1", "L1 by lbfgs"))
print(
    f"L2 and L1 narrow the gap from {gap['none'].mean():.2f} to {gap['L2'].mean():.2f} and {gap['L1'].mean():.2f}, in "
    f"{(gap['L2'] < gap['none']).sum()} and {(gap['L1'] < gap['none']).sum()} of {len(SEEDS)} seeds.\nL1 makes "
    f"{small['small weights', 'mean']:.0%} of the weights smaller than 0.001. By steps of adam "
    f"{small['zero weights', 'mean']:.0%} are exactly zero, by lbfgs {exact['zero weights', 'mean']:.0%}."
)
