"""See what dropout does to the gap between training and validation, and when it does nothing.

A network that is large for its task learns 300 handwritten digits and is judged on 1 497 others, once with correct
labels and once with a fifth of all labels drawn anew, as if people had been careless. Five seeds draw rows, labels and
initial weights. Writes plot_dropout.png into the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknets import MLPClassifier, batched_fits

PICTURE = Path("plot_dropout.png")
SEEDS = range(5)
RATES = (0.0, 0.2, 0.4, 0.6, 0.8)
LINES = {
    "training": ("#0072B2", "-o", "training"),
    "validation": ("#D55E00", "--s", "validation"),
    "truth": ("#009E73", ":^", "validation, by correct labels"),
}
NOISES = {"correct labels": 0.0, "a fifth of labels drawn anew": 0.2}

images, digits = load_digits(return_X_y=True)

# %% One network


def learn(seed, labels, rate):
    rng = np.random.default_rng(seed)
    given = np.where(rng.random(len(digits)) < NOISES[labels], rng.integers(0, 10, len(digits)), digits)
    X_train, X_val, y_train, y_val, _, truth = train_test_split(
        images / 16, given, digits, train_size=300, stratify=digits, random_state=seed
    )
    network = MLPClassifier(
        (100, 100), dropout=rate, alpha=0, learning_rate="cosine", learning_rate_init=0.005, max_iter=100, tol=0,
        n_iter_no_change=100, random_state=seed,
    )  # fmt: skip
    network.fit(X_train, y_train)
    return {
        "labels": labels,
        "dropout": rate,
        "seed": seed,
        "training": network.score(X_train, y_train),  # nothing is dropped once a network has learnt
        "validation": network.score(X_val, y_val),
        "truth": network.score(X_val, truth),
    }


# %% Five seeds of each

tasks = [(seed, labels, rate) for labels in NOISES for rate in RATES for seed in SEEDS]
with batched_fits():
    results = pd.DataFrame(Parallel()(delayed(learn)(*task) for task in tasks))
results["gap"] = results["training"] - results["validation"]

print(f"Means and standard deviations over {len(SEEDS)} seeds; truth: accuracy on the validation rows' correct labels")
COLUMNS = ["training", "validation", "gap", "truth"]
summary = results.groupby(["labels", "dropout"], sort=False)[COLUMNS].agg(["mean", "std"])
for (labels, rate), row in summary.iterrows():
    figures = ", ".join(f"{column} {row[column, 'mean']:.3f} ± {row[column, 'std']:.3f}" for column in COLUMNS)
    print(f"{labels:28} dropout {rate}: {figures}")

# %% The picture

figure, panels = plt.subplots(1, 2, figsize=(10, 4.5), sharey=True, layout="constrained")
for ax, labels in zip(panels, NOISES, strict=True):
    for column, (color, style, label) in LINES.items():
        if column == "truth" and not NOISES[labels]:
            continue  # the validation rows' labels are the correct ones
        mean, spread = summary.loc[labels][column, "mean"], summary.loc[labels][column, "std"]
        ax.plot(RATES, mean, style, color=color, label=label)
        ax.fill_between(RATES, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0)
    ax.set(xlabel="share of hidden units dropped", title=labels.capitalize(), xticks=RATES)
panels[0].set_ylabel("accuracy")
panels[1].legend(loc="best")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

truth, gap = summary["truth", "mean"], summary["gap", "mean"]
noisy, clean = "a fifth of labels drawn anew", "correct labels"
best = truth[noisy].idxmax()
pairs = results.set_index(["labels", "dropout", "seed"])["truth"][noisy]
print(
    f"Where labels are wrong, dropout of {best} takes the gap from {gap[noisy, 0.0]:.2f} to {gap[noisy, best]:.2f}, "
    f"and the share of digits read as they are from {truth[noisy, 0.0]:.2f} to {truth[noisy, best]:.2f} (higher in "
    f"{(pairs[best] > pairs[0.0]).sum()} of {len(SEEDS)} seeds).\nWhere all labels are right there is little to gain, "
    f"at most {truth[clean].max() - truth[clean, 0.0]:.3f}, and dropout of 0.8 loses "
    f"{truth[clean, 0.0] - truth[clean, 0.8]:.3f}."
)
