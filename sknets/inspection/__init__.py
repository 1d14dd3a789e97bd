"""What a network is made of, what goes on in it, and why it fits as it does."""

from typing import TYPE_CHECKING

from sknets._lazy import lazy_doors

__getattr__, __dir__ = lazy_doors(
    __name__,
    {
        "Diagnosis": "sknets.inspection._diagnosis",
        "LayerStatistics": "sknets.inspection._layer_statistics",
        "Summary": "sknets.inspection._summary_table",
        "confident_mistakes": "sknets.inspection._mistakes",
        "convolution_filters": "sknets.inspection._convolutions",
        "count_parameters": "sknets.inspection._size",
        "diagnose": "sknets.inspection._diagnose",
        "feature_maps": "sknets.inspection._convolutions",
        "layer_statistics": "sknets.inspection._layer_statistics",
        "most_probable": "sknets.inspection._mistakes",
        "summary": "sknets.inspection._summary",
    },
)

__all__ = [
    "Diagnosis",
    "LayerStatistics",
    "Summary",
    "confident_mistakes",
    "convolution_filters",
    "count_parameters",
    "diagnose",
    "feature_maps",
    "layer_statistics",
    "most_probable",
    "summary",
]

if TYPE_CHECKING:
    from sknets.inspection._convolutions import convolution_filters, feature_maps
    from sknets.inspection._diagnose import diagnose
    from sknets.inspection._diagnosis import Diagnosis
    from sknets.inspection._layer_statistics import LayerStatistics, layer_statistics
    from sknets.inspection._mistakes import confident_mistakes, most_probable
    from sknets.inspection._size import count_parameters
    from sknets.inspection._summary import summary
    from sknets.inspection._summary_table import Summary
