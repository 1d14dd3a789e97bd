"""How a fit has its network trained."""

from sknets import training
from sknets.batching._here import here
from sknets.batching._open_reports import open_reports, reports_elsewhere
from sknets.batching._report import BY_ITSELF, IN_A_THREAD, ONE_PASS
from sknets.batching._train_alone import train_alone
from sknets.training import InMemoryNet, TrainingPlan


def train(plan: TrainingPlan, net: InMemoryNet) -> InMemoryNet:
    """Train ``net`` by ``plan`` and return it: together with others inside a task, else at once."""
    task = here.task
    if task is not None and not here.is_training:
        return task.train_here(training.train, plan, net, ONE_PASS) if plan.is_one_pass else task.fit(plan, net)
    reports = open_reports()
    if reports:
        return train_alone(training.train, plan, net, reports, ONE_PASS if plan.is_one_pass else BY_ITSELF)
    return train_alone(training.train, plan, net, reports_elsewhere(), IN_A_THREAD)
