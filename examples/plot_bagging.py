"""See what many networks know that one does not.

Networks learn 200 handwritten digits, once with correct labels and once with a fifth of all labels drawn anew. One has
all rows; a bag has twenty, each with rows drawn from them with replacement, whose probabilities are averaged. They are
judged on 1 597 others. Five seeds draw labels, rows and initial weights. Writes plot_bagging.png into the current
folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import train_test_split

from sknets import MLPClassifier, batched_fits

PICTURE = Path("plot_bagging.png")
SEEDS = range(5)
N_NETWORKS = 20
NOISES = {"correct labels": 0.0, "a fifth of labels drawn anew": 0.2}

images, digits = load_digits(return_X_y=True)
network = MLPClassifier(
    (64,), batch_size=50, alpha=0, learning_rate="cosine", learning_rate_init=0.01, max_iter=100, tol=0,
    n_iter_no_change=100,
)  # fmt: skip

# %% One network and one bag


def learn(seed, labels):
    rng = np.random.default_rng(seed)
    given = np.where(rng.random(len(digits)) < NOISES[labels], rng.integers(0, 10, len(digits)), digits)
    X_train, X_val, y_train, y_val = train_test_split(
        images / 16, given, train_size=200, stratify=digits, random_state=seed
    )
    # The bag gives each of its networks a seed of its own.
    bag = BaggingClassifier(network, n_estimators=N_NETWORKS, random_state=seed).fit(X_train, y_train)
    one = clone(network).set_params(random_state=seed).fit(X_train, y_train)
    probabilities = np.cumsum([member.predict_proba(X_val) for member in bag.estimators_], axis=0)
    return {
        "labels": labels,
        "seed": seed,
        "one, training": one.score(X_train, y_train),
        "one, validation": one.score(X_val, y_val),
        "bag, training": bag.score(X_train, y_train),
        "bag, validation": bag.score(X_val, y_val),
        "by size": (bag.classes_[probabilities.argmax(axis=2)] == y_val).mean(axis=1),
    }


# %% Five seeds of each: ten bags are two hundred networks, and all are trained together

with batched_fits() as report:
    results = pd.DataFrame(Parallel()(delayed(learn)(seed, labels) for labels in NOISES for seed in SEEDS))
print(report)

results["one, gap"] = results["one, training"] - results["one, validation"]
results["bag, gap"] = results["bag, training"] - results["bag, validation"]
print(f"Means and standard deviations over {len(SEEDS)} seeds")
for labels, rows in results.groupby("labels", sort=False):
    for kind in ("one", "bag"):
        figures = {name: rows[f"{kind}, {name}"] for name in ("training", "validation", "gap")}
        text = ", ".join(f"{name} {values.mean():.3f} ± {values.std():.3f}" for name, values in figures.items())
        print(f"{labels:28} {kind}: {text}")

# %% The picture

figure, panels = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
sizes = np.arange(1, N_NETWORKS + 1)
for ax, (labels, rows) in zip(panels, results.groupby("labels", sort=False), strict=True):
    by_size = np.stack(rows["by size"])  # (n_seeds, n_networks)
    mean, spread = by_size.mean(axis=0), by_size.std(axis=0, ddof=1)
    ax.plot(sizes, mean, color="#0072B2", marker="o", markersize=4, label="networks of a bag, averaged")
    ax.fill_between(sizes, mean - spread, mean + spread, color="#0072B2", alpha=0.2, linewidth=0)
    one = rows["one, validation"]
    ax.axhline(one.mean(), color="#D55E00", linestyle="--", label="one network on all rows")
    ax.axhspan(one.mean() - one.std(), one.mean() + one.std(), color="#D55E00", alpha=0.15, linewidth=0)
    ax.set(title=labels.capitalize(), xlabel="networks in the bag", xticks=[1, 5, 10, 15, 20])
panels[0].set_ylabel("accuracy on validation rows")
panels[1].legend(loc="lower right")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

mean = results.groupby("labels")[["one, validation", "bag, validation", "one, gap", "bag, gap"]].mean()
n_better = (results["bag, validation"] > results["one, validation"]).groupby(results["labels"]).sum()
noisy, clean = "a fifth of labels drawn anew", "correct labels"
print(
    f"Where labels are wrong, twenty networks instead of one take the gap from {mean['one, gap'][noisy]:.2f} to "
    f"{mean['bag, gap'][noisy]:.2f} and the validation accuracy from {mean['one, validation'][noisy]:.3f} to "
    f"{mean['bag, validation'][noisy]:.3f} (better in {n_better[noisy]} of {len(SEEDS)} seeds).\nWhere all are right, "
    f"it goes from {mean['one, validation'][clean]:.3f} to {mean['bag, validation'][clean]:.3f} (better in "
    f"{n_better[clean]})."
)
