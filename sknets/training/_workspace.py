"""Memory that the layers of a dense program write anew in every step."""

import torch


class Workspace:
    """One tensor for each number of rows that a layer meets: that of full batches, and that of the last one.

    Outputs of half a megabyte come from the operating system at every step and go back to it, page by page; to fill
    them was measured to take less time than that.
    """

    def __init__(self) -> None:
        self._tensors: dict[int, torch.Tensor] = {}

    def take(self, inputs: torch.Tensor, width: int) -> torch.Tensor:
        """Return memory of shape (k, rows, width) for ``inputs`` of shape (k, rows, ...); what is in it is lost."""
        n_rows = inputs.shape[1]
        tensor = self._tensors.get(n_rows)
        if tensor is None:
            tensor = self._tensors[n_rows] = inputs.new_empty(len(inputs), n_rows, width)
        return tensor

    def like(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return memory of the shape of ``inputs``."""
        return self.take(inputs, inputs.shape[2])

    def clear(self) -> None:
        """Let the memory go, as the number of networks changes."""
        self._tensors.clear()
