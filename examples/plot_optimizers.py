"""See how six optimizers walk down one loss surface, and how they train a network on digits.

The surface is that of a line through eleven readings of a thermometer: two parameters, a long and narrow valley. Every
optimizer starts at zero and takes 100 steps with all readings, at the learning rate that serves it best. Then the same
six train a network on 500 handwritten digits, at rates from far too small to far too large, with five seeds. Writes
plot_optimizers.png into the current folder.
"""

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sknets import LinearRegression, MLPClassifier, batched_fits
from sknets.datasets import load_thermometer

PICTURE = Path("plot_optimizers.png")
SEEDS = range(5)
N_STEPS = 100
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
OPTIMIZERS = {
    "SGD": ({"solver": "sgd", "momentum": 0.0}, "0.5"),
    "SGD with momentum": ({"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False}, "#E69F00"),
    "Adam": ({"solver": "adam"}, "#0072B2"),
    "Adamax": ({"solver": "adamax"}, "#56B4E9"),
    "RMSprop": ({"solver": "rmsprop"}, "#009E73"),
    "AdaDelta": ({"solver": "adadelta"}, "#CC79A7"),
}
# All networks are compared after the same epochs, and at the largest rates some are bound to diverge.
warnings.simplefilter("ignore", ConvergenceWarning)

# %% One surface: the mean squared error by slope and intercept
# Readings that are not centred make the valley: what a larger slope adds, a smaller intercept can take away.

readings, celsius = load_thermometer(return_X_y=True)
X = readings / 20
least = LinearRegression().fit(X, celsius)


def walk(parameters, rate):
    line = LinearRegression(**parameters, learning_rate_init=rate, random_state=0)
    points = [(0.0, 0.0)]
    for _ in range(N_STEPS):
        line.partial_fit(X, celsius)
        points.append((line.coef_[0], line.intercept_))
    return np.array(points)


def loss_at(slope, intercept):
    return np.mean((np.multiply.outer(slope, X.ravel()) + intercept[..., None] - celsius) ** 2, axis=-1)


walks, losses = {}, {}
for name, (parameters, _) in OPTIMIZERS.items():
    # A plain step of more than 0.2 climbs the walls of this valley; AdaDelta's first steps are tiny.
    rates = (0.01, 0.03, 0.1) if name.startswith("SGD") else (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
    points = {rate: walk(parameters, rate) for rate in rates}
    excess = {rate: loss_at(*points[rate].T) / least.loss_ - 1 for rate in rates}
    best = min(rates, key=lambda rate: excess[rate][-1])
    walks[name], losses[name] = points[best], excess[best]
    print(f"Surface, {name:17} at rate {best:6}: loss after {N_STEPS} steps {excess[best][-1]:.2%} above the least")

# %% Digits: six optimizers, nine rates, five seeds

images, digits = load_digits(return_X_y=True)


def learn(seed, name, rate):
    rows = train_test_split(images / 16, digits, train_size=500, stratify=digits, random_state=seed)
    X_train, X_val, y_train, y_val = rows
    network = MLPClassifier((64,), batch_size=32, alpha=0, learning_rate_init=rate, max_iter=20, random_state=seed)
    network.set_params(tol=0, n_iter_no_change=20, **OPTIMIZERS[name][0]).fit(X_train, y_train)
    scores = {"training": network.score(X_train, y_train), "validation": network.score(X_val, y_val)}
    return {"name": name, "rate": rate, "seed": seed, "loss": network.loss_, "curve": network.loss_curve_, **scores}


tasks = [(seed, name, rate) for name in OPTIMIZERS for rate in RATES for seed in SEEDS]
with batched_fits():
    results = pd.DataFrame(Parallel()(delayed(learn)(*task) for task in tasks))
results["gap"] = results["training"] - results["validation"]

COLUMNS = ["training", "validation", "gap"]
summary = results.groupby(["name", "rate"], sort=False)[COLUMNS].agg(["mean", "std"])
best_rates = results.groupby(["name", "rate"])["loss"].mean().unstack().idxmin(axis="columns")
for name, rate in best_rates[list(OPTIMIZERS)].items():
    row = summary.loc[(name, rate)]
    figures = ", ".join(f"{column} {row[column, 'mean']:.3f} ± {row[column, 'std']:.3f}" for column in COLUMNS)
    print(f"Digits, {name:17} at rate {rate:5}: {figures} ({len(SEEDS)} seeds)")

# %% The picture

figure, ((surface, descent), (curves, scores)) = plt.subplots(2, 2, figsize=(11, 9), layout="constrained")
slopes, intercepts = np.meshgrid(np.linspace(-3, 16, 120), np.linspace(-27, 12, 120))
surface.contour(slopes, intercepts, np.log(loss_at(slopes, intercepts)), 14, colors="0.6", linewidths=0.7)
for name, (_, color) in OPTIMIZERS.items():
    surface.plot(*walks[name].T, color=color, marker=".", markersize=3, linewidth=1.2)
    descent.plot(losses[name], color=color, label=name)
    chosen = results[(results["name"] == name) & (results["rate"] == best_rates[name])]
    curves.plot(range(1, 21), np.mean(chosen["curve"].tolist(), axis=0), color=color)
    scores.plot(RATES, summary.loc[name]["validation", "mean"], color=color, marker="o", markersize=4)
surface.plot(least.coef_[0], least.intercept_, "*", color="#D55E00", markersize=14)
surface.set(xlim=(-3, 16), ylim=(-27, 12), xlabel="slope", ylabel="intercept", title="One surface, six ways down")
descent.set(yscale="log", ylim=(1e-4, 300), xlabel="step", ylabel="loss above the least, in parts of it")
descent.set_title("How fast they come down")
curves.set(yscale="log", xticks=[1, 5, 10, 15, 20], xlabel="epoch", ylabel="training loss")
curves.set_title("Digits, each at its best rate")
scores.set(xscale="log", xlabel="learning rate", ylabel="validation accuracy", title="Digits, at all rates")
figure.legend(*descent.get_legend_handles_labels(), loc="outside upper center", ncols=6)
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

validation = summary["validation", "mean"]
best = pd.Series({name: validation[name, best_rates[name]] for name in OPTIMIZERS})
print(
    f"At its own best rate every optimizer reads between {best.min():.3f} and {best.max():.3f} of the digits; the rate "
    f"itself is {best_rates.min():g} for {best_rates.idxmin()} and {best_rates.max():g} for {best_rates.idxmax()}.\n"
    f"At one rate for all, 0.01, it is {validation['AdaDelta', 0.01]:.2f} for AdaDelta, {validation['SGD', 0.01]:.2f} "
    f"for SGD, {validation['SGD with momentum', 0.01]:.2f} with momentum and {validation['Adam', 0.01]:.2f} for Adam."
)
