import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknets import (
    CNNClassifier,
    CNNRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
    TransferClassifier,
)
from sknets.inspection._network_place import locate_network, replace_network
from sknets.inspection._probes import make_probes

NETWORKS = [
    MLPClassifier(),
    MLPClassifier(2000),
    MLPClassifier((1,), alpha=0.0, dropout=[0.5], normalization="layer", early_stopping=True, learning_rate="cosine"),
    MLPClassifier(solver="lbfgs"),
    MLPRegressor(hidden_layer_sizes=()),
    CNNClassifier(),
    CNNClassifier(architecture="lenet5"),
    CNNRegressor(channels=8, hidden_layer_sizes=()),
    TransferClassifier(),
    LogisticRegression(),
    LogisticRegression(solver="adam"),
    LinearRegression(),
    LinearRegression(penalty="l2", solver="sgd"),
    Perceptron(),
]


def tried(network):
    return {probe.name: probe.parameters for probe in make_probes(network)}


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: repr(network)[:60].replace("\n", ""))
def test_every_change_is_one_and_its_parameters_are_the_networks(network):
    probes = make_probes(network)

    assert len({probe.name for probe in probes}) == len(probes) >= 2
    for probe in probes:
        assert (probe.replacement is None) == bool(probe.parameters)
        changed = clone(network).set_params(**probe.parameters)
        differs = any(getattr(network, name) != value for name, value in probe.parameters.items())
        assert differs or probe.replacement is not None
        changed._validate_params()


def test_sizes_are_a_quarter_and_four_times_and_one_layer_more():
    sizes = tried(MLPClassifier((40, 20)))

    assert sizes["larger"] == {"hidden_layer_sizes": (160, 80)}
    assert sizes["smaller"] == {"hidden_layer_sizes": (10, 5)}
    assert sizes["deeper"] == {"hidden_layer_sizes": (40, 20, 20)}


def test_very_wide_layers_are_not_made_wider_and_single_units_not_narrower():
    assert tried(MLPClassifier((600, 8)))["larger"] == {"hidden_layer_sizes": (1024, 32)}
    assert "larger" not in tried(MLPClassifier((2000,)))
    assert "smaller" not in tried(MLPClassifier((1,)))


def test_a_layer_more_gets_a_dropout_rate_of_its_own():
    assert tried(MLPClassifier((8, 4), dropout=[0.1, 0.2]))["deeper"]["dropout"] == [0.1, 0.2, 0.2]


def test_solvers_without_steps_have_no_rates_to_try():
    assert not any("learning_rate_init" in parameters for parameters in tried(MLPClassifier(solver="lbfgs")).values())
    assert "early stopping" not in tried(MLPClassifier(solver="lbfgs"))


def test_the_penalty_is_tried_on_both_sides():
    alphas = [parameters["alpha"] for parameters in tried(MLPClassifier(alpha=0.5)).values() if "alpha" in parameters]
    assert min(alphas) < 0.5 < max(alphas)
    costs = [parameters["C"] for parameters in tried(LogisticRegression(C=2.0)).values() if "C" in parameters]
    assert min(costs) < 2.0 < max(costs)


def test_finds_the_network_and_puts_another_in_its_place():
    network = MLPRegressor()
    inner = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), network))
    estimator = TransformedTargetRegressor(inner, transformer=StandardScaler())

    place = locate_network(estimator)
    replaced = replace_network(estimator, LinearRegression())

    assert place.network is network
    assert place.prefix == "regressor__pipeline__mlpregressor__"
    assert isinstance(replaced.regressor[-1][-1], LinearRegression)
    assert locate_network(estimator).network is network
