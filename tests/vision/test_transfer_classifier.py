import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression as TheirLogisticRegression
from torch import nn
from torch.nn import functional

from sknets import TransferClassifier
from sknets._torchvision import import_torchvision
from sknets.datasets import ImageFiles
from sknets.nn._backbone import Backbone
from tests.vision._pretrained import (
    BACKBONE,
    bits,
    is_same,
    make_model,
    make_pictures,
    publish,
    refuse_download,
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mine.pth"
    torch.save(make_model().state_dict(), path)
    return str(path)


@pytest.fixture
def data(rng):
    return make_pictures(rng)


@pytest.fixture
def passes(monkeypatch):
    """Collect the number of pictures in each pass through a backbone."""
    numbers = []
    forward = Backbone.forward

    def counted(self, images):
        numbers.append(len(images))
        return forward(self, images)

    monkeypatch.setattr(Backbone, "forward", counted)
    return numbers


def make(weights, **parameters):
    return TransferClassifier(BACKBONE, **{"weights": weights, "max_iter": 3, "random_state": 0, **parameters})


def make_random(**parameters):
    """Return one that starts from random weights, on pictures of any size."""
    return make(None, **{"freeze": False, "batch_size": 4, **parameters})


def features_by_hand(X, dtype=torch.float32):
    """Return torchvision's own features of colour pictures of bytes, channels last."""
    model = make_model().to(dtype)
    model.fc = nn.Identity()
    preset = import_torchvision().models.get_model_weights(BACKBONE).DEFAULT.transforms()
    with torch.no_grad():
        return model(preset(torch.from_numpy(X).permute(0, 3, 1, 2)).to(dtype))


def test_the_outputs_are_a_linear_map_of_torchvisions_features(weights, data):
    X, y = data
    clf = make(weights).fit(X, y)

    with torch.no_grad():
        logits = clf.module_.head(features_by_hand(X)).numpy()

    np.testing.assert_allclose(clf.decision_function(X), logits[:, 1] - logits[:, 0], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_head_that_has_converged_is_scikit_learns_logistic_regression(weights, rng):
    X, _ = make_pictures(rng, n=12)
    y = np.arange(12) % 3
    features = features_by_hand(X, torch.float64).numpy()
    theirs = TheirLogisticRegression(C=0.1, tol=1e-9, max_iter=5000).fit(features, y)

    clf = make(weights, solver="lbfgs", alpha=10, tol=1e-7, max_iter=500, precision="float64").fit(X, y)

    np.testing.assert_allclose(clf.predict_proba(X), theirs.predict_proba(features), atol=1e-4)
    np.testing.assert_allclose(clf.module_.head[-1].weight.detach(), theirs.coef_, atol=1e-4)


def test_the_head_takes_the_steps_that_it_would_take_on_features(weights, data):
    X, y = data
    clf = make(
        weights, solver="sgd", momentum=0.0, alpha=0.0, learning_rate="constant", learning_rate_init=0.01, max_iter=4
    )
    head = clf.initialize(X, y).module_.head
    features, targets = features_by_hand(X), torch.from_numpy(y)
    for _ in range(4):
        head.zero_grad()
        functional.cross_entropy(head(features), targets).backward()
        with torch.no_grad():
            for parameter in head.parameters():
                parameter -= 0.01 * parameter.grad

    with pytest.warns(UserWarning, match="Maximum iterations"):
        clf.fit(X, y)

    for ours, theirs in zip(clf.module_.head.parameters(), head.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("max_iter", [1, 9])
def test_a_frozen_backbone_reads_each_picture_once(max_iter, weights, data, passes):
    X, y = data

    make(weights, max_iter=max_iter, batch_size=4).fit(X, y)

    # One picture of zeros tells whether the size is right, one how much work a picture is.
    assert sum(passes) == len(X) + 2


def test_a_frozen_backbone_reads_each_validation_picture_once(weights, data, passes):
    X, y = data

    make(weights, max_iter=6, batch_size=4).fit(X, y, X_val=X[:5], y_val=y[:5])

    assert sum(passes) == len(X) + 5 + 2


def test_a_frozen_backbone_stays_bit_by_bit(weights, data):
    X, y = data

    clf = make(weights, max_iter=20, learning_rate_init=0.01).fit(X, y)

    expected = bits(Backbone(BACKBONE, torch.load(weights, weights_only=True)))
    assert is_same(bits(clf.module_.backbone.module), expected)
    assert clf.score(X, y) == 1.0


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "squeezenet1_1"])
def test_other_backbones_learn_from_the_cache_without_a_network(name, data, tmp_path, monkeypatch):
    X, y = data
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse_download)
    publish(make_model(name).state_dict(), tmp_path, name)

    clf = TransferClassifier(name, max_iter=30, learning_rate_init=0.01, random_state=0).fit(X[:6], y[:6])

    assert clf.loss_ < clf.loss_curve_[0]


def test_missing_weights_leave_the_estimator_unfitted(data, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    clf = TransferClassifier(BACKBONE)

    with pytest.raises(OSError, match="Put the file there, or give another copy by weights="):
        clf.fit(*data)
    assert not hasattr(clf, "net_")
    assert not hasattr(clf, "classes_")


def test_weights_of_another_backbone_are_refused(weights, data):
    with pytest.raises(ValueError, match="must be the state dict of a mobilenet_v3_small"):
        TransferClassifier("mobilenet_v3_small", weights=weights).fit(*data)


def test_random_weights_that_stay_are_warned_of(data):
    with pytest.warns(UserWarning, match=r"random weights \(weights=None\) and stays as it is.*or set freeze=False"):
        make(None).fit(*data)


@pytest.mark.parametrize("parameters", [{"freeze": False}, {"unfreeze_after": 1}, {"unfreeze_after": (0, 1)}], ids=str)
def test_random_weights_that_learn_are_not_warned_of(parameters, data):
    X, y = data
    learnt = make(None, max_iter=2, batch_size=4, **parameters).fit(X, y)

    assert not learnt.module_.is_frozen


def test_a_backbone_learns_by_its_own_rate(data):
    X, y = data
    clf = make_random(
        solver="sgd",
        momentum=0.0,
        alpha=0.0,
        learning_rate="constant",
        learning_rate_init=0.1,
        backbone_learning_rate=0.004,
        batch_size=8,
        max_iter=1,
    )
    before = clf.initialize(X, y).module_.train()
    loss = functional.cross_entropy(before(torch.from_numpy(X.reshape(8, -1))), torch.from_numpy(y))
    loss.backward()

    with pytest.warns(UserWarning, match="Maximum iterations"):
        after = clf.fit(X, y).module_

    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        rate = 0.004 if name.startswith("backbone.") else 0.1
        torch.testing.assert_close(new, old - rate * old.grad, rtol=1e-3, atol=1e-5, msg=name)


def test_a_backbone_without_a_rate_gets_a_tenth(data):
    clf = make_random(max_iter=1, learning_rate_init=0.02).fit(*data)

    rates = {group["lr"] for group in clf.net_.optimizer_.param_groups}
    assert sorted(rates) == pytest.approx([0.002, 0.02])


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "rmsprop", torch.optim.RAdam])
def test_every_solver_trains_backbone_and_head(solver, data):
    X, y = data
    clf = make_random(solver=solver, max_iter=2, learning_rate="cosine")
    before = [parameter.detach().clone() for parameter in clf.initialize(X, y).module_.parameters()]

    after = list(clf.fit(X, y).module_.parameters())

    # Some step may be smaller than rounding.
    is_changed = [not torch.equal(old, new) for old, new in zip(before, after, strict=True)]
    assert np.mean(is_changed) > 0.9
    assert all(is_changed[-2:])


@pytest.mark.parametrize("parameters", [{}, {"freeze": True, "unfreeze_after": 0}], ids=["freeze=False", "after 0"])
def test_a_backbone_that_learns_from_the_start(parameters, data):
    X, y = data
    X = X / np.float32(255)

    clf = make_random(**parameters).fit(X, y)

    assert is_same(bits(clf.module_), bits(make_random().fit(X, y).module_))


@pytest.mark.slow
@pytest.mark.parametrize("unfreezing", [{"freeze": False}, {"unfreeze_after": 1}], ids=str)
def test_pretrained_batch_statistics_stay_while_the_backbone_learns(unfreezing, weights, data):
    clf = make(weights, max_iter=2, **unfreezing).fit(*data)

    original = Backbone(BACKBONE, torch.load(weights, weights_only=True))
    learnt = clf.module_.backbone.module
    assert is_same(list(learnt.buffers()), list(original.buffers()))
    assert not is_same(list(learnt.parameters()), list(original.parameters()))


def test_bytes_and_shares_of_white_are_the_same_pictures(weights, data):
    X, y = data
    clf = make(weights, alpha=10, max_iter=20).fit(X, y)

    of_bytes, of_shares = clf.predict_proba(X), clf.predict_proba(X / 255)

    # Bytes are rounded once they are resized, and random weights make much of that.
    np.testing.assert_allclose(of_bytes, of_shares, atol=2e-2)
    assert of_bytes.std() > 0.05


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1), (0, 1.01)])
@pytest.mark.parametrize("is_mapped", [False, True])
def test_floating_pictures_out_of_range_are_refused_for_pretrained_weights(
    is_mapped, low, high, weights, data, tmp_path
):
    X = np.linspace(low, high, 8 * 3 * 8 * 8, dtype=np.float32).reshape(8, 3, 8, 8)
    if is_mapped:
        np.save(tmp_path / "X.npy", X)
        X = np.load(tmp_path / "X.npy", mmap_mode="r")

    with pytest.raises(ValueError, match=rf"in \[0, 1\].*X goes from {low:g} to {high:g}\. Pass uint8, or d"):
        make(weights).fit(X, data[1])


def test_floating_pictures_out_of_range_are_refused_in_prediction_too(weights, data):
    X, y = data
    clf = make(weights).fit(X / 255, y)

    for call in (clf.predict, clf.predict_proba):
        with pytest.raises(ValueError, match=r"in \[0, 1\].*Pass uint8, or divide by 255"):
            call(X.astype(np.float32))
    with pytest.raises(ValueError, match=r"in \[0, 1\].*Pass uint8, or divide by 255"):
        make(weights).fit(X / 255, y, X_val=X.astype(np.float32), y_val=y)


def test_a_mapped_file_of_long_integers_is_refused_for_pretrained_weights(weights, data, tmp_path):
    np.save(tmp_path / "X.npy", data[0].astype(np.int64))

    with pytest.raises(ValueError, match=r"must be bytes \(uint8\), or floating numbers in \[0, 1\].*got int64. Write"):
        make(weights).fit(np.load(tmp_path / "X.npy", mmap_mode="r"), data[1])


def test_floating_pictures_of_any_range_go_with_random_weights(data):
    X, y = data

    clf = make_random(max_iter=1).fit(X * 7.5 - 300, y)

    assert np.isfinite(clf.predict_proba(X * 7.5 - 300)).all()


def test_probabilities_have_the_type_of_the_pictures(weights, data):
    X, y = data
    clf = make(weights).fit(X / 255, y)

    assert clf.predict_proba(X / 255).dtype == np.float64
    assert clf.predict_proba((X / 255).astype(np.float32)).dtype == np.float32
    assert clf.predict_proba(X).dtype == np.float32
    assert next(clf.module_.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X.transpose(0, 3, 1, 2),
        lambda X: X.astype(np.int64),
        lambda X: torch.from_numpy(X),
        pytest.param(lambda X: X.tolist(), marks=pytest.mark.slow),
    ],
    ids=["channels first", "integers", "tensor", "lists"],
)
def test_every_layout_gives_the_same_network(change, weights, data):
    X, y = data
    expected = make(weights, max_iter=2).fit(X, y).predict_proba(X)

    clf = make(weights, max_iter=2).fit(change(X), y)

    np.testing.assert_allclose(clf.predict_proba(change(X)), expected, atol=1e-5)
    assert clf.image_shape_ == (3, 32, 32)


def test_grey_pictures_are_seen_as_colour_ones(weights, data):
    X, y = data
    grey = np.ascontiguousarray(X[..., 0])

    clf = make(weights, max_iter=2).fit(grey, y)
    coloured = make(weights, max_iter=2).fit(np.repeat(grey[..., None], 3, axis=3), y)

    assert clf.image_shape_ == (1, 32, 32)
    np.testing.assert_allclose(clf.predict_proba(grey), coloured.predict_proba(grey[..., None].repeat(3, 3)), atol=1e-5)


def test_pictures_with_transparency_are_refused(weights, data):
    X, y = data

    with pytest.raises(ValueError, match=r"three channels, or grey ones with one; got 4 channels"):
        make(weights).fit(np.concatenate([X, X[..., :1]], axis=3), y)


def test_too_small_pictures_are_refused_with_a_remedy(rng):
    X, y = make_pictures(rng, side=8)
    clf = TransferClassifier("squeezenet1_1", weights=None, freeze=False, max_iter=1, random_state=0)

    with pytest.raises(ValueError, match=r"'squeezenet1_1' must be able to read pictures of 8 x 8.*Use image_size=224"):
        clf.fit(X, y)

    assert clf.set_params(image_size=32).fit(X, y).score(X, y) >= 0


def test_picture_files_are_read_as_an_array_of_them_is(weights, data, tmp_path):
    image = pytest.importorskip("PIL.Image")
    X, y = data
    paths = [tmp_path / f"{index}.png" for index in range(len(X))]
    for path, pixels in zip(paths, X, strict=True):
        image.fromarray(pixels).save(path)
    files = ImageFiles(paths, size=32)

    clf = make(weights).fit(files, y)

    expected = make(weights).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(files), expected.predict_proba(X))


@pytest.mark.parametrize(
    ("dtype", "parameters"),
    [
        (np.uint8, {}),
        (np.float32, {}),
        (np.uint8, {"unfreeze_after": 1, "weights": None}),
        (np.float32, {"freeze": False, "weights": None}),
    ],
)
def test_a_mapped_file_is_read_as_an_array_is(dtype, parameters, weights, data, tmp_path):
    X, y = data
    X = X if dtype == np.uint8 else X / np.float32(255)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    parameters = {"weights": weights, "batch_size": 5, **parameters}

    clf = make(**parameters).fit(mapped, y)

    expected = make(**parameters).fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(mapped), expected.predict_proba(X), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"freeze": False, "unfreeze_after": 3}, r"unfreeze_after=3 needs freeze=True.*got freeze=False. Leave one"),
        ({"unfreeze_after": (3, 2)}, r"unfreeze_after must be a number of epochs, or several that rise.*\(3, 2\)"),
        ({"unfreeze_after": (2, 2)}, r"unfreeze_after must be a number of epochs, or several that rise"),
        ({"unfreeze_after": (-1, 2)}, r"all >= 0; got \(-1, 2\)"),
        ({"unfreeze_after": (0.5, 2)}, r"unfreeze_after must be a number of epochs"),
        ({"unfreeze_after": -1}, r"'unfreeze_after' parameter of TransferClassifier must be"),
        ({"unfreeze_after": 1.5}, r"'unfreeze_after' parameter of TransferClassifier must be"),
        ({"backbone_learning_rate": 0}, r"'backbone_learning_rate' parameter of TransferClassifier must be"),
        ({"image_size": 0}, r"'image_size' parameter of TransferClassifier must be"),
        ({"dropout": 1.0}, r"'dropout' parameter of TransferClassifier must be"),
        ({"weights": 3}, r"'weights' parameter of TransferClassifier must be"),
        ({"freeze": "no"}, r"'freeze' parameter of TransferClassifier must be"),
        ({"solver": "lbfgs", "freeze": False}, r"'lbfgs' trains a head on a frozen backbone only; got freeze=False"),
        ({"solver": "lbfgs", "unfreeze_after": 2}, r"lbfgs.*and unfreeze_after=2. Use solver='adam'"),
        ({"backbone": "resnet19"}, r"got 'resnet19'. Did you mean 'resnet1"),
    ],
    ids=str,
)
def test_parameters_that_make_no_sense_are_refused(parameters, message, weights, data):
    with pytest.raises(ValueError, match=message):
        make(weights).set_params(**parameters).fit(*data)


@pytest.mark.parametrize("unfreeze_after", [np.int64(2), (2,), np.array([2])], ids=repr)
def test_one_epoch_of_thawing_may_be_given_in_many_ways(unfreeze_after, data):
    X, y = data

    clf = make(None, unfreeze_after=unfreeze_after, batch_size=4).fit(X, y)

    expected = make(None, unfreeze_after=2, batch_size=4).fit(X, y)
    assert is_same(bits(clf.module_), bits(expected.module_))


def test_lbfgs_leaves_the_backbone_alone(weights, data):
    X, y = data

    clf = make(weights, solver="lbfgs", max_iter=100).fit(X, y)

    assert clf.score(X, y) == 1.0
    assert is_same(bits(clf.module_.backbone.module), bits(Backbone(BACKBONE, torch.load(weights, weights_only=True))))


def test_hidden_layers_stand_between_backbone_and_outputs(weights, data):
    clf = make(weights, hidden_layer_sizes=(7, 5), activation="tanh", dropout=0.3).fit(*data)

    shapes = [tuple(layer.weight.shape) for layer in clf.module_.head if isinstance(layer, nn.Linear)]
    assert shapes == [(7, 1024), (5, 7), (2, 5)]
    assert sum(isinstance(layer, nn.Tanh) for layer in clf.module_.head) == 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("parameters", [{"solver": "lbfgs"}, {"solver": "sgd", "learning_rate_init": 0.01}], ids=str)
def test_a_weight_counts_rows(parameters, weights, data):
    X, y = data
    numbers = np.arange(8) % 3
    clf = make(weights, alpha=5, max_iter=8, **parameters)

    weighted = clf.fit(X, y, sample_weight=numbers).predict_proba(X)
    repeated = clf.fit(X.repeat(numbers, axis=0), y.repeat(numbers)).predict_proba(X)

    np.testing.assert_allclose(weighted, repeated, atol=1e-3)


def test_balanced_classes_are_rows_with_weights(weights, data):
    X, y = data
    y = np.array([0, 1, 0, 0, 0, 1, 0, 0])

    balanced = make(weights, class_weight="balanced").fit(X, y)

    by_hand = make(weights).fit(X, y, sample_weight=np.where(y == 1, 2, 2 / 3))
    assert is_same(bits(balanced.module_.head), bits(by_hand.module_.head))
    plain = make(weights).fit(X, y)
    assert not is_same(bits(balanced.module_.head), bits(plain.module_.head))


def test_several_labels_a_picture(weights, data):
    X, y = data
    Y = np.column_stack([y, 1 - y, np.ones_like(y)])

    clf = make(weights, max_iter=40, learning_rate_init=0.01).fit(X, Y)

    np.testing.assert_array_equal(clf.predict(X), Y)


def test_labels_may_be_words(weights, data):
    X, y = data
    words = np.array(["red", "blue"])[y]

    clf = make(weights).fit(X, words)

    assert clf.classes_.tolist() == ["blue", "red"]
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[clf.predict_proba(X).argmax(axis=1)])
    assert clf.score(X, words) == make(weights).fit(X, 1 - y).score(X, 1 - y)


def test_the_scores_of_two_classes_are_the_log_odds(weights, data):
    X, y = data
    clf = make(weights).fit(X, y)

    probabilities = clf.predict_proba(X).astype(np.float64)

    np.testing.assert_allclose(
        clf.decision_function(X), np.log(probabilities[:, 1] / probabilities[:, 0]), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(clf.predict_log_proba(X), np.log(probabilities), rtol=1e-5)
    assert (clf.predict(X) == (clf.decision_function(X) > 0)).all()
