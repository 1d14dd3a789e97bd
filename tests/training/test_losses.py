import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax
from sklearn import metrics
from sklearn.linear_model._sgd_fast import Hinge
from sklearn.neural_network._base import LOSS_FUNCTIONS

from sknets.training import LOSSES
from sknets.training._losses import stack_losses

N_ROWS = 9
REGRESSION = ["mean_squared_error", "squared_error", "absolute_error", "huber", "quantile"]


def huber(error):
    return np.where(np.abs(error) <= 1, 0.5 * error**2, np.abs(error) - 0.5)


def pinball(error, quantile):
    """``error`` is prediction minus target."""
    return np.where(error < 0, -quantile * error, (1 - quantile) * error)


FORMULAE = {
    "mean_squared_error": lambda z, t: ((z - t) ** 2).sum(1),
    "squared_error": lambda z, t: 0.5 * ((z - t) ** 2).sum(1),
    "absolute_error": lambda z, t: np.abs(z - t).sum(1),
    "huber": lambda z, t: huber(z - t).sum(1),
    "quantile": lambda z, t: pinball(z - t, 0.5).sum(1),
    "poisson": lambda z, t: (np.exp(z) - t * z + np.where(t > 0, t * np.log(np.maximum(t, 1)) - t, 0)).sum(1),
    "cross_entropy": lambda z, t: -log_softmax(z, axis=1)[np.arange(len(z)), t],
    "binary_cross_entropy": lambda z, t: -(t * np.log(expit(z)) + (1 - t) * np.log(expit(-z))).sum(1),
    "perceptron": lambda z, t: np.maximum(0, -(2 * t - 1) * z).sum(1),
}


@pytest.fixture
def example(rng):
    """Outputs of three columns, and targets that a loss is made for."""

    def make(name):
        outputs = rng.normal(size=(N_ROWS, 3))
        targets = {
            "cross_entropy": rng.integers(0, 3, N_ROWS),
            "poisson": rng.poisson(2, (N_ROWS, 3)).astype(float),
            "binary_cross_entropy": rng.integers(0, 2, (N_ROWS, 3)).astype(float),
            "perceptron": rng.integers(0, 2, (N_ROWS, 3)).astype(float),
        }.get(name, rng.normal(size=(N_ROWS, 3)))
        return outputs, targets

    return make


def call(loss, outputs, targets, weights=None):
    weights = None if weights is None else torch.from_numpy(weights)
    return float(loss(torch.from_numpy(outputs), torch.from_numpy(targets), weights))


def rows(loss, outputs, targets):
    return loss.rows(torch.from_numpy(outputs), torch.from_numpy(targets)).numpy()


def test_every_loss_has_a_formula_here():
    assert set(FORMULAE) == set(LOSSES)


@pytest.mark.parametrize("name", sorted(FORMULAE))
def test_rows_follow_the_formula(name, example):
    outputs, targets = example(name)

    np.testing.assert_allclose(rows(LOSSES[name](), outputs, targets), FORMULAE[name](outputs, targets), rtol=1e-12)


@pytest.mark.parametrize("name", sorted(FORMULAE))
def test_the_loss_is_the_mean_over_rows(name, example):
    outputs, targets = example(name)

    expected = FORMULAE[name](outputs, targets).mean()
    assert call(LOSSES[name](), outputs, targets) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", sorted(FORMULAE))
def test_weights_of_mean_one_give_the_weighted_mean(name, example, rng):
    outputs, targets = example(name)
    weights = rng.uniform(0.1, 3, N_ROWS)

    loss = call(LOSSES[name](), outputs, targets, weights / weights.mean())

    assert loss == pytest.approx(np.average(FORMULAE[name](outputs, targets), weights=weights), rel=1e-12)


@pytest.mark.parametrize("name", sorted(FORMULAE))
def test_a_weight_of_two_is_a_row_that_comes_twice(name, example):
    outputs, targets = example(name)
    weights = np.array([2.0] + [1.0] * (N_ROWS - 1))

    weighted = call(LOSSES[name](), outputs, targets, weights) * N_ROWS

    doubled = call(LOSSES[name](), np.vstack([outputs[:1], outputs]), np.concatenate([targets[:1], targets]))
    assert weighted == pytest.approx(doubled * (N_ROWS + 1), rel=1e-12)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("name", sorted(FORMULAE))
def test_gradients_are_those_of_finite_differences(name, example, rng, is_weighted):
    outputs, targets = example(name)
    weights = torch.from_numpy(rng.uniform(0.5, 1.5, N_ROWS)) if is_weighted else None
    loss = LOSSES[name]()

    def apply(z):
        return loss(z, torch.from_numpy(targets), weights)

    assert torch.autograd.gradcheck(apply, (torch.from_numpy(outputs).requires_grad_(),))


# -------------------------------------------------------------------------------------------- scikit-learn's losses


@pytest.mark.parametrize("is_weighted", [False, True])
def test_cross_entropy_is_scikit_learns(example, rng, is_weighted):
    outputs, targets = example("cross_entropy")
    weights = rng.uniform(0.1, 3, N_ROWS) if is_weighted else None

    loss = call(LOSSES["cross_entropy"](), outputs, targets, None if weights is None else weights / weights.mean())

    probabilities = softmax(outputs, axis=1)
    assert loss == pytest.approx(LOSS_FUNCTIONS["log_loss"](np.eye(3)[targets], probabilities, weights), rel=1e-12)
    assert loss == pytest.approx(
        metrics.log_loss(targets, probabilities, sample_weight=weights, labels=[0, 1, 2]), rel=1e-12
    )


@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_binary_cross_entropy_is_scikit_learns(example, rng, is_weighted, n_columns):
    outputs, targets = (array[:, :n_columns] for array in example("binary_cross_entropy"))
    weights = rng.uniform(0.1, 3, N_ROWS) if is_weighted else None

    loss = call(
        LOSSES["binary_cross_entropy"](), outputs, targets, None if weights is None else weights / weights.mean()
    )

    expected = LOSS_FUNCTIONS["binary_log_loss"](targets, expit(outputs), weights)
    assert loss == pytest.approx(expected, rel=1e-12)


def test_the_poisson_loss_is_half_the_deviance(example):
    outputs, targets = (array[:, :1] for array in example("poisson"))

    loss = call(LOSSES["poisson"](), outputs, targets)

    assert loss == pytest.approx(metrics.mean_poisson_deviance(targets, np.exp(outputs)) / 2, rel=1e-12)
    assert loss == pytest.approx(LOSS_FUNCTIONS["poisson"](targets, np.exp(outputs)), rel=1e-12)


def test_several_outputs_of_the_poisson_loss_are_summed_as_in_scikit_learn(example):
    outputs, targets = example("poisson")

    loss = call(LOSSES["poisson"](), outputs, targets)

    assert loss == pytest.approx(LOSS_FUNCTIONS["poisson"](targets, np.exp(outputs)), rel=1e-12)


def test_half_squared_error_of_one_output_is_scikit_learns(example):
    outputs, targets = (array[:, :1] for array in example("squared_error"))

    loss = call(LOSSES["squared_error"](), outputs, targets)

    assert loss == pytest.approx(LOSS_FUNCTIONS["squared_error"](targets, outputs), rel=1e-12)


def test_half_squared_error_of_several_outputs_has_the_gradient_that_scikit_learn_follows(example):
    # scikit-learn reports the mean over outputs but steps along (outputs - targets) / n, the gradient of the sum.
    outputs, targets = example("squared_error")
    z = torch.from_numpy(outputs).requires_grad_()

    LOSSES["squared_error"]()(z, torch.from_numpy(targets)).backward()

    np.testing.assert_allclose(z.grad.numpy(), (outputs - targets) / N_ROWS, rtol=1e-12)


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
def test_the_quantile_loss_is_scikit_learns_pinball_loss(example, quantile):
    outputs, targets = example("quantile")

    loss = call(LOSSES["quantile"](quantile), outputs, targets)

    per_output = metrics.mean_pinball_loss(targets, outputs, alpha=quantile, multioutput="raw_values")
    assert loss == pytest.approx(per_output.sum(), rel=1e-12)


def test_the_absolute_error_is_twice_the_median_s_pinball_loss(example):
    outputs, targets = example("absolute_error")

    assert call(LOSSES["absolute_error"](), outputs, targets) == pytest.approx(
        2 * call(LOSSES["quantile"](0.5), outputs, targets), rel=1e-12
    )


def test_the_squared_error_is_scikit_learns_per_output_summed(example):
    outputs, targets = example("mean_squared_error")

    loss = call(LOSSES["mean_squared_error"](), outputs, targets)

    per_output = metrics.mean_squared_error(targets, outputs, multioutput="raw_values")
    assert loss == pytest.approx(per_output.sum(), rel=1e-12)


def test_the_perceptron_loss_is_scikit_learns_hinge_without_margin(example):
    outputs, targets = (array[:, 0] for array in example("perceptron"))
    hinge = Hinge(0.0)

    expected = np.mean([hinge.py_loss(z, 2 * t - 1) for z, t in zip(outputs, targets, strict=True)])
    assert call(LOSSES["perceptron"](), outputs[:, None], targets[:, None]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", REGRESSION)
def test_outputs_are_summed_and_not_averaged(name, example):
    outputs, targets = example(name)
    loss = LOSSES[name]()

    parts = [call(loss, outputs[:, [k]], targets[:, [k]]) for k in range(3)]

    assert call(loss, outputs, targets) == pytest.approx(sum(parts), rel=1e-12)


# -------------------------------------------------------------------------------------------- details


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_smoothed_labels_share_their_certainty_evenly(example, smoothing):
    outputs, targets = example("cross_entropy")
    spread = np.eye(3)[targets] * (1 - smoothing) + smoothing / 3

    loss = LOSSES["cross_entropy"](label_smoothing=smoothing)

    expected = -(spread * log_softmax(outputs, axis=1)).sum(1)
    np.testing.assert_allclose(rows(loss, outputs, targets), expected, rtol=1e-12)
    assert call(loss, outputs, targets) == pytest.approx(
        float(
            torch.nn.functional.cross_entropy(
                torch.from_numpy(outputs), torch.from_numpy(targets), label_smoothing=smoothing
            )
        ),
        rel=1e-12,
    )


@pytest.mark.parametrize("smoothing", [0.1, 0.9])
def test_smoothing_two_classes_is_smoothing_a_softmax_over_two(example, smoothing):
    # The sigmoid of one score is the softmax of that score and zero.
    scores, labels = example("binary_cross_entropy")
    scores, labels = scores[:, :1], labels[:, :1]

    binary = rows(LOSSES["binary_cross_entropy"](label_smoothing=smoothing), scores, labels)

    two_columns = np.hstack([np.zeros_like(scores), scores])
    several = rows(LOSSES["cross_entropy"](label_smoothing=smoothing), two_columns, labels[:, 0].astype(int))
    np.testing.assert_allclose(binary, several, rtol=1e-12)


def test_class_indices_and_their_indicator_have_the_same_perceptron_loss(rng):
    outputs, classes = rng.normal(size=(N_ROWS, 3)), rng.integers(0, 3, N_ROWS)
    loss = LOSSES["perceptron"]()

    np.testing.assert_array_equal(rows(loss, outputs, classes), rows(loss, outputs, np.eye(3)[classes]))


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy"])
def test_scores_beyond_the_exponentials_range_give_a_finite_loss(name):
    outputs = np.array([[2000.0, -2000.0]])
    targets = np.array([1]) if name == "cross_entropy" else np.array([[0.0, 1.0]])

    # The right class lies 4 000 below the other; both labels are 2 000 on the wrong side.
    assert call(LOSSES[name](), outputs, targets) == pytest.approx(4000.0)


def test_a_count_of_zero_has_a_finite_poisson_loss_and_gradient():
    z = torch.tensor([[0.3]], dtype=torch.float64, requires_grad=True)

    loss = LOSSES["poisson"]()(z, torch.zeros(1, 1, dtype=torch.float64))
    loss.backward()

    assert float(loss.detach()) == pytest.approx(np.exp(0.3))
    assert float(z.grad) == pytest.approx(np.exp(0.3))


@pytest.mark.parametrize(
    ("name", "link", "inverse"),
    [
        ("cross_entropy", "softmax", lambda z: softmax(z, axis=1)),
        ("binary_cross_entropy", "logistic", expit),
        ("poisson", "exp", np.exp),
        ("mean_squared_error", "identity", lambda z: z),
    ],
)
def test_the_link_names_the_function_that_makes_predictions(name, link, inverse, example):
    # With its own link a loss's gradient is prediction minus target (twice that for the whole squared error).
    outputs, targets = example(name)
    z = torch.from_numpy(outputs).requires_grad_()

    LOSSES[name]().rows(z, torch.from_numpy(targets)).sum().backward()

    expected = inverse(outputs) - (np.eye(3)[targets] if name == "cross_entropy" else targets)
    factor = 2 if name == "mean_squared_error" else 1
    assert LOSSES[name].link == link
    np.testing.assert_allclose(z.grad.numpy(), factor * expected, rtol=1e-12)


# -------------------------------------------------------------------------------------------- slopes

SETTINGS = {
    "cross_entropy": [{}, {"label_smoothing": 0.1}, {"label_smoothing": 0.4}],
    "binary_cross_entropy": [{"label_smoothing": 0.1}, {}, {"label_smoothing": 0.4}],
    "quantile": [{"quantile": 0.1}, {}, {"quantile": 0.9}],
}


def slopes_by_autograd(loss, outputs, targets):
    z = torch.from_numpy(outputs).requires_grad_()
    return torch.autograd.grad(loss.rows(z, torch.from_numpy(targets)).sum(), z)[0]


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_slopes_are_the_derivatives_of_the_rows(name, which, example):
    outputs, targets = example(name)
    loss = LOSSES[name](**SETTINGS.get(name, [{}] * 3)[which])

    slopes = loss.slopes(torch.from_numpy(outputs), torch.from_numpy(targets))

    torch.testing.assert_close(slopes, slopes_by_autograd(loss, outputs, targets), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("is_alike", [False, True])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_slopes_of_several_networks_follow_each_ones_settings(name, is_alike, n_columns, example):
    if name == "cross_entropy" and n_columns == 1:
        pytest.skip("softmax needs two columns")
    examples = [example(name) for _ in range(3)]
    outputs = [z[:, :n_columns] for z, _ in examples]
    targets = [t[:, :n_columns] if t.ndim == 2 else t for _, t in examples]
    settings = [SETTINGS.get(name, [{}] * 3)[0 if is_alike else k] for k in range(3)]
    losses = [LOSSES[name](**own) for own in settings]

    stacked = stack_losses(losses, torch.zeros(1, dtype=torch.float64))
    slopes = stacked.slopes(torch.from_numpy(np.stack(outputs)), torch.from_numpy(np.stack(targets)))

    for k, loss in enumerate(losses):
        expected = slopes_by_autograd(loss, outputs[k], targets[k])
        torch.testing.assert_close(slopes[k], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_slopes_lie_in_memory_of_their_own(name, example):
    outputs, targets = (torch.from_numpy(array) for array in example(name))
    before = outputs.clone(), targets.clone()

    LOSSES[name]().slopes(outputs, targets).fill_(7)

    assert torch.equal(outputs, before[0])
    assert torch.equal(targets, before[1])


@pytest.mark.parametrize("name", ["absolute_error", "huber", "quantile"])
def test_slopes_where_a_prediction_is_exact_are_autograds(name):
    # The quantile loss has none there; both take the middle.
    outputs = np.array([[0.5, -1.0]])
    loss = LOSSES[name]()

    slopes = loss.slopes(torch.from_numpy(outputs), torch.from_numpy(outputs.copy()))

    torch.testing.assert_close(slopes, slopes_by_autograd(loss, outputs, outputs.copy()), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy"])
def test_slopes_of_scores_beyond_the_exponentials_range_are_finite(name):
    outputs = torch.tensor([[2000.0, -2000.0]], dtype=torch.float64)
    targets = torch.tensor([1]) if name == "cross_entropy" else torch.tensor([[0.0, 1.0]], dtype=torch.float64)

    assert LOSSES[name]().slopes(outputs, targets).tolist() == [[1.0, -1.0]]


def test_stacked_losses_leave_the_networks_own_alone():
    losses = [LOSSES["quantile"](quantile) for quantile in (0.1, 0.9)]

    stack_losses(losses, torch.zeros(1))

    assert [loss.quantile for loss in losses] == [0.1, 0.9]
