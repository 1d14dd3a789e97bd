"""What a network is made of, and what goes on in it."""

from sknets.inspection._convolutions import convolution_filters, feature_maps
from sknets.inspection._layer_statistics import LayerStatistics, layer_statistics
from sknets.inspection._mistakes import confident_mistakes, most_probable
from sknets.inspection._size import count_parameters
from sknets.inspection._summary import summary
from sknets.inspection._summary_table import Summary

__all__ = [
    "LayerStatistics",
    "Summary",
    "confident_mistakes",
    "convolution_filters",
    "count_parameters",
    "feature_maps",
    "layer_statistics",
    "most_probable",
    "summary",
]
