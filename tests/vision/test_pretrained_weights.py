import io
import pickle
from pathlib import Path

import pytest
import torch

from sknets._torchvision import import_torchvision
from sknets.vision._pretrained_weights import load_pretrained
from tests.vision._pretrained import BACKBONE, file_name, make_model, publish, refuse_download


@pytest.fixture(scope="module")
def state_dict():
    return make_model().state_dict()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse_download)
    return tmp_path


@pytest.fixture
def no_network(hub, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    return hub


def published(name):
    return import_torchvision().models.get_model_weights(name)


def is_equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_no_weights_need_no_preparation():
    assert load_pretrained(BACKBONE, None) == (None, None)


@pytest.mark.parametrize("weights", ["DEFAULT", "IMAGENET1K_V1"])
def test_published_weights_are_found_in_the_cache(weights, state_dict, hub):
    publish(state_dict, hub)

    loaded, preset = load_pretrained(BACKBONE, weights)

    assert is_equal(loaded, state_dict)
    assert repr(preset) == repr(published(BACKBONE).DEFAULT.transforms())


def test_the_cache_is_where_the_variable_says(state_dict, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse_download)
    publish(state_dict, tmp_path / "hub")

    assert is_equal(load_pretrained(BACKBONE, "DEFAULT")[0], state_dict)


@pytest.mark.parametrize("weights", ["IMAGENET1K_V1", "IMAGENET1K_V2"])
def test_each_of_a_models_weights_has_its_own_file_and_preparation(weights, hub):
    # What is in the file is not looked at here.
    publish({"mark": torch.tensor(1.0)}, hub, "resnet50", weights)

    loaded, preset = load_pretrained("resnet50", weights)

    assert loaded == {"mark": torch.tensor(1.0)}
    assert preset.resize_size == {"IMAGENET1K_V1": [256], "IMAGENET1K_V2": [232]}[weights]


@pytest.mark.parametrize("convert", [str, Path])
def test_a_file_is_read(convert, state_dict, tmp_path, hub):
    path = tmp_path / "mine.pth"
    torch.save(state_dict, path)

    loaded, preset = load_pretrained(BACKBONE, convert(path))

    assert is_equal(loaded, state_dict)
    assert repr(preset) == repr(published(BACKBONE).DEFAULT.transforms())


def test_a_file_under_its_published_name_brings_its_own_preparation(tmp_path):
    path = tmp_path / file_name("resnet50", "IMAGENET1K_V1")
    torch.save({}, path)

    assert load_pretrained("resnet50", path)[1].resize_size == [256]


def test_a_file_of_the_home_folder_is_read(state_dict, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save(state_dict, tmp_path / "mine.pth")

    assert is_equal(load_pretrained(BACKBONE, "~/mine.pth")[0], state_dict)


def test_the_format_of_years_ago_is_read(state_dict, tmp_path):
    torch.save(state_dict, tmp_path / "old.pth", _use_new_zipfile_serialization=False)

    assert is_equal(load_pretrained(BACKBONE, tmp_path / "old.pth")[0], state_dict)


def test_missing_weights_are_downloaded(hub, monkeypatch):
    fetched = []

    def download(url, path, hash_prefix=None, progress=True):
        fetched.append((url, hash_prefix))
        torch.save({"mark": torch.tensor(2.0)}, path)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)

    loaded, _ = load_pretrained("resnet18", "DEFAULT")
    again, _ = load_pretrained("resnet18", "DEFAULT")

    assert loaded == again == {"mark": torch.tensor(2.0)}
    assert fetched == [("https://download.pytorch.org/models/resnet18-f37072fd.pth", "f37072fd")]
    assert (hub / "checkpoints" / file_name("resnet18")).is_file()


@pytest.mark.parametrize(
    "words",
    [
        r"weights IMAGENET1K_V1 of resnet18 must lie in",
        r"checkpoints.resnet18-f37072fd\.pth, and that file is missing",
        r"download it from https://download\.pytorch\.org/models/resnet18-f37072fd\.pth failed: Name or service not",
        r"Put the file there, or give another copy by weights='path/to/resnet18-f37072fd\.pth'",
        r"weights=None starts from random",
    ],
)
def test_without_a_network_the_message_says_what_is_missing_and_what_helps(words, no_network):
    with pytest.raises(OSError, match=words):
        load_pretrained("resnet18", "DEFAULT")


def test_the_message_names_the_folder(no_network):
    with pytest.raises(OSError, match="must lie in") as caught:
        load_pretrained("resnet18", "DEFAULT")

    assert str(no_network / "checkpoints" / "resnet18-f37072fd.pth") in str(caught.value)


def test_a_download_with_the_wrong_hash_says_so(hub, monkeypatch):
    def download(*args, **kwargs):
        raise RuntimeError('invalid hash value (expected "f37072fd", got "00")')

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)

    with pytest.raises(OSError, match=r"resnet18-f37072fd\.pth failed: invalid hash value"):
        load_pretrained("resnet18", "DEFAULT")


@pytest.mark.parametrize("weights", ["IMAGENET1K_V9", "default", "no/such/file.pth", ""])
def test_neither_a_name_nor_a_file_is_refused(weights, hub):
    with pytest.raises(
        FileNotFoundError, match=r"None, the name of weights of shufflenet_v2_x0_5 \(IMAGENET1K_V1, DEFAULT\), or the"
    ):
        load_pretrained(BACKBONE, weights)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        load_pretrained(BACKBONE, tmp_path)


def pickled_model():
    file = io.BytesIO()
    torch.save(torch.nn.Linear(1, 1), file)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"not weights", pickle.dumps({"a": 1})[:-3], pickled_model(), pickled_model()[:200]],
    ids=["empty", "text", "cut pickle", "whole model", "cut file"],
)
def test_a_file_that_cannot_be_read_is_refused(content, tmp_path):
    path = tmp_path / "broken.pth"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"broken\.pth must hold a state dict.*failed with a \w+\. Get the file again"):
        load_pretrained(BACKBONE, path)


@pytest.mark.parametrize(("content", "kind"), [(torch.zeros(3), "Tensor"), ([1, 2], "list"), (3, "int")], ids=str)
def test_a_file_with_something_else_is_refused(content, kind, tmp_path):
    torch.save(content, tmp_path / "other.pth")

    with pytest.raises(ValueError, match=rf"other\.pth must hold a state dict, as torch\.save.*; it holds a {kind}\."):
        load_pretrained(BACKBONE, tmp_path / "other.pth")


def test_a_broken_file_in_the_cache_is_named(hub):
    path = publish({}, hub)
    path.write_bytes(path.read_bytes()[:50])

    with pytest.raises(ValueError, match=rf"{path.name} must hold a state dict"):
        load_pretrained(BACKBONE, "DEFAULT")


def test_a_file_may_not_run_code(tmp_path):
    class Malicious:
        def __reduce__(self):
            return Path.touch, (tmp_path / "was here",)

    torch.save({"weight": Malicious()}, tmp_path / "trap.pth")

    with pytest.raises(ValueError, match=r"trap\.pth must hold a state dict"):
        load_pretrained(BACKBONE, tmp_path / "trap.pth")
    assert not (tmp_path / "was here").exists()
