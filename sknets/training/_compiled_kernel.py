"""Epochs of small dense networks as machine code: every network's steps in one call, without the interpreter.

numba compiles it at the first training, once for single and once for double precision, and keeps the result on disk.
Networks have nothing in common here but their structure: each has rows, order, rates and settings of its own, and
several calls, for different networks, may run at the same time on different cores.
"""

import math
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]  # made as it is read
    # In plain Python a single step takes seconds.
    raise ImportError("NUMBA_DISABLE_JIT is set")

# Sums may be reordered, which vectors of numbers need; NaN and infinity keep their meaning.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "nsz", "arcp"},
}

#: Activations whose derivative follows from their output; their two numbers are in parentheses.
IDENTITY, RELU, TANH, LOGISTIC = 0, 1, 2, 3
LEAKY_RELU = 4  # (slope below zero)
ELU = 5  # (alpha, scale)
SOFTPLUS = 6  # (beta, threshold)
HARDTANH = 7  # (lowest, highest)

#: Those whose derivative takes their inputs.
GELU, SILU, MISH = 8, 9, 10

#: Losses; the setting is label smoothing, or the quantile.
CROSS_ENTROPY, BINARY_CROSS_ENTROPY, SQUARED, POISSON, ABSOLUTE, HUBER, QUANTILE = 0, 1, 2, 3, 4, 5, 6

#: How weights move.
ADAM, SGD = 0, 1

#: Columns of each network's numbers.
L1, L2, DIVISOR, MEAN_WEIGHT, DECAY, SHRINKAGE, BIAS_SHRINKAGE = range(7)
BETA1, BETA2, EPS, NESTEROV, SETTING, LOSS_SCALE = range(7, 13)
N_NUMBERS = 13

# Elements of a layer that are gone through at a time, operation after operation: these stay in the cache.
BLOCK_SIZE = 8192


_helper = numba.njit(**_OPTIONS)
# A part of the function that calls it. By itself, numba would optimize it, and all that it calls, once more.
_part = numba.njit(**_OPTIONS, inline="always")
# What it computes is not reordered with what is around it.
_exact_helper = numba.njit(**{**_OPTIONS, "fastmath": False})


def _entry(function: Any) -> Any:
    try:
        return numba.njit(**_OPTIONS, cache=True)(function)
    except RuntimeError:
        # Neither beside this file nor in the user's cache folder may anything be written.
        return numba.njit(**_OPTIONS)(function)


@_entry
def run_steps(
    n_epochs: Any,
    batches: tuple[int, int],
    kinds: tuple[int, int],
    structure: Any,
    memory: Any,
    settings: Any,
    rows: Any,
    masks: Any,
    results: Any,
) -> None:
    """Take the steps of some batches, in one epoch or in several.

    A network that meets what is no number in its loss or weights takes no further epoch.

    Parameters
    ----------
    n_epochs : int64 array of shape (k,)
        How often each network takes these batches; more than once only if they are all of an epoch's.
    batches : tuple of int
        The first one, and the one after the last.
    kinds : tuple of int
        Loss and solver.
    structure : tuple
        ``widths``, int64 of shape (n_layers + 1,); ``weight_starts`` and ``bias_starts``, int64 of shape (n_layers,):
        where the vector's segments begin, -1 for a layer without biases (a segment holds the networks' values one after
        the other); ``activations``, int64 of shape (n_layers,), and their numbers, of shape (n_layers, 2).
    memory : tuple
        ``vector`` and ``gradient`` of shape (n_elements,); ``means`` and ``squares``, Adam's running means, of the same
        shape. The first is SGD's momentum, and empty where no network has any; the second is empty then.
    settings : tuple
        ``numbers``, float64 of shape (k, N_NUMBERS); ``rates``, float64 of shape (k, n_epochs, n_batches); ``n_steps``,
        int64 of shape (k,): how many were taken before the first of these batches.
    rows : tuple
        ``inputs`` of shape (n, n_features), of all networks; ``labels``, int64 of shape (n,), for cross-entropy, else
        empty; ``targets`` of shape (n, n_outputs) for the other losses, else empty; ``weights`` of shape (n,), empty
        where all rows count alike; ``index``, int64 of shape (k, n_epochs, n_rows), each network's orders, or of shape
        (k, 1, n_rows) where they are the same in every epoch; ``lengths``, int64 of shape (k,), how many rows each has;
        ``edges``, int64 of shape (n_batches + 1,), the last batch ends with a network's own rows.
    masks : tuple
        Of dropout, for these batches: ``words``, random int32, one row after the other, and one epoch after the other;
        ``starts``, int64 of shape (n_layers, k), where a layer's begin, -1 without; ``thresholds``, int64 of the same
        shape, below which an element stays; and ``scales``, float64.
    results : tuple
        ``totals``, float64 of shape (k, n_epochs): each network's sum of losses, and of penalties times rows, is added
        to; ``n_over`` and ``n_finite``, int64 of shape (k,): epochs whose steps are all taken, and those of them whose
        losses and weights are finite; ``last`` and ``before``, like the vector: the weights at the ends of the last
        finite epoch and of the one before.
    """
    widths, vector = structure[0], memory[0]
    edges = rows[6]
    n_layers = len(widths) - 1
    n_most = 0
    for b in range(batches[0], batches[1]):
        n_most = max(n_most, edges[b + 1] - edges[b])
    starts = np.zeros(n_layers + 2, np.int64)
    for layer in range(n_layers + 1):
        starts[layer + 1] = starts[layer] + n_most * widths[layer]
    size = starts[n_layers + 1]
    # Of every layer the input, the slope there, and what its activation's derivative takes where that is another.
    values, slopes = np.empty(size, vector.dtype), np.empty(size, vector.dtype)
    is_kept_apart = len(masks[0]) > 0 or np.max(structure[3]) >= GELU
    kept_apart = np.empty(size if is_kept_apart else 0, vector.dtype)
    scratch = starts, values, kept_apart, slopes
    totals, n_over, n_finite, last, before = results
    for k in range(len(n_epochs)):
        n_masked = 0
        for epoch in range(n_epochs[k]):
            n_masked = _step_through(
                k, epoch, n_masked, batches, kinds, structure, memory, settings, rows, masks, totals, scratch
            )
            if batches[1] < len(edges) - 1:
                continue
            n_over[k] += 1
            if not _is_finite(totals[k, epoch] + _sum_up(k, structure, vector)):
                break
            n_finite[k] += 1
            _keep(k, structure, last, before)
            _keep(k, structure, vector, last)


@_part
def _step_through(k, epoch, n_masked, batches, kinds, structure, memory, settings, rows, masks, totals, scratch):
    """Take one network's steps of an epoch and return how many rows have been masked."""
    widths, vector = structure[0], memory[0]
    inputs, labels, targets, weights, index, lengths, edges = rows
    numbers, rates, n_steps = settings
    starts, values, _, slopes = scratch
    n_layers, n_batches = len(widths) - 1, batches[1] - batches[0]
    own, order = numbers[k], index[k, min(epoch, index.shape[1] - 1)]
    for b in range(batches[0], batches[1]):
        first, last = edges[b], min(edges[b + 1], lengths[k])
        n = last - first
        _gather(inputs, order[first:last], values[: n * widths[0]].reshape(n, widths[0]))
        _run_forward(k, n, n_masked, structure, vector, masks, scratch)
        end = starts[n_layers] + n * widths[n_layers]
        outputs, slope = values[starts[n_layers] : end], slopes[starts[n_layers] : end]
        totals[k, epoch] += _lose(kinds[0], own, outputs, slope, order[first:last], labels, targets, weights)
        _run_backward(k, n, n_masked, structure, memory, masks, scratch)
        n_masked += n
        n_taken = n_steps[k] + epoch * n_batches + b - batches[0] + 1
        totals[k, epoch] += n * _update(k, n, kinds[1], structure, memory, own, rates[k, epoch, b], n_taken)
    return n_masked


@_helper
def _sum_up(k, structure, vector):
    """Return the sum of a network's parameters, which is finite where they are."""
    total = vector.dtype.type(0)
    for place in range(2 * (len(structure[0]) - 1)):
        start, end = _find_segment(k, structure, place)
        for i in range(start, end):
            total += vector[i]
    return total


@_exact_helper
def _is_finite(x):
    return abs(x) < np.inf


@_helper
def _keep(k, structure, source, target):
    """Copy a network's parameters."""
    for place in range(2 * (len(structure[0]) - 1)):
        start, end = _find_segment(k, structure, place)
        target[start:end] = source[start:end]


@_helper
def _find_segment(k, structure, place):
    """Return where a network's weights of a layer lie, at even places, or its biases, at odd ones."""
    widths, weight_starts, bias_starts = structure[0], structure[1], structure[2]
    layer = place // 2
    size = widths[layer + 1] if place % 2 else widths[layer] * widths[layer + 1]
    first = bias_starts[layer] if place % 2 else weight_starts[layer]
    return (first + k * size, first + (k + 1) * size) if first >= 0 else (0, 0)


@_part
def _run_forward(k, n, n_masked, structure, vector, masks, scratch):
    widths, weight_starts = structure[0], structure[1]
    starts, values, _, _ = scratch
    for layer in range(len(widths) - 1):
        n_in, n_out = widths[layer], widths[layer + 1]
        place = weight_starts[layer] + k * n_out * n_in
        weight = vector[place : place + n_out * n_in].reshape(n_out, n_in)
        inputs = values[starts[layer] : starts[layer] + n * n_in].reshape(n, n_in)
        outputs = values[starts[layer + 1] : starts[layer + 1] + n * n_out]
        np.dot(inputs, weight.T, outputs.reshape(n, n_out))
        step = max(1, BLOCK_SIZE // n_out)
        for first in range(0, n, step):
            last = min(n, first + step)
            _finish_outputs(k, layer, first, last, n_masked, structure, vector, masks, scratch)


@_part
def _finish_outputs(k, layer, first, last, n_masked, structure, vector, masks, scratch):
    """Add biases to some rows of a layer's products, and apply activation and dropout."""
    widths, _, bias_starts, activations, activation_numbers = structure
    words, mask_starts, thresholds, mask_scales = masks
    starts, values, kept_apart, _ = scratch
    width, kind = widths[layer + 1], activations[layer]
    place = starts[layer + 1] + first * width
    size = (last - first) * width
    outputs = values[place : place + size]
    if bias_starts[layer] >= 0:
        start = bias_starts[layer] + k * width
        _add_bias(outputs.reshape(last - first, width), vector[start : start + width])
    if kind >= GELU:
        kept_apart[place : place + size] = outputs
    _activate(outputs, kind, activation_numbers[layer, 0], activation_numbers[layer, 1])
    if mask_starts[layer, k] >= 0:
        if kind < GELU:
            kept_apart[place : place + size] = outputs
        start = mask_starts[layer, k] + (n_masked + first) * width
        scale = vector.dtype.type(mask_scales[layer, k])
        _drop(outputs, words[start : start + size], np.int32(thresholds[layer, k]), scale)


@_part
def _run_backward(k, n, n_masked, structure, memory, masks, scratch):
    widths, weight_starts, bias_starts, _, _ = structure
    starts, values, _, slopes = scratch
    vector, gradient = memory[0], memory[1]
    n_layers = len(widths) - 1
    if bias_starts[n_layers - 1] >= 0:
        start = bias_starts[n_layers - 1] + k * widths[n_layers]
        bias_slopes = gradient[start : start + widths[n_layers]]
        bias_slopes[:] = 0
        above = slopes[starts[n_layers] : starts[n_layers] + n * widths[n_layers]]
        _sum_rows(above.reshape(n, widths[n_layers]), bias_slopes)
    for layer in range(n_layers - 1, -1, -1):
        n_in, n_out = widths[layer], widths[layer + 1]
        place = weight_starts[layer] + k * n_out * n_in
        above = slopes[starts[layer + 1] : starts[layer + 1] + n * n_out].reshape(n, n_out)
        inputs = values[starts[layer] : starts[layer] + n * n_in].reshape(n, n_in)
        np.dot(above.T, inputs, gradient[place : place + n_out * n_in].reshape(n_out, n_in))
        if layer == 0:
            break
        below = slopes[starts[layer] : starts[layer] + n * n_in].reshape(n, n_in)
        np.dot(above, vector[place : place + n_out * n_in].reshape(n_out, n_in), below)
        start = bias_starts[layer - 1] + k * n_in
        bias_slopes = gradient[start : start + n_in] if bias_starts[layer - 1] >= 0 else gradient[:0]
        bias_slopes[:] = 0
        step = max(1, BLOCK_SIZE // n_in)
        for first in range(0, n, step):
            last = min(n, first + step)
            _finish_slopes(k, layer - 1, first, last, n_masked, structure, bias_slopes, masks, scratch)


@_part
def _finish_slopes(k, layer, first, last, n_masked, structure, bias_slopes, masks, scratch):
    """Multiply some rows of a layer's slopes by the derivatives of dropout and activation; sum up those of biases."""
    widths, _, _, activations, activation_numbers = structure
    words, mask_starts, thresholds, mask_scales = masks
    starts, values, kept_apart, slopes = scratch
    width, kind = widths[layer + 1], activations[layer]
    place = starts[layer + 1] + first * width
    size = (last - first) * width
    below = slopes[place : place + size]
    has_mask = mask_starts[layer, k] >= 0
    if has_mask:
        start = mask_starts[layer, k] + (n_masked + first) * width
        scale = slopes.dtype.type(mask_scales[layer, k])
        _drop(below, words[start : start + size], np.int32(thresholds[layer, k]), scale)
    inputs = (kept_apart if has_mask or kind >= GELU else values)[place : place + size]
    _derive(below, inputs, kind, activation_numbers[layer, 0], activation_numbers[layer, 1])
    if len(bias_slopes):
        _sum_rows(below.reshape(last - first, width), bias_slopes)


@_part
def _update(k, n, solver, structure, memory, own, rate, n_taken):
    """Take a step with all of a network's parameters and return the penalty before it."""
    widths, weight_starts, bias_starts = structure[0], structure[1], structure[2]
    vector, gradient = memory[0], memory[1]
    scale = 1.0 / own[DIVISOR] if own[DIVISOR] > 0 else 1.0 / (n * own[MEAN_WEIGHT])
    # What Adam's running means lack, as they began at zero.
    lacks = (1 - own[BETA1] ** n_taken, math.sqrt(1 - own[BETA2] ** n_taken)) if solver == ADAM else (1.0, 1.0)
    penalty = 0.0
    for layer in range(len(widths) - 1):
        size = widths[layer] * widths[layer + 1]
        place = weight_starts[layer] + k * size
        if own[L1] > 0 or own[L2] > 0:
            part, slopes = vector[place : place + size], gradient[place : place + size]
            penalty += _penalise(part, slopes, own[L1] * scale, own[L2] * scale)
        _move(memory, place, size, solver, own, rate, lacks, own[SHRINKAGE])
        if bias_starts[layer] >= 0:
            size = widths[layer + 1]
            _move(memory, bias_starts[layer] + k * size, size, solver, own, rate, lacks, own[BIAS_SHRINKAGE])
    return penalty


@_helper
def _gather(inputs, rows, values):
    for r in range(len(rows)):
        row = rows[r]
        for j in range(inputs.shape[1]):
            values[r, j] = inputs[row, j]


@_helper
def _add_bias(values, bias):
    for r in range(values.shape[0]):
        for j in range(values.shape[1]):
            values[r, j] += bias[j]


@_helper
def _sum_rows(values, out):
    for r in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[j] += values[r, j]


@_helper
def _activate(values, kind, first, second):  # noqa: C901  # a branch for each
    zero, one = values.dtype.type(0), values.dtype.type(1)
    if kind == RELU:
        for i in range(len(values)):
            values[i] = zero if values[i] < zero else values[i]
    elif kind == TANH:
        for i in range(len(values)):
            values[i] = _tanh(values[i])
    elif kind == LOGISTIC:
        for i in range(len(values)):
            values[i] = one / (one + _exp(-values[i]))
    elif kind == LEAKY_RELU:
        for i in range(len(values)):
            values[i] = values[i] * first if values[i] < zero else values[i]
    elif kind == ELU:
        for i in range(len(values)):
            x = values[i]
            values[i] = second * (first * math.expm1(x) if x < zero else x)
    elif kind == SOFTPLUS:
        for i in range(len(values)):
            x = values[i] * first
            values[i] = values[i] if x > second else math.log1p(_exp(x)) / first
    elif kind == HARDTANH:
        for i in range(len(values)):
            x = values[i]
            values[i] = first if x < first else second if x > second else x
    elif kind == GELU:
        half, root = values.dtype.type(0.5), values.dtype.type(math.sqrt(0.5))
        for i in range(len(values)):
            values[i] *= half * (one + math.erf(values[i] * root))
    elif kind == SILU:
        for i in range(len(values)):
            values[i] /= one + _exp(-values[i])
    elif kind == MISH:
        for i in range(len(values)):
            values[i] *= math.tanh(_soften(values[i]))


@intrinsic
def _read_as_number(context, bits):
    """Return the float64 that has the bits of an int64."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return numba.float64(bits), generate


@_exact_helper
def _exp(x):
    """Return e to the power of x, within a rounding; a loop over it is vectorized, one over math.exp is not.

    The rational function is that of S. L. Moshier's Cephes library (1989).
    """
    number = type(x)
    wide = np.float64(x)
    # Below, results would be subnormal; what is no number stays one.
    wide = -708.0 if wide < -708.0 else wide
    power = math.floor(wide * 1.4426950408889634 + 0.5)
    rest = (wide - power * 6.93145751953125e-1) - power * 1.42860682030941723212e-6
    square = rest * rest
    odd = rest * ((1.26177193074810590878e-4 * square + 3.02994407707441961300e-2) * square + 9.99999999999999999910e-1)
    even = (3.00198505138664455042e-6 * square + 2.52448340349684104192e-3) * square + 2.27265548208155028766e-1
    even = even * square + 2.00000000000000000009e0
    result = 1.0 + 2.0 * odd / (even - odd)
    # 2 to that power: an exponent and nothing else.
    bits = (np.int64(min(power, 1023.0)) + np.int64(1023)) << np.int64(52)
    result *= _read_as_number(bits)
    return number(np.inf if wide > 709.0 else result)


@_helper
def _tanh(x):
    """Return the hyperbolic tangent in less than a third of the time that math.tanh takes."""
    number = type(x)
    one, two = number(1), number(2)
    small = _exp(-two * abs(x))
    size = (one - small) / (one + small)
    # Near zero the difference above has few digits, or none; there the series has them all.
    square = x * x
    series = x * (one + square * (number(-1 / 3) + square * (number(2 / 15) + square * number(-17 / 315))))
    return series if abs(x) < number(0.03) else size if x > 0 else -size


@_helper
def _soften(x):
    """Return log(1 + exp(x))."""
    return (x + abs(x)) / 2 + math.log1p(_exp(-abs(x)))


@_helper
def _derive(slopes, values, kind, first, second):  # noqa: C901  # a branch for each
    """Multiply slopes by an activation's derivative, given its outputs, or its inputs from GELU on."""
    zero, one = slopes.dtype.type(0), slopes.dtype.type(1)
    if kind == RELU:
        for i in range(len(slopes)):
            slopes[i] = zero if values[i] <= zero else slopes[i]
    elif kind == TANH:
        for i in range(len(slopes)):
            slopes[i] *= one - values[i] * values[i]
    elif kind == LOGISTIC:
        for i in range(len(slopes)):
            slopes[i] *= values[i] * (one - values[i])
    elif kind == LEAKY_RELU:
        for i in range(len(slopes)):
            slopes[i] *= one if values[i] > zero else first
    elif kind == ELU:
        for i in range(len(slopes)):
            slopes[i] *= second if values[i] > zero else values[i] + first * second
    elif kind == SOFTPLUS:
        for i in range(len(slopes)):
            x = values[i] * first
            slopes[i] *= one if x > second else -math.expm1(-x)
    elif kind == HARDTANH:
        for i in range(len(slopes)):
            # A NaN is at neither end, and its slope is kept.
            slopes[i] = zero if values[i] <= first or values[i] >= second else slopes[i]
    elif kind == GELU:
        half, root = slopes.dtype.type(0.5), slopes.dtype.type(math.sqrt(0.5))
        density = slopes.dtype.type(1 / math.sqrt(2 * math.pi))
        for i in range(len(slopes)):
            x = values[i]
            slopes[i] *= half * (one + math.erf(x * root)) + x * density * _exp(-half * x * x)
    elif kind == SILU:
        for i in range(len(slopes)):
            share = one / (one + _exp(-values[i]))
            slopes[i] *= share * (one + values[i] * (one - share))
    elif kind == MISH:
        for i in range(len(slopes)):
            share = math.tanh(_soften(values[i]))
            slopes[i] *= share + values[i] * (one - share * share) / (one + _exp(-values[i]))


@_helper
def _drop(values, words, threshold, scale):
    zero = values.dtype.type(0)
    for i in range(len(values)):
        # Not set to zero: what is no number stays one.
        values[i] *= scale if words[i] < threshold else zero


@_helper
def _lose(kind, own, outputs, slopes, rows, labels, targets, weights):
    """Return the sum of a batch's losses; write the slopes of their mean."""
    number = outputs.dtype.type
    width = len(outputs) // len(rows)
    setting = number(own[SETTING])
    if kind == CROSS_ENTROPY:
        total = _lose_classes(outputs, slopes, rows, labels, weights, setting)
    elif kind == BINARY_CROSS_ENTROPY:
        total = _lose_signs(outputs, slopes, rows, targets, weights, setting)
    else:
        total = 0.0
        for r in range(len(rows)):
            start = r * width
            part, slope = outputs[start : start + width], slopes[start : start + width]
            loss = _lose_numbers(kind, part, targets[rows[r]], setting, slope)
            total += loss * (weights[rows[r]] if len(weights) else number(1))
    scale = number(own[LOSS_SCALE]) / number(len(rows))
    for r in range(len(rows)):
        factor = scale * (weights[rows[r]] if len(weights) else number(1))
        for i in range(r * width, (r + 1) * width):
            slopes[i] *= factor
    return total * own[LOSS_SCALE]


@_helper
def _lose_classes(outputs, slopes, rows, labels, weights, smoothing):
    """Cross-entropy, batch by batch: exponentials are computed in one loop, and logarithms of products."""
    number = outputs.dtype.type
    n, width = len(rows), len(outputs) // len(rows)
    total, product = 0.0, 1.0
    for r in range(n):
        start = r * width
        highest = outputs[start]
        for i in range(start, start + width):
            highest = max(highest, outputs[i])
        mean = number(0)
        for i in range(start, start + width):
            slopes[i] = _subtract(outputs[i], highest)
            mean += slopes[i]
        right = slopes[start + labels[rows[r]]]
        loss = smoothing * (right - mean / number(width)) - right
        total += loss * (weights[rows[r]] if len(weights) else number(1))
    for i in range(n * width):
        slopes[i] = _exp(slopes[i])
    share = smoothing / number(width)
    for r in range(n):
        start = r * width
        norm = number(0)
        for i in range(start, start + width):
            norm += slopes[i]
        for i in range(start, start + width):
            slopes[i] = slopes[i] / norm - share
        slopes[start + labels[rows[r]]] -= number(1) - smoothing
        if len(weights):
            total += math.log(norm) * weights[rows[r]]
        else:
            product *= norm
            if product > 1e200:
                total, product = total + math.log(product), 1.0
    return total + math.log(product)


@_helper
def _lose_signs(outputs, slopes, rows, targets, weights, smoothing):
    """Cross-entropy of two classes, computed as that of several is."""
    number = outputs.dtype.type
    zero, half, one = number(0), number(0.5), number(1)
    n, width = len(rows), len(outputs) // len(rows)
    total, product = 0.0, 1.0
    for i in range(n * width):
        slopes[i] = _exp(-abs(outputs[i]))
    for r in range(n):
        loss = zero
        for j in range(width):
            i = r * width + j
            x, small = outputs[i], slopes[i]
            t = targets[rows[r], j] * (one - smoothing) + half * smoothing
            slopes[i] = (one if x >= zero else small) / (one + small) - t
            loss += max(x, zero) - x * t
            if len(weights) or small < number(1e-3):
                loss += math.log1p(small)
            else:
                product *= 1.0 + small
                # A row may have thousands of outputs.
                if product > 1e200:
                    total, product = total + math.log(product), 1.0
        total += loss * (weights[rows[r]] if len(weights) else one)
    return total + math.log(product)


@_exact_helper
def _subtract(x, y):
    """Return a difference of outputs; a sum with one of them first would cost the loss its digits."""
    return x - y


@_helper
def _lose_numbers(kind, z, target, setting, slope):
    number = z.dtype.type
    zero, half, one = number(0), number(0.5), number(1)
    loss = zero
    for j in range(len(z)):
        x, t = z[j], target[j]
        d = x - t
        if kind == SQUARED:
            loss += half * d * d
            slope[j] = d
        elif kind == POISSON:
            expected = _exp(x)
            loss += expected - t * x + (t * math.log(t) if t > zero else zero) - t
            slope[j] = expected - t
        elif kind == ABSOLUTE:
            loss += abs(d)
            slope[j] = number(np.sign(d))
        elif kind == HUBER:
            loss += half * d * d if abs(d) <= one else abs(d) - half
            slope[j] = -one if d < -one else one if d > one else d
        else:
            loss += max(-setting * d, (one - setting) * d)
            slope[j] = half * number(np.sign(d)) + half - setting
    return loss


@_helper
def _penalise(values, slopes, l1, l2):
    """Add a penalty's slopes and return the penalty."""
    number = values.dtype.type
    zero, one = number(0), number(1)
    first, second = number(l1), number(l2)
    squares, sizes = zero, zero
    if l1 == 0:
        for i in range(len(values)):
            slopes[i] += second * values[i]
            squares += values[i] * values[i]
    else:
        for i in range(len(values)):
            sign = one if values[i] > zero else -one if values[i] < zero else zero
            slopes[i] += second * values[i] + first * sign
            squares += values[i] * values[i]
            sizes += values[i] * sign
    return 0.5 * l2 * squares + l1 * sizes


@_helper
def _move(memory, place, size, solver, own, rate, lacks, shrinkage):
    """Take one step with one parameter of one network."""
    vector, gradient, means, squares = memory
    number = vector.dtype.type
    p, g, m = vector[place : place + size], gradient[place : place + size], means[place : place + size]
    if own[DECAY] != 0:
        decay = number(own[DECAY])
        for i in range(size):
            g[i] += decay * p[i]
    if shrinkage != 0:
        left = number(1 - rate * shrinkage)
        for i in range(size):
            p[i] *= left
    if solver == ADAM:
        v = squares[place : place + size]
        new, old2, new2 = number(1 - own[BETA1]), number(own[BETA2]), number(1 - own[BETA2])
        step = number(rate / lacks[0])
        root = number(1 / lacks[1])
        eps = number(own[EPS])
        for i in range(size):
            mean = m[i] + (g[i] - m[i]) * new
            square = v[i] * old2 + g[i] * g[i] * new2
            m[i], v[i] = mean, square
            p[i] -= step * mean / (math.sqrt(square) * root + eps)
    elif own[BETA1] == 0:
        step = number(rate)
        for i in range(size):
            p[i] -= step * g[i]
    else:
        momentum = number(own[BETA1])
        step = number(rate)
        ahead = number(rate * own[BETA1]) if own[NESTEROV] != 0 else step
        beside = step if own[NESTEROV] != 0 else number(0)
        for i in range(size):
            m[i] = m[i] * momentum + g[i]
            p[i] -= ahead * m[i] + beside * g[i]
