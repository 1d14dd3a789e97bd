import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from sknets.datasets import load_image_folder
from sknets.displays import ImageGridDisplay
from tests.displays._drawn import boxes, overlaps

# ---------------------------------------------------------------------------------------------------- pictures


@pytest.fixture
def probabilities():
    """Return probabilities of two classes for twelve pictures, four of which are wrong."""
    right = np.array([0.9, 0.8, 0.95, 0.3, 0.7, 0.05, 0.6, 0.2, 0.99, 0.55, 0.45, 0.75])
    return np.where((np.arange(12) % 2 == 0)[:, None], np.c_[right, 1 - right], np.c_[1 - right, right])


LAYOUTS = {
    "(n, height, width)": lambda X: X,
    "channels last": lambda X: X[..., None],
    "channels first": lambda X: X[:, None],
    "flat rows": lambda X: X.reshape(len(X), -1),
    "a list": list,
    "a tensor": torch.from_numpy,
    "a frame": lambda X: pd.DataFrame(X.reshape(len(X), -1)),
    "sparse rows": lambda X: sparse.csr_array(X.reshape(len(X), -1)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_grey_pictures_may_come_in_any_layout(layout, pictures):
    X, y = pictures

    display = ImageGridDisplay.from_images(LAYOUTS[layout](X), y, n_images=5)

    np.testing.assert_array_equal(display.images, X[:5])
    np.testing.assert_array_equal(display.y_true, y[:5])


@pytest.mark.parametrize(
    ("shape", "image_shape"),
    [((12, 8, 6, 3), None), ((12, 3, 8, 6), None), ((12, 144), (3, 8, 6)), ((12, 3, 8, 6), (3, 8, 6))],
)
def test_colours_may_come_in_any_layout(shape, image_shape, colours):
    X, _ = colours
    rows = X.reshape(shape) if shape[1:] == X.shape[1:] else X.transpose(0, 3, 1, 2).reshape(shape)

    display = ImageGridDisplay.from_images(rows, image_shape=image_shape, n_images=12)

    np.testing.assert_array_equal(display.images, X)


def test_floating_colours_in_the_unit_interval_stay_and_others_are_brought_there(colours):
    X = colours[0] / 255

    kept = ImageGridDisplay.from_images(X).images
    scaled = ImageGridDisplay.from_images(6 * X - 3, n_images=12).images

    np.testing.assert_array_equal(kept, X[:10])
    np.testing.assert_allclose(scaled, (X - X.min()) / np.ptp(X), atol=1e-12)


def test_pictures_on_disk_are_read_only_as_far_as_they_are_drawn(tmp_path, colours):
    from PIL import Image

    for i, picture in enumerate(colours[0]):
        folder = tmp_path / "ab"[i % 2]
        folder.mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / f"{i}.png")
    X, y = load_image_folder(tmp_path, size=(8, 6), lazy=True)
    # The folder is sorted by class: a has 0, 10, 2, ...
    (tmp_path / "b" / "9.png").unlink()

    display = ImageGridDisplay.from_images(X, y, n_images=3)

    assert display.images.shape == (3, 8, 6, 3)


def test_a_draw_is_the_same_for_the_same_seed_and_its_places_are_known(pictures):
    X, y = pictures

    one, same, other = (ImageGridDisplay.from_images(X, y, n_images=4, random_state=seed) for seed in (0, 0, 1))

    np.testing.assert_array_equal(one.places, same.places)
    assert one.places.tolist() != other.places.tolist()
    np.testing.assert_array_equal(one.images, X[one.places])
    np.testing.assert_array_equal(one.y_true, y[one.places])


# ---------------------------------------------------------------------------------------------------- predictions


def test_probabilities_give_labels_and_confidence(pictures, probabilities):
    X, y = pictures

    display = ImageGridDisplay.from_predictions(X, y, probabilities, n_images=4)

    assert display.y_pred.tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(display.confidence, [0.9, 0.8, 0.95, 0.7])
    assert display.is_mistake.tolist() == [False, False, False, True]


def test_labels_have_no_confidence(pictures):
    X, y = pictures

    display = ImageGridDisplay.from_predictions(X, y, 1 - y)

    assert display.confidence is None
    assert display.is_mistake.all()


def test_the_surest_mistakes_come_first(pictures, probabilities):
    X, y = pictures

    display = ImageGridDisplay.most_confident_mistakes(X, y, probabilities, n_images=3)

    # Their true classes had 0.05, 0.2 and 0.3.
    assert display.places.tolist() == [5, 7, 3]
    np.testing.assert_allclose(display.confidence, [0.95, 0.8, 0.7])
    assert display.is_mistake.all()


def test_numbers_of_a_regression_are_no_mistakes(pictures):
    X, y = pictures

    assert not ImageGridDisplay.from_predictions(X, y + 0.5, y + 0.25).is_mistake.any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda X, y, p: (X, y[:5], p), "inconsistent numbers of samples"),
        (lambda X, y, p: (X, y, p[:5]), "inconsistent numbers of samples"),
        (lambda X, y, p: (X, y, p[:, :1]), "1 columns, and y_true has 2 labels. Give classes="),
        (lambda X, y, p: (X[0, 0], y[:8], p[:8]), "got 1 dimensions"),
    ],
)
def test_what_does_not_fit_is_refused(change, words, pictures, probabilities):
    with pytest.raises(ValueError, match=words):
        ImageGridDisplay.from_predictions(*change(*pictures, probabilities))


# ---------------------------------------------------------------------------------------------------- drawing


def captions(display):
    return [text.get_text() for text in display.text_]


def test_every_picture_has_its_label(pictures, figures):
    display = ImageGridDisplay.from_images(pictures[0], ["yes", "no"] * 6, n_images=4)

    assert display.plot() is display

    assert captions(display) == ["yes", "no", "yes", "no"]
    assert len(display.image_) == 4
    display.figure_.canvas.draw()


def test_a_mistake_is_said_in_words_and_framed(pictures, probabilities, figures):
    X, y = pictures

    display = ImageGridDisplay.from_predictions(X, y, probabilities, n_images=4).plot()

    assert captions(display) == ["0 (90%)", "1 (80%)", "0 (95%)", "0 (70%)\ntrue: 1"]
    right, wrong = display.ax_.collections
    assert (len(right.get_paths()), len(wrong.get_paths())) == (3, 1)
    assert wrong.get_linestyle() != right.get_linestyle()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_stand_beside_the_true_ones(dtype, pictures, figures):
    X, y = pictures
    predicted = (y + 0.25001).astype(dtype)

    display = ImageGridDisplay.from_predictions(X, y + 0.5, predicted, n_images=2).plot()

    assert captions(display) == ["0.25\ntrue: 0.5", "1.25\ntrue: 1.5"]


@pytest.mark.parametrize("size", [(6.4, 4.8), (3, 3), (12, 4)])
@pytest.mark.parametrize("n_images", [1, 7, 12])
def test_long_labels_are_cut_so_that_no_captions_overlap(size, n_images, pictures, probabilities, figures):
    X, y = pictures
    labels = np.array(["a long-sleeved pullover", "ankle boots with laces"])
    display = ImageGridDisplay.from_predictions(X, labels[y], probabilities, classes=labels, n_images=n_images)
    _, ax = figures.subplots(figsize=size, dpi=72)

    display.plot(ax)

    own = boxes(display, display.text_)
    assert overlaps(own) == []
    assert all("…" in caption and "%" in caption for caption in captions(display)) or n_images == 1
    edges = [image.get_window_extent() for image in display.image_]
    assert overlaps(own + edges) == []


@pytest.mark.parametrize("is_given", [False, True])
def test_without_mistakes_the_figure_says_so(is_given, pictures, figures):
    X, y = pictures
    sure = np.eye(2)[y]

    display = ImageGridDisplay.most_confident_mistakes(X, y, sure).plot(figures.subplots()[1] if is_given else None)

    assert display.image_ == []
    assert captions(display) == ["no pictures"]


def test_grey_pictures_share_a_scale(pictures, figures):
    X = pictures[0].astype(float)

    display = ImageGridDisplay.from_images(X, n_images=12).plot()

    assert {image.get_clim() for image in display.image_} == {(X.min(), X.max())}


def test_plot_draws_where_it_is_told_in_as_many_columns(pictures, figures):
    _, ax = figures.subplots()

    display = ImageGridDisplay.from_images(pictures[0], n_images=6).plot(ax, n_columns=2)

    assert display.ax_ is ax
    assert figures.get_fignums() == [1]
    lefts = {image.get_extent()[0] for image in display.image_}
    assert len(lefts) == 2
