"""Data sets to learn from, and loaders for one's own pictures."""

from sknets.datasets._annotated_images import load_annotated_images
from sknets.datasets._cifar10 import fetch_cifar10
from sknets.datasets._fashion_mnist import fetch_fashion_mnist
from sknets.datasets._image_files import ImageFiles
from sknets.datasets._image_folder import load_image_folder
from sknets.datasets._mnist import fetch_mnist
from sknets.datasets._thermometer import load_thermometer

__all__ = [
    "ImageFiles",
    "fetch_cifar10",
    "fetch_fashion_mnist",
    "fetch_mnist",
    "load_annotated_images",
    "load_image_folder",
    "load_thermometer",
]
