"""See which learning rates a network bears with and without normalization of its layers.

A network of five hidden layers learns 500 handwritten digits for 20 epochs of plain gradient descent, at learning
rates from far too small to far too large, and is judged on 1 297 further ones. Five seeds draw rows and initial
weights. Writes plot_normalization.png into the current folder.
"""

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sknets import MLPClassifier, batched_fits

PICTURE = Path("plot_normalization.png")
SEEDS = range(5)
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
STYLES = {"none": ("0.5", "o"), "batch": ("#0072B2", "s"), "layer": ("#D55E00", "^"), "group": ("#009E73", "v")}
LEARNT = 0.9  # the accuracy on validation rows from which on a network counts as having learnt

# All networks are compared after the same epochs, and at the largest rates some are bound to diverge.
warnings.simplefilter("ignore", ConvergenceWarning)
images, digits = load_digits(return_X_y=True)

# %% One network


def learn(seed, name, rate):
    X_train, X_val, y_train, y_val = train_test_split(
        images / 16, digits, train_size=500, stratify=digits, random_state=seed
    )
    # "group" makes four groups of these 64 units.
    network = MLPClassifier(
        (64,) * 5, normalization=None if name == "none" else name, solver="sgd", momentum=0, batch_size=50, alpha=0,
        learning_rate_init=rate, max_iter=20, tol=0, n_iter_no_change=20, random_state=seed,
    )  # fmt: skip
    network.fit(X_train, y_train)
    return {
        "normalization": name,
        "rate": rate,
        "seed": seed,
        "training": network.score(X_train, y_train),
        "validation": network.score(X_val, y_val),
    }


# %% Five seeds of each

tasks = [(seed, name, rate) for name in STYLES for rate in RATES for seed in SEEDS]
with batched_fits():
    results = pd.DataFrame(Parallel()(delayed(learn)(*task) for task in tasks))
results["gap"] = results["training"] - results["validation"]

print(f"Means and standard deviations over {len(SEEDS)} seeds")
COLUMNS = ["training", "validation", "gap"]
summary = results.groupby(["normalization", "rate"], sort=False)[COLUMNS].agg(["mean", "std"])
for (name, rate), row in summary.iterrows():
    figures = ", ".join(f"{column} {row[column, 'mean']:.2f} ± {row[column, 'std']:.2f}" for column in COLUMNS)
    print(f"{name:5} at rate {rate:5}: {figures}")

# %% The picture

figure, panels = plt.subplots(1, 2, figsize=(10, 4.5), sharey=True, layout="constrained")
for ax, column in zip(panels, ("training", "validation"), strict=True):
    for name, (color, marker) in STYLES.items():
        mean, spread = summary.loc[name][column, "mean"], summary.loc[name][column, "std"]
        ax.plot(RATES, mean, color=color, marker=marker, label="no normalization" if name == "none" else name)
        ax.fill_between(RATES, mean - spread, mean + spread, color=color, alpha=0.15, linewidth=0)
    ax.set(xscale="log", xlabel="learning rate", title=f"{column.capitalize()} rows", ylim=(0, 1.03))
panels[0].set_ylabel("accuracy after 20 epochs")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

has_learnt = results["validation"] > LEARNT
n_learnt = has_learnt.groupby(results["normalization"]).sum()
validation, gap = summary["validation", "mean"], summary["gap", "mean"]
gaps = {name: gap[name, validation[name].idxmax()] for name in STYLES}
print(
    f"Of {len(RATES) * len(SEEDS)} networks each, {n_learnt['none']} come above {LEARNT} on validation rows without "
    f"normalization, {n_learnt['batch']} with batch, {n_learnt['layer']} with layer and {n_learnt['group']} with group "
    "normalization.\nIt makes training easier rather than closing the gap, which at the best rate of each is "
    + ", ".join(f"{size:.2f} ({name})" for name, size in gaps.items())
    + "."
)
