"""Settings of the documentation."""

import pathlib
import sys
import warnings

import skmissdiff

sys.path.insert(0, str(pathlib.Path(__file__).parent / "_ext"))

from constants import substitutions

# The gallery looks up each name that a page imports, also when its pages are not run.
from sklearn.experimental import enable_iterative_imputer  # noqa: F401

project = "skmissdiff"
author = "skmissdiff developers"
copyright = "skmissdiff developers"
version = release = skmissdiff.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "mathml",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "examples/*.rst"]
nitpicky = False
rst_prolog = substitutions()  # |NAME| in a page is the number that the code has

html_theme = "pydata_sphinx_theme"
html_title = "skmissdiff"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "default",
    "pygments_dark_style": "github-dark",
}
html_sidebars = {
    name: []
    for name in (
        "install",
        "how_it_works",
        "architecture",
        "contributing",
        "changelog",
        "benchmarks/*",  # its tables need the width
    )
}

autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_signature": False,
    "doc_module": ("skmissdiff",),
    "backreferences_dir": "api/generated/backreferences",
    "within_subsection_order": "FileNameSortKey",
}

# The gallery pages are to run without a warning, too.
warnings.filterwarnings("error", module=r"skmissdiff")
