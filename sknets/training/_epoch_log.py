"""The life of one epoch in the log: opened, closed with its figures, or dropped."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from sknets.training._history import column, last_row, open_row
from sknets.training._plan import Rows
from sknets.training._scores import SCORES
from sknets.training._snapshot import Snapshot
from sknets.training._watch import ask_to_end

if TYPE_CHECKING:
    from sknets.training._net import InMemoryNet


def begin_epoch(net: "InMemoryNet") -> None:
    """Open the log's next row."""
    net.epoch_start = time.perf_counter()
    if net.callbacks_:
        net.notify("on_epoch_begin", **net.epoch_data)
    else:
        # What `notify` comes to; of a stack's small networks the log takes as long as the training.
        open_row(net.history)


def end_epoch(
    net: "InMemoryNet",
    train_loss: float,
    validation: Rows | None,
    learning_rate: float | None = None,
    n_rows: int = 0,
    *,
    outputs: Sequence[torch.Tensor] | None = None,
    take_snapshot: Callable[[], Snapshot] | None = None,
) -> bool:
    """Score the validation rows, close the row, tell the callbacks and return whether training is to stop.

    ``n_rows`` are those that were stepped along in the epoch: none where all rows are taken at once. The weights, and
    the ``outputs`` for the validation rows and for those of the watches, are the module's own, unless they are given.
    """
    row = last_row(net.history)
    row["train_loss"] = train_loss
    seen = iter(_look(net, validation) if outputs is None else outputs)
    if validation is not None:
        row["valid_loss"], row["valid_score"] = _evaluate(net, validation, next(seen))
    if learning_rate is not None:
        row["learning_rate"] = learning_rate
    _close(net, row, n_rows)
    _watch(net, row, take_snapshot or net.snapshot)
    _print(net, row)
    for watch in net.watches:
        watch.tell(net, row, [next(seen) for _ in watch.inputs])
    if not net.callbacks_:
        return ask_to_end(net)
    _mark_best(net, row)
    try:
        net.notify("on_epoch_end", **net.epoch_data)
    except KeyboardInterrupt:
        # How skorch's EarlyStopping, and our bridge to scikit-learn's callbacks, end training.
        net.was_stopped = True
    return ask_to_end(net)


def end_epoch_early(net: "InMemoryNet", train_loss: float | None, n_rows: int) -> None:
    """Close the row of an epoch that was interrupted; drop it where nothing was learnt."""
    if train_loss is None:
        drop_epoch(net)
        return
    row = last_row(net.history)
    row["train_loss"] = train_loss
    _close(net, row, n_rows)


def close_interrupted_epoch(net: "InMemoryNet", n_rows: int) -> None:
    """Close or drop the last row where an interrupt came between its steps and its end."""
    if net.history and "seconds" not in last_row(net.history):
        end_epoch_early(net, last_row(net.history).get("train_loss"), n_rows)


def end_epoch_diverged(net: "InMemoryNet", train_loss: float, validation: Rows | None) -> None:
    """Close the row of an epoch whose loss was not finite."""
    row = last_row(net.history)
    row["train_loss"] = train_loss
    if validation is not None:
        row["valid_loss"] = row["valid_score"] = math.nan
    _close(net, row, 0)


def drop_epoch(net: "InMemoryNet") -> None:
    """Take the open row out of the log."""
    del net.history[-1]


def log_batch(net: "InMemoryNet", prefix: str, loss: Any, n_rows: int) -> None:
    """Write one batch's loss where callbacks listen to batches."""
    net.history.record_batch(f"{prefix}_loss", float(loss))
    net.history.record_batch(f"{prefix}_batch_size", n_rows)


def _close(net: "InMemoryNet", row: dict[str, Any], n_rows: int) -> None:
    row.setdefault("seconds", time.perf_counter() - net.epoch_start)
    net.n_iter += 1
    net.rows_seen += n_rows


def _look(net: "InMemoryNet", validation: Rows | None) -> Iterator[torch.Tensor]:
    """Compute outputs one after the other, as they are asked for."""
    if validation is not None:
        yield net.outputs(validation.inputs)
    for watch in net.watches:
        yield from map(net.outputs, watch.inputs)


def _evaluate(net: "InMemoryNet", rows: Rows, outputs: torch.Tensor) -> tuple[float, float]:
    """Return the mean loss, without penalty, and the score of ``rows``; NaN where outputs are not finite."""
    loss = net.mean_loss(outputs, rows)
    if net.hooks("on_batch_begin", "on_batch_end"):
        _notify_validation(net, outputs, rows, loss)
    if not bool(torch.isfinite(outputs).all()):
        return loss, math.nan
    return loss, SCORES[net.recipe.score](outputs, rows, net.criterion_.link)


def _notify_validation(net: "InMemoryNet", outputs: torch.Tensor, rows: Rows, loss: float) -> None:
    """Show callbacks that listen to batches the validation rows as one batch."""
    batch = (rows.inputs, rows.targets)
    net.notify("on_batch_begin", batch=batch, training=False)
    log_batch(net, "valid", loss, len(rows))
    net.notify("on_batch_end", batch=batch, training=False, loss=torch.tensor(loss), y_pred=outputs)


def _watch(net: "InMemoryNet", row: dict[str, Any], take_snapshot: Callable[[], Snapshot]) -> None:
    monitors_score = net.rule.monitor == "score"
    value = row.get("valid_score" if monitors_score else "train_loss")
    if value is not None and net.rule.update(value) and monitors_score:
        net.best_snapshot = take_snapshot()


def _print(net: "InMemoryNet", row: dict[str, Any]) -> None:
    if net.recipe.verbose:
        print(f"Iteration {net.n_iter}, loss = {row['train_loss']:.8f}")
        if "valid_score" in row:
            print(f"Validation score: {row['valid_score']:f}")


def _mark_best(net: "InMemoryNet", row: dict[str, Any]) -> None:
    """Write what skorch's Checkpoint reads: whether this epoch is the best so far, and one batch row."""
    for name in ("train_loss", "valid_loss"):
        if name in row:
            earlier = column(net.history, name)[:-1]
            row[f"{name}_best"] = row[name] < min(earlier, default=math.inf)
    if not row["batches"]:
        row["batches"].append({"train_batch_size": net.epoch_data["dataset_train"].n_rows})
