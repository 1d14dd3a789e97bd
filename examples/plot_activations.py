"""See all activation functions side by side, with their slopes.

The slope is what back-propagation multiplies by in every layer: where it is zero nothing is learnt, and where it is
small in every layer little of the error reaches the first one. Each function is read off a network of a single unit
with weight 1 and bias 0. Writes plot_activations.png into the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from sknets import MLPRegressor
from sknets.nn import ACTIVATIONS

PICTURE = Path("plot_activations.png")
N_LAYERS = 10
BLUE, ORANGE = "#0072B2", "#D55E00"

# %% Functions and slopes

z = np.linspace(-4, 4, 401).reshape(-1, 1)


def unit_with(activation):
    """Return a network of one hidden unit that hands its input on, through the activation."""
    network = MLPRegressor(hidden_layer_sizes=(1,), activation=activation, device="cpu").initialize(z, z[:, 0])
    network.coefs_ = [np.ones((1, 1)), np.ones((1, 1))]
    network.intercepts_ = [np.zeros(1), np.zeros(1)]
    return network


def slope_of(network):
    """Return the derivative at every z, by automatic differentiation."""
    inputs = torch.from_numpy(z).requires_grad_()
    # The step function does not hand a slope on; that counts as zero.
    (slope,) = torch.autograd.grad(network.module_(inputs).sum(), inputs, materialize_grads=True)
    return slope.numpy()[:, 0]


units = {activation: unit_with(activation) for activation in ACTIVATIONS}
values = {name: unit.predict(z) for name, unit in units.items()}
slopes = {name: slope_of(unit) for name, unit in units.items()}

steepest = pd.Series({name: slope.max() for name, slope in slopes.items()})
table = pd.DataFrame(
    {
        "smallest value": {name: value.min() for name, value in values.items()},
        "largest value": {name: value.max() for name, value in values.items()},
        "slope at -3": {name: slope[np.argmin(abs(z + 3))] for name, slope in slopes.items()},
        "slope at 3": {name: slope[np.argmin(abs(z - 3))] for name, slope in slopes.items()},
        "largest slope": steepest,
    }
)
print("For inputs from -4 to 4")
print(table.to_string(float_format="{:.3f}".format))

# %% The picture

figure, axes = plt.subplots(3, 5, figsize=(13, 7.5), layout="constrained", sharex=True, sharey=True)
for ax, name in zip(axes.flat, ACTIVATIONS, strict=False):
    ax.plot(z, values[name], color=BLUE, linewidth=2, label="value")
    ax.plot(z, slopes[name], color=ORANGE, linestyle="--", linewidth=2, label="slope")
    ax.set(title=name, ylim=(-2, 3))
    ax.grid(alpha=0.3)
for ax in axes.flat[len(ACTIVATIONS) :]:
    ax.set_axis_off()
axes[2, 3].legend(*axes[0, 0].get_legend_handles_labels(), loc="center", fontsize="large")
for ax in (*axes[2, :3], *axes[1, 3:]):
    ax.tick_params(labelbottom=True)
    ax.set_xlabel("weighted sum of the inputs, z")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

print(
    f"The logistic function's slope is nowhere above {steepest['logistic']:.2f}, so {N_LAYERS} layers of it shrink "
    f"what comes back to {steepest['logistic'] ** N_LAYERS:.0e} of it or less;\nrelu's is {steepest['relu']:.0f} "
    "wherever a unit is on, and that of the step function is 0: a network of steps learns nothing by gradients."
)
