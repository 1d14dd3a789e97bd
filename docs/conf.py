"""How Sphinx builds these pages. Nothing is fetched from the network."""

import re

import sknets

project = "sknets"
author = "sknets developers"
copyright = "2026, sknets developers"
version = release = sknets.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = f"sknets {version}"
html_show_sphinx = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
copybutton_prompt_text = ">>> "

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # shapes and bounds stand in the docstrings; a signature with types says less, longer
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False  # the class template lists them


def skip_member(app, what, name, obj, skip, options):
    """Leave out what scikit-learn or torch documents: inherited methods and the generated set_*_request."""
    if re.fullmatch(r"set_\w+_request", name):
        return True
    module = getattr(obj, "__module__", None) or ""
    return True if module.split(".")[0] in {"sklearn", "torch", "skorch"} else None


def setup(app):
    app.connect("autodoc-skip-member", skip_member)
