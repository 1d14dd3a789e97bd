"""Many fits at once: networks of searches, cross-validations and ensembles trained together."""

from sknets.batching._context import batched_fits
from sknets.batching._joblib_backend import BatchedFitsBackend, register
from sknets.batching._report import BatchingReport
from sknets.batching._step_aside import step_aside
from sknets.batching._train import train

__all__ = ["BatchedFitsBackend", "BatchingReport", "batched_fits", "step_aside", "train"]

# joblib finds backends by names that somebody has told it.
register()
