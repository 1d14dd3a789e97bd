"""Pictures that stay on disk: the same model, read batch by batch, never all at once."""

import tracemalloc

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score, train_test_split

from sknets import CNNClassifier, CNNRegressor
from sknets._lazy_rows import LazyRows
from tests.vision._pictures import SMALL, assert_same_bits, make_pictures, weights_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class CountedRows(LazyRows):
    """Rows of an array that count how many of them are read at a time."""

    def __init__(self, array, index=None, reads=None):
        self.array = array
        self.index = np.arange(len(array)) if index is None else index
        self.reads = [] if reads is None else reads
        self.shape = (len(self.index), *array.shape[1:])
        self.dtype = array.dtype

    def read(self, index):
        self.reads.append(len(index))
        return self.array[self.index[index]]

    def take(self, index):
        return CountedRows(self.array, self.index[index], self.reads)


@pytest.fixture
def pictures(rng):
    return make_pictures(rng)


def mapped(array, folder):
    np.save(folder / "pictures.npy", array)
    return np.load(folder / "pictures.npy", mmap_mode="r")


LAYOUTS = {
    "grey": lambda X: X,
    "channels first": lambda X: np.stack([X, 255 - X, X // 2], axis=1),
    "channels last": lambda X: np.stack([X, 255 - X, X // 2], axis=-1),
    "flat": lambda X: X.reshape(len(X), -1),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.dtype(">f4"), np.dtype(">f8"), np.float16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_mapped_file_gives_the_model_of_the_array(layout, dtype, pictures, tmp_path):
    X, y = LAYOUTS[layout](pictures[0]).astype(dtype), pictures[1]

    on_disk = mapped(X, tmp_path)
    clf = CNNClassifier(**SMALL).fit(on_disk, y)

    in_memory = CNNClassifier(**SMALL).fit(X, y)
    assert_same_bits(clf, in_memory)
    np.testing.assert_array_equal(clf.predict_proba(on_disk), in_memory.predict_proba(X))
    np.testing.assert_array_equal(clf.predict_proba(X), in_memory.predict_proba(X))
    assert clf.predict_proba(on_disk).dtype == in_memory.predict_proba(X).dtype


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, bool])
def test_other_numbers_in_a_mapped_file_keep_their_values(dtype, pictures, tmp_path):
    X, y = (pictures[0] > 100 if dtype is bool else pictures[0].astype(dtype) * 50), pictures[1]

    clf = CNNClassifier(**SMALL).fit(mapped(X, tmp_path), y)

    in_memory = CNNClassifier(**SMALL).fit(X.astype(np.float32), y)
    for a, b in zip(weights_of(clf), weights_of(in_memory), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "parameters", [{}, {"early_stopping": True}, {"augmentation": "light"}, {"shuffle": False}], ids=str
)
def test_lazy_rows_give_the_model_of_the_array(parameters, pictures):
    X, y = pictures

    lazy = CNNClassifier(**SMALL, **parameters).fit(CountedRows(X), y)

    assert_same_bits(lazy, CNNClassifier(**SMALL, **parameters).fit(X, y))
    np.testing.assert_array_equal(lazy.predict(CountedRows(X)), lazy.predict(X))


def test_rows_without_weight_are_left_out_and_passes_go_on(pictures):
    X, y = pictures
    weights = np.arange(40) % 3.0

    lazy, plain = (
        CNNClassifier(**{**SMALL, "learning_rate": "constant"})
        .fit(rows, y, sample_weight=weights)
        .partial_fit(rows, y, sample_weight=weights)
        for rows in (CountedRows(X), X)
    )

    assert_same_bits(lazy, plain)


def test_rows_are_read_a_batch_at_a_time(pictures, monkeypatch):
    X, y = pictures
    # Statistics read as many pictures as fit into a block, here five.
    monkeypatch.setattr("sknets._channel_statistics.BLOCK_VALUES", 5 * 64)
    rows = CountedRows(X)

    clf = CNNClassifier(**SMALL).fit(rows, y)

    assert max(rows.reads) == 16
    # Each picture once for the statistics and once in each of three epochs; one row more tells the network's work.
    assert sum(rows.reads) == 40 * 4 + 1
    assert clf.t_ == 120


def test_predictions_read_as_many_rows_as_a_pass_may_take(pictures, monkeypatch):
    X, y = pictures
    clf = CNNClassifier(**SMALL).fit(X, y)
    # The widest layer of a row: four maps of 8 x 8.
    monkeypatch.setattr("sknets.training._net.MAX_PASS_ELEMENTS", 7 * 4 * 64)
    rows = CountedRows(X)

    predicted = clf.predict_proba(rows)

    assert max(rows.reads) == 7
    np.testing.assert_allclose(predicted, clf.predict_proba(X), rtol=1e-5)


def test_memory_does_not_grow_with_the_number_of_mapped_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr("sknets._channel_statistics.BLOCK_VALUES", 2**16)
    parameters = {**SMALL, "channels": (1,), "pool_size": 8, "max_iter": 1, "stride": 4, "batch_size": 64}

    def peak(n_rows):
        path = tmp_path / f"{n_rows}.npy"
        on_disk = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(n_rows, 64, 64))
        on_disk[::2, :, :32] = 200
        y = np.arange(n_rows) % 2
        tracemalloc.start()
        try:
            CNNClassifier(**parameters).fit(on_disk, y)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(128)  # what is imported and cached once
    small, large = peak(512), peak(2048)

    # 1536 pictures more are 6.3 MB of bytes; their labels and places in the order are 50 kB.
    assert large - small < 500_000


def test_rows_on_disk_are_split_and_cross_validated(pictures):
    X, y = pictures
    rows = CountedRows(X)

    X_train, X_test, y_train, y_test = train_test_split(rows, y, random_state=0)
    clf = CNNClassifier(**SMALL).fit(X_train, y_train)
    scores = cross_val_score(CNNClassifier(**SMALL), rows, y, cv=2)

    assert 0 <= clf.score(X_test, y_test) <= 1
    np.testing.assert_array_equal(scores, cross_val_score(CNNClassifier(**SMALL), X, y, cv=2))


def test_a_lazy_folder_of_pictures_gives_the_model_of_its_array(rng, tmp_path):
    Image = pytest.importorskip("PIL.Image")
    from sknets.datasets import load_image_folder

    X, y = make_pictures(rng, n=24)
    for number, (picture, label) in enumerate(zip(X, y, strict=True)):
        (tmp_path / str(label)).mkdir(exist_ok=True)
        Image.fromarray(picture).convert("RGB").save(tmp_path / str(label) / f"{number}.png")

    lazy, labels = load_image_folder(tmp_path, size=(8, 8), lazy=True)
    clf = CNNClassifier(**SMALL).fit(lazy, labels)

    read = np.asarray(lazy)
    assert read.shape == (24, 8, 8, 3)
    assert_same_bits(clf, CNNClassifier(**SMALL).fit(read, labels))
    np.testing.assert_array_equal(clf.predict(lazy), clf.predict(read))


def test_further_rows_on_disk_keep_the_layout_of_fit(pictures):
    X, y = pictures
    colour = np.stack([X, X, X], axis=-1)
    clf = CNNClassifier(**SMALL).fit(CountedRows(colour), y)

    with pytest.raises(ValueError, match=r"layout of the rows of fit, \(8, 8, 3\); got \(3, 8, 8\).*numpy.asarray"):
        clf.predict(CountedRows(colour.transpose(0, 3, 1, 2)))
    np.testing.assert_array_equal(clf.predict(colour.transpose(0, 3, 1, 2)), clf.predict(colour))


@pytest.mark.parametrize("Network", [CNNClassifier, CNNRegressor])
def test_lazy_rows_that_are_not_finite_are_refused(Network, pictures):
    X, y = pictures[0].astype(float), pictures[1]
    X[3, 1, 1] = np.nan

    with pytest.raises(ValueError, match=r"Input X contains NaN, infinity or values too large"):
        Network(**SMALL).fit(CountedRows(X), y)


def test_lazy_rows_need_as_many_targets(pictures):
    X, y = pictures

    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[40, 39\]"):
        CNNClassifier(**SMALL).fit(CountedRows(X), y[:-1])


def test_lazy_rows_forget_the_names_of_an_earlier_table(pictures):
    pd = pytest.importorskip("pandas")
    X, y = pictures
    table = pd.DataFrame(X.reshape(40, -1)).rename(columns=str)
    clf = CNNClassifier(**SMALL).fit(table, y)

    clf.fit(CountedRows(X), y)

    assert not hasattr(clf, "feature_names_in_")
    assert clf.n_features_in_ == 64
