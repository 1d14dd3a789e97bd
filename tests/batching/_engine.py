"""A training engine that trains one network after the other and can be told what to do."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sknets import training


@dataclass
class Engine:
    """What the tests may change and look at.

    Attributes
    ----------
    stacks : list of int
        Sizes, in the order of training; a network alone is one of 1.
    reason_alone : callable
        From a plan to the reason why it is trained alone, or None.
    n_bytes : int
        What each network takes.
    before_stack : callable
        Called with the stack in the thread that trains.
    """

    stacks: list = field(default_factory=list)
    reason_alone: Callable = lambda plan: None
    n_bytes: int = 1
    before_stack: Callable = lambda trainees: None
    max_bytes: list = field(default_factory=list)

    def install(self, monkeypatch):
        engine = self

        class Trainee:
            def __init__(self, plan, net):
                self.plan, self.net, self.error = plan, net, None
                self.reason_alone = engine.reason_alone(plan)
                self.key = repr(sorted(plan.recipe.module.arguments.items()))
                self.is_too_large = self.is_compiled = False
                self.n_bytes = engine.n_bytes
                self.flops = self.n_steps = 0

            def finish(self):
                if self.error is not None:
                    raise self.error
                return self.net

        def split_into_stacks(trainees, max_bytes):
            engine.max_bytes.append(max_bytes)
            return [list(trainees)]

        def train_stack(trainees):
            engine.stacks.append(len(trainees))
            engine.before_stack(trainees)
            for trainee in trainees:
                try:
                    training.train(trainee.plan, trainee.net)
                except Exception as error:  # noqa: BLE001
                    trainee.error = error

        monkeypatch.setattr("sknets.batching._task.Trainee", Trainee)
        monkeypatch.setattr("sknets.batching._task.train_stack", train_stack)
        monkeypatch.setattr("sknets.batching._training_phase.split_into_stacks", split_into_stacks)
        monkeypatch.setattr("sknets.batching._training_phase.train_stack", train_stack)
        monkeypatch.setattr("sknets.training._side_by_side.train_stack", train_stack)
        return self
