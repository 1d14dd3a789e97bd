import pickle
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import KFold, train_test_split
from sklearn.utils import _safe_indexing

from sknets.datasets import ImageFiles, _image_files, _picture

HEIGHT, WIDTH = 6, 8


def read_one(path, **options):
    return ImageFiles([path], **{"size": (HEIGHT, WIDTH), **options})[0]


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture
def files(rng, write_picture):
    """Seven different pictures of the wanted size, without losses."""
    many = rng.integers(0, 256, (7, HEIGHT, WIDTH, 3)).astype(np.uint8)
    paths = [write_picture(f"{number}.png", pixels) for number, pixels in enumerate(many)]
    return ImageFiles(paths, size=(HEIGHT, WIDTH)), many


@pytest.fixture
def n_decoded(monkeypatch):
    """Return the list of paths decoded so far."""
    paths = []

    def decode_and_count(path, *rest):
        paths.append(path)
        return _picture.decode_picture(path, *rest)

    monkeypatch.setattr(_image_files, "decode_picture", decode_and_count)
    return paths


def test_a_picture_of_the_wanted_size_is_read_pixel_by_pixel(write_picture, pixels):
    np.testing.assert_array_equal(read_one(write_picture("a.png", pixels)), pixels)


def test_it_has_the_shape_and_type_of_an_array(files):
    X, many = files

    assert X.shape == many.shape
    assert X.ndim == 4
    assert X.dtype == np.uint8
    assert len(X) == 7


def test_as_an_array_it_is_all_pictures(files):
    X, many = files

    np.testing.assert_array_equal(np.asarray(X), many)
    assert np.asarray(X, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize(
    "rows",
    [
        slice(1, None, 2),
        [3, 0, 3],
        np.array([True, False] * 3 + [True]),
        np.array([-1, 2]),
        [],
    ],
)
def test_rows_are_those_of_the_array(files, rows):
    X, many = files

    found = X[rows]

    assert isinstance(found, ImageFiles)
    np.testing.assert_array_equal(np.asarray(found), many[np.array(rows, int) if isinstance(rows, list) else rows])


@pytest.mark.parametrize("row", [0, -1, np.int64(4)])
def test_one_row_is_an_array(files, row):
    X, many = files

    np.testing.assert_array_equal(X[row], many[row])


def test_a_row_that_is_not_there_is_an_index_error(files):
    with pytest.raises(IndexError, match="out of bounds"):
        files[0][7]


def test_a_loop_gives_every_picture(files):
    X, many = files

    np.testing.assert_array_equal(list(X), many)


def test_train_test_split_splits_it_as_an_array_without_reading(files, n_decoded):
    X, many = files

    train, test, many_train, many_test = train_test_split(X, many, test_size=3, random_state=0)

    assert n_decoded == []
    np.testing.assert_array_equal(np.asarray(train), many_train)
    np.testing.assert_array_equal(np.asarray(test), many_test)


def test_folds_are_those_of_an_array_without_reading(files, n_decoded):
    X, many = files

    folds = [_safe_indexing(X, test) for _, test in KFold(3).split(X)]

    assert n_decoded == []
    for fold, (_, test) in zip(folds, KFold(3).split(many), strict=True):
        np.testing.assert_array_equal(np.asarray(fold), many[test])


def test_only_the_rows_asked_for_are_read(files, n_decoded):
    X, _ = files

    X[2:4].read(np.array([1]))

    assert n_decoded == [X.paths[3]]


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_the_number_of_threads_does_not_change_the_result(files, monkeypatch, n_threads):
    X, many = files
    monkeypatch.setattr(_image_files, "MAX_THREADS", n_threads)
    monkeypatch.setattr(_image_files.os, "cpu_count", lambda: 5)

    np.testing.assert_array_equal(np.asarray(X), many)


def test_pickled_it_reads_the_same(files):
    X, many = files

    copy = pickle.loads(pickle.dumps(X[1:]))

    np.testing.assert_array_equal(np.asarray(copy), many[1:])


def test_its_text_is_one_short_line(files):
    assert repr(files[0]) == "ImageFiles(7 pictures, size=(6, 8), mode='rgb')"


def test_no_paths_are_an_empty_array():
    assert np.asarray(ImageFiles([], size=4)).shape == (0, 4, 4, 3)


def test_grey_pictures_have_no_channel_axis(write_picture):
    path = write_picture("grey.png", np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH))

    X = ImageFiles([path], size=(HEIGHT, WIDTH), mode="grey")

    assert X.shape == (1, HEIGHT, WIDTH)
    np.testing.assert_array_equal(X[0].ravel(), np.arange(HEIGHT * WIDTH))


def test_a_grey_picture_has_three_equal_channels_in_rgb(write_picture):
    found = read_one(write_picture("grey.png", np.full((HEIGHT, WIDTH), 77, np.uint8)))

    assert found.shape == (HEIGHT, WIDTH, 3)
    assert (found == 77).all()


def test_a_palette_gives_its_colours(write_picture, pixels):
    picture = Image.fromarray(pixels).quantize(256)

    np.testing.assert_array_equal(read_one(write_picture("palette.png", picture)), np.asarray(picture.convert("RGB")))


def test_transparent_pixels_are_white(write_picture):
    rgba = np.full((HEIGHT, WIDTH, 4), (10, 20, 30, 255), np.uint8)
    rgba[:, : WIDTH // 2, 3] = 0

    found = read_one(write_picture("transparent.png", rgba))

    assert (found[:, : WIDTH // 2] == 255).all()
    assert (found[:, WIDTH // 2 :] == (10, 20, 30)).all()


def test_a_transparent_colour_of_a_palette_is_white(write_picture):
    picture = Image.new("P", (WIDTH, HEIGHT), 0)
    picture.putpalette([5, 6, 7])

    assert (read_one(write_picture("transparent.gif", picture, transparency=0)) == 255).all()


def test_sixteen_bits_keep_their_upper_eight(write_picture):
    values = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) * 1300).astype(np.uint16)

    found = read_one(write_picture("deep.png", values), mode="grey")

    np.testing.assert_array_equal(found, values >> 8)


def test_black_and_white_is_zero_and_255(write_picture):
    picture = Image.fromarray(np.eye(HEIGHT, WIDTH, dtype=bool))

    np.testing.assert_array_equal(read_one(write_picture("bits.png", picture), mode="grey"), np.eye(6, 8) * 255)


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [
        (1, lambda upright: upright),
        (2, lambda upright: upright[:, ::-1]),
        (3, lambda upright: upright[::-1, ::-1]),
        (6, lambda upright: np.rot90(upright)),
        (8, lambda upright: np.rot90(upright, -1)),
    ],
)
def test_a_picture_is_turned_upright_as_its_exif_data_say(write_picture, pixels, orientation, undo):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write_picture("turned.png", np.ascontiguousarray(undo(pixels)), exif=exif)

    np.testing.assert_array_equal(read_one(path), pixels)


def test_crop_keeps_the_middle_in_proportion(write_picture):
    stripes = np.repeat(np.array([10, 50, 90, 130], np.uint8), 4)[None, :].repeat(8, axis=0)  # (8, 16)

    found = read_one(write_picture("wide.png", stripes), size=(8, 8), mode="grey")

    np.testing.assert_array_equal(found, stripes[:, 4:12])


def test_stretch_keeps_the_edges_out_of_proportion(write_picture):
    stripes = np.repeat(np.array([10, 50, 90, 130], np.uint8), 4)[None, :].repeat(8, axis=0)  # (8, 16)

    found = read_one(write_picture("wide.png", stripes), size=(8, 8), mode="grey", resize="stretch")

    assert found.shape == (8, 8)
    assert (found[:, 0] == 10).all()
    assert (found[:, -1] == 130).all()


@pytest.mark.parametrize("source", [(1, 1), (3, 200), (200, 3), (13, 17), (1000, 999)])
@pytest.mark.parametrize("resize", ["crop", "stretch"])
def test_a_picture_of_any_size_fits(write_picture, source, resize):
    path = write_picture("odd.png", (1, 2, 3), size=source)

    found = read_one(path, size=(7, 5), resize=resize)

    assert found.shape == (7, 5, 3)
    assert (found == (1, 2, 3)).all()


def test_a_large_jpeg_at_a_reduced_scale_is_nearly_the_same(write_picture, rng):
    coarse = Image.fromarray(rng.integers(0, 256, (4, 6, 3)).astype(np.uint8))
    photo = coarse.resize((960, 640), Image.Resampling.BICUBIC)
    expected = photo.resize((48, 32), Image.Resampling.BILINEAR)

    found = read_one(write_picture("photo.jpg", photo, quality=95), size=(32, 48))

    assert np.abs(found.astype(int) - np.asarray(expected, int)).mean() < 2


def cut(content):
    return content[: len(content) * 2 // 3]


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "bmp", "tif"])
def test_a_picture_that_is_cut_off_is_named_with_what_to_do(write_picture, rng, ending):
    path = write_picture(f"cut.{ending}", rng.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    path.write_bytes(cut(path.read_bytes()))

    with pytest.raises(ValueError, match=rf"cut\.{ending} must be a whole picture.*Replace or delete.*on_error='skip'"):
        read_one(path)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_a_file_that_is_no_picture_is_named(tmp_path, content):
    path = tmp_path / "text.jpg"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"text\.jpg must be a whole picture in a format that Pillow knows"):
        read_one(path)


def test_a_picture_that_claims_an_absurd_size_is_refused(tmp_path, write_picture):
    path = write_picture("bomb.png")
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"bomb\.png.*DecompressionBombError"):
        read_one(path)


def test_floating_point_pixels_are_refused(write_picture):
    path = write_picture("float.tif", Image.fromarray(np.ones((HEIGHT, WIDTH), np.float32)))

    with pytest.raises(ValueError, match=r"float\.tif.*floating-point numbers, whose range"):
        read_one(path)


def test_the_first_damaged_file_is_named_whatever_thread_meets_it(files, tmp_path):
    X, _ = files
    for name in ("2.png", "5.png"):
        (tmp_path / name).write_bytes(b"")

    with pytest.raises(ValueError, match=r"2\.png must be"):
        np.asarray(X)


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        read_one(tmp_path / "gone.png")


def test_paths_may_be_in_any_iterable_and_are_text(write_picture):
    path = write_picture("a.png")

    X = ImageFiles(iter([path, str(path)]))

    assert X.paths.tolist() == [str(path)] * 2


@pytest.mark.parametrize("size", [0, (3, 0), (3,), (3, 4, 3), "big", 2.5, None, (3.0, 4)])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match="size must be a height and a width"):
        ImageFiles([], size=size)


@pytest.mark.parametrize(("parameter", "value"), [("mode", "gray"), ("resize", "pad")])
def test_an_unknown_choice_is_refused(parameter, value):
    with pytest.raises(ValueError, match=f"{parameter} must be '.*' or '.*'; got '{value}'"):
        ImageFiles([], **{parameter: value})


def test_a_single_path_is_refused():
    with pytest.raises(TypeError, match=r"paths must be a list of files; got one path, 'photos'.*load_image_folder"):
        ImageFiles("photos")
