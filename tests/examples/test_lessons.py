"""The examples that teach: what each of them says is true of the figures that it prints."""

import re

import pytest

from tests.examples._running import check, run

pytestmark = pytest.mark.slow


def read_means(output, start):
    """Return the means of the printed line that begins with ``start``, by name."""
    (line,) = [line for line in output.splitlines() if line.startswith(start)]
    figures = re.findall(r"([A-Za-z][\w' ]*?) (-?\d+\.\d+) ± \d+\.\d+", line.removeprefix(start))
    return {name: float(mean) for name, mean in figures}


def read_numbers(output, pattern):
    """Return the numbers that the closing sentence has in the places of the pattern's groups."""
    found = re.search(pattern, output)
    assert found, f"no {pattern!r} in {output[-600:]!r}"
    return [float(number) for number in found.groups()]


def run_and_check(name, folder):
    result = run(name, folder)
    check(result, ["±", "seeds"], folder)
    return result.stdout


def test_penalties_narrow_the_gap_and_only_lbfgs_makes_weights_zero(tmp_path):
    output = run_and_check("plot_penalties.py", tmp_path)

    none, l2 = read_means(output, "none          0.0:"), read_means(output, "L2           30.0:")
    l1, exact = read_means(output, "L1            3.0:"), read_means(output, "L1 by lbfgs   3.0:")
    assert none["gap"] - l2["gap"] > 0.08
    assert none["gap"] - l1["gap"] > 0.08
    assert min(l1["validation"], l2["validation"]) > none["validation"] + 0.05
    assert min(read_numbers(output, r"in (\d+) and (\d+) of 10 seeds")) >= 9
    assert l1["small weights"] > 0.9 > 0.5 > l2["small weights"]
    assert l1["zero weights"] == l2["zero weights"] == 0
    assert exact["zero weights"] > 0.9


def test_dropout_narrows_the_gap_that_wrong_labels_make(tmp_path):
    output = run_and_check("plot_dropout.py", tmp_path)

    start = "a fifth of labels drawn anew dropout"
    without, much = read_means(output, f"{start} 0.0:"), read_means(output, f"{start} 0.6:")
    clean = [read_means(output, f"correct labels               dropout {rate}:")["truth"] for rate in (0.0, 0.4, 0.8)]
    assert without["gap"] - much["gap"] > 0.1
    assert much["truth"] - without["truth"] > 0.05
    assert read_numbers(output, r"higher in (\d) of 5 seeds")[0] >= 4
    assert abs(clean[1] - clean[0]) < 0.02
    assert clean[2] < clean[0] - 0.02


def test_normalized_networks_bear_more_learning_rates(tmp_path):
    output = run_and_check("plot_normalization.py", tmp_path)

    none, batch, layer, group = read_numbers(
        output, r"each, (\d+) come [\s\S]*normalization, (\d+) with batch, (\d+) with layer and (\d+) with group"
    )
    assert batch > max(layer, group)
    assert min(layer, group) >= none + 4
    gaps = read_numbers(output, r"is (0\.\d+) \(none\), (0\.\d+) \(batch\), (0\.\d+) \(layer\), (0\.\d+) \(group\)")
    assert max(gaps) - min(gaps) < 0.03


def test_a_bag_of_networks_helps_where_labels_are_wrong_only(tmp_path):
    output = run_and_check("plot_bagging.py", tmp_path)

    one, bag = (read_means(output, f"a fifth of labels drawn anew {kind}:") for kind in ("one", "bag"))
    clean_one, clean_bag = (read_means(output, f"correct labels               {kind}:") for kind in ("one", "bag"))
    assert "210 networks trained: 3 stacks, 0 alone" in output
    assert bag["validation"] - one["validation"] > 0.025
    assert bag["gap"] < one["gap"] - 0.05
    assert read_numbers(output, r"better in (\d) of 5 seeds")[0] >= 4
    assert abs(clean_bag["validation"] - clean_one["validation"]) < 0.02


def test_deep_stacks_learn_with_residual_links_only(tmp_path):
    output = run_and_check("plot_residual_links.py", tmp_path)

    plain, linked = (read_means(output, f"{links:8} 40 hidden layers:") for links in ("plain", "residual"))
    shallow = read_means(output, "plain     2 hidden layers:")
    assert plain["training"] < 0.4
    assert linked["training"] > 0.95
    assert linked["validation"] > 0.8
    assert shallow["validation"] > linked["validation"]


def test_optimizers_differ_in_the_rate_they_want_not_in_what_they_reach(tmp_path):
    output = run_and_check("plot_optimizers.py", tmp_path)

    excess = dict(re.findall(r"Surface, (\S.*?) +at rate .* steps ([\d.]+)% above", output))
    excess = {name: float(percent) for name, percent in excess.items()}
    assert excess["SGD with momentum"] < 1 < 20 < excess["SGD"]
    assert excess["Adam"] < 1
    assert excess["AdaDelta"] == max(excess.values())
    worst, best, smallest, largest = read_numbers(
        output, r"between (0\.\d+) and (0\.\d+) of the digits; the rate itself is ([\d.]+) for \w+ and ([\d.]+) for"
    )
    assert 0.93 < worst <= best < worst + 0.03
    assert largest >= 100 * smallest
    adadelta, sgd, momentum, adam = read_numbers(
        output, r"is (0\.\d+) for AdaDelta, (0\.\d+) for SGD, (0\.\d+) with momentum and (0\.\d+) for Adam"
    )
    assert adadelta < sgd < momentum <= adam + 0.02


def test_a_second_task_helps_where_it_is_related_only(tmp_path):
    output = run_and_check("plot_two_tasks.py", tmp_path)

    alone, related, n_related, unrelated, n_unrelated = read_numbers(
        output,
        r"takes R² from (-?\d\.\d+) to (\d\.\d+) \(more in (\d+) of 10 seeds\), an unrelated one to (\d\.\d+) "
        r"\(more in (\d+)\)",
    )
    (change,) = read_numbers(output, r"nothing from one another: ([+-]\d\.\d+)")
    assert related - alone > 0.05
    assert n_related >= 8 > n_unrelated
    assert abs(unrelated - alone) < 0.06
    assert abs(change) < 0.01
