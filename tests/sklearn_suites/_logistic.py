"""Which of scikit-learn's logistic regression tests run against sknets."""

from typing import Any

from sklearn import linear_model as reference

from tests.sklearn_suites._cases import Case
from tests.sklearn_suites._suite import Suite

CV = "is about LogisticRegressionCV, which is scikit-learn's alone"
PATH = "calls the private path functions"
LIBLINEAR = "is about liblinear, a solver that sknets does not have"
NEWTON = "is about the Newton solvers, which sknets does not have"
ARRAY_API = "is about array API dispatch; sknets takes tensors without it"

# In scikit-learn only saga has an L1 term. In sknets lbfgs has it too, and is asked what these tests ask of saga.
SAGA_AS_LBFGS = {"saga": "lbfgs"}
# Where a test compares solvers, sknets' lbfgs is compared with the other solvers of scikit-learn itself.
AGAINST_REFERENCE = {"LogisticRegression": "by_solver"}


def by_solver(*, solver: str, **params: Any) -> Any:
    """sknets' estimator for lbfgs, scikit-learn's for a solver that is scikit-learn's alone."""
    # Imported here, so that the process that only prints the summary need not load torch.
    from sknets.linear_model import LogisticRegression

    return (LogisticRegression if solver == "lbfgs" else reference.LogisticRegression)(solver=solver, **params)


def _has_another_solver(case: Case) -> bool:
    return case.get("solver", "lbfgs") != "lbfgs"


def _is_cross_validated(case: Case) -> bool:
    return case.get("problem") == "cv" or any(value is reference.LogisticRegressionCV for value in case.values())


def _is_dual(case: Case) -> bool:
    return "params" in case and case["params"]["dual"]


LOGISTIC = Suite(
    module="sklearn.linear_model.tests.test_logistic",
    swapped=frozenset({"LogisticRegression"}),
    left_out={
        "test_check_solver_option": "expects lbfgs to refuse an L1 term, which sknets' lbfgs has",
        "test_consistency_path": PATH,
        "test_logistic_regression_path_convergence_fail": PATH,
        "test_logistic_cv_multinomial_score": PATH,
        "test_logistic_regression_path_coefs_multinomial": PATH,
        "test_logistic_regression_path_init_coefs": PATH,
        "test_logreg_predict_proba_multinomial": "reaches into the private `_predict_proba_lr`",
        "test_logistic_cv": CV,
        "test_logistic_cv_refit_false_non_elasticnet": CV,
        "test_logistic_cv_mock_scorer": CV,
        "test_multinomial_cv_iris": CV,
        "test_logistic_cv_sparse": CV,
        "test_logistic_regressioncv_class_weights": CV,
        "test_logistic_regression_cv_refit": CV,
        "test_LogisticRegressionCV_GridSearchCV_elastic_net": CV,
        "test_LogisticRegressionCV_no_refit": CV,
        "test_LogisticRegressionCV_elasticnet_attribute_shapes": CV,
        "test_LogisticRegressionCV_on_folds": CV,
        "test_scores_attribute_layout_elasticnet": CV,
        "test_lr_cv_scores_differ_when_sample_weight_is_requested": CV,
        "test_lr_cv_scores_without_enabling_metadata_routing": CV,
        "test_passing_params_without_enabling_metadata_routing": CV,
        "test_logisticregressioncv_warns_with_use_legacy_attributes": CV,
        "test_lr_scoring_warns": CV,
        "test_get_default_scorer": CV,
        "test_liblinear_dual_random_state": LIBLINEAR,
        "test_sample_and_class_weight_equivalence_liblinear": LIBLINEAR,
        "test_liblinear_with_large_values": LIBLINEAR,
        "test_liblinear_not_stuck": LIBLINEAR,
        "test_liblinear_multiclass_raises": LIBLINEAR,
        "test_logistic_regression_callback_support_warning": LIBLINEAR,
        "test_warm_start_newton_solver": NEWTON,
        "test_newton_cholesky_fallback_to_lbfgs": NEWTON,
        "test_logistic_regression_array_api_compliance": ARRAY_API,
        "test_logistic_regression_array_api_warm_start": ARRAY_API,
    },
    edits={
        "test_elasticnet_l1_ratio_err_helpful": SAGA_AS_LBFGS,
        "test_logistic_regression_solvers": AGAINST_REFERENCE,
        "test_logistic_regression_solvers_multiclass": AGAINST_REFERENCE,
        "test_logistic_regression_solvers_multiclass_unpenalized": AGAINST_REFERENCE,
        "test_logistic_regression_class_weights": {"SOLVERS": "shared_solvers"},
        "test_liblinear_decision_function_zero": {"liblinear": "lbfgs"},
        "test_logreg_l1": SAGA_AS_LBFGS | AGAINST_REFERENCE,
        "test_saga_vs_liblinear": SAGA_AS_LBFGS | AGAINST_REFERENCE,
        "test_warm_start_converge_LR": {"sag": "lbfgs"},
        "test_elastic_net_coeffs": SAGA_AS_LBFGS,
        "test_elastic_net_l1_l2_equivalence": SAGA_AS_LBFGS,
        "test_elastic_net_vs_l1_l2": SAGA_AS_LBFGS,
        "test_LogisticRegression_elastic_net_objective": SAGA_AS_LBFGS,
        "test_l1_ratio_non_elasticnet": SAGA_AS_LBFGS,
        "test_elastic_net_versus_sgd": SAGA_AS_LBFGS,
        "test_logisticregression_liblinear_sample_weight": {"liblinear": "lbfgs"},
        "test_single_feature_newton_cg": {"newton-cg": "lbfgs"},
        "test_lr_penalty_l1ratio_incompatible": SAGA_AS_LBFGS,
    },
    helpers={"by_solver": by_solver, "shared_solvers": ("lbfgs",)},
    left_out_cases={
        "for a solver other than lbfgs": _has_another_solver,
        "for LogisticRegressionCV": _is_cross_validated,
        "for dual=True, which only liblinear has": _is_dual,
    },
)
