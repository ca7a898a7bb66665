"""The picture of the layers, from the table that the architecture test holds.

python -m docs.layers
"""

import ast
from pathlib import Path

from matplotlib.patches import FancyBboxPatch

from docs.benchmarks.style import INK, OURS, PALE, PEERS, pyplot, save

PICTURE = Path(__file__).parent / "layers.png"
TEST = Path(__file__).parents[1] / "tests" / "test_architecture.py"
# Layer: where its box is, across and up, and what it is for.
BOXES = {
    "cli": (-0.2, 6, "the command line:\nfiles in, files out"),
    "report": (0.75, 5, "imputed cells and\ngenerated rows"),
    "displays": (-0.45, 4, "pictures of what\nwas imputed"),
    "missingness": (-1.75, 3, "hide cells,\nlook at gaps"),
    "metrics": (-0.65, 3, "how good cells\nand rows are"),
    "estimators": (
        1.2,
        3,
        "MissDiffImputer, MissDiffSampler:\nlead a table from station to station",
    ),
    "inference": (2.05, 4, "analyses of several\ncompleted tables"),
    "_relations": (-0.15, 2.25, "what holds in every row:\norder, sums, one-hot"),
    "_encoding": (-1.2, 1.55, "table to codes and back:\nscales, categories, bounds"),
    "_table": (-1.2, 0.7, "every dtype in,\nthe same one out"),
    "_diffusion": (0.97, 0.9, "torch only: networks,\ntraining, draws"),
    "_stream": (0.4, 1.64, "batches in, read once:\ncounts and a sample"),
    "_draws": (2.05, 0.9, "noise of each row,\nmasks, aggregates"),
    "_support": (0.3, 0, "files, progress, the layout of codes,\nscikit-learn's private names"),
}
HEIGHT = 0.6


def layers():
    """The table of the architecture test: layer: those it may import from."""
    for node in ast.parse(TEST.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "LAYERS":
            # "set()" is no literal.
            empty = {key.value: set() for key in node.value.keys}
            pairs = zip(node.value.keys, node.value.values, strict=True)
            return empty | {
                key.value: ast.literal_eval(value)
                for key, value in pairs
                if isinstance(value, ast.Set)
            }
    raise ValueError(f"{TEST} has no LAYERS")


def width_of(name):
    return 1.5 if len(BOXES[name][2]) > 60 else 0.96


def direct(below):
    """Imports that are not implied by a longer way through another layer."""
    reached = {}
    while left := below.keys() - reached.keys():
        for name in left:
            if below[name] <= reached.keys():
                reached[name] = below[name].union(*(reached[other] for other in below[name]))
    return [
        (name, other)
        for name, others in below.items()
        for other in others
        if not any(other in reached[third] for third in others - {other})
    ]


def draw_arrow(axis, name, other):
    (x, y, _), (u, v, _) = BOXES[name], BOXES[other]
    axis.annotate(
        "",
        (u + 0.12 * (x - u), v + HEIGHT / 2),
        (x + 0.12 * (u - x), y - HEIGHT / 2),
        arrowprops={"arrowstyle": "-|>", "color": PALE, "lw": 1.3, "shrinkA": 1, "shrinkB": 1},
    )


def draw_box(axis, name):
    x, y, role = BOXES[name]
    wide, colour = width_of(name), OURS if name == "estimators" else PEERS
    box = FancyBboxPatch(
        (x - wide / 2, y - HEIGHT / 2),
        wide,
        HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.06",
        facecolor="#fbeae6" if name == "estimators" else "white",
        edgecolor=colour,
        lw=1.4,
    )
    axis.add_patch(box)
    text = {"ha": "center", "va": "center"}
    axis.text(x, y + 0.17, name, weight="bold", color=colour, fontsize=10, **text)
    axis.text(x, y - 0.1, role, fontsize=7.8, color=INK, **text)


def main(path=PICTURE):
    below = layers()
    if not set(below) <= set(BOXES):
        raise ValueError(f"say in BOXES what these are for: {set(below) - set(BOXES)}")
    with pyplot() as plt:
        figure, axis = plt.subplots(figsize=(8.6, 7))
        for name, other in direct(below):
            if BOXES[name][1] <= BOXES[other][1]:
                raise ValueError(f"imports go down, and so do arrows: {name} is below {other}")
            draw_arrow(axis, name, other)
        for name in below:
            draw_box(axis, name)
        axis.set(xlim=(-2.3, 2.6), ylim=(-0.4, 6.4))
        axis.axis("off")
        figure.tight_layout(pad=0.3)
        save(figure, path)


if __name__ == "__main__":
    main()
