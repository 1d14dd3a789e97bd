"""Torch modules that the estimators are made of."""

from sknets.nn._activations import ACTIVATIONS, HardThreshold, make_activation
from sknets.nn._augmentation import PRESETS, Augmentation, make_transform
from sknets.nn._backbone import check_backbone_name
from sknets.nn._batch_normalization import BatchNormalization
from sknets.nn._blank_copy import build_blank
from sknets.nn._convnet import ConvNet
from sknets.nn._dropout import ChannelDropout, Dropout, draw_kept, draw_pairs_of_words, draw_words, find_threshold
from sknets.nn._image_input import ImageInput
from sknets.nn._image_network import ImageNetwork
from sknets.nn._initialisers import INITIALISERS, initialise
from sknets.nn._isolated import Isolated, build_isolated
from sknets.nn._lenet import LeNet5
from sknets.nn._mlp import MLP, Residual
from sknets.nn._normalization import NORMALIZATIONS
from sknets.nn._pooling import POOLS, PowerAveragePool2d
from sknets.nn._random_layer import BaseRandomLayer
from sknets.nn._residual import ResidualNet
from sknets.nn._shapes import LayerShape, trace_layers
from sknets.nn._transfer_network import FEATURE_AXES, TransferNetwork
from sknets.nn._workshop import WorkshopNet

__all__ = [
    "ACTIVATIONS",
    "FEATURE_AXES",
    "INITIALISERS",
    "MLP",
    "NORMALIZATIONS",
    "POOLS",
    "PRESETS",
    "Augmentation",
    "BaseRandomLayer",
    "BatchNormalization",
    "ChannelDropout",
    "ConvNet",
    "Dropout",
    "HardThreshold",
    "ImageInput",
    "ImageNetwork",
    "Isolated",
    "LayerShape",
    "LeNet5",
    "PowerAveragePool2d",
    "Residual",
    "ResidualNet",
    "TransferNetwork",
    "WorkshopNet",
    "build_blank",
    "build_isolated",
    "check_backbone_name",
    "draw_kept",
    "draw_pairs_of_words",
    "draw_words",
    "find_threshold",
    "initialise",
    "make_activation",
    "make_transform",
    "trace_layers",
]
