import numpy as np
import pytest

from sknets.datasets import _cifar10, fetch_cifar10

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN = [f"data_batch_{number}.bin" for number in range(1, 6)]


def records(contents, names):
    """Return images (n, 32, 32, 3) and labels, read in the plainest way."""
    images, labels = [], []
    for name in names:
        for start in range(0, len(contents[name]), 3073):
            record = contents[name][start : start + 3073]
            labels.append(record[0])
            planes = np.array(list(record[1:]), np.uint8).reshape(3, 32, 32)
            images.append(np.stack(list(planes), axis=-1))
    return np.array(images), np.array(labels)


@pytest.fixture
def archive(tmp_path, cifar_records, pack):
    path = tmp_path / "cifar10" / "cifar-10-binary.tar.gz"
    path.parent.mkdir()
    path.write_bytes(pack({**cifar_records, "batches.meta.txt": b"airplane\n", "readme.html": b"read me"}))
    return path


@pytest.mark.parametrize(
    ("subset", "names"), [("train", TRAIN), ("test", ["test_batch.bin"]), ("all", [*TRAIN, "test_batch.bin"])]
)
def test_a_subset_is_what_its_files_hold(archive, tmp_path, cifar_records, subset, names):
    images, labels = records(cifar_records, names)

    X, y = fetch_cifar10(data_home=tmp_path, subset=subset, return_X_y=True)

    np.testing.assert_array_equal(X, images)
    np.testing.assert_array_equal(y, labels)
    assert (X.dtype, y.dtype) == (np.uint8, np.int64)
    assert X.flags.c_contiguous
    assert X.flags.writeable


def test_the_order_in_the_archive_does_not_matter(archive, tmp_path, cifar_records, pack):
    expected = fetch_cifar10(data_home=tmp_path, subset="all")
    archive.write_bytes(pack(dict(reversed(cifar_records.items()))))

    found = fetch_cifar10(data_home=tmp_path, subset="all")

    np.testing.assert_array_equal(found.data, expected.data)


def test_the_default_is_a_bunch_of_the_training_rows(archive, tmp_path):
    bunch = fetch_cifar10(data_home=tmp_path)

    assert bunch.data.shape == (15, 32, 32, 3)
    assert bunch.target_names == list(NAMES)
    assert "CIFAR-10" in bunch.DESCR


@pytest.mark.parametrize("classes", [["bird", "airplane"], [2, 0], (np.int64(2), "airplane")])
def test_classes_are_numbered_in_the_order_given(archive, tmp_path, cifar_records, classes):
    images, labels = records(cifar_records, [*TRAIN, "test_batch.bin"])
    is_kept = np.isin(labels, [0, 2])

    bunch = fetch_cifar10(data_home=tmp_path, subset="all", classes=classes)

    np.testing.assert_array_equal(bunch.data, images[is_kept])
    np.testing.assert_array_equal(bunch.target, np.where(labels[is_kept] == 2, 0, 1))
    assert bunch.target_names == ["bird", "airplane"]


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        (["plane"], ValueError, "classes must be out of airplane, .*got 'plane'"),
        ([10], ValueError, "from 0 to 9; got 10"),
        ([-1], ValueError, "got -1"),
        ([], ValueError, r"at least one class.*got \[\]"),
        (["bird", 2], ValueError, "none of them twice"),
        ("bird", TypeError, r"list of names.*got 'bird'. Write \[\.\.\.\]"),
        (3, TypeError, "list of names"),
    ],
)
def test_unknown_classes_are_refused_before_anything_is_downloaded(classes, error, message, tmp_path):
    with pytest.raises(error, match=message):
        fetch_cifar10(data_home=tmp_path, classes=classes)


def test_an_unknown_subset_is_refused(tmp_path):
    with pytest.raises(ValueError, match="subset must be 'train', 'test' or 'all'; got 'valid'"):
        fetch_cifar10(data_home=tmp_path, subset="valid")


def test_an_unpacked_folder_is_used(tmp_path, cifar_records):
    folder = tmp_path / "cifar10" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for name, content in cifar_records.items():
        (folder / name).write_bytes(content)

    X, _ = fetch_cifar10(data_home=tmp_path, return_X_y=True)

    np.testing.assert_array_equal(X, records(cifar_records, TRAIN)[0])


def test_a_folder_that_was_unpacked_by_half_is_passed_over(archive, tmp_path, cifar_records):
    folder = archive.parent / "cifar-10-batches-bin"
    folder.mkdir()
    (folder / TRAIN[0]).write_bytes(cifar_records[TRAIN[0]])

    assert len(fetch_cifar10(data_home=tmp_path).data) == 15


def test_a_missing_archive_is_downloaded(tmp_path, server, cifar_records, pack, monkeypatch):
    server.files["cifar-10-binary.tar.gz"] = pack(cifar_records)
    monkeypatch.setattr(_cifar10, "ORIGIN", server.origin())

    X, _ = fetch_cifar10(data_home=tmp_path, return_X_y=True)

    assert X.shape == (15, 32, 32, 3)
    assert (tmp_path / "cifar10" / "cifar-10-binary.tar.gz").is_file()


def test_a_missing_archive_is_an_error_where_downloads_are_not_wanted(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"download_if_missing=False.*cifar-10-binary\.tar\.gz must lie in"):
        fetch_cifar10(data_home=tmp_path, download_if_missing=False)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-3],
        # The checksum at the end of a gzip file.
        lambda content: content[:-8] + bytes(4) + content[-4:],
        lambda content: b"<html>Not found</html>",
        lambda content: b"",
    ],
)
def test_a_damaged_archive_is_named_with_a_remedy(archive, tmp_path, damage):
    archive.write_bytes(damage(archive.read_bytes()))

    with pytest.raises(ValueError, match=r"cifar-10-binary\.tar\.gz must be a tar\.gz archive.*delete it.*downloads"):
        fetch_cifar10(data_home=tmp_path)


def test_the_archive_for_python_is_told_from_the_binary_one(archive, tmp_path, pack):
    archive.write_bytes(pack({"data_batch_1": b"a pickle"}, folder="cifar-10-batches-py"))

    with pytest.raises(ValueError, match=r"must hold data_batch_1\.bin.*is not in it.*binary"):
        fetch_cifar10(data_home=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(bytes(3072), "records of 3073 bytes; got 3072"), (b"", "got 0 bytes"), (b"\x0a" * 3073, "0 to 9; got 10")],
)
def test_records_that_are_none_are_refused(archive, tmp_path, cifar_records, pack, content, message):
    archive.write_bytes(pack({**cifar_records, "test_batch.bin": content}))

    with pytest.raises(ValueError, match=rf"test_batch\.bin must hold .*{message}"):
        fetch_cifar10(data_home=tmp_path, subset="test")
