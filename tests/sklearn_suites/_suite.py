"""Load one of scikit-learn's installed test files with sknets' estimators in place of its own."""

import ast
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.sklearn_suites._cases import Rule, leave_out_cases


@dataclass(frozen=True)
class Suite:
    """One test file of scikit-learn: what is swapped in it, what is left out, and why.

    `edits` maps a test to what is replaced inside it alone: string constants, and names where the replacement is one of
    `helpers`. `left_out_cases` maps a reason to the rule by which it leaves out parametrised cases.
    """

    module: str
    swapped: frozenset[str]
    left_out: Mapping[str, str]
    edits: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    helpers: Mapping[str, Any] = field(default_factory=dict)
    left_out_cases: Mapping[str, Rule] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return self.module.replace(".", "/") + ".py"

    @property
    def path(self) -> Path:
        return Path(find_spec(self.module).origin)

    def tests_in_file(self) -> dict[str, ast.FunctionDef]:
        """Every test of the installed file by name, as written there."""
        statements = ast.parse(self.path.read_bytes()).body
        return {s.name: s for s in statements if isinstance(s, ast.FunctionDef) and s.name.startswith("test_")}


def load_suite(suite: Suite, namespace: dict[str, Any]) -> None:
    """Run the rewritten file inside `namespace`, then take out the tests and cases that are left out."""
    source = suite.path.read_bytes()
    tree = ast.fix_missing_locations(_Swap(suite).visit(ast.parse(source)))
    _explain_asserts(tree, source)
    namespace.update(suite.helpers)
    # Compiled under its real name and with its real line numbers, a failing test shows scikit-learn's own lines.
    exec(compile(tree, suite.path, "exec", dont_inherit=True), namespace)
    for name in suite.left_out:
        namespace.pop(name, None)  # a name that no longer exists fails a test of the harness, not the collection
    for test in loaded_tests(namespace).values():
        leave_out_cases(test, suite.left_out_cases.values())


def loaded_tests(namespace: Mapping[str, Any]) -> dict[str, Callable]:
    """The tests that pytest collects from `namespace`."""
    return {name: value for name, value in namespace.items() if name.startswith("test_") and callable(value)}


class _Swap(ast.NodeTransformer):
    """Import the swapped classes from sknets, and make the edits of each test."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._names: Mapping[str, str] = {}
        self._constants: Mapping[str, str] = {}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.ImportFrom]:
        ours = [alias for alias in node.names if alias.name in self._suite.swapped]
        theirs = [alias for alias in node.names if alias.name not in self._suite.swapped]
        # sknets has scikit-learn's folders, so only the package's name changes.
        package = node.module.replace("sklearn", "sknets", 1)
        imports = [(package, ours), (node.module, theirs)]
        return [ast.copy_location(ast.ImportFrom(*pair, level=0), node) for pair in imports if pair[1]]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        edits = self._suite.edits.get(node.name)
        if edits is not None:
            self._names = {old: new for old, new in edits.items() if new in self._suite.helpers}
            self._constants = {old: new for old, new in edits.items() if new not in self._suite.helpers}
        edited = self.generic_visit(node)
        if edits is not None:  # not at the end of a function inside the test
            self._names = self._constants = {}
        return edited

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._names.get(node.id, node.id)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, str):
            node.value = self._constants.get(node.value, node.value)
        return node


def _explain_asserts(tree: ast.Module, source: bytes) -> None:
    # Without this a failed `assert score > 0.95` hides the score. pytest itself does it for the modules that it imports
    # and has no public door to it, so the suites must also run where the private one has moved.
    with contextlib.suppress(ImportError):
        from _pytest.assertion.rewrite import rewrite_asserts

        rewrite_asserts(tree, source)
