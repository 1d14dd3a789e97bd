"""See what early stopping and dropout do against overfitting.

A network that is large for its task learns 300 handwritten digits, a fifth of them with a random label, as if people
had been careless. It is trained with and without dropout, with and without early stopping, and watched on 500 images
with correct labels. Writes plot_early_stopping.png into the current folder.
"""

from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknets import MLPClassifier
from sknets.displays import TrainingCurveDisplay

PICTURE = Path("plot_early_stopping.png")
DROPOUTS = (0.0, 0.5)

# %% Images to train on, to watch, and to test in the end

images, digits = load_digits(return_X_y=True)
X_train, X_rest, y_train, y_rest = train_test_split(
    images / 16, digits, train_size=300, stratify=digits, random_state=0
)
X_val, X_test, y_val, y_test = train_test_split(X_rest, y_rest, train_size=500, stratify=y_rest, random_state=0)

rng = np.random.default_rng(0)
is_guessed = rng.random(len(y_train)) < 0.2
y_noisy = np.where(is_guessed, rng.integers(0, 10, len(y_train)), y_train)
print(f"{np.mean(y_noisy != y_train):.0%} of {len(y_train)} training labels are wrong")

# %% Four networks that differ in nothing else
# Each ends by itself, long before max_iter: when the training loss, or with early stopping the score on the watched
# images, has not improved for ten epochs.

networks = {}
for dropout, early_stopping in product(DROPOUTS, (False, True)):
    network = MLPClassifier(
        (200, 200),
        learning_rate_init=0.003,
        alpha=0,
        dropout=dropout,
        early_stopping=early_stopping,
        max_iter=1000,
        random_state=0,
    )
    networks[dropout, early_stopping] = network.fit(X_train, y_noisy, X_val=X_val, y_val=y_val)

table = pd.DataFrame(
    {
        "dropout": dropout,
        "early stopping": "yes" if early_stopping else "no",
        "epochs": network.n_iter_,
        "training score": network.score(X_train, y_noisy),
        "test score": network.score(X_test, y_test),
    }
    for (dropout, early_stopping), network in networks.items()
)
print(table.to_string(index=False, float_format="{:.3f}".format))

# %% The picture
# The curves are those of the full trainings. Early stopping walks the same road, and goes back to the epoch marked.

figure, axes = plt.subplots(1, len(DROPOUTS), figsize=(12, 4.5), layout="constrained")
for ax, dropout in zip(axes, DROPOUTS, strict=True):
    display = TrainingCurveDisplay.from_estimator(networks[dropout, False])
    display.best_epoch = TrainingCurveDisplay.from_estimator(networks[dropout, True]).best_epoch
    display.plot(ax)
    ax.set_title(f"Dropout {dropout}" if dropout else "No dropout")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

plain, best = (networks[key].score(X_test, y_test) for key in ((0.0, False), (0.5, True)))
watched = networks[0.0, False].history_
lowest = min(row["valid_loss"] for row in watched)
print(
    f"Without dropout the training loss falls to zero while the validation loss rises from {lowest:.2f} to "
    f"{watched[-1]['valid_loss']:.2f}:\nwrong labels are learnt by heart. Dropout slows that, early stopping ends it; "
    f"both together raise the test score from {plain:.2f} to {best:.2f}."
)
