import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression as SklearnLinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn.utils import parametrizations

from sknets import (
    CNNClassifier,
    CNNRegressor,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
    summary,
)
from sknets.inspection import Summary


@pytest.fixture
def table(rng):
    X = rng.normal(size=(20, 3))
    return X, (X[:, 0] > 0).astype(int)


def make_pictures(rng, *shape, n_classes=2):
    return rng.integers(0, 256, size=(20, *shape), dtype=np.uint8), np.arange(20) % n_classes


def fit(estimator, *data):
    """Fit for as many epochs as max_iter says: here nobody minds that this is too few."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*data)


def stack_dense(*sizes):
    layers = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def shapes(table):
    return {row.name: row.output_shape for row in table.rows}


def notes(table):
    return {row.name: row.note for row in table.rows if row.note}


# ------------------------------------------------------------------------------------------- known numbers


@pytest.mark.parametrize(
    ("sizes", "n_parameters"),
    [((3, 4, 2), 26), ((3072, 512, 2), 1_574_402), ((3072, 1024, 512, 128, 2), 3_737_474)],
)
def test_dense_networks_have_as_many_parameters_as_arithmetic_says(sizes, n_parameters):
    regressor = MLPRegressor(hidden_layer_sizes=sizes[1:-1])

    of_module = summary(stack_dense(*sizes), input_shape=sizes[0])
    of_estimator = summary(regressor.initialize(np.zeros((2, sizes[0])), np.zeros((2, sizes[-1]))))

    assert n_parameters == sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
    assert of_module.n_parameters == of_module.n_trainable == n_parameters
    assert of_estimator.n_parameters == of_estimator.n_trainable == n_parameters


def test_a_perceptron_for_colour_pictures_has_as_many_parameters_as_arithmetic_says(rng):
    cnn = CNNClassifier(channels=(), hidden_layer_sizes=(512,), normalization=None)

    assert summary(cnn.initialize(*make_pictures(rng, 3, 32, 32))).n_parameters == 1_574_402


def test_lenet5_has_61706_parameters(rng):
    lenet = CNNClassifier("lenet5").initialize(*make_pictures(rng, 28, 28, n_classes=10))

    table = summary(lenet)

    assert table.n_parameters == 61_706
    assert [row.n_parameters for row in table.rows if row.n_parameters] == [156, 2416, 48_120, 10_164, 850]
    assert shapes(table)["body.5"] == (None, 16, 5, 5)


def test_size_is_that_of_the_parameters_in_their_type():
    table = summary(stack_dense(3072, 512, 2).double(), input_shape=3072)

    assert table.size_mib == 1_574_402 * 8 / 2**20
    assert table.dtype == torch.float64
    assert table.device == torch.device("cpu")


# ------------------------------------------------------------------------------------------- print


def test_the_table_is_aligned_and_complete():
    module = stack_dense(3072, 512, 2)
    module[0].requires_grad_(False)

    assert str(summary(module, input_shape=3072)).splitlines() == [
        "Sequential, input (n, 3072)",
        "",
        "Name   Layer              Output shape  Parameters  Trainable  Note",
        "-----  -----------------  ------------  ----------  ---------  ------",
        "0      Linear(3072, 512)  (n, 512)       1,573,376          0  frozen",
        "1      ReLU               (n, 512)               0          0",
        "2      Linear(512, 2)     (n, 2)             1,026      1,026",
        "-----  -----------------  ------------  ----------  ---------  ------",
        "Total                                    1,574,402      1,026",
        "",
        "Size of the parameters: 6.01 MiB (float32, on cpu)",
    ]


def test_the_table_is_plain_ascii(rng):
    assert str(summary(CNNClassifier("residual").initialize(*make_pictures(rng, 3, 28, 28)))).isascii()


def test_repr_is_the_table(table):
    shown = summary(fit(Perceptron(), *table))

    assert repr(shown) == str(shown)


def test_a_notebook_shows_every_line_and_no_markup_of_the_users():
    module = nn.ModuleDict({"<b>": nn.Linear(3, 1000)})
    module.forward = lambda rows: module["<b>"](rows)

    html = summary(module, input_shape=3)._repr_html_()

    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert "Linear(3, 1000)" in html
    assert html.count("4,000") == 4
    assert html.count("<tr>") == 3


def test_a_frame_has_the_tables_numbers(rng):
    table = summary(CNNClassifier(channels=(8,)).initialize(*make_pictures(rng, 8, 8)))

    frame = table.to_frame()

    assert isinstance(frame, pd.DataFrame)
    assert list(frame) == ["name", "layer", "output_shape", "n_parameters", "n_trainable", "note"]
    assert len(frame) == len(table.rows)
    assert frame["n_parameters"].sum() == table.n_parameters
    assert frame["n_trainable"].sum() == table.n_trainable
    assert frame.set_index("name").loc["body.0", "output_shape"] == "(n, 8, 8, 8)"


def test_a_module_without_layers_is_an_empty_table():
    table = summary(nn.Sequential(), input_shape=3)

    assert table.n_parameters == 0
    assert len(table.rows) == len(table.to_frame()) == 1
    assert "Total" in str(table)


@pytest.mark.parametrize(
    ("layer", "input_shape", "description"),
    [
        (nn.Linear(3, 4, bias=False), 3, "Linear(3, 4, no bias)"),
        (nn.Conv2d(1, 2, 3), (1, 9, 9), "Conv2d(1, 2, 3x3)"),
        (
            nn.Conv2d(2, 2, (3, 5), 2, 1, 2, 2, bias=False),
            (2, 9, 9),
            "Conv2d(2, 2, 3x5, stride 2, padding 1, dilation 2, groups 2, no bias)",
        ),
        (nn.Conv2d(1, 2, 3, padding="same"), (1, 9, 9), "Conv2d(1, 2, 3x3, padding same)"),
        (nn.Conv2d(1, 2, 3, padding="valid"), (1, 9, 9), "Conv2d(1, 2, 3x3)"),
        (nn.Conv1d(1, 2, 3), (1, 9), "Conv1d(1, 2, 3)"),
        (nn.ConvTranspose2d(1, 2, 3), (1, 9, 9), "ConvTranspose2d(1, 2, 3x3)"),
        (nn.MaxPool2d(2), (1, 8, 8), "MaxPool2d(2)"),
        (nn.AvgPool2d((2, 3), stride=1, padding=1), (1, 8, 8), "AvgPool2d(2x3, stride 1, padding 1)"),
        (nn.LPPool2d(2, 2), (1, 8, 8), "LPPool2d(2)"),
        (nn.BatchNorm1d(3), 3, "BatchNorm1d(3)"),
        (nn.LayerNorm((3, 4)), (3, 4), "LayerNorm(3x4)"),
        (nn.GroupNorm(2, 4), (4, 3), "GroupNorm(4, groups 2)"),
        (nn.Dropout(0.25), 3, "Dropout(0.25)"),
        (nn.LeakyReLU(0.1), 3, "LeakyReLU(0.1)"),
        (nn.GELU(), 3, "GELU"),
        (nn.Flatten(), (3, 4), "Flatten"),
        (nn.LSTM(3, 4, 2, bidirectional=True), (5, 3), "LSTM(3, 4, layers 2, both directions)"),
    ],
)
def test_a_layer_tells_what_matters(layer, input_shape, description):
    assert [row.layer for row in summary(layer, input_shape).rows] == [description]


# ------------------------------------------------------------------------------------------- estimators


@pytest.mark.parametrize("estimator", [LinearRegression(), LogisticRegression(), Perceptron(), MLPClassifier((4,))])
def test_every_tabular_estimator_has_a_summary(table, estimator):
    fitted = fit(estimator, *table)

    shown = summary(fitted)

    assert shown.title == type(estimator).__name__
    assert shown.input_shape == (None, 3)
    assert shown.rows[-1].output_shape == (None, 1)
    assert shown.n_parameters == sum(p.numel() for p in fitted.module_.parameters())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_of_numbers_is_the_networks(table, dtype):
    X, y = table

    assert str(summary(MLPRegressor().initialize(X.astype(dtype), y)).dtype) == f"torch.{np.dtype(dtype)}"


@pytest.mark.parametrize("shape", [(8, 10), (8, 10, 3), (3, 8, 10)])
def test_pictures_come_in_the_layout_of_fit(rng, shape):
    table = summary(CNNRegressor(channels=(4,)).initialize(*make_pictures(rng, *shape)))

    assert table.input_shape == (None, *shape)
    assert table.rows[0].output_shape == (None, 3 if 3 in shape else 1, 8, 10)


def test_flat_pictures_come_flat(rng):
    X, y = make_pictures(rng, 64)

    assert summary(CNNClassifier(channels=(4,)).initialize(X, y)).input_shape == (None, 64)


def test_residual_blocks_and_augmentation_have_lines_of_their_own(rng):
    cnn = CNNClassifier("residual", augmentation=lambda images: images).initialize(*make_pictures(rng, 28, 28))

    names = [row.name for row in summary(cnn).rows]

    assert names[:2] == ["input.augmentation", "input"]
    assert names.index("body.7") == names.index("body.7.5") + 1


def test_a_pipeline_gives_its_last_step(table):
    network = fit(MLPClassifier((4,), max_iter=2), *table)

    assert str(summary(Pipeline([("inner", make_pipeline("passthrough", network))]))) == str(summary(network))


def test_a_search_gives_its_best_estimator(table):
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(max_iter=1, random_state=0))
    search = fit(GridSearchCV(pipeline, {"mlpclassifier__hidden_layer_sizes": [(4,)]}, cv=2), *table)

    assert summary(search).n_parameters == (3 + 1) * 4 + (4 + 1) * 1


def test_a_summary_changes_nothing_but_is_repeatable(rng):
    cnn = CNNClassifier("workshop", augmentation="light", random_state=0).initialize(*make_pictures(rng, 28, 28))
    cnn.module_.body[3].eval()
    before = [layer.training for layer in cnn.module_.modules()]
    weights = {name: value.clone() for name, value in cnn.module_.state_dict().items()}
    random_state, attributes = torch.get_rng_state(), set(vars(cnn))

    first, second = summary(cnn), summary(cnn)

    assert first == second
    assert [layer.training for layer in cnn.module_.modules()] == before
    assert all(torch.equal(value, weights[name]) for name, value in cnn.module_.state_dict().items())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in cnn.module_.modules())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert set(vars(cnn)) == attributes


def test_a_fit_continues_as_if_there_had_been_no_summary(table):
    looked_at, other = (MLPClassifier((4,), dropout=0.5, random_state=0) for _ in range(2))
    looked_at.partial_fit(*table, classes=[0, 1])
    other.partial_fit(*table, classes=[0, 1])

    summary(looked_at)

    np.testing.assert_array_equal(looked_at.partial_fit(*table).loss_curve_, other.partial_fit(*table).loss_curve_)


# ------------------------------------------------------------------------------------------- modules of the user's


class Tutorial(nn.Module):
    """Everything that a user's module may do: reuse, leave unused, own parameters, return a tuple."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.pool = nn.MaxPool2d(2)
        self.dense = nn.Linear(400, 400)
        self.unused = nn.Linear(2, 2)
        self.temperature = nn.Parameter(torch.ones(7))
        self.offsets = nn.ParameterList([torch.zeros(3)])
        self.spare = nn.ModuleList()

    def forward(self, images):
        maps = self.pool(self.conv2(self.pool(self.conv1(images)))).flatten(1)
        outputs = self.dense(self.dense(maps)) + torch.randn(1)
        return outputs / self.temperature.sum(), {"offset": self.offsets[0]}


@pytest.fixture
def tutorial():
    return summary(Tutorial(), input_shape=(3, 32, 32))


def test_every_parameter_is_counted_once(tutorial):
    assert tutorial.n_parameters == sum(p.numel() for p in Tutorial().parameters())


def test_layers_stand_in_the_order_in_which_they_run_and_unused_ones_at_the_end(tutorial):
    names = [row.name for row in tutorial.rows]

    assert names == ["conv1", "pool", "conv2", "pool", "dense", "", "unused", "offsets"]


def test_parameters_outside_layers_have_a_line(tutorial):
    row = tutorial.rows[5]

    assert (row.layer, row.n_parameters, row.output_shape) == ("Tutorial(temperature)", 7, (None, 400))
    assert tutorial.rows[7].n_parameters == 3


def test_notes_tell_what_is_unusual(tutorial):
    assert notes(tutorial) == {"pool": "again", "dense": "2 calls", "unused": "not called"}
    assert tutorial.rows[6].output_shape is None
    assert "unused Linear(2, 2) - 6 6 not called" in " ".join(str(tutorial).split())


def test_a_layer_used_twice_is_counted_once():
    layer = nn.Linear(3, 3)

    table = summary(nn.Sequential(layer, nn.ReLU(), layer), input_shape=3)

    assert table.n_parameters == 12
    assert notes(table) == {"0": "2 calls"}


def test_tied_weights_are_counted_once():
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight

    table = summary(nn.Sequential(first, second), input_shape=3)

    assert [row.n_parameters for row in table.rows] == [12, 3]
    assert notes(table) == {"1": "shares parameters"}


def test_a_half_frozen_layer_shows_what_is_trainable():
    layer = nn.Linear(3, 4)
    layer.bias.requires_grad_(False)

    table = summary(layer, input_shape=3)

    assert (table.n_parameters, table.n_trainable) == (16, 12)
    assert notes(table) == {}


@pytest.mark.parametrize(
    ("module", "input_shape", "n_parameters"),
    [
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 8), 600),
        (nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 4))), 3, 20),
        (nn.GRU(3, 4, batch_first=True), (5, 3), 108),
    ],
)
def test_layers_that_hold_others_are_one_line(module, input_shape, n_parameters):
    table = summary(module, input_shape)

    assert table.n_parameters == n_parameters
    assert notes(table) == {}
    assert all(row.output_shape[0] is None for row in table.rows)


def test_axes_that_are_not_those_of_rows_stay_numbers():
    windows = nn.Sequential(nn.Unflatten(1, (4, 2)), nn.Flatten(0, 1), nn.Linear(2, 3))

    assert summary(windows, input_shape=8).rows[-1].output_shape == (4, 3)


def test_a_module_on_another_device_is_run_there():
    table = summary(stack_dense(3, 4, 2).to("meta"), input_shape=3)

    assert table.device == torch.device("meta")
    assert table.n_parameters == 26


def test_a_module_of_the_users_is_left_as_it_was():
    module = Tutorial()
    module.conv2.eval()
    seen = []
    module.pool.register_forward_hook(lambda *call: seen.append(call))
    modes, random_state = [layer.training for layer in module.modules()], torch.get_rng_state()

    summary(module, input_shape=(3, 32, 32))

    assert [layer.training for layer in module.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [len(layer._forward_hooks) for layer in (module.pool, module.conv1)] == [1, 0]
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_module_that_fails_is_left_as_it_was():
    module = stack_dense(3, 4, 2)

    with pytest.raises(ValueError, match=r"one row that the module can take.*\(5,\).*cannot be multiplied.*n_features"):
        summary(module, input_shape=5)

    assert all(layer.training and not layer._forward_hooks for layer in module.modules())


# ------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("input_shape", [None, 0, (3, 0), "3", (2.5,)])
def test_a_module_needs_the_shape_of_a_row(input_shape):
    with pytest.raises(ValueError, match=r"input_shape must be given.*got .*Give the shape of one row"):
        summary(nn.Linear(3, 4), input_shape)


def test_lazy_layers_are_not_filled_by_a_look():
    module = nn.Sequential(nn.LazyLinear(4))

    with pytest.raises(ValueError, match=r"shapes of its parameters.*lazy.*one batch"):
        summary(module, input_shape=3)

    assert isinstance(module[0], nn.LazyLinear)


def test_an_estimator_knows_its_own_shape(table):
    with pytest.raises(ValueError, match=r"input_shape is for a torch.nn.Module only; got 3 with a Perceptron"):
        summary(fit(Perceptron(), *table), input_shape=3)


@pytest.mark.parametrize(
    ("estimator", "advice"),
    [
        (MLPClassifier(), "MLPClassifier has none yet. Call fit, or initialize"),
        (CNNClassifier(), "CNNClassifier has none yet. Call fit, or initialize"),
        (Perceptron(), "Perceptron has none yet. Call fit."),
        (make_pipeline(StandardScaler(), MLPRegressor()), "MLPRegressor has none yet. Call fit, or initialize"),
        (GridSearchCV(MLPClassifier(), {}), "GridSearchCV has none. Call fit first, with refit=True"),
    ],
)
def test_an_unfitted_network_says_how_to_get_one(estimator, advice):
    with pytest.raises(NotFittedError, match=advice):
        summary(estimator)


@pytest.mark.parametrize(
    ("thing", "found"),
    [
        (SklearnLinearRegression(), "an object of type LinearRegression"),
        (make_pipeline(StandardScaler(), SklearnLinearRegression()), "an object of type LinearRegression"),
        (MLPClassifier, "the class MLPClassifier"),
        (None, "an object of type NoneType"),
    ],
)
def test_what_is_no_network_is_refused(thing, found):
    with pytest.raises(TypeError, match=rf"estimator must be an estimator of sknets.*got {found}. Give a fitted"):
        summary(thing)


def test_a_search_among_others_is_refused(table):
    search = GridSearchCV(DummyClassifier(), {}, cv=2).fit(*table)

    with pytest.raises(TypeError, match="got an object of type DummyClassifier"):
        summary(search)


def test_the_public_doors_lead_to_the_same_place(table):
    assert isinstance(summary(fit(Perceptron(), *table)), Summary)
