"""Transformers of images: their layout, their scale, and random changes to training images."""

from sknets.preprocessing._augmenter import Augmenter
from sknets.preprocessing._channel_scaler import ChannelScaler
from sknets.preprocessing._image_reshaper import ImageReshaper

__all__ = ["Augmenter", "ChannelScaler", "ImageReshaper"]
