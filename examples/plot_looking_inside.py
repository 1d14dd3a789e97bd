"""See what a convolutional network looks for in handwritten digits, and where it goes wrong.

A small network learns scikit-learn's digits, 8 x 8 pixels each, and so does a linear model, for comparison. Shown are
the linear model's weights, the network's first filters, the digits that it is most confidently wrong about, and what
its filters see in the surest of these mistakes. Writes plot_looking_inside.png into the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknets import CNNClassifier, LogisticRegression
from sknets.displays import FeatureMapDisplay, FilterDisplay, ImageGridDisplay, LinearWeightsDisplay
from sknets.inspection import confident_mistakes

PICTURE = Path("plot_looking_inside.png")

# %% Digits, and two models

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images.astype("uint8"), digits.target, test_size=0.5, stratify=digits.target, random_state=0
)
flat_train, flat_test = X_train.reshape(len(X_train), -1) / 16, X_test.reshape(len(X_test), -1) / 16

linear = LogisticRegression(C=0.1, max_iter=300).fit(flat_train, y_train)
network = CNNClassifier(channels=(12, 24), learning_rate="cosine", max_iter=15, random_state=0).fit(X_train, y_train)
print(f"linear model: {linear.score(flat_test, y_test):.3f} of {len(y_test)} new digits are read")
print(f"network:      {network.score(X_test, y_test):.3f}")

# %% Where the network is wrong, and how sure it is

probabilities = network.predict_proba(X_test)
mistakes = confident_mistakes(y_test, probabilities, network.classes_)
surest = mistakes[0]
answer = probabilities[surest].argmax()
print(f"{len(mistakes)} mistakes; the surest is a {y_test[surest]} read as {answer}")

# %% The picture

figure, axes = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
LinearWeightsDisplay.from_estimator(linear).plot(axes[0, 0])
axes[0, 0].set_title("Linear model: what speaks for each digit (red)")
FilterDisplay.from_estimator(network).plot(axes[0, 1])
axes[0, 1].set_title("Network: filters of the first convolution")
ImageGridDisplay.most_confident_mistakes(X_test, y_test, probabilities).plot(axes[1, 0])
axes[1, 0].set_title("Network: surest mistakes")
FeatureMapDisplay.from_estimator(network, X_test[surest]).plot(axes[1, 1], n_maps=6)
axes[1, 1].set_title("What it sees in the first of them")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

right = probabilities.argmax(axis=1) == y_test
sure = probabilities.max(axis=1)
print(
    "The linear model has a template for each digit; the network's filters are small edges and spots, used all over "
    f"the\npicture. It reads {right.mean():.1%} of new digits, and is less sure where it is wrong: "
    f"{sure[~right].mean():.0%} on average, against {sure[right].mean():.0%} where it is right."
)
