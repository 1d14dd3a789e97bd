import numpy as np
import pandas as pd
import pytest

from sknets.datasets import ImageFiles, load_annotated_images

COLOURS = {"one.png": (255, 0, 0), "two.png": (0, 255, 0), "sub/three.png": (0, 0, 255)}


@pytest.fixture
def folder(write_picture, tmp_path):
    for name, colour in {**COLOURS, "unnamed.png": (9, 9, 9)}.items():
        write_picture(f"images/{name}", colour)
    return tmp_path / "images"


@pytest.fixture
def write_csv(tmp_path):
    def write(*lines):
        path = tmp_path / "labels.csv"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def csv(write_csv):
    return write_csv("file,kind,weight", "two.png,cat,2.5", "one.png,dog,1", "sub/three.png,cat,4")


def test_pictures_come_in_the_order_of_the_table_with_their_labels(csv, folder):
    X, y = load_annotated_images(csv, folder, size=(4, 5))

    assert X.shape == (3, 4, 5, 3)
    assert [tuple(pixels[0, 0].tolist()) for pixels in X] == [(0, 255, 0), (255, 0, 0), (0, 0, 255)]
    assert y.tolist() == ["cat", "dog", "cat"]
    assert y.dtype.kind == "U"


@pytest.mark.parametrize(("path_column", "label_column"), [(0, 2), ("file", "weight"), (-3, -1)])
def test_columns_go_by_name_or_position_and_numbers_stay_numbers(csv, folder, path_column, label_column):
    _, y = load_annotated_images(csv, str(folder), path_column=path_column, label_column=label_column, size=4)

    assert y.dtype == np.float64
    assert y.tolist() == [2.5, 1.0, 4.0]


def test_whole_numbers_stay_whole(write_csv, folder):
    csv = write_csv("file,n", "one.png,7", "two.png,0")

    _, y = load_annotated_images(csv, folder, size=4)

    assert y.dtype == np.int64
    assert y.tolist() == [7, 0]


@pytest.mark.parametrize(
    "labels",
    [
        pd.Series(["a", "b", "a"], dtype=object),
        pd.Series(["a", "b", "a"], dtype="string"),
        pd.Series(["a", "b", "a"], dtype="category"),
    ],
)
def test_text_of_any_kind_becomes_numpys(folder, labels):
    table = pd.DataFrame({"file": list(COLOURS), "label": labels})

    _, y = load_annotated_images(table, folder, size=4)

    assert y.dtype == np.dtype("<U1")
    assert y.tolist() == ["a", "b", "a"]


def test_a_table_without_column_names_goes_by_position(folder):
    table = pd.DataFrame([["one.png", 3], ["two.png", 4]])

    _, y = load_annotated_images(table, folder, size=4)

    assert y.tolist() == [3, 4]


def test_the_index_of_a_table_does_not_matter(folder):
    table = pd.DataFrame({"file": list(COLOURS), "n": [1, 2, 3]}, index=[7, 7, -1])

    _, y = load_annotated_images(table.iloc[::-1], folder, size=4)

    assert y.tolist() == [3, 2, 1]


def test_paths_that_look_like_numbers_keep_their_zeros(write_csv, folder, write_picture):
    write_picture("images/0042.png")
    csv = write_csv("id,n", "0042,1")

    bunch = load_annotated_images(csv, folder, suffix=".png", size=4, return_X_y=False)

    assert bunch.paths.tolist() == [str(folder / "0042.png")]


def test_a_bunch_has_names_and_paths(csv, folder):
    bunch = load_annotated_images(csv, folder, size=4, return_X_y=False)
    regression = load_annotated_images(csv, folder, label_column="weight", size=4, return_X_y=False)

    assert bunch.target_names == ["cat", "dog"]
    assert bunch.paths.tolist() == [str(folder / name) for name in ("two.png", "one.png", "sub/three.png")]
    assert "table" in bunch.DESCR
    assert regression.target_names == ["weight"]


def test_lazy_pictures_are_the_same(csv, folder):
    X, _ = load_annotated_images(csv, folder, size=4, mode="grey", resize="stretch")

    files, _ = load_annotated_images(csv, folder, size=4, mode="grey", resize="stretch", lazy=True)

    assert isinstance(files, ImageFiles)
    np.testing.assert_array_equal(np.asarray(files), X)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"path_column": "path"}, "path_column must be .*got 'path', and the columns 'file', 'kind', 'weight'"),
        ({"label_column": "label"}, "label_column must be .*got 'label', and"),
        ({"label_column": 3}, "label_column must be .*got 3"),
        ({"path_column": -4}, "path_column must be .*got -4"),
    ],
)
def test_a_missing_column_is_refused_with_the_names_of_those_there_are(csv, folder, columns, message):
    with pytest.raises(ValueError, match=message):
        load_annotated_images(csv, folder, **columns)


def test_another_separator_is_hinted_at(write_csv, folder):
    csv = write_csv("file;kind", "one.png;cat")

    with pytest.raises(ValueError, match=r"the columns 'file;kind'.*sep=';'"):
        load_annotated_images(csv, folder)


def test_a_label_without_a_picture_is_refused_with_count_and_names(write_csv, folder):
    csv = write_csv("file,n", "one.png,1", *(f"gone{number}.png,0" for number in range(7)))

    with pytest.raises(
        FileNotFoundError,
        match=r"no file for 7 of 8: .*gone0\.png, .*gone4\.png and 2 more\..*suffix=.*on_error='skip'",
    ):
        load_annotated_images(csv, folder)


def test_skip_drops_rows_without_a_picture_with_one_warning(write_csv, folder):
    csv = write_csv("file,n", "gone.png,0", "one.png,1", "two.png,2")

    with pytest.warns(UserWarning, match=r"1 of 3 pictures cannot be found: .*gone\.png") as warned:
        X, y = load_annotated_images(csv, folder, size=4, on_error="skip")

    assert len(warned) == 1
    assert len(X) == 2
    assert y.tolist() == [1, 2]


def test_skip_drops_rows_with_an_unreadable_picture(csv, folder):
    (folder / "one.png").write_bytes(b"")

    with pytest.warns(UserWarning, match=r"1 of 3 pictures cannot be read: .*one\.png"):
        _, y = load_annotated_images(csv, folder, label_column=2, size=4, on_error="skip")

    assert y.tolist() == [2.5, 4.0]


def test_an_unreadable_picture_is_refused(csv, folder):
    (folder / "one.png").write_bytes(b"")

    with pytest.raises(ValueError, match=r"one\.png must be a whole picture"):
        load_annotated_images(csv, folder)


def test_skip_with_nothing_left_is_an_error(csv, tmp_path):
    with pytest.raises(ValueError, match=r"At least one picture must remain; got none\. 3 of 3 .* cannot be found"):
        load_annotated_images(csv, tmp_path / "nowhere", on_error="skip")


@pytest.mark.parametrize("line", ["two.png,", "two.png,None", ",cat"])
def test_a_missing_label_or_path_is_refused_with_its_row(write_csv, folder, line):
    csv = write_csv("file,kind", "one.png,dog", line)

    with pytest.raises(ValueError, match=r"must have a value in .*got none in 1 of 2 rows, .*: 1\..*keep_default_na"):
        load_annotated_images(csv, folder)


@pytest.mark.parametrize(
    ("lines", "message"),
    [([], "got .*labels.csv, an empty file"), (["file,kind"], "got the columns 'file', 'kind' and no rows")],
)
def test_an_empty_table_is_refused(write_csv, folder, lines, message):
    with pytest.raises(ValueError, match=message):
        load_annotated_images(write_csv(*lines), folder)


def test_a_first_line_that_is_a_picture_is_not_lost(write_csv, folder):
    csv = write_csv("one.png,dog", "two.png,cat")

    with pytest.raises(ValueError, match=r"got 'one\.png', which is a picture.*header=None"):
        load_annotated_images(csv, folder)


def test_a_missing_table_is_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        load_annotated_images(tmp_path / "nowhere.csv", folder)
