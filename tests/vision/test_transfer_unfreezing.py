import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sknets import TransferClassifier
from sknets.nn import TransferNetwork
from sknets.training import SCHEDULES
from tests.vision._pretrained import BACKBONE, bits, is_same, make_model, make_pictures


class Diary(Callback):
    """Writes down, epoch by epoch, what learns, the learning rates and the backbone's numbers."""

    def __init__(self):
        self.learns, self.rates, self.backbones = [], [], []

    def on_batch_begin(self, net, training=False, **kwargs):
        self.rates.append({group.get("rate_factor", 1.0): group["lr"] for group in net.optimizer_.param_groups})

    def on_epoch_end(self, net, **kwargs):
        stages = net.module_.stages
        self.learns.append([all(parameter.requires_grad for parameter in stage.parameters()) for stage in stages])
        self.backbones.append(bits(net.module_.backbone.module))


@pytest.fixture
def data(rng):
    return make_pictures(rng)


@pytest.fixture
def diary():
    return Diary()


def make(**parameters):
    defaults = {"weights": None, "unfreeze_after": 2, "batch_size": 4, "max_iter": 5, "random_state": 0}
    return TransferClassifier(BACKBONE, **{**defaults, **parameters})


@pytest.mark.parametrize("unfreeze_after", [1, 3])
def test_a_backbone_changes_after_its_epoch_and_not_before(unfreeze_after, data, diary):
    clf = make(unfreeze_after=unfreeze_after, callbacks=[diary])
    start = bits(clf.initialize(*data).module_.backbone.module)

    clf.fit(*data)

    is_changed = [not is_same(start, backbone) for backbone in diary.backbones]
    assert is_changed == [False] * unfreeze_after + [True] * (5 - unfreeze_after)


def test_the_whole_backbone_thaws_at_once(data, diary):
    make(callbacks=[diary]).fit(*data)

    assert [set(learns) for learns in diary.learns] == [{False}] * 2 + [{True}] * 3


@pytest.mark.parametrize("unfreeze_after", [(1, 3), (0, 1, 2, 4), (1, 2, 3, 4, 5, 6)])
def test_a_sequence_thaws_even_shares_the_last_parts_first(unfreeze_after, data, diary):
    make(unfreeze_after=unfreeze_after, callbacks=[diary], max_iter=6).fit(*data)

    n_stages = len(diary.learns[0])
    for epoch, learns in enumerate(diary.learns):
        n_steps = sum(epoch >= after for after in unfreeze_after)
        n_learning = min(n_stages, n_steps * -(-n_stages // len(unfreeze_after)))
        assert learns == [False] * (n_stages - n_learning) + [True] * n_learning


def test_only_thawed_parts_change(data, diary):
    clf = make(unfreeze_after=(1, 3), callbacks=[diary], max_iter=3, alpha=1.0)
    before = [[p.detach().clone() for p in stage.parameters()] for stage in clf.initialize(*data).module_.stages]

    clf.fit(*data)

    after = [list(stage.parameters()) for stage in clf.module_.stages]
    is_changed = [not is_same(old, new) for old, new in zip(before, after, strict=True)]
    assert is_changed == diary.learns[-1]
    assert 0 < sum(is_changed) < len(is_changed)


@pytest.mark.filterwarnings("ignore:The backbone has random weights")
def test_until_it_thaws_a_fit_is_that_of_a_frozen_backbone(data):
    X, y = data

    one = make(unfreeze_after=4, max_iter=4).fit(X, y)
    two = make(unfreeze_after=None, max_iter=4).fit(X, y)

    assert is_same(bits(one.module_), bits(two.module_))
    assert one.loss_curve_ == two.loss_curve_


def test_while_frozen_pictures_are_read_once_and_then_in_every_epoch(data, monkeypatch):
    numbers = []
    features = TransferNetwork.features

    def counted(self, rows):
        numbers.append((torch.is_grad_enabled(), len(rows)))
        return features(self, rows)

    monkeypatch.setattr(TransferNetwork, "features", counted)

    make(unfreeze_after=3, max_iter=5).fit(*data)

    # Besides, two single pictures are looked at before the training begins.
    assert sum(n for has_gradient, n in numbers if not has_gradient) == 8 + 2
    assert sum(n for has_gradient, n in numbers if has_gradient) == 2 * 8


@pytest.mark.parametrize("learning_rate", sorted(SCHEDULES))
def test_every_schedule_moves_both_rates_together(learning_rate, data, diary):
    clf = make(
        learning_rate=learning_rate,
        learning_rate_init=0.02,
        backbone_learning_rate=0.005,
        solver="sgd",
        callbacks=[diary],
    )
    schedule = SCHEDULES[learning_rate](0.02, 5, 0.5, 10)

    with warnings_of_few_epochs(schedule):
        clf.fit(*data)

    assert len(diary.rates) == 10
    for rates in diary.rates:
        assert rates.keys() == {1.0, 0.25}
        assert rates[0.25] == pytest.approx(0.25 * rates[1.0])
    assert max(rates[1.0] for rates in diary.rates) == pytest.approx(0.02, rel=0.3)
    has_moved = len({rates[1.0] for rates in diary.rates}) > 1
    assert has_moved == (learning_rate in ("cosine", "onecycle", "invscaling", "step"))


def warnings_of_few_epochs(schedule):
    if schedule.has_end:
        return pytest.MonkeyPatch.context()
    return pytest.warns(UserWarning, match="Maximum iterations")


@pytest.mark.parametrize("backbone_learning_rate", [1e-5, 0.3])
def test_early_stopping_restores_the_best_epoch_on_either_side_of_the_thaw(backbone_learning_rate, data, diary):
    X, y = data
    clf = make(
        early_stopping=True, backbone_learning_rate=backbone_learning_rate, callbacks=[diary], learning_rate_init=0.01
    )

    clf.fit(X, y, X_val=X, y_val=y)

    scores = clf.validation_scores_
    assert clf.score(X, y) == clf.best_validation_score_ == max(scores)
    assert is_same(bits(clf.module_.backbone.module), diary.backbones[int(np.argmax(scores))])


def test_validation_rows_pass_the_thawed_backbone(data):
    X, y = data

    clf = make(max_iter=4).fit(X, y, X_val=X[:5], y_val=y[:5])

    with torch.no_grad():
        logits = clf.module_(torch.from_numpy(X[:5].reshape(5, -1)))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(y[:5]))
    assert clf.history_[-1]["valid_loss"] == pytest.approx(float(loss), rel=1e-4)


@pytest.mark.parametrize(
    ("freezing", "n_epochs"),
    [({"unfreeze_after": 2}, 3), ({"unfreeze_after": None, "freeze": False}, 5), ({"unfreeze_after": (1, 3)}, 4)],
    ids=str,
)
def test_pictures_are_changed_at_random_only_while_the_backbone_learns(freezing, n_epochs, data):
    X, y = data
    numbers = []

    def count(images):
        numbers.append(len(images))
        return images

    clf = make(augmentation=count, **freezing).fit(X, y, X_val=X, y_val=y)
    in_fit = sum(numbers)
    clf.predict(X)

    assert in_fit == sum(numbers) == n_epochs * len(X)


@pytest.mark.filterwarnings("ignore:The backbone has random weights")
def test_a_backbone_that_stays_frozen_never_sees_changed_pictures(data):
    X, y = data

    def refuse(images):
        raise AssertionError("no picture may be changed")

    make(unfreeze_after=None, augmentation=refuse).fit(X, y).predict(X)


def test_partial_fit_counts_the_epochs_of_all_its_calls(data):
    X, y = data
    clf = make(unfreeze_after=(1, 3))

    n_learning = []
    for _ in range(5):
        clf.partial_fit(X, y, classes=[0, 1])
        stages = clf.module_.stages
        n_learning.append(sum(all(p.requires_grad for p in stage.parameters()) for stage in stages))

    half = -(-len(stages) // 2)
    assert n_learning == [0, half, half, len(stages), len(stages)]


def test_calls_of_partial_fit_learn_what_one_fit_does(data):
    X, y = data
    whole = make(learning_rate="constant", max_iter=4, shuffle=False)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        whole.fit(X, y)

    passes = make(learning_rate="constant", shuffle=False)
    for _ in range(4):
        passes.partial_fit(X, y, classes=[0, 1])

    assert is_same(bits(passes.module_), bits(whole.module_))


@pytest.mark.filterwarnings("ignore:The backbone has random weights")
def test_partial_fit_trains_a_frozen_head(data):
    X, y = data
    clf = make(unfreeze_after=None, learning_rate_init=0.01).partial_fit(X, y, classes=[0, 1])
    frozen = bits(clf.module_.backbone)
    head = bits(clf.module_.head)

    clf.partial_fit(X, y)

    assert is_same(bits(clf.module_.backbone), frozen)
    assert not is_same(bits(clf.module_.head), head)
    assert clf.t_ == 2 * len(X)


def test_a_warm_start_goes_on_from_the_weights_of_before(data, diary):
    X, y = data
    clf = make(warm_start=True, max_iter=4).fit(X, y)
    learnt = bits(clf.module_.backbone.module)

    clf.set_params(callbacks=[diary]).fit(X, y)

    # Every fit counts its epochs anew.
    assert [is_same(learnt, backbone) for backbone in diary.backbones] == [True, True, False, False]


@pytest.mark.filterwarnings("ignore:The backbone has random weights")
def test_a_warm_start_may_thaw_the_backbone(data):
    X, y = data
    clf = make(warm_start=True, unfreeze_after=None, max_iter=2).fit(X, y)
    frozen = bits(clf.module_.backbone.module)

    clf.set_params(freeze=False).fit(X, y)

    assert not is_same(bits(clf.module_.backbone.module), frozen)


@pytest.mark.filterwarnings("ignore:The backbone has random weights")
def test_a_warm_start_may_freeze_the_backbone_again(data):
    X, y = data
    clf = make(warm_start=True, unfreeze_after=None, freeze=False, max_iter=2).fit(X, y)
    learnt = bits(clf.module_.backbone.module)

    clf.set_params(freeze=True).fit(X, y)

    assert clf.module_.is_frozen
    assert is_same(bits(clf.module_.backbone.module), learnt)


def test_a_warm_start_with_another_backbone_is_refused(data):
    clf = make(warm_start=True, max_iter=1).fit(*data)

    with pytest.raises(ValueError, match=r"can only go on with the network of the last fit.*squeezenet1_1"):
        clf.set_params(backbone="squeezenet1_1").fit(*data)


def test_an_interrupted_fit_may_be_in_the_middle_of_thawing(data):
    class Interrupt(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if net.epochs_of_fit == 3:
                raise KeyboardInterrupt

    clf = make(callbacks=[Interrupt()])

    with pytest.warns(UserWarning, match="interrupted"):
        clf.fit(*data)

    assert np.isfinite(clf.predict_proba(data[0])).all()


@pytest.mark.slow
def test_pretrained_weights_thaw_part_by_part(data, diary, tmp_path):
    torch.save(make_model().state_dict(), tmp_path / "mine.pth")
    clf = make(weights=tmp_path / "mine.pth", unfreeze_after=(1, 2), max_iter=3, callbacks=[diary])

    clf.fit(*data)

    original = make_model().state_dict()
    assert [sum(learns) for learns in diary.learns] == [0, 3, 5]
    learnt = clf.module_.backbone.module.model.state_dict()
    statistics = [key for key in learnt if "running" in key or "num_batches" in key]
    assert all(torch.equal(learnt[key], original[key]) for key in statistics)
    assert not torch.equal(learnt["conv1.0.weight"], original["conv1.0.weight"])
