"""A network in a few words, for a report's table."""

from sknets.training import InMemoryNet, TrainingPlan


def describe(plan: TrainingPlan, net: InMemoryNet) -> str:
    """Return what is trained and how, such as ``"MLP 4-8-3, adam"``."""
    arguments, solver = plan.recipe.module.arguments, plan.recipe.solver.solver
    name = type(net.module_).__name__
    if {"n_inputs", "hidden_sizes", "n_outputs"} <= arguments.keys():
        widths = (arguments["n_inputs"], *arguments["hidden_sizes"], arguments["n_outputs"])
        name += " " + "-".join(map(str, widths))
    return f"{name}, {solver if isinstance(solver, str) else solver.__name__}"


def count_epochs(net: InMemoryNet) -> int:
    """Return how many epochs the last fit took, or its iterations where the solver has no epochs."""
    return getattr(net, "epochs_of_fit", 0) or getattr(net, "n_iter", 0)
