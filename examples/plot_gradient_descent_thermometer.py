"""See how gradient descent walks to the line that least squares finds at once.

Eleven readings of a thermometer in an unknown unit, and the temperatures in degrees Celsius. The exact answer is a
formula; gradient descent starts at zero and improves the line a little in every epoch. Writes
plot_gradient_descent_thermometer.png into the current folder.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler

from sknets import LinearRegression
from sknets.datasets import load_thermometer
from sknets.displays import TrainingCurveDisplay

PICTURE = Path("plot_gradient_descent_thermometer.png")
N_EPOCHS = 30
DRAWN_EPOCHS = {1: 0.4, 3: 0.55, 6: 0.75, N_EPOCHS: 1.0}  # from faint to full, on a white page and on a black one

# %% The exact answer

readings, celsius = load_thermometer(return_X_y=True)
scaler = StandardScaler().fit(readings)  # unscaled readings would need tiny steps
X = scaler.transform(readings)

exact = LinearRegression().fit(X, celsius)
print(f"Exact answer: mean squared error {exact.loss_:.3f}")

# %% Step by step
# Each call of partial_fit is one epoch: here one step along the gradient over all eleven readings.

descent = LinearRegression(solver="sgd", momentum=0, learning_rate_init=0.1, random_state=0)
grid = np.linspace(readings.min(), readings.max(), 2).reshape(-1, 1)
lines = {}
for epoch in range(1, N_EPOCHS + 1):
    descent.partial_fit(X, celsius)
    if epoch in DRAWN_EPOCHS:
        lines[epoch] = descent.predict(scaler.transform(grid))
        slope, intercept = descent.coef_[0], descent.intercept_
        print(f"After epoch {epoch:2d}: {slope:6.3f} * standardised reading + {intercept:6.3f}")
print(f"Exact answer:    {exact.coef_[0]:6.3f} * standardised reading + {exact.intercept_:6.3f}")

# %% The picture

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")

TrainingCurveDisplay.from_estimator(descent).plot(left)
left.axhline(exact.loss_, color="#D55E00", linestyle="--", label="exact answer")
left.set(title="The loss falls with every step", ylabel="mean squared error", yscale="log")
left.legend()

right.plot(readings, celsius, "o", color="0.5", label="readings")
for epoch, opacity in DRAWN_EPOCHS.items():
    name = "epoch" if epoch == 1 else "epochs"
    right.plot(grid, lines[epoch], color="#0072B2", alpha=opacity, linewidth=2, label=f"after {epoch} {name}")
right.plot(grid, exact.predict(scaler.transform(grid)), color="#D55E00", linestyle="--", label="exact answer")
right.set(title="The line turns towards the readings", xlabel="reading in unknown units", ylabel="degrees Celsius")
right.legend()
figure.savefig(PICTURE, dpi=100)
print(f"Picture: {PICTURE.resolve()}")

# %% What it shows

excess = np.array(descent.loss_curve_) - exact.loss_
n_epochs = 1 + int(np.argmax(excess < 0.01 * exact.loss_))
print(f"From epoch {n_epochs} on the loss of gradient descent is within 1 % of the least one, {exact.loss_:.2f}.")
