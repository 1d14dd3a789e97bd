"""See why deep networks of logistic units hardly learn, and what lets deep networks learn all the same.

Three networks of twelve hidden layers learn handwritten digits: one of logistic units, as in the first textbooks, one
of rectified units (ReLU), and one of rectified units whose layers add to what they are given (residual). Beside the
training a recorder looks at the gradients of every layer. Writes plot_vanishing_gradients.png into the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknets import MLPClassifier
from sknets.displays import LayerStatisticsDisplay
from sknets.inspection import LayerStatistics, layer_statistics

PICTURE = Path("plot_vanishing_gradients.png")
N_EPOCHS = 30

# %% Digits

X_train, X_test, y_train, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
X_train, X_test = X_train / 16, X_test / 16

# %% Three networks that differ in their activation, and in what a layer does with its input
# LayerStatistics sends the same 256 digits through the network before the first epoch and after each, forward and back.

kinds = {
    "logistic": {"activation": "logistic"},
    "ReLU": {"activation": "relu"},
    "ReLU, residual": {"activation": "relu", "residual": True},
}
networks = {}
for name, settings in kinds.items():
    network = MLPClassifier(
        (32,) * 12,
        **settings,
        learning_rate_init=0.003,
        learning_rate="cosine",  # it falls to zero in the last epoch, so that none asks for more
        n_iter_no_change=N_EPOCHS,
        max_iter=N_EPOCHS,
        callbacks=[LayerStatistics()],
        random_state=0,
    )
    networks[name] = network.fit(X_train, y_train)

# %% What each layer hears of the loss, at the start


def ratio_at_the_start(network):
    """Return how much of itself the first layer would change beside the last hidden one."""
    statistics = layer_statistics(network)
    ratios = statistics.loc[statistics["epoch"] == 0, "gradient_ratio"].to_numpy()
    return ratios[0] / ratios[-2]


table = pd.DataFrame(
    {
        "network": name,
        "first layer's share of the last one's gradient": f"{ratio_at_the_start(network):.0e}",
        "test score": f"{network.score(X_test, y_test):.3f}",
    }
    for name, network in networks.items()
)
print(table.to_string(index=False))

# %% The picture: gradients above, activations below

figure, axes = plt.subplots(2, 3, figsize=(12, 7), layout="constrained", sharex=True, sharey="row")
for (name, network), (upper, lower) in zip(networks.items(), axes.T, strict=True):
    display = LayerStatisticsDisplay.from_estimator(network)
    display.plot(upper, statistic="gradient_ratio")
    display.plot(lower, statistic="spread")
    upper.set_title(f"{name}: test score {network.score(X_test, y_test):.2f}")
    upper.set_xlabel("")
for ax in axes[:, 1:].flat:
    ax.set_ylabel("")
for ax in [*axes[0, 1:], *axes[1]]:
    ax.get_legend().remove()
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

scores = {name: network.score(X_test, y_test) for name, network in networks.items()}
print(
    f"Through twelve logistic layers next to nothing of the gradient comes back to the first "
    f"({ratio_at_the_start(networks['logistic']):.0e} of what the last\nhidden layer hears), and the network scores "
    f"{scores['logistic']:.2f}; where layers add to their input it is {scores['ReLU, residual']:.2f}, since the "
    "gradient\nhas a way past every layer."
)
