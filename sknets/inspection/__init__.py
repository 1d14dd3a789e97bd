"""What a network is made of."""

from sknets.inspection._summary import summary
from sknets.inspection._summary_table import Summary

__all__ = ["Summary", "summary"]
