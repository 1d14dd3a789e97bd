"""See when it helps to let one network learn two tasks.

Two regression tasks on 20 columns, made up: the first depends on one direction in them, the second either on the same
direction, in another way, or on a direction of its own. One network with two outputs learns both, or the first alone,
from few rows. Then two questions about handwritten digits, even or odd and below five or not, by one network or two.
Ten seeds draw data and initial weights. Writes plot_two_tasks.png into the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sknets import MLPClassifier, MLPRegressor, batched_fits

PICTURE = Path("plot_two_tasks.png")
SEEDS = range(10)
ALPHAS = (1.0, 2.0, 3.0)  # strengths of the L2 penalty
N_ROWS = (100, 200, 400)
COLORS = {"alone": "0.5", "with a related task": "#0072B2", "with an unrelated task": "#D55E00"}
SCHEDULE = {"learning_rate": "cosine", "tol": 0, "n_iter_no_change": 200, "max_iter": 200, "batch_size": 50}

images, digits = load_digits(return_X_y=True)

# %% Numbers: learnt with noise, and the first task judged without, on 2 000 further rows


def learn_numbers(seed, n_rows, alpha):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows + 2000, 20))
    directions = rng.normal(size=(20, 2))
    first, second = (X @ (directions / np.linalg.norm(directions, axis=0))).T
    targets = np.column_stack([np.sin(2 * first), np.tanh(2 * first), np.tanh(2 * second)])
    noisy = targets + 0.5 * rng.normal(size=targets.shape)
    network = MLPRegressor(hidden_layer_sizes=(30,), activation="tanh", learning_rate_init=0.01, **SCHEDULE)
    network.set_params(alpha=alpha, random_state=seed)
    scores = {}
    for way, outputs in zip(COLORS, (0, [0, 1], [0, 2]), strict=True):
        predicted = clone(network).fit(X[:n_rows], noisy[:n_rows, outputs]).predict(X[n_rows:])
        scores[way] = r2_score(targets[n_rows:, 0], predicted.reshape(2000, -1)[:, 0])
    return {"n_rows": n_rows, "alpha": alpha, "seed": seed, **scores}


tasks = [(seed, n_rows, alpha) for n_rows in N_ROWS for alpha in ALPHAS for seed in SEEDS]
with batched_fits():
    numbers = pd.DataFrame(Parallel()(delayed(learn_numbers)(*task) for task in tasks))
numbers = numbers.set_index(["n_rows", "alpha", "seed"])

# Each way has the penalty of the three that serves it best for that many rows, chosen alike for all by these scores.
best = {way: numbers[way].groupby(["n_rows", "alpha"]).mean().unstack().idxmax(axis="columns") for way in COLORS}
chosen = pd.DataFrame(
    {way: pd.concat({n_rows: numbers[way][n_rows, best[way][n_rows]] for n_rows in N_ROWS}) for way in COLORS}
)
mean, spread = chosen.groupby(level=0).mean(), chosen.groupby(level=0).std()
print(f"R² of the first task, means and standard deviations over {len(SEEDS)} seeds")
for n_rows in N_ROWS:
    figures = [f"{way} {mean[way][n_rows]:.2f} ± {spread[way][n_rows]:.2f}" for way in COLORS]
    print(f"{n_rows} rows: " + ", ".join(figures))

# %% Digits: one network for both questions, or one for each


def learn_digits(seed, n_rows):
    questions = np.column_stack([digits % 2 == 0, digits < 5]).astype(int)
    X_train, X_val, y_train, y_val = train_test_split(images / 16, questions, train_size=n_rows, random_state=seed)
    network = MLPClassifier((64,), alpha=0.01, learning_rate_init=0.01, random_state=seed, **SCHEDULE)
    together = (clone(network).fit(X_train, y_train).predict(X_val) == y_val).mean()
    alone = [clone(network).fit(X_train, y_train[:, i]).score(X_val, y_val[:, i]) for i in (0, 1)]
    return {"n_rows": n_rows, "seed": seed, "two networks": np.mean(alone), "one for both": together}


with batched_fits():
    tasks = [(seed, n_rows) for n_rows in N_ROWS for seed in SEEDS]
    questions = pd.DataFrame(Parallel()(delayed(learn_digits)(*task) for task in tasks)).set_index(["n_rows", "seed"])
accuracy = questions.groupby("n_rows").agg(["mean", "std"])
print("Accuracy of the answers on digits")
for n_rows, row in accuracy.iterrows():
    print(f"{n_rows} rows: " + ", ".join(f"{way} {row[way, 'mean']:.3f} ± {row[way, 'std']:.3f}" for way in questions))

# %% The picture

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for way, color in COLORS.items():
    left.plot(N_ROWS, mean[way], "-o", color=color, label=way)
    left.fill_between(N_ROWS, mean[way] - spread[way], mean[way] + spread[way], color=color, alpha=0.15, linewidth=0)
left.set(title="Numbers", ylabel="R² of the first task")
for way, color in zip(questions, ("0.5", "#0072B2"), strict=True):
    middle, width = accuracy[way, "mean"], accuracy[way, "std"]
    right.plot(N_ROWS, middle, "-o", color=color, label=way)
    right.fill_between(N_ROWS, middle - width, middle + width, color=color, alpha=0.15, linewidth=0)
right.set(title="Digits: even? below five?", ylabel="accuracy")
for ax in (left, right):
    ax.set(xscale="log", xlabel="training rows")
    ax.set_xticks(N_ROWS, [str(n_rows) for n_rows in N_ROWS])
    ax.minorticks_off()
    ax.legend(loc="lower right")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

related, unrelated = (chosen[f"with {kind} task"] - chosen["alone"] for kind in ("a related", "an unrelated"))
change = (questions["one for both"] - questions["two networks"]).mean()
print(
    f"At 200 rows a related second task takes R² from {mean['alone'][200]:.2f} to "
    f"{mean['with a related task'][200]:.2f} (more in {(related[200] > 0).sum()} of {len(SEEDS)} seeds), an unrelated "
    f"one to {mean['with an unrelated task'][200]:.2f} (more in {(unrelated[200] > 0).sum()}).\nThe questions about "
    f"digits gain nothing from one another: {change:+.3f}."
)
