"""See what a shift by two pixels does to a perceptron and to a convolutional network.

10 000 airplanes and birds of CIFAR-10, as in chapters 7 and 8 of "Deep Learning with PyTorch" (Stevens, Antiga,
Viehmann 2020). A perceptron learns each pixel's place by heart; a convolutional network looks for the same patterns
everywhere. Needs CIFAR-10's binary release, which is downloaded at the first run (170 MB) unless the environment
variable SKNETS_DATA names a folder that has it. Writes plot_shifted_birds.png into the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sknets import CNNClassifier, summary
from sknets.datasets import fetch_cifar10

SHIFTS = range(7)
PICTURE = Path("plot_shifted_birds.png")

# %% Airplanes and birds

X_train, y_train = fetch_cifar10(classes=["airplane", "bird"], return_X_y=True)
X_test, y_test = fetch_cifar10(subset="test", classes=["airplane", "bird"], return_X_y=True)
print(f"{len(X_train)} pictures to train on, {len(X_test)} to test, of shape {X_train.shape[1:]}")

# %% Two networks
# Without convolutions what is left is a perceptron, here the book's: 3072 values, 512 units, two classes.

models = {
    "perceptron": CNNClassifier(
        channels=(), hidden_layer_sizes=(512,), dropout=0.5, normalization=None, max_iter=8, random_state=0
    ),
    "convolutional": CNNClassifier(channels=(16, 32, 64), max_iter=8, random_state=0),
}
for name, model in models.items():
    model.fit(X_train, y_train)
    print(f"\n{name}: {model.score(X_test, y_test):.3f} right after {model.n_iter_} epochs")
    print(summary(model))

# %% The same pictures, moved to the right


def shift(images, n_pixels):
    """Move pictures by ``n_pixels`` to the right; the left edge is repeated."""
    columns = np.clip(np.arange(images.shape[2]) - n_pixels, 0, None)
    return images[:, :, columns]


scores = pd.DataFrame(
    {name: [model.score(shift(X_test, n), y_test) for n in SHIFTS] for name, model in models.items()}, index=SHIFTS
)
print("\nscore by shift in pixels")
print(scores.to_string(float_format="{:.3f}".format))

# %% The picture

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4.5), layout="constrained", gridspec_kw={"width_ratios": [1, 1.4]}
)
example = X_test[np.flatnonzero(y_test == 1)[:1]]
left.imshow(np.hstack([shift(example, n)[0] for n in (0, 2, 6)]))
left.set(title="a bird, shifted by 0, 2 and 6 pixels")
left.set_axis_off()
for (name, values), marker in zip(scores.items(), "os", strict=True):
    right.plot(SHIFTS, values, marker=marker, label=name)
right.set(xlabel="shift, pixels", ylabel="share of test pictures recognised", title="Recognised after a shift")
right.legend()
right.grid(alpha=0.3)
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

losses = (scores.loc[0] - scores) * len(X_test)
print(
    f"Two pixels cost the perceptron {losses.loc[2, 'perceptron']:.0f} of {len(X_test)} pictures and the "
    f"convolutional network {losses.loc[2, 'convolutional']:.0f};\nsix cost "
    f"{losses.loc[6, 'perceptron']:.0f} and {losses.loc[6, 'convolutional']:.0f}."
)
