from types import SimpleNamespace

import pytest

from sknets.training.callbacks import Unfreeze


class RecordedModule:
    """A network of ten parts that writes down how many of them are to learn."""

    stages = tuple(range(10))

    def __init__(self):
        self.numbers = []

    def train_stages(self, n_stages):
        self.numbers.append(n_stages)


def stages_by_epoch(epochs, stages_per_step, n_epochs=7):
    module = RecordedModule()
    for epoch in range(n_epochs):
        Unfreeze(epochs, stages_per_step).on_epoch_begin(SimpleNamespace(module_=module, epochs_of_fit=epoch))
    return module.numbers


@pytest.mark.parametrize(
    ("epochs", "stages_per_step", "expected"),
    [
        ((3,), None, [0, 0, 0, 10, 10, 10, 10]),
        ((0,), None, [10] * 7),
        ((9,), None, [0] * 7),
        ((2, 4, 6), 4, [0, 0, 4, 4, 8, 8, 12]),
        ((0, 1, 5), 2, [2, 4, 4, 4, 4, 6, 6]),
    ],
)
def test_parts_learn_from_their_epoch_on(epochs, stages_per_step, expected):
    assert stages_by_epoch(epochs, stages_per_step) == expected
