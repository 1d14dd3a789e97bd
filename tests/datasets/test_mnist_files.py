"""What fetch_fashion_mnist and fetch_mnist do alike: getting and reading four files."""

import os
import shutil
import sys

import numpy as np
import pytest

from sknets.datasets import fetch_fashion_mnist, fetch_mnist

needs_real_data = pytest.mark.skipif(
    not os.environ.get("SKNETS_DATA"), reason="SKNETS_DATA is not set to a folder with fashion_mnist/ and mnist/"
)


@pytest.fixture(params=[fetch_fashion_mnist, fetch_mnist])
def fetch(request):
    return request.param


@pytest.fixture
def folder(fetch, tmp_path):
    return tmp_path / fetch.__name__.removeprefix("fetch_")


@pytest.fixture
def written(folder, rng, write_mnist_like):
    return write_mnist_like(folder, rng)


@pytest.mark.parametrize(("subset", "prefix"), [("train", "train"), ("test", "t10k")])
def test_a_subset_is_what_its_files_hold(fetch, written, tmp_path, subset, prefix):
    images, labels = fetch(data_home=tmp_path, subset=subset, return_X_y=True)

    np.testing.assert_array_equal(images, written[prefix][0])
    np.testing.assert_array_equal(labels, written[prefix][1])


def test_images_are_bytes_and_labels_are_integers(fetch, written, tmp_path):
    images, labels = fetch(data_home=tmp_path, return_X_y=True)

    assert images.dtype == np.uint8
    assert labels.dtype == np.int64


def test_all_is_train_then_test(fetch, written, tmp_path):
    images, labels = fetch(data_home=tmp_path, subset="all", return_X_y=True)

    np.testing.assert_array_equal(images, np.concatenate([written["train"][0], written["t10k"][0]]))
    np.testing.assert_array_equal(labels, np.concatenate([written["train"][1], written["t10k"][1]]))


def test_the_default_is_a_bunch_of_the_training_rows(fetch, written, tmp_path):
    bunch = fetch(data_home=tmp_path)

    np.testing.assert_array_equal(bunch.data, written["train"][0])
    np.testing.assert_array_equal(bunch.target, written["train"][1])
    assert len(set(bunch.target_names)) == 10
    assert "28, 28" in bunch.DESCR


def test_files_may_be_unpacked(fetch, folder, rng, write_mnist_like, tmp_path):
    written = write_mnist_like(folder, rng, compress=lambda content: content, ending="")

    images, _ = fetch(data_home=tmp_path, return_X_y=True)

    np.testing.assert_array_equal(images, written["train"][0])


def test_the_environment_variable_names_the_data_home(fetch, written, tmp_path, monkeypatch):
    monkeypatch.setenv("SKNETS_DATA", str(tmp_path))

    assert len(fetch().data) == 5


def test_a_missing_folder_is_named_with_what_to_do(fetch, folder, tmp_path):
    message = (
        r"download_if_missing=False .*train-images-idx3-ubyte\.gz .* must lie in "
        rf".*{folder.name}, which does not exist.*"
        r"get http://.*train-images-idx3-ubyte\.gz.*data_home=.*SKNETS_DATA"
    )

    with pytest.raises(FileNotFoundError, match=message):
        fetch(data_home=tmp_path, download_if_missing=False)


def test_a_missing_file_is_named(fetch, folder, written, tmp_path):
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()

    assert len(fetch(data_home=tmp_path, subset="train", download_if_missing=False).data) == 5
    with pytest.raises(FileNotFoundError, match=r"t10k-labels-idx1-ubyte\.gz .*which lacks it"):
        fetch(data_home=tmp_path, subset="test", download_if_missing=False)


@pytest.fixture
def mirror(fetch, server, rng, write_mnist_like, tmp_path, monkeypatch):
    """Serve four tiny files as if they were the real ones."""
    write_mnist_like(tmp_path / "elsewhere", rng)
    server.files = {path.name: path.read_bytes() for path in (tmp_path / "elsewhere").iterdir()}
    monkeypatch.setattr(sys.modules[fetch.__module__], "ORIGIN", server.origin())
    return server


def test_missing_files_are_downloaded_and_only_those_of_the_subset(fetch, folder, mirror, tmp_path):
    images, _ = fetch(data_home=tmp_path, return_X_y=True)

    assert images.shape == (5, 28, 28)
    assert sorted(os.listdir(folder)) == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]


def test_a_second_call_needs_no_server(fetch, mirror, tmp_path):
    first = fetch(data_home=tmp_path, subset="all")
    mirror.files.clear()

    second = fetch(data_home=tmp_path, subset="all")

    np.testing.assert_array_equal(second.data, first.data)
    assert len(mirror.requests) == 4


def test_a_file_that_is_there_is_used_though_its_checksum_is_another(fetch, folder, mirror, written, tmp_path):
    images, _ = fetch(data_home=tmp_path, return_X_y=True)

    np.testing.assert_array_equal(images, written["train"][0])
    assert mirror.requests == []


def test_a_file_that_no_mirror_gives_is_named_with_where_to_put_it(fetch, folder, tmp_path):
    with pytest.raises(ConnectionError, match=rf"(?s)train-images-idx3-ubyte\.gz.*refused.*put it at .*{folder.name}"):
        fetch(data_home=tmp_path)


def test_a_damaged_file_is_named_with_a_remedy(fetch, folder, written, tmp_path):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz.*damaged: delete it and get it again"):
        fetch(data_home=tmp_path)


def test_an_unknown_subset_is_refused(fetch, tmp_path):
    with pytest.raises(ValueError, match=r"subset must be 'train', 'test' or 'all'; got 'validation'"):
        fetch(data_home=tmp_path, subset="validation")


def test_labels_of_another_number_of_images_are_refused(fetch, folder, written, tmp_path):
    shutil.copy(folder / "t10k-labels-idx1-ubyte.gz", folder / "train-labels-idx1-ubyte.gz")

    with pytest.raises(ValueError, match=r"train-labels.* labels of shape \(5,\).*got shape \(3,\)"):
        fetch(data_home=tmp_path)


def test_labels_in_the_place_of_images_are_refused(fetch, folder, written, tmp_path):
    shutil.copy(folder / "train-labels-idx1-ubyte.gz", folder / "train-images-idx3-ubyte.gz")

    with pytest.raises(ValueError, match=r"train-images.* images of shape \(5, 28, 28\).*got shape \(5,\)"):
        fetch(data_home=tmp_path)


def test_labels_above_nine_are_refused(fetch, folder, written, tmp_path):
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 5, 1, 2, 3, 4, 10]))

    with pytest.raises(ValueError, match="labels must be 0 to 9; got 10"):
        fetch(data_home=tmp_path)


@needs_real_data
@pytest.mark.parametrize(("subset", "n"), [("train", 60_000), ("test", 10_000)])
@pytest.mark.slow
def test_the_real_files_hold_as_many_images_of_each_class_as_published(fetch, subset, n):
    images, labels = fetch(subset=subset, return_X_y=True)

    assert images.shape == (n, 28, 28)
    assert images.max() == 255
    if fetch is fetch_fashion_mnist:
        assert np.bincount(labels).tolist() == [n // 10] * 10
    else:
        assert np.bincount(labels)[1] == {"train": 6742, "test": 1135}[subset]
