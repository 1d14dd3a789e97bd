import numpy as np
import pytest
import torch
from torch import nn

from sknets.nn import MLP, Dropout


@pytest.fixture
def inputs(rng):
    return torch.from_numpy(rng.normal(size=(7, 4)))


def dense_layers(mlp):
    return [layer for layer in mlp.modules() if isinstance(layer, nn.Linear)]


def linear(layer, inputs):
    return inputs @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def relu(values):
    return np.maximum(values, 0)


def test_a_stack_computes_what_numpy_computes(inputs):
    mlp = MLP(4, (5, 3), 2, activation="tanh").double()
    first, second, last = dense_layers(mlp)

    expected = linear(last, np.tanh(linear(second, np.tanh(linear(first, inputs.numpy())))))

    np.testing.assert_allclose(mlp(inputs).detach().numpy(), expected, rtol=1e-12)


def test_without_hidden_layers_it_is_one_linear_layer(inputs):
    mlp = MLP(4, (), 2).double()
    (layer,) = dense_layers(mlp)

    np.testing.assert_allclose(mlp(inputs).detach().numpy(), linear(layer, inputs.numpy()), rtol=1e-12)


def test_linear_layers_come_from_the_input_to_the_output():
    mlp = MLP(4, (5, 5, 3), 2, residual=True, normalization="layer", dropout=(0.1, 0.1, 0.1))

    assert [tuple(layer.weight.shape) for layer in dense_layers(mlp)] == [(5, 4), (5, 5), (3, 5), (2, 3)]


def test_the_output_layer_may_go_without_bias():
    hidden, output = dense_layers(MLP(4, (5,), 2, bias=False))

    assert output.bias is None
    assert hidden.bias is not None


def test_a_residual_link_adds_the_input_where_widths_agree(inputs):
    mlp = MLP(4, (4, 3, 3), 2, residual=True).double()
    first, second, third, last = dense_layers(mlp)

    hidden = inputs.numpy() + relu(linear(first, inputs.numpy()))
    hidden = relu(linear(second, hidden))
    hidden = hidden + relu(linear(third, hidden))

    np.testing.assert_allclose(mlp(inputs).detach().numpy(), linear(last, hidden), rtol=1e-12)


def test_normalization_stands_between_the_linear_map_and_the_activation(inputs):
    mlp = MLP(4, (5,), 2, normalization="layer").double()
    first, last = dense_layers(mlp)

    mapped = linear(first, inputs.numpy())
    centred = mapped - mapped.mean(1, keepdims=True)
    normalized = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)

    np.testing.assert_allclose(mlp(inputs).detach().numpy(), linear(last, relu(normalized)), rtol=1e-10)


def test_dropout_has_one_rate_per_hidden_layer_and_none_where_it_is_zero():
    mlp = MLP(4, (5, 6, 7), 2, dropout=(0.1, 0.0, 0.3))

    assert [layer.p for layer in mlp.modules() if isinstance(layer, Dropout)] == [0.1, 0.3]


def test_as_many_rates_as_hidden_layers_are_needed():
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is longer"):
        MLP(4, (5,), 2, dropout=(0.1, 0.2))


def test_dropout_acts_on_activations_and_not_on_the_residual_link(inputs):
    mlp = MLP(4, (4,), 2, dropout=(0.999999,), residual=True).double()
    for layer in mlp.modules():
        if isinstance(layer, Dropout):
            layer.generator = torch.Generator().manual_seed(0)

    # Everything that the hidden layer says is dropped, what went past it is not.
    np.testing.assert_allclose(mlp(inputs).detach().numpy(), linear(dense_layers(mlp)[-1], inputs.numpy()), rtol=1e-12)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("normalization", [None, "layer", "group", "batch"])
@pytest.mark.parametrize("activation", ["tanh", "silu", "softplus"])
def test_its_gradient_is_the_one_of_finite_differences(inputs, activation, normalization, residual):
    mlp = MLP(4, (4, 8), 2, activation=activation, normalization=normalization, residual=residual).double()

    assert torch.autograd.gradcheck(mlp, (inputs.requires_grad_(),))


@pytest.mark.parametrize("residual", [False, True])
def test_a_state_dict_goes_from_one_to_another(inputs, residual):
    mlp = MLP(4, (4, 4), 2, residual=residual, activation=nn.Tanh).double()
    twin = MLP(4, (4, 4), 2, residual=residual, activation="tanh").double()

    twin.load_state_dict(mlp.state_dict())

    assert torch.equal(twin(inputs), mlp(inputs))


def test_hand_set_thresholds_compute_exclusive_or():
    mlp = MLP(2, (2,), 1, activation="hard_threshold").double()
    hidden, output = dense_layers(mlp)
    with torch.no_grad():
        # One unit for "or", one for "and"; the output is "or, and not and".
        hidden.weight.copy_(torch.ones(2, 2))
        hidden.bias.copy_(torch.tensor([-0.5, -1.5]))
        output.weight.copy_(torch.tensor([[1.0, -1.0]]))
        output.bias.fill_(-0.5)

    outputs = mlp(torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64))

    assert (outputs[:, 0] > 0).tolist() == [False, True, True, False]
