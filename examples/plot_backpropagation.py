"""Follow one step of back-propagation through a single sigmoid unit, by hand and by the library.

Inputs 0.5 and 1, weights 1 and 2, no bias, target 0, squared error, learning rate 0.1. Forward, the unit computes its
output and the loss; backward, the chain rule multiplies the slope of each part by what comes from above. Writes
plot_backpropagation.png into the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sknets import MLPClassifier, MLPRegressor

PICTURE = Path("plot_backpropagation.png")
RATE = 0.1
BLUE, ORANGE = "#0072B2", "#D55E00"
x, w, target = np.array([0.5, 1.0]), np.array([1.0, 2.0]), 0.0

# %% By hand

z = w @ x
p = 1 / (1 + np.exp(-z))
loss = (p - target) ** 2
slope_p = 2 * (p - target)
slope_z = slope_p * p * (1 - p)
gradients = slope_z * x
new_w = w - RATE * gradients
print(f"Forward:  z = {z:.3f}, p = {p:.3f}, loss = {loss:.3f}")
print(f"Backward: dloss/dp = {slope_p:.3f}, dloss/dz = {slope_z:.4f}, dloss/dw = {gradients.round(4)}")
print(f"By hand, new weights:        {new_w.round(4)}")

# %% By the library
# A network with one hidden unit whose output weight is 1. Its loss is scikit-learn's, half the squared error: twice the
# rate makes the same step. The step also moves the output weight and the biases, which we do not read.

X = x.reshape(1, -1)
sgd = {"solver": "sgd", "momentum": 0, "alpha": 0}
network = MLPRegressor(hidden_layer_sizes=(1,), activation="logistic", learning_rate_init=2 * RATE, **sgd)
network.initialize(X, [target])
network.coefs_ = [w.reshape(2, 1), np.ones((1, 1))]
network.intercepts_ = [np.zeros(1), np.zeros(1)]
output = network.predict(X)[0]
network.partial_fit(X, [target])  # one row: one step
learnt_w = network.coefs_[0][:, 0]
print(f"By the library, new weights: {learnt_w.round(4)}, from an output of {output:.3f}")

# %% The same unit with the log loss
# For classes one takes the log loss, whose slope at z is p - target: the factor 2 p (1 - p) is gone.

classifier = MLPClassifier(hidden_layer_sizes=(), learning_rate_init=RATE, **sgd)
classifier.initialize(np.vstack([X, X]), [0, 1])
classifier.coefs_, classifier.intercepts_ = [w.reshape(2, 1)], [np.zeros(1)]
classifier.partial_fit(X, [int(target)])
log_gradients = (w - classifier.coefs_[0][:, 0]) / RATE
n_times = log_gradients[0] / gradients[0]
print(f"With the log loss the gradients are {log_gradients.round(3)}: {n_times:.1f} times as large")

# %% The picture
# Blue, above the arrows: what the unit computes. Orange, below them: what comes back.

figure, ax = plt.subplots(figsize=(11, 4.5), layout="constrained")
ax.set(xlim=(-0.7, 11), ylim=(-0.5, 4.3), aspect="equal")
ax.set_axis_off()
ax.set_title("Forward in blue, back in orange: how fast the loss grows with each quantity")
places = {"x1": (0, 3.8), "x2": (0, 0), "z": (4, 1.9), "p": (7.2, 1.9), "loss": (10.3, 1.9)}
texts = {
    "x1": f"x₁ = {x[0]:g}",
    "x2": f"x₂ = {x[1]:g}",
    "z": f"sum\nz = {z:.1f}",
    "p": f"sigmoid\np = {p:.3f}",
    "loss": f"(p - t)²\n= {loss:.3f}",
}
box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "0.5"}
for name, place in places.items():
    ax.text(*place, texts[name], ha="center", va="center", fontsize=12, color=BLUE, bbox=box)
arrows = {
    ("x1", "z"): (f"w₁ = {w[0]:g}", f"{slope_z:.3f} · x₁ = {gradients[0]:.3f}"),
    ("x2", "z"): (f"w₂ = {w[1]:g}", f"{slope_z:.3f} · x₂ = {gradients[1]:.3f}"),
    ("z", "p"): ("p(z)", f"{slope_p:.3f} · p(1-p)\n= {slope_z:.3f}"),
    ("p", "loss"): (f"t = {target:g}", f"2(p - t)\n= {slope_p:.3f}"),
}
for (start, end), (forward, backward) in arrows.items():
    arrow = {"arrowstyle": "->", "color": "0.5", "shrinkA": 42, "shrinkB": 42, "linewidth": 1.5}
    ax.annotate("", places[end], places[start], arrowprops=arrow)
    across, up = np.subtract(places[end], places[start])
    along = {"rotation": np.degrees(np.arctan2(up, across)), "rotation_mode": "anchor", "ha": "center", "fontsize": 12}
    middle = np.mean([places[start], places[end]], axis=0)
    ax.text(middle[0], middle[1] + 0.15, forward, va="bottom", color=BLUE, **along)
    ax.text(middle[0], middle[1] - 0.15, backward, va="top", color=ORANGE, **along)
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

print(
    f"The gradients are {gradients[0]:.3f} and {gradients[1]:.2f}, so a step at rate {RATE} takes the weights from "
    f"{w[0]:g} and {w[1]:g} to {learnt_w[0]:.4f} and {learnt_w[1]:.3f}, by hand and by the library alike."
)
