"""The curve of one fold: losses and scores after every epoch."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from sknets._sklearn_compat import RunningFold
from sknets.model_selection._scored_rows import ScoredRows
from sknets.training import BaseWatch, InMemoryNet, TrainingPlan

#: A row of a curve: "epoch", "train_loss", "valid_loss", "valid_scores" and "train_scores" (by name of the score).
CurveRow = dict[str, Any]


class FoldWatch(BaseWatch):
    """Writes the curve of a fold's network.

    Parameters
    ----------
    held_out, training : ScoredRows or None
        What is scored.
    after_epoch : callable, default=None
        Called with each row of the curve; returns whether training is to end.
    after_all : callable, default=None
        Called with the curve.

    Attributes
    ----------
    curve : list of dict
    was_interrupted : bool
        Whether the user has ended the training.
    """

    def __init__(
        self,
        held_out: ScoredRows | None,
        training: ScoredRows | None,
        after_epoch: Callable[[CurveRow], bool] | None = None,
        after_all: Callable[[list[CurveRow]], None] | None = None,
    ) -> None:
        self._parts = {"valid": held_out, "train": training}
        super().__init__([part.lookout.inputs for part in self._parts.values() if part is not None])
        self.curve: list[CurveRow] = []
        self._after_epoch = after_epoch
        self._after_all = after_all
        self._is_told_to_end = False
        self.was_interrupted = False

    def tell(self, net: InMemoryNet, row: dict[str, Any], outputs: Sequence[torch.Tensor]) -> None:
        """Score the rows and append to the curve."""
        seen = iter(outputs)
        own: CurveRow = {"epoch": len(self.curve) + 1, "train_loss": row["train_loss"]}
        for name, part in self._parts.items():
            if part is None:
                continue
            part_outputs = next(seen)
            if name == "valid":
                own["valid_loss"] = part.loss(net, part_outputs)
            own[f"{name}_scores"] = part.score(part_outputs)
        self.curve.append(own)
        if self._after_epoch is not None:
            self._is_told_to_end = self._after_epoch(own)

    def wants_end(self) -> bool:
        """Whether the last epoch's listener said so."""
        return self._is_told_to_end

    def end(self, net: InMemoryNet) -> None:
        """Hand the curve over."""
        self.was_interrupted = net.was_interrupted
        # In a stack, and by other products, the same outputs may differ in their last bits. Where early stopping has
        # gone back to other weights, the last epoch stays what it was.
        if self.curve and net.rule.monitor != "score":
            self.curve[-1] |= {
                f"{name}_scores": part.score_finished(net) for name, part in self._parts.items() if part is not None
            }
        if self._after_all is not None:
            self._after_all(self.curve)


def score_fold(
    network: Any, plan: TrainingPlan, fold: RunningFold, *, scorer: Any = None, with_training: bool
) -> tuple[ScoredRows, ScoredRows | None]:
    """Return a fold's held-out rows, and on demand those that it is trained on, ready to be scored by its network."""

    def scored(X: Any, y: Any, params: Any) -> ScoredRows:
        own = (fold.scorer, params or {}) if scorer is None else (scorer, {})
        return ScoredRows(fold.estimator, network, plan, X, y, *own)

    held_out = scored(fold.X_test, fold.y_test, fold.score_params_test)
    return held_out, scored(fold.X_train, fold.y_train, fold.score_params_train) if with_training else None
