"""What the convolutional classifier and regressor share: their network and how its training images are changed."""

from typing import Any

from sknets._parameter_checks import COUNT, Interval, Real, StrOptions
from sknets.base import COUNT_OR_ZERO, NETWORK_CONSTRAINTS, BaseGradientNetwork, check_activation
from sknets.nn import ACTIVATIONS, NORMALIZATIONS, POOLS, ImageNetwork
from sknets.training import InMemoryNet, ModuleSpec
from sknets.vision._architectures import ARCHITECTURES, choose_initialiser, network_settings
from sknets.vision._augmented import AUGMENTATION_CONSTRAINT, AugmentedImages

CNN_CONSTRAINTS: dict[str, list[Any]] = {
    **NETWORK_CONSTRAINTS,
    "architecture": [StrOptions(set(ARCHITECTURES)), callable],
    "channels": ["array-like", COUNT],
    "kernel_size": ["array-like", COUNT],
    "stride": ["array-like", COUNT],
    "padding": [StrOptions({"same", "valid"}), "array-like", COUNT_OR_ZERO],
    "pool": [StrOptions(set(POOLS)), None],
    "pool_size": ["array-like", COUNT],
    "hidden_layer_sizes": ["array-like", COUNT],
    "activation": [StrOptions(set(ACTIVATIONS) - {"hard_threshold"}), type],
    "dropout": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left"), "array-like"],
    "normalization": [StrOptions(set(NORMALIZATIONS)), None],
    "residual": ["boolean"],
    "image_shape": ["array-like", None],
    "augmentation": AUGMENTATION_CONSTRAINT,
}

#: Rows in a batch where the user gives no number.
BATCH_SIZE = 64


class BaseCNN(AugmentedImages, BaseGradientNetwork):
    """Convolutions; a classifier or regressor puts a loss on top."""

    _auto_batch_size = BATCH_SIZE

    def _check_can_learn(self) -> None:
        self._check_solver()
        check_activation(self.activation)
        network_settings(self)

    def _module_spec(self, n_outputs: int) -> ModuleSpec:
        build, settings = network_settings(self)
        initialiser = choose_initialiser(self)
        arguments = {
            "layout": self._layout,
            "n_outputs": n_outputs,
            "build": build,
            "is_foreign": initialiser is None,
            **settings,
        }
        return ModuleSpec(ImageNetwork, arguments, initialiser)

    def _own_attributes(self, net: InMemoryNet) -> dict[str, Any]:
        return {"out_activation_": net.criterion_.link}
