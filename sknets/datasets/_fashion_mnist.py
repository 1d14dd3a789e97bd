"""Zalando's 70 000 pictures of clothes."""

import os
from typing import Any

from sklearn.utils import Bunch

from sknets.datasets._data_home import find_data_home
from sknets.datasets._download import Origin
from sknets.datasets._mnist_files import load_images_and_labels

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

ORIGIN = Origin(
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    checksums={
        "train-images-idx3-ubyte.gz": "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
)


def fetch_fashion_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    subset: str = "train",
    return_X_y: bool = False,
    download_if_missing: bool = True,
) -> Any:
    """Load Fashion-MNIST: grey pictures of clothes in ten classes, 60 000 to train and 10 000 to test.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder in which the folder ``fashion_mnist`` lies. None takes what the environment variable ``SKNETS_DATA``
        says, else ``~/sknets_data``.
    subset : {"train", "test", "all"}, default="train"
        Which images; "all" is the training images, then the test images.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    download_if_missing : bool, default=True
        Whether to download a file that is not there; False makes it an error.

    Returns
    -------
    data : sklearn.utils.Bunch
        ``data`` of shape (n, 28, 28) and type uint8: 0 is background, 255 the brightest. ``target`` of shape (n,): the
        classes 0 to 9. ``target_names``, a list of ten names, and ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If a file is missing and ``download_if_missing`` is False.
    ConnectionError
        If no mirror gave a missing file; the message says why and where to put it by hand.
    OSError
        If the folder cannot be written to, or the disk is full.
    ValueError
        For an unknown subset, or a file that is damaged.

    See Also
    --------
    fetch_mnist : Handwritten digits in the same format.

    Notes
    -----
    The files are the publisher's own: ``train-images-idx3-ubyte.gz``, ``train-labels-idx1-ubyte.gz``,
    ``t10k-images-idx3-ubyte.gz`` and ``t10k-labels-idx1-ubyte.gz``, with or without compression.
    One that is there is used, offline; one that is missing is downloaded, compared with its checksum, and moved into
    place.

    Estimators that take flat rows want ``data.reshape(len(data), -1)``, of shape (n, 784).

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms,
    2017, arXiv:1708.07747. MIT licence.

    Examples
    --------
    >>> from sknets.datasets import fetch_fashion_mnist
    >>> X, y = fetch_fashion_mnist(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, X.dtype  # doctest: +SKIP
    ((60000, 28, 28), dtype('uint8'))
    """
    images, labels = load_images_and_labels(
        find_data_home(data_home) / "fashion_mnist", subset, ORIGIN, download_if_missing
    )
    if return_X_y:
        return images, labels
    return Bunch(
        data=images,
        target=labels,
        target_names=list(CLASS_NAMES),
        DESCR=(fetch_fashion_mnist.__doc__ or "").strip(),
    )
