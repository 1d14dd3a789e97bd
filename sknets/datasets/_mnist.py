"""70 000 handwritten digits."""

import os
from typing import Any

from sklearn.utils import Bunch

from sknets.datasets._data_home import find_data_home
from sknets.datasets._download import Origin
from sknets.datasets._mnist_files import load_images_and_labels

CLASS_NAMES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")

ORIGIN = Origin(
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    checksums={
        "train-images-idx3-ubyte.gz": "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)


def fetch_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    subset: str = "train",
    return_X_y: bool = False,
    download_if_missing: bool = True,
) -> Any:
    """Load MNIST: grey pictures of handwritten digits, 60 000 to train and 10 000 to test.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder in which the folder ``mnist`` lies. None takes what the environment variable ``SKNETS_DATA`` says,
        else ``~/sknets_data``.
    subset : {"train", "test", "all"}, default="train"
        Which images; "all" is the training images, then the test images.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    download_if_missing : bool, default=True
        Whether to download a file that is not there; False makes it an error.

    Returns
    -------
    data : sklearn.utils.Bunch
        ``data`` of shape (n, 28, 28) and type uint8: 0 is paper, 255 ink. ``target`` of shape (n,): the digits 0 to 9.
        ``target_names``, a list of ten names, and ``DESCR``.

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
    fetch_fashion_mnist : Clothes in the same format, and harder; its notes on files and flat rows hold here too.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-Based Learning Applied to Document Recognition, Proceedings of
    the IEEE 86, 1998.

    Examples
    --------
    >>> from sknets.datasets import fetch_mnist
    >>> X, y = fetch_mnist(subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, X.dtype  # doctest: +SKIP
    ((10000, 28, 28), dtype('uint8'))
    """
    images, labels = load_images_and_labels(find_data_home(data_home) / "mnist", subset, ORIGIN, download_if_missing)
    if return_X_y:
        return images, labels
    return Bunch(
        data=images,
        target=labels,
        target_names=list(CLASS_NAMES),
        DESCR=(fetch_mnist.__doc__ or "").strip(),
    )
