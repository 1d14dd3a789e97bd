"""See how far a few hundred photographs of flowers go, with and without a network that has learnt before.

Learning curves of two classifiers: a convolutional network that starts from nothing, and the last layer of a ResNet-18
that has learnt from a million other photographs. Needs a folder of photographs, flowers/train/<class>/<picture>.jpg and
flowers/val/<class>/<picture>.jpg, and the ResNet's weights, which torchvision downloads at the first run (45 MB):

    python examples/plot_flowers_by_transfer.py path/to/flowers [--weights path/to/resnet18.pth] [--size 160]

Writes plot_flowers_by_transfer.png into the current folder.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from sknets import CNNClassifier, TransferClassifier
from sknets.datasets import load_image_folder

PICTURE = Path("plot_flowers_by_transfer.png")

parser = argparse.ArgumentParser(description="Flowers by transfer learning")
parser.add_argument("folder", type=Path)
parser.add_argument(
    "--weights", default="DEFAULT", help="a state dict of a ResNet-18, or the name of published weights"
)
parser.add_argument("--size", type=int, default=160, help="side in pixels to which photographs are read")
options = parser.parse_args()

# %% Photographs

X, y = load_image_folder(options.folder / "train", size=(options.size, options.size))
X_test, y_test = load_image_folder(options.folder / "val", size=(options.size, options.size))
n_classes = len(np.unique(y))
print(f"{len(X)} photographs to learn from, {len(X_test)} to test, {n_classes} kinds of flowers")

# %% Two classifiers, from more and more photographs

models = {
    "from nothing": CNNClassifier(
        channels=(16, 32, 64), pool_size=4, augmentation="light", max_iter=15, random_state=0
    ),
    "ResNet-18, frozen": TransferClassifier("resnet18", weights=options.weights, max_iter=30, random_state=0),
}
sizes = [size for size in (50, 100, 200) if size < len(X)] + [len(X)]
scores = {name: [] for name in models}
for size in sizes:
    few = (X, y)
    if size < len(X):
        few = train_test_split(X, y, train_size=size, stratify=y, random_state=0)[0::2]
    for name, model in models.items():
        scores[name].append(model.fit(*few).score(X_test, y_test))
        print(f"{size} photographs, {name}: {scores[name][-1]:.2f} right", flush=True)

# %% The picture

figure, (curves, photographs) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
for (name, values), marker in zip(scores.items(), "so", strict=True):
    curves.plot(sizes, values, marker=marker, label=name)
curves.axhline(1 / n_classes, color="grey", linestyle="--", linewidth=1, label="guessing")
curves.set(xlabel="photographs to learn from", ylabel="share of test photographs recognised", ylim=(0, 1))
curves.set_title("Recognised, by the number of photographs")
curves.legend()
curves.grid(alpha=0.3)

transferred = models["ResNet-18, frozen"]
shown = np.random.default_rng(0).choice(len(X_test), 8, replace=False)
answers = transferred.predict(X_test[shown])
photographs.imshow(np.vstack([np.hstack(X_test[shown[:4]]), np.hstack(X_test[shown[4:]])]))
for place, (answer, truth) in enumerate(zip(answers, y_test[shown], strict=True)):
    y0, x0 = divmod(place, 4)
    text = answer if answer == truth else f"{answer}, is {truth}"
    photographs.text(
        (x0 + 0.5) * options.size,
        (y0 + 0.93) * options.size,
        text,
        ha="center",
        color="white",
        fontsize=9,
        bbox={"facecolor": "black", "alpha": 0.6, "linewidth": 0, "pad": 2},
    )
photographs.set_axis_off()
photographs.set_title("What the frozen ResNet-18 sees")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

alone, helped = (values[-1] for values in scores.values())
print(
    f"From {len(X)} photographs a network that starts from nothing recognises {alone:.0%} of new flowers, "
    f"the last layer of a ResNet-18\nthat has learnt before {helped:.0%}."
)
