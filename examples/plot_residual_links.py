"""See why deep stacks of layers need links around them.

Networks of 2 to 40 hidden layers, each with batch normalization, learn 500 handwritten digits with and without
residual links (the input of each layer added to its output), and are judged on 1 297 others. Five seeds draw rows and
initial weights. Writes plot_residual_links.png into the current folder.

After K. He, X. Zhang, S. Ren, J. Sun, Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknets import MLPClassifier, batched_fits

PICTURE = Path("plot_residual_links.png")
SEEDS = range(5)
DEPTHS = (2, 5, 10, 20, 40)
COLORS = {"plain": "#D55E00", "residual": "#0072B2"}

images, digits = load_digits(return_X_y=True)

# %% One network


def learn(seed, links, depth):
    X_train, X_val, y_train, y_val = train_test_split(
        images / 16, digits, train_size=500, stratify=digits, random_state=seed
    )
    network = MLPClassifier(
        (32,) * depth, residual=links == "residual", normalization="batch", batch_size=50, alpha=0,
        learning_rate="cosine", learning_rate_init=0.003, max_iter=25, tol=0, n_iter_no_change=25, random_state=seed,
    )  # fmt: skip
    network.fit(X_train, y_train)
    return {
        "links": links,
        "depth": depth,
        "seed": seed,
        "training": network.score(X_train, y_train),
        "validation": network.score(X_val, y_val),
    }


# %% Five seeds of each

tasks = [(seed, links, depth) for links in COLORS for depth in DEPTHS for seed in SEEDS]
with batched_fits():
    results = pd.DataFrame(Parallel()(delayed(learn)(*task) for task in tasks))
results["gap"] = results["training"] - results["validation"]

print(f"Means and standard deviations over {len(SEEDS)} seeds")
COLUMNS = ["training", "validation", "gap"]
summary = results.groupby(["links", "depth"], sort=False)[COLUMNS].agg(["mean", "std"])
for (links, depth), row in summary.iterrows():
    figures = ", ".join(f"{column} {row[column, 'mean']:.2f} ± {row[column, 'std']:.2f}" for column in COLUMNS)
    print(f"{links:8} {depth:2} hidden layers: {figures}")

# %% The picture

figure, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
for links, color in COLORS.items():
    for column, style in {"training": "-o", "validation": "--s"}.items():
        mean, spread = summary.loc[links][column, "mean"], summary.loc[links][column, "std"]
        ax.plot(DEPTHS, mean, style, color=color, label=f"{links}, {column}")
        ax.fill_between(DEPTHS, mean - spread, mean + spread, color=color, alpha=0.15, linewidth=0)
ax.set(xscale="log", xlabel="hidden layers", ylabel="accuracy after 25 epochs", title="Deeper is not better by itself")
ax.set_xticks(DEPTHS, [str(depth) for depth in DEPTHS], minor=False)
ax.minorticks_off()
ax.legend(loc="lower left")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

mean = summary.xs("mean", axis="columns", level=1)
plain, residual, shallow = mean.loc["plain", 40], mean.loc["residual", 40], mean.loc["plain", 2]
print(
    f"Forty plain layers get no more than {plain['training']:.0%} of the training rows right, so that it is no matter "
    f"of overfitting; with links it is {residual['training']:.0%}, and {residual['validation']:.0%} of the validation "
    f"rows.\nFor these digits depth is no gain: two plain layers read {shallow['validation']:.0%} of them."
)
