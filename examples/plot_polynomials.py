"""See polynomials underfit and overfit ten noisy points of a sine, and what the L2 penalty does about it.

A constant, a line, a cubic and a polynomial of degree 9 are fitted to the same ten points, and the last one again with
a penalty on its squared coefficients. A hundred new points of the same sine show how well each one predicts; since ten
points are few, all is repeated with fifty sets of ten. Writes plot_polynomials.png into the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from sknets import LinearRegression

PICTURE = Path("plot_polynomials.png")
NOISE = 0.3
ALPHA = 1e-4  # change it: 1e-12 is as good as none, 1 leaves little more than a constant
N_SETS = 50
SEED = 3  # of its sets the first, which is drawn, is a usual one: degree 9 errs in it about as in the median set
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "0.5"
MODELS = {
    "degree 0": (0, None),
    "degree 1": (1, None),
    "degree 3": (3, None),
    "degree 9": (9, None),
    f"degree 9, L2 penalty {ALPHA:g}": (9, "l2"),
}

# %% Points and polynomials


def draw_points(n_points, rng):
    """Return n points on one turn of the sine, with noise."""
    x = np.linspace(0, 1, n_points)
    return x.reshape(-1, 1), np.sin(2 * np.pi * x) + rng.normal(0, NOISE, n_points)


def fit_all(X, y):
    """Fit all models to the same points."""
    return {
        name: make_pipeline(PolynomialFeatures(degree), LinearRegression(penalty=penalty, alpha=ALPHA)).fit(X, y)
        for name, (degree, penalty) in MODELS.items()
    }


rng = np.random.default_rng(SEED)
sets = [(draw_points(10, rng), draw_points(100, rng)) for _ in range(N_SETS)]
fits = [fit_all(*points) for points, _ in sets]


def list_results(fitted, points, new_points):
    """Return a row for each model of one set."""
    return [
        {
            "polynomial": name,
            "error on its points": root_mean_squared_error(points[1], model.predict(points[0])),
            "error on new points": root_mean_squared_error(new_points[1], model.predict(new_points[0])),
            "largest coefficient": abs(model[-1].coef_).max(),
        }
        for name, model in fitted.items()
    ]


rows = [row for fitted, points in zip(fits, sets, strict=True) for row in list_results(fitted, *points)]
table = pd.DataFrame(rows).groupby("polynomial", sort=False).median()
print(f"Median of {N_SETS} sets of ten points; root mean squared errors, of which the noise alone is {NOISE}")
print(table.to_string(float_format="{:.2f}".format, index_names=False))

# %% The picture

figure, axes = plt.subplots(2, 3, figsize=(11, 6.5), layout="constrained")
grid = np.linspace(0, 1, 300).reshape(-1, 1)
(X, y), _ = sets[0]
for ax, (name, model) in zip(axes.flat, fits[0].items(), strict=False):
    ax.plot(grid, np.sin(2 * np.pi * grid), color=GREY, linestyle="--", label="sine")
    ax.plot(X, y, "o", color=GREY, label="the first ten points")
    ax.plot(grid, model.predict(grid), color=ORANGE, linewidth=2, label="polynomial")
    ax.set(title=name, ylim=(-2, 2), xlabel="x", ylabel="y")
axes[0, 0].legend(loc="lower left")

last = axes[1, 2]
places = np.arange(len(MODELS))
last.plot(places, table["error on its points"], "o-", color=BLUE, label="its ten points")
last.plot(places, table["error on new points"], "s--", color=ORANGE, label="new points")
last.set_xticks(places, ["0", "1", "3", "9", "9, L2"])
last.set(title=f"Median of {N_SETS} sets", xlabel="degree", ylabel="root mean squared error", ylim=(0, None))
last.legend()
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

flat, wild, tamed = (table.iloc[place] for place in (0, 3, 4))
print(
    f"Degree 0 misses the sine everywhere (error {flat['error on new points']:.2f} on new points). Degree 9 goes "
    f"through every point and errs by {wild['error on new points']:.2f} between them;\nthe penalty takes its largest "
    f"coefficient from {wild['largest coefficient']:,.0f} to {tamed['largest coefficient']:.0f} and the error to "
    f"{tamed['error on new points']:.2f}."
)
