"""See where a search ends its trials, and what that saves.

Optuna searches for a network that tells benign tumours from malignant ones by 30 measurements of their cells. After
every epoch the mean score of five held-out folds decides whether a trial goes on. Writes plot_where_trials_end.png into
the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import MLPClassifier, batched_fits
from sknets.model_selection import OptunaSearchCV, epoch_curves, suggest_space

PICTURE = Path("plot_where_trials_end.png")
N_EPOCHS = 40

# %% A pipeline, and what is worth trying
# The networks decay their learning rate to zero in 40 epochs, so that none asks for more.

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
network = MLPClassifier((32,), learning_rate="cosine", max_iter=N_EPOCHS, random_state=0)
pipeline = make_pipeline(StandardScaler(), network)

space = suggest_space(pipeline, X_train, y_train)
del space["mlpclassifier__learning_rate"]
for name, distribution in space.items():
    print(name, distribution)

# %% The search
# Four trials are proposed at a time; all of their networks that are alike are trained as one.

with batched_fits() as report:
    search = OptunaSearchCV(pipeline, space, n_trials=40, trials_at_once=4, random_state=0).fit(X_train, y_train)
print(report)

# %% The picture: the mean of the folds, trial by trial
# A fold whose own stopping rule has ended it counts with its last score from there on.

curves = epoch_curves(search)
is_pruned = search.cv_results_["state"] == "PRUNED"

figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for candidate, curve in curves.groupby("candidate"):
    mean = curve.pivot(index="epoch", columns="fold", values="valid_score").ffill().mean(axis=1)
    is_best = candidate == search.best_index_
    color = "#D55E00" if is_best else "0.7" if is_pruned[candidate] else "#0072B2"
    ax.plot(mean, color=color, linewidth=2.5 if is_best else 1, zorder=3 if is_best else 1)
    if is_pruned[candidate]:
        ax.plot(mean.index[-1], mean.iloc[-1], "x", color="0.5")
for label, color in {"best": "#D55E00", "complete": "#0072B2", "pruned": "0.7"}.items():
    ax.plot([], [], color=color, label=label)
ax.set(xlabel="Epoch", ylabel="Accuracy on held-out rows, mean of 5 folds", ylim=(0.8, 1.0))
ax.legend(loc="lower right")
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

share = search.cv_results_["n_epochs"].sum() / (len(is_pruned) * N_EPOCHS)
n_best = search.best_estimator_[-1].n_iter_
print(
    f"{is_pruned.sum()} of {len(is_pruned)} trials were ended early, so that {share:.0%} of the epochs sufficed.\n"
    f"The best, trained on all rows for the {n_best} epochs that its folds found best, is right about "
    f"{search.score(X_test, y_test):.1%} of tumours that it has never seen."
)
