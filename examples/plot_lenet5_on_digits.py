"""See how LeNet-5 learns to read digits, and what a forgotten switch does to dropout.

LeNet-5 and a first lesson's network learn MNIST's 60 000 digits. The lesson's notebook prints a higher score after ten
epochs than honest dropout gives: after measuring the score of the first epoch's first batch it forgets to switch back
to training, so that dropout acts on one batch an epoch. Both are shown. Needs MNIST, which is downloaded at the first
run (11 MB) unless the environment variable SKNETS_DATA names a folder that has it. Writes plot_lenet5_on_digits.png
into the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from skorch.callbacks import Callback

from sknets import CNNClassifier
from sknets.datasets import fetch_mnist

N_EPOCHS = 10
PICTURE = Path("plot_lenet5_on_digits.png")

# %% Digits

X_train, y_train = fetch_mnist(return_X_y=True)
X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
print(f"{len(X_train)} digits to train on, {len(X_test)} to test")

# %% Three trainings


class ForgottenSwitch(Callback):
    """Leave training mode after the first batch of each epoch, as a loop does that forgets to call train()."""

    def on_batch_end(self, net, training=True, **kwargs):
        if training:
            net.module_.eval()


lesson = {
    "architecture": "workshop",
    "solver": "sgd",
    "learning_rate": "constant",
    "learning_rate_init": 0.01,
    "momentum": 0.5,
    "nesterovs_momentum": False,
    "batch_size": 1000,
    "max_iter": N_EPOCHS,
    "tol": 0.0,
    "random_state": 1,
}
networks = {
    "LeNet-5, Adam": CNNClassifier("lenet5", batch_size=128, max_iter=5, random_state=0),
    "lesson, dropout on": CNNClassifier(**lesson),
    "lesson, dropout forgotten": CNNClassifier(**lesson, callbacks=[ForgottenSwitch()]),
}
for name, network in networks.items():
    network.fit(X_train, y_train, X_val=X_test, y_val=y_test)
    print(f"{name}: {network.score(X_test, y_test):.3f} after {network.n_iter_} epochs")

# %% The picture: curves, and the digits that LeNet-5 gets wrong with most confidence

figure, (curves, digits) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
for (name, network), marker in zip(networks.items(), "o^s", strict=True):
    scores = [row["valid_score"] for row in network.history_]
    curves.plot(np.arange(1, len(scores) + 1), scores, marker=marker, label=name)
curves.axhline(0.95, color="grey", linewidth=1, linestyle="--")
curves.set(xlabel="epoch", ylabel="share of test digits read", title="Reading 10 000 new digits", ylim=(0.5, 1.0))
curves.legend(loc="lower right")
curves.grid(alpha=0.3)

lenet = networks["LeNet-5, Adam"]
probabilities = lenet.predict_proba(X_test)
answers = probabilities.argmax(axis=1)
confidence = np.where(answers != y_test, probabilities.max(axis=1), 0)
worst = np.argsort(confidence)[::-1][:8]
tiles = np.pad(X_test[worst], ((0, 0), (10, 2), (2, 2)))  # (8, 40, 32)
digits.imshow(np.vstack([np.hstack(tiles[:4]), np.hstack(tiles[4:])]), cmap="gray_r")
for place, row in enumerate(worst):
    y, x = divmod(place, 4)
    text = f"{y_test[row]} read as {answers[row]}"
    digits.text(32 * x + 16, 40 * y + 7, text, ha="center", fontsize=9)
digits.set_axis_off()
digits.set_title("LeNet-5's surest mistakes")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

on, forgotten = (networks[f"lesson, dropout {state}"].score(X_test, y_test) for state in ("on", "forgotten"))
print(
    f"LeNet-5 reads {lenet.score(X_test, y_test):.1%} of new digits after five epochs. With dropout in every batch the "
    f"lesson's network reads\n{on:.1%} after {N_EPOCHS}; with dropout forgotten it reads {forgotten:.1%}, since little "
    "holds it back in so short a training."
)
