import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sknets._image_layout import CHANNEL_COUNTS, ImageLayout, check_image_shape, match_layout, resolve_layout

channels = st.sampled_from(CHANNEL_COUNTS)
sides = st.integers(1, 40)


@pytest.mark.parametrize(
    ("shape", "image_shape", "expected"),
    [
        ((9, 28, 28), None, ImageLayout(1, 28, 28, ndim=3)),
        ((9, 28, 20, 3), None, ImageLayout(3, 28, 20, is_channels_last=True)),
        ((9, 3, 28, 20), None, ImageLayout(3, 28, 20)),
        ((9, 784), None, ImageLayout(1, 28, 28, ndim=2)),
        ((9, 3072), None, ImageLayout(3, 32, 32, ndim=2)),
        ((9, 192), None, ImageLayout(3, 8, 8, ndim=2)),
        ((9, 12), None, ImageLayout(1, 1, 12, ndim=2)),
        ((9, 30), None, ImageLayout(1, 1, 30, ndim=2)),
        ((9, 560), (28, 20), ImageLayout(1, 28, 20, ndim=2)),
        ((9, 560), (1, 28, 20), ImageLayout(1, 28, 20, ndim=2)),
        ((9, 1680), (3, 28, 20), ImageLayout(3, 28, 20, ndim=2)),
        ((9, 1680), (28, 20, 3), ImageLayout(3, 28, 20, is_channels_last=True, ndim=2)),
        ((9, 28, 20), (28, 20), ImageLayout(1, 28, 20, ndim=3)),
        ((9, 28, 20), (28, 20, 1), ImageLayout(1, 28, 20, ndim=3)),
        ((9, 28, 20, 1), (28, 20), ImageLayout(1, 28, 20, is_channels_last=True)),
        ((9, 28, 20, 3), (28, 20, 3), ImageLayout(3, 28, 20, is_channels_last=True)),
        ((9, 28, 20, 3), (3, 28, 20), ImageLayout(3, 28, 20, is_channels_last=True)),
        ((9, 16, 28, 20), (16, 28, 20), ImageLayout(16, 28, 20)),
        ((9, 3, 28, 4), (3, 28, 4), ImageLayout(3, 28, 4)),
        ((9, 3, 28, 4), (4, 3, 28), ImageLayout(4, 3, 28, is_channels_last=True)),
    ],
    ids=str,
)
def test_the_layout_is_found_in_the_shape(shape, image_shape, expected):
    assert resolve_layout(shape, image_shape) == expected


@pytest.mark.parametrize("shape", [(9,), (9, 3, 28, 28, 1), ()])
def test_other_numbers_of_dimensions_are_refused(shape):
    with pytest.raises(ValueError, match=rf"image_shape=\(n_channels, height, width\); got {len(shape)} dimensions"):
        resolve_layout(shape)


@pytest.mark.parametrize("shape", [(9, 0), (9, 0, 5), (9, 3, 0, 5)])
def test_images_without_pixels_are_refused(shape):
    with pytest.raises(ValueError, match="at least one pixel"):
        resolve_layout(shape)


@pytest.mark.parametrize(("shape", "why"), [((9, 3, 28, 4), "both"), ((9, 28, 28, 28), "neither")])
def test_an_ambiguous_layout_names_the_choices_and_each_choice_resolves_it(shape, why):
    _, first, middle, last = shape

    with pytest.raises(ValueError, match="ambiguous") as caught:
        resolve_layout(shape)

    choices = (first, middle, last), (last, first, middle)
    assert why in str(caught.value)
    assert all(f"image_shape={choice}" in str(caught.value) for choice in choices)
    assert resolve_layout(shape, choices[0]) == ImageLayout(first, middle, last)
    if choices[0] != choices[1]:
        assert resolve_layout(shape, choices[1]) == ImageLayout(last, first, middle, is_channels_last=True)


@pytest.mark.parametrize(
    ("shape", "image_shape"),
    [((9, 28, 20), (20, 28)), ((9, 28, 20), (3, 28, 20)), ((9, 3, 28, 20), (1, 28, 20)), ((9, 28, 20, 3), (28, 20))],
)
def test_an_image_shape_that_contradicts_x_is_refused(shape, image_shape):
    with pytest.raises(ValueError, match=r"image_shape=\(.*\) does not fit X of shape"):
        resolve_layout(shape, image_shape)


def test_an_image_shape_of_another_number_of_values_is_refused():
    with pytest.raises(ValueError, match=r"image_shape=\(1, 28, 28\) has 784 values, but X has 785 features"):
        resolve_layout((9, 785), (28, 28))


@pytest.mark.parametrize("image_shape", [(28, 28), [28, 28], np.array([1, 28, 28]), (1.0, 28, 28)], ids=str)
def test_an_image_shape_may_be_any_sequence_of_whole_numbers(image_shape):
    assert check_image_shape(image_shape) == (1, 28, 28)


@pytest.mark.parametrize(
    "image_shape", [28, "28", (28,), (1, 1, 28, 28), (0, 28, 28), (-1, 28), (2.5, 28), (None, 28), ("a", "b"), np.nan]
)
def test_what_is_no_image_shape_is_refused(image_shape):
    with pytest.raises(ValueError, match=r"image_shape must be .* in positive whole numbers; got"):
        check_image_shape(image_shape)


def list_layouts(n_channels, height, width):
    """Return every layout that an image may have."""
    size = (n_channels, height, width)
    without_axis = [ImageLayout(*size, ndim=3)] if n_channels == 1 else []
    return [
        ImageLayout(*size, ndim=2),
        ImageLayout(*size),
        ImageLayout(*size, is_channels_last=True),
        *without_axis,
    ]


@settings(max_examples=60, deadline=None)
@given(channels, sides, sides)
def test_a_stated_image_shape_is_never_misread(n_channels, height, width):
    for layout in list_layouts(n_channels, height, width):
        found = resolve_layout((9, *layout.row_shape), (n_channels, height, width))

        # Where both orders have the same shape, the stated one is meant.
        expected = layout if layout.row_shape != layout.image_shape else ImageLayout(*layout.image_shape)
        assert found == expected


@settings(max_examples=60, deadline=None)
@given(channels, sides, sides)
def test_what_is_inferred_has_the_values_of_a_row(n_channels, height, width):
    for layout in list_layouts(n_channels, height, width):
        try:
            found = resolve_layout((9, *layout.row_shape))
        except ValueError as error:
            assert "ambiguous" in str(error)  # noqa: PT017 - only some sizes raise
        else:
            assert found.row_shape == layout.row_shape
            assert found.n_values == n_channels * height * width
            assert resolve_layout((5, *found.row_shape), found.image_shape).image_shape == found.image_shape


@settings(max_examples=60, deadline=None)
@given(channels, sides, sides)
def test_every_layout_of_the_same_images_is_recognised_after_fit(n_channels, height, width):
    # Cubes read the same in both orders.
    assume(not n_channels == height == width)

    for learnt in list_layouts(n_channels, height, width):
        for later in list_layouts(n_channels, height, width):
            if later.ndim == 2 and learnt.is_channels_last and n_channels > 1:
                continue
            found = match_layout((5, *later.row_shape), learnt)

            assert found.row_shape == later.row_shape
            assert found.image_shape == later.image_shape
            assert found.is_channels_last == later.is_channels_last or n_channels == 1


def test_rows_like_those_of_fit_keep_their_layout():
    learnt = ImageLayout(3, 3, 3, is_channels_last=True)

    assert match_layout((5, 3, 3, 3), learnt) is learnt


def test_flat_rows_after_channels_last_could_be_mistaken():
    learnt = ImageLayout(3, 28, 20, is_channels_last=True)

    with pytest.raises(ValueError, match="do not say whether their channels come first or last"):
        match_layout((5, 1680), learnt)


def test_a_cube_after_flat_rows_could_be_mistaken():
    with pytest.raises(ValueError, match="do not say whether their channels come first or last"):
        match_layout((5, 3, 3, 3), ImageLayout(3, 3, 3, ndim=2))


@pytest.mark.parametrize("shape", [(5, 28, 20), (5, 3, 20, 28), (5, 1, 28, 20), (5, 3, 28, 20, 1), (5, 1679), (5,)])
def test_images_of_another_size_are_refused(shape):
    learnt = ImageLayout(3, 28, 20)

    with pytest.raises(ValueError, match="X must hold pictures of 3 channels, 28 pixels high and 20 wide"):
        match_layout(shape, learnt)


def test_a_row_has_the_shape_that_its_layout_says():
    shapes = {layout.row_shape for layout in list_layouts(1, 28, 20)}

    assert shapes == {(560,), (28, 20), (1, 28, 20), (28, 20, 1)}
    assert ImageLayout(3, 28, 20, is_channels_last=True, ndim=2).unfolded_shape == (28, 20, 3)
