"""Layers by number or by name."""


def choose_layer(layers, wanted):
    """Return the name of a layer that is given by its number, by its name or by the end of it."""
    names = list(layers)
    if isinstance(wanted, str):
        found = [name for name in names if name == wanted or name.endswith(f".{wanted}")]
    else:
        found = names[wanted : wanted + 1 or None]
    if len(found) != 1:
        raise ValueError(
            f"layer must be the name of a convolution, {_list(names)}, or its number from 0 to {len(names) - 1}; got "
            f"{wanted!r}."
        )
    return found[0]


def shorten(name):
    """Return a layer's name without what all layers of a backbone have in front."""
    return name.rpartition("backbone.module.model.")[2]


def _list(names):
    some = [repr(name) for name in names[:6]]
    return ", ".join(some) + (" ..." if len(names) > 6 else "")
