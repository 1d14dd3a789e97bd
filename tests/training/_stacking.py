"""Training several networks as one stack: whole estimators, and plans below them."""

import numpy as np
from joblib import Parallel, delayed

from sknets.batching import batched_fits
from sknets.training import Trainee, make_net
from tests.training._fitting import make_plan, make_recipe


def fit_together(estimators, *data, own_data=None):
    """Fit estimators as one stack, each to the same data or to its own, and return them."""
    own_data = own_data or [data] * len(estimators)
    with batched_fits() as report:
        fitted = Parallel()(delayed(type(e).fit)(e, *own) for e, own in zip(estimators, own_data, strict=True))
    assert report.stack_sizes == [len(estimators)]
    return fitted


def make_trainee(recipe=None, *, n_rows=20, n_inputs=3, seed=0, dtype=np.float64, **changes):
    """Return a network of a recipe, a plan for random rows, and their trainee."""
    recipe = recipe or make_recipe(n_inputs=n_inputs, batch_size=8)
    rng = np.random.default_rng(seed)
    n_outputs = recipe.module.arguments["n_outputs"]
    inputs, targets = rng.normal(size=(n_rows, n_inputs)), rng.normal(size=(n_rows, n_outputs))
    plan = make_plan(recipe, inputs.astype(dtype), targets.astype(dtype), seed=seed, **changes)
    return Trainee(plan, make_net(recipe, plan.random))


def weights_of(net):
    return [parameter.detach().numpy() for parameter in net.module_.parameters()]
