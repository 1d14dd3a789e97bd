"""What a network is made of, and why it fits as it does."""

from typing import TYPE_CHECKING

from sknets._lazy import lazy_doors

__getattr__, __dir__ = lazy_doors(
    __name__,
    {
        "Diagnosis": "sknets.inspection._diagnosis",
        "Summary": "sknets.inspection._summary_table",
        "diagnose": "sknets.inspection._diagnose",
        "summary": "sknets.inspection._summary",
    },
)

__all__ = ["Diagnosis", "Summary", "diagnose", "summary"]

if TYPE_CHECKING:
    from sknets.inspection._diagnose import diagnose
    from sknets.inspection._diagnosis import Diagnosis
    from sknets.inspection._summary import summary
    from sknets.inspection._summary_table import Summary
