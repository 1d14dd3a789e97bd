"""See what the learning rate does to gradient descent: too small, right, and so large that it diverges.

A line through the mean of eleven thermometer readings has one weight, its slope, and the mean squared error is a
parabola over it. Gradient descent walks down the parabola, or climbs it. Its curvature says beforehand which rate is
too large: from 2 / curvature on, every step ends higher on the other side. Writes plot_learning_rate.png into the
current folder.
"""

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler

from sknets import LinearRegression
from sknets.datasets import load_thermometer
from sknets.exceptions import DivergenceWarning

PICTURE = Path("plot_learning_rate.png")
RATES = {"too small": 0.02, "right": 0.3, "too large": 1.05}
STYLES = {"too small": ("#56B4E9", ":", "^"), "right": ("#009E73", "-", "o"), "too large": ("#D55E00", "--", "s")}
N_STEPS = 12

# %% One weight, and the rate that is too large for it

readings, celsius = load_thermometer(return_X_y=True)
X = StandardScaler().fit_transform(readings)
y = celsius - celsius.mean()  # so that no intercept is needed
curvature = 2 * np.mean(X**2)  # of the mean squared error; 2 for standardised readings
limit = 2 / curvature
print(f"The loss has curvature {curvature:.2f}: rates above {limit:.2f} diverge")

# %% Three walks
# Each call of partial_fit is one step along the gradient over all eleven readings. Its loss is the one before the step.

exact = LinearRegression(fit_intercept=False).fit(X, y)
slopes, losses = {}, {}
for name, rate in RATES.items():
    descent = LinearRegression(solver="sgd", momentum=0, learning_rate_init=rate, fit_intercept=False)
    slopes[name] = [0.0]
    for _ in range(N_STEPS):
        slopes[name].append(float(descent.partial_fit(X, y).coef_[0]))
    losses[name] = descent.loss_curve_
    print(f"Rate {rate:4} ({name}): loss {losses[name][0]:.1f} at first, {losses[name][-1]:5.1f} at the last step")
print(f"Exact answer: loss {exact.loss_:.1f}")

# %% What the library says
# fit ends when the loss has not fallen for n_iter_no_change epochs, and warns if it rose. With endless patience it goes
# on until the numbers overflow, and keeps the last finite weights.

descent = LinearRegression(
    solver="sgd", momentum=0, learning_rate_init=RATES["too large"], fit_intercept=False, max_iter=10_000
)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", DivergenceWarning)
    for patience in (10, np.inf):
        descent.set_params(n_iter_no_change=patience).fit(X, y)
        print(
            f"\nWith n_iter_no_change={patience}, fit at rate {RATES['too large']} ended after {descent.n_iter_} epochs"
        )
        if caught:
            print(caught.pop().message)

# %% The picture

figure, axes = plt.subplots(2, 2, figsize=(10, 7.5), layout="constrained")
grid = np.linspace(-18, 35, 200)
parabola = np.mean((X * grid - y[:, None]) ** 2, axis=0)  # (11, 200) to (200,)
for ax, (name, (color, _, marker)) in zip(axes.flat, STYLES.items(), strict=False):
    walk = np.array(slopes[name][:-1])  # where the losses were computed
    ax.plot(grid, parabola, color="0.6")
    ax.plot(walk, losses[name], "-", color=color, marker=marker, linewidth=1)
    ax.set(title=f"Rate {RATES[name]}: {name}", xlabel="slope", ylabel="mean squared error", ylim=(-30, 660))
    ax.set(xlim=(grid[0], grid[-1]))
for name, (color, style, marker) in STYLES.items():
    steps = range(1, N_STEPS + 1)
    axes[1, 1].plot(steps, losses[name], style, color=color, marker=marker, label=f"rate {RATES[name]}")
axes[1, 1].axhline(exact.loss_, color="0.6", label="exact answer")
axes[1, 1].set(title="The loss curves", xlabel="epoch", ylabel="mean squared error", yscale="log")
axes[1, 1].legend(loc="lower right", bbox_to_anchor=(1, 0.1))
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

side = "above" if RATES["too large"] > limit else "below"
print(
    f"Within {N_STEPS} epochs rate {RATES['right']} takes the loss from {losses['right'][0]:.0f} to "
    f"{losses['right'][-1]:.2f}, the exact answer's; rate {RATES['too small']} gets no further than "
    f"{losses['too small'][-1]:.0f},\nand rate {RATES['too large']}, {side} {limit:.0f}, steps over the valley each "
    f"time and ends at {losses['too large'][-1]:.0f}."
)
