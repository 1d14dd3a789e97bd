"""Data sets to learn from."""

from sknets.datasets._fashion_mnist import fetch_fashion_mnist
from sknets.datasets._mnist import fetch_mnist
from sknets.datasets._thermometer import load_thermometer

__all__ = ["fetch_fashion_mnist", "fetch_mnist", "load_thermometer"]
