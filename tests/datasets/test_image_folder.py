import os
from pathlib import Path

import numpy as np
import pytest

from sknets.datasets import ImageFiles, load_image_folder

needs_real_data = pytest.mark.skipif(
    not (Path(os.environ.get("SKNETS_DATA", "")) / "photos/flowers5/train").is_dir(),
    reason="SKNETS_DATA is not set to a folder with photos/flowers5/train",
)


@pytest.fixture
def root(write_picture, tmp_path):
    """Two classes of one colour each, with names in an order that no file system gives."""
    for name in ("dog/b.png", "dog/a.PNG", "cat/z.jpg", "cat/more/deep/c.png"):
        write_picture(f"photos/{name}", (0, 0, 255) if name.startswith("dog") else (255, 0, 0))
    return tmp_path / "photos"


def relative(paths, root):
    return [Path(path).relative_to(root).as_posix() for path in paths]


def test_pictures_and_the_names_of_their_folders_are_returned(root):
    X, y = load_image_folder(root, size=(4, 5))

    assert X.shape == (4, 4, 5, 3)
    assert X.dtype == np.uint8
    assert y.tolist() == ["cat", "cat", "dog", "dog"]
    assert y.dtype.kind == "U"
    assert (X[2:] == (0, 0, 255)).all()


def test_the_order_is_by_class_and_then_by_path(root):
    bunch = load_image_folder(root, size=4, return_X_y=False)

    assert relative(bunch.paths, root) == ["cat/z.jpg", "cat/more/deep/c.png", "dog/a.PNG", "dog/b.png"]


def test_a_bunch_has_names_and_paths(root):
    X, y = load_image_folder(root, size=4)

    bunch = load_image_folder(str(root), size=4, return_X_y=False)

    np.testing.assert_array_equal(bunch.data, X)
    np.testing.assert_array_equal(bunch.target, y)
    assert bunch.target_names == ["cat", "dog"]
    assert "class/picture.jpg" in bunch.DESCR


def test_the_default_size_is_128(root):
    assert load_image_folder(root, lazy=True)[0].shape == (4, 128, 128, 3)


def test_lazy_pictures_are_the_same(root):
    X, y = load_image_folder(root, size=(4, 5))

    files, y_lazy = load_image_folder(root, size=(4, 5), lazy=True)

    assert isinstance(files, ImageFiles)
    np.testing.assert_array_equal(np.asarray(files), X)
    np.testing.assert_array_equal(y_lazy, y)


def test_lazy_loading_decodes_nothing(root, monkeypatch):
    def refuse(*args):
        raise AssertionError("decoded")

    monkeypatch.setattr("sknets.datasets._image_files.decode_picture", refuse)

    assert len(load_image_folder(root, lazy=True)[0]) == 4


def test_mode_and_resize_are_passed_on(root, write_picture):
    write_picture("photos/dog/a.PNG", np.repeat(np.array([[0, 9, 9, 0]], np.uint8), 2, axis=0))

    cropped, _ = load_image_folder(root, size=2, mode="grey")
    stretched, _ = load_image_folder(root, size=2, mode="grey", resize="stretch")

    assert cropped.shape == (4, 2, 2)
    assert (cropped[2] == 9).all()
    assert (stretched[2] < 9).all()


def test_hidden_files_and_other_files_are_left_out(root, write_picture):
    for name in ("dog/.hidden.png", "dog/._b.png", ".ipynb_checkpoints/b.png", "__MACOSX/dog/b.png", "loose.png"):
        write_picture(f"photos/{name}")
    for name in ("dog/notes.txt", "dog/Thumbs.db", "LICENSE", "cat/.DS_Store"):
        (root / name).write_text("no picture")

    X, _ = load_image_folder(root, size=4)

    assert len(X) == 4


def test_an_empty_class_folder_is_no_class_and_a_warning(root):
    (root / "bird").mkdir()

    with pytest.warns(UserWarning, match="Every class folder should hold pictures; got none in bird"):
        bunch = load_image_folder(root, size=4, return_X_y=False)

    assert bunch.target_names == ["cat", "dog"]


def test_folders_that_look_like_subsets_are_a_warning(write_picture, tmp_path):
    for name in ("train/cat/a.png", "val/cat/a.png"):
        write_picture(f"photos/{name}")

    with pytest.warns(UserWarning, match="should be classes; got train, val, which look like subsets"):
        _, y = load_image_folder(tmp_path / "photos", size=4)

    assert y.tolist() == ["train", "val"]


def test_a_folder_without_class_folders_is_shown_the_tree_that_is_meant(write_picture, tmp_path):
    write_picture("photos/a.png")

    with pytest.raises(
        ValueError,
        match=r"(?s)one folder of pictures per class.*photos/cat/one\.jpg.*no folders and 1 pictures outside",
    ):
        load_image_folder(tmp_path / "photos")


def test_class_folders_without_any_picture_are_named(tmp_path):
    (tmp_path / "photos" / "cat").mkdir(parents=True)

    with pytest.raises(ValueError, match=r"got the folders cat without a picture.*Known endings: \.bmp"):
        load_image_folder(tmp_path / "photos")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"got '.*nowhere', which does not exist\. Relative paths start at"):
        load_image_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("lazy", [False, True])
def test_an_unreadable_picture_is_named(root, lazy):
    (root / "dog" / "a.PNG").write_bytes(b"no picture")

    with pytest.raises(ValueError, match=r"a\.PNG must be a whole picture.*on_error='skip'"):
        load_image_folder(root, size=4, lazy=lazy)


@pytest.mark.parametrize("lazy", [False, True])
def test_skip_leaves_unreadable_pictures_out_with_one_warning(root, lazy):
    (root / "dog" / "a.PNG").write_bytes(b"no picture")
    (root / "cat" / "z.jpg").write_bytes(b"")

    with pytest.warns(UserWarning, match=r"2 of 4 pictures cannot be read: .*z\.jpg, .*a\.PNG\.") as warned:
        bunch = load_image_folder(root, size=4, lazy=lazy, on_error="skip", return_X_y=False)

    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert bunch.target.tolist() == ["cat", "dog"]
    assert relative(bunch.paths, root) == ["cat/more/deep/c.png", "dog/b.png"]
    assert (np.asarray(bunch.data)[1] == (0, 0, 255)).all()


def test_skip_leaves_out_a_link_that_leads_nowhere(root):
    (root / "dog" / "c.png").symlink_to(root / "nowhere.png")

    with pytest.raises(FileNotFoundError, match=r"c\.png"):
        load_image_folder(root, size=4)
    with pytest.warns(UserWarning, match=r"1 of 5 pictures cannot be read: .*c\.png"):
        X, _ = load_image_folder(root, size=4, on_error="skip")

    assert len(X) == 4


def test_a_picture_cut_off_behind_its_header_is_skipped_or_an_error_when_read(root):
    path = root / "dog" / "b.png"
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.warns(UserWarning, match=r"1 of 4 .*b\.png"):
        X, _ = load_image_folder(root, size=4, on_error="skip")
    files, _ = load_image_folder(root, size=4, on_error="skip", lazy=True)

    assert len(X) == 3
    assert len(files) == 4
    with pytest.raises(ValueError, match=r"b\.png must be a whole picture"):
        np.asarray(files)


def test_skip_with_nothing_left_is_an_error(root):
    for path in root.rglob("*.*"):
        path.write_bytes(b"")

    with pytest.raises(ValueError, match=r"At least one picture must remain; got none\. 4 of 4"):
        load_image_folder(root, on_error="skip")


def test_an_unknown_way_with_errors_is_refused(root):
    with pytest.raises(ValueError, match="on_error must be 'raise' or 'skip'; got 'ignore'"):
        load_image_folder(root, on_error="ignore")


@needs_real_data
@pytest.mark.slow
def test_real_photographs_are_found_and_decoded():
    X, y = load_image_folder(Path(os.environ["SKNETS_DATA"]) / "photos/flowers5/train", size=(64, 64))

    assert X.shape == (400, 64, 64, 3)
    assert np.unique(y).tolist() == ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
    assert 80 < X.mean() < 150
