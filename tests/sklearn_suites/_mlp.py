"""Which of scikit-learn's multilayer perceptron tests run against sknets."""

from tests.sklearn_suites._suite import Suite


def _private(attribute: str) -> str:
    return f"reaches into the private `{attribute}`"


MLP = Suite(
    module="sklearn.neural_network.tests.test_mlp",
    swapped=frozenset({"MLPClassifier", "MLPRegressor"}),
    left_out={
        "test_fit": _private("_coef_grads"),
        "test_gradient": _private("_loss_grad_lbfgs"),
        "test_learning_rate_warmstart": _private("_optimizer"),
        "test_adaptive_learning_rate": _private("_optimizer"),
        "test_n_iter_no_change": _private("_no_improvement_count"),
        "test_n_iter_no_change_inf": _private("_no_improvement_count"),
    },
)
