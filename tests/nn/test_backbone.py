import copy
import pickle
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from sknets._torchvision import import_torchvision
from sknets.nn import check_backbone_name
from sknets.nn._backbone import MIN_STAGES, Backbone
from tests.vision._pretrained import BACKBONE, make_model

#: Where each model has its last layer.
LAST_LAYERS = {
    "shufflenet_v2_x0_5": "fc",
    "mobilenet_v3_small": "classifier.3",
    "mnasnet0_5": "classifier.1",
    "regnet_y_400mf": "fc",
    "resnet18": "fc",
}

SOME = ["resnet18", "mobilenet_v3_small", "regnet_y_400mf", "squeezenet1_1", BACKBONE]


def all_names():
    models = import_torchvision().models
    return models.list_models(module=models)


def all_that_can_be_sketched():
    return [name for name in all_names() if not name.startswith("regnet")]


@pytest.fixture(scope="module")
def state_dict():
    return make_model().state_dict()


@pytest.fixture
def images():
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def sketch(name):
    """Build a backbone without memory for its weights, which is quick for models of any size but RegNets."""
    with nullcontext() if name.startswith("regnet") else torch.device("meta"):
        return Backbone(name)


def device_of(backbone):
    return next(backbone.parameters()).device


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", LAST_LAYERS)
def test_the_features_are_what_the_last_layer_is_given(name, images):
    model = make_model(name)
    backbone = Backbone(name, model.state_dict()).eval()
    given = []
    model.get_submodule(LAST_LAYERS[name]).register_forward_pre_hook(lambda layer, inputs: given.append(inputs[0]))

    with torch.no_grad():
        model(images)
        features = backbone(images)

    assert torch.equal(features, given[0])
    assert features.shape == (3, backbone.n_features)
    assert features.std(dim=0).max() > 1e-3


def test_the_features_of_squeezenet_are_the_means_of_its_maps(images):
    model = make_model("squeezenet1_1")
    backbone = Backbone("squeezenet1_1", model.state_dict()).eval()

    with torch.no_grad():
        expected = model.features(images).mean(dim=(2, 3))
        features = backbone(images)

    torch.testing.assert_close(features, expected)
    assert features.shape == (3, backbone.n_features)


@pytest.mark.parametrize("name", LAST_LAYERS)
def test_all_parameters_but_those_of_the_last_layer_are_there(name):
    model = import_torchvision().models.get_model(name, weights=None)

    assert count(sketch(name)) == count(model) - count(model.get_submodule(LAST_LAYERS[name]))


@pytest.mark.parametrize("name", SOME)
def test_the_stages_are_apart_and_cover_all_but_a_thousandth(name):
    backbone = sketch(name)

    stages = backbone.stages

    parameters = [id(parameter) for stage in stages for parameter in stage.parameters()]
    assert len(stages) >= MIN_STAGES
    assert len(parameters) == len(set(parameters))
    assert sum(count(stage) for stage in stages) > 0.999 * count(backbone)


@pytest.mark.slow
@pytest.mark.parametrize("name", all_that_can_be_sketched())
def test_every_model_has_features_and_stages(name):
    backbone = sketch(name).eval()

    with torch.no_grad():
        features = backbone(torch.zeros(1, 3, 224, 224, device="meta"))

    assert features.shape == (1, backbone.n_features)
    assert len(backbone.stages) >= MIN_STAGES
    # A vision transformer's embedding of places belongs to none of its layers.
    assert sum(count(stage) for stage in backbone.stages) > 0.998 * count(backbone)


@pytest.mark.parametrize("name", SOME)
def test_the_stages_stand_in_the_order_in_which_pictures_pass_them(name, images):
    backbone = sketch(name).eval()
    passed = []
    for index, stage in enumerate(backbone.stages):
        stage.register_forward_hook(lambda *_, index=index: passed.append(index))

    backbone(images.to(device_of(backbone)))

    assert passed == list(range(len(backbone.stages)))


def test_pretrained_batch_statistics_stay_in_training(state_dict, images):
    backbone = Backbone(BACKBONE, state_dict).train()

    backbone(images)

    after = backbone.model.state_dict()
    assert all(torch.equal(after[key], state_dict[key]) for key in after)
    assert not backbone.training


def test_random_weights_learn_batch_statistics(images):
    backbone = Backbone(BACKBONE)
    before = backbone.model.conv1[1].running_mean.clone()

    backbone.train()(images)

    assert backbone.training
    assert not torch.equal(backbone.model.conv1[1].running_mean, before)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {"state_dict": state},
        lambda state: {"model_state_dict": state, "epoch": 3},
        lambda state: {"model": state, "args": None},
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
        lambda state: {**state, "ema.decay": torch.ones(())},
        lambda state: {key: value for key, value in state.items() if not key.startswith("fc.")},
        lambda state: {**state, "fc.weight": torch.zeros(5, 1024), "fc.bias": torch.zeros(5)},
        lambda state: {key: value for key, value in state.items() if "num_batches_tracked" not in key},
    ],
    ids=[
        "state_dict",
        "model_state_dict",
        "model",
        "module.",
        "both",
        "more",
        "no last layer",
        "other classes",
        "no batch counts",
    ],
)
def test_weights_are_found_however_they_were_saved(change, state_dict):
    backbone = Backbone(BACKBONE, change(dict(state_dict)))

    loaded = backbone.model.state_dict()
    assert all(torch.equal(loaded[key], state_dict[key]) for key in loaded if "num_batches_tracked" not in key)


def test_a_model_that_asks_for_versions_of_its_layers_is_loaded(images):
    model = make_model("mnasnet0_5")

    for state in (model.state_dict(), dict(model.state_dict())):
        loaded = Backbone("mnasnet0_5", state).model.state_dict()
        assert all(torch.equal(loaded[key], state[key]) for key in loaded)


@pytest.mark.slow
def test_names_of_densenet_with_a_dot_are_understood():
    state = make_model("densenet121").state_dict()
    old = {}
    for key, value in state.items():
        for part in ("norm1", "norm2", "conv1", "conv2"):
            if "denselayer" in key:
                key = key.replace(f".{part}.", f".{part[:-1]}.{part[-1]}.")
        old[key] = value

    loaded = Backbone("densenet121", old).model.state_dict()

    assert sum(key not in state for key in old) > 500
    assert all(torch.equal(loaded[key], state[key]) for key in loaded)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_models_with_a_normalisation_of_their_own_use_it_with_weights(name):
    with torch.device("meta"):
        state = import_torchvision().models.get_model(name, weights=None, init_weights=False).state_dict()
        with_weights, without = Backbone(name, state), Backbone(name)

    assert with_weights.model.transform_input
    assert not without.model.transform_input


@pytest.mark.parametrize("side", [224, 384])
def test_a_vision_transformer_takes_the_size_of_its_weights(side):
    with torch.device("meta"):
        state = import_torchvision().models.vit_b_16(weights=None, image_size=side).state_dict()
        backbone = Backbone("vit_b_16", state)

    assert backbone(torch.zeros(1, 3, side, side, device="meta")).shape == (1, 768)


def test_weights_of_another_model_are_refused(state_dict):
    with pytest.raises(
        ValueError, match=r"must be the state dict of a mobilenet_v3_small; \d+ of its \d+ tensors are missing.*Name"
    ):
        Backbone("mobilenet_v3_small", state_dict)


def test_weights_of_a_wider_model_are_refused(state_dict):
    with pytest.raises(ValueError, match=r"0 of its 336 tensors are missing|have another shape \('\S+' has shape \("):
        Backbone("shufflenet_v2_x1_0", state_dict)


@pytest.mark.parametrize("content", [{}, {1: torch.zeros(2)}, {"conv1.0.weight": 3}, {"epoch": 1}], ids=str)
def test_what_is_no_state_dict_is_refused(content):
    with pytest.raises(ValueError, match=r"weights must be the state dict of a shufflenet_v2_x0_5; 280 of its 336"):
        Backbone(BACKBONE, content)


@pytest.mark.parametrize(
    ("name", "suggestion"), [("resnet8", "resnet18"), ("efficientnetb0", "efficientnet_b0"), ("Resnet50", "resnet50")]
)
def test_an_unknown_name_is_answered_by_those_that_resemble_it(name, suggestion):
    with pytest.raises(ValueError, match=rf"classification model of torchvision; got '{name}'.*'{suggestion}'.*list_"):
        check_backbone_name(name)


@pytest.mark.parametrize("name", ["fcn_resnet50", "raft_small", "r3d_18", "quantized_resnet18", "", "xyz"])
def test_models_for_other_tasks_are_refused(name):
    with pytest.raises(ValueError, match=r"backbone must be the name of a classification model"):
        check_backbone_name(name)


def test_every_classification_model_is_accepted():
    for name in all_names():
        check_backbone_name(name)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))], ids=["deepcopy", "pickle"])
def test_a_copy_gives_the_same_features_and_shares_no_memory(copied, state_dict, images):
    backbone = Backbone(BACKBONE, state_dict).eval()
    with torch.no_grad():
        expected = backbone(images)

    twin = copied(backbone)
    nn.init.zeros_(next(backbone.parameters()))

    with torch.no_grad():
        assert torch.equal(twin(images), expected)
    assert twin.keeps_statistics
