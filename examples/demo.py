"""See which model reads small images best, how sure that is, and whether more images would help.

The tour of the library, run by ``make demo``: a linear, a logistic and a neural model in scikit-learn pipelines, their
scores side by side, cross-validation, a search, a learning curve. The images are the handwritten digits that come with
scikit-learn, or clothes, where the environment variable SKNETS_DATA names a folder that holds ``fashion_mnist/``.
Writes demo.png into the current folder.
"""

import os
import time
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, LearningCurveDisplay, cross_val_score, learning_curve
from sklearn.model_selection import train_test_split as split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelBinarizer, StandardScaler

from sknets import LinearRegression, LogisticRegression, MLPClassifier
from sknets.datasets import fetch_fashion_mnist
from sknets.displays import TrainingCurveDisplay

N_CLOTHES = 3_000  # of 60 000: enough to tell the models apart, few enough for two minutes on two cores
PICTURE = Path("demo.png")

say = partial(print, flush=True)


def main():
    start = time.perf_counter()
    X, y = load_images()
    X_train, X_test, y_train, y_test = split(X, y, test_size=0.25, stratify=y, random_state=0)
    say(f"{len(X_train)} to train on, {len(X_test)} to test; {X.shape[1]} pixels each, {len(np.unique(y))} classes")
    models = make_models()

    say("\n1. Three models, the same images (score: share of images named right)\n")
    say(compare(models, X_train, X_test, y_train, y_test))

    say("\n2. Is the difference more than luck? Mean and spread of 5 cross-validation folds\n")
    for name, model in models.items():
        scores = cross_val_score(model, X_train, y_train, cv=5)
        say(f"{name:<8} {scores.mean():15.3f} ± {scores.std():.3f}")

    say("\n3. A search over the network's size and dropout: 4 candidates, 5 folds each\n")
    grid = {"mlpclassifier__hidden_layer_sizes": [(30,), (200,)], "mlpclassifier__dropout": [0.0, 0.3]}
    search = GridSearchCV(models["network"], grid, cv=5, return_train_score=True).fit(X_train, y_train)
    say(summarise(search.cv_results_))
    say(f"\nThe best of them on the test images: {search.score(X_test, y_test):.3f}")

    say("\n4. Would more images help? A learning curve of the best network: 6 sizes, 5 folds each\n")
    sizes = np.linspace(0.2, 1, 6)
    curve = learning_curve(search.best_estimator_, X_train, y_train, train_sizes=sizes, cv=5)
    draw(search.best_estimator_, *curve)
    say(read_off(*curve))
    say(f"\nPicture: {PICTURE.resolve()}   ({time.perf_counter() - start:.0f} seconds in all)")


def load_images():
    """Return flat images of shape (n, n_pixels) and their classes."""
    data_home = os.environ.get("SKNETS_DATA")
    if not data_home or not (Path(data_home) / "fashion_mnist").is_dir():
        say("Handwritten digits that come with scikit-learn")
        return load_digits(return_X_y=True)
    images, labels = fetch_fashion_mnist(return_X_y=True)
    say(f"Fashion-MNIST: {N_CLOTHES} of its {len(images)} training images, to stay under two minutes")
    rows = np.random.default_rng(0).choice(len(images), N_CLOTHES, replace=False)
    return images[rows].reshape(N_CLOTHES, -1).astype(np.float32), labels[rows]


class LeastSquaresClassifier(ClassifierMixin, BaseEstimator):
    """Linear regression onto a column per class, 1 for the row's own class and 0 for the others."""

    def fit(self, X, y):
        self.columns_ = LabelBinarizer().fit(y)
        self.classes_ = self.columns_.classes_
        self.regression_ = LinearRegression(device="auto").fit(X, self.columns_.transform(y))
        return self

    def predict(self, X):
        return self.classes_[self.regression_.predict(X).argmax(axis=1)]


def make_models():
    """Return three pipelines by name; device="auto", the default, takes a GPU where there is one."""
    LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])  # torch loads parts of itself in the first fit: not to be timed
    # Early stopping ends the training long before max_iter=200; a tenth of so few images would be a coarse yardstick.
    stopping = {"early_stopping": True, "validation_fraction": 0.2}
    network = MLPClassifier(learning_rate_init=0.003, device="auto", random_state=0, **stopping)
    return {
        "linear": make_pipeline(StandardScaler(), LeastSquaresClassifier()),
        # A stronger penalty than the default, and a tolerance that settles three digits of the score.
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(C=0.01, tol=1e-3, max_iter=500, device="auto")),
        "network": make_pipeline(StandardScaler(), network),
    }


def compare(models, X_train, X_test, y_train, y_test):
    """Fit each model once; return a table of scores."""
    rows = []
    for model in models.values():
        start = time.perf_counter()
        model.fit(X_train, y_train)
        seconds = time.perf_counter() - start
        train, test = model.score(X_train, y_train), model.score(X_test, y_test)
        rows.append({"training score": train, "test score": test, "gap": train - test, "seconds": seconds})
    return pd.DataFrame(rows, index=[f"{name:<8}" for name in models]).to_string(float_format="{:.3f}".format)


def summarise(results):
    """Return a table of a search's candidates, the best first."""
    columns = {
        "param_mlpclassifier__hidden_layer_sizes": "hidden units",
        "param_mlpclassifier__dropout": "dropout",
        "mean_train_score": "training score",
        "mean_test_score": "validation score",
    }
    table = pd.DataFrame(results).sort_values("rank_test_score")[list(columns)].rename(columns=columns)
    return table.to_string(index=False, float_format="{:.3f}".format)


def draw(network, sizes, train_scores, valid_scores):
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    TrainingCurveDisplay.from_estimator(network).plot(left)
    left.set_title("The best network learns, epoch by epoch")
    right.set_prop_cycle(color=["#0072B2", "#D55E00"])
    display = LearningCurveDisplay(train_sizes=sizes, train_scores=train_scores, test_scores=valid_scores)
    display.plot(right, score_name="accuracy", line_kw={"marker": "o"}, fill_between_kw={"alpha": 0.2})
    right.set(title="The same network, trained on more and more images", xlabel="training images", xscale="linear")
    right.legend(display.lines_, ["training images", "images it has not seen"], loc="lower right")
    right.grid(alpha=0.3)
    figure.savefig(PICTURE, dpi=100)


def read_off(sizes, train_scores, valid_scores):
    seen, unseen = train_scores.mean(axis=1)[-1], valid_scores.mean(axis=1)
    return (
        f"From {sizes[0]} to {sizes[-1]} training images, the score on images that the network has not seen goes from "
        f"{unseen[0]:.3f} to {unseen[-1]:.3f};\nthe last step alone brought {unseen[-1] - unseen[-2]:+.3f}, and the "
        f"score on its own training images is {seen - unseen[-1]:.3f} higher."
    )


if __name__ == "__main__":
    main()
