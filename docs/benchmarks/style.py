"""How the pictures of the documentation look: colours, axes, and labels beside their points."""

from contextlib import contextmanager

OURS, PEERS, PALE = "#c8553d", "#3d6b8c", "#9db4c4"
INK, GRID = "#22303c", "#e3e8ec"
SETTINGS = {
    "axes.edgecolor": PALE,
    "axes.facecolor": "white",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "figure.titlesize": 12,
    "font.size": 9,
    "grid.color": GRID,
    "savefig.dpi": 130,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def pyplot():
    """Matplotlib without a screen, in the settings above."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context(SETTINGS):
        yield plt


def save(figure, path):
    """As a PNG of few colours, which is a third of the size and looks the same."""
    import io

    import matplotlib.pyplot as plt
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    plt.close(figure)
    image = Image.open(drawn).convert("RGB")
    image.quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def label_points(axis, points, **text):
    """Write names beside points where they cover the least of each other.

    Parameters
    ----------
    axis : matplotlib Axes
        Limits and scales are to be final.
    points : dict
        Name: (x, y, colour, weight).
    """
    figure = axis.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    at = {name: axis.transData.transform(point[:2]) for name, point in points.items()}
    unit = figure.dpi / 72
    taken = [(x - 5 * unit, y - 5 * unit, x + 5 * unit, y + 5 * unit) for x, y in at.values()]
    frame = axis.get_window_extent(renderer)
    room = (frame.x0, frame.y0, frame.x1 + 10 * unit, frame.y1)
    sides = [(9, 0, "left", "center"), (-9, 0, "right", "center")]
    sides += [(0, 8, "center", "bottom"), (0, -8, "center", "top")]
    sides += [(x, y, "left" if x > 0 else "right", v) for x in (6, -6) for y, v in CORNERS]
    for name, (x, y, colour, weight) in sorted(points.items(), key=lambda item: item[1][0]):
        best = None
        for dx, dy, horizontal, vertical in sides:
            note = axis.annotate(
                name,
                (x, y),
                (dx, dy),
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                color=colour,
                weight=weight,
                **text,
            )
            box = note.get_window_extent(renderer).extents
            cost = sum(_overlap(box, other) for other in taken)
            cost += 3 * (_area(box) - _overlap(box, room))
            if best is None or cost < best[0] - 1e-9:
                if best is not None:
                    best[1].remove()
                best = (cost, note, box)
            else:
                note.remove()
        taken.append(tuple(best[2]))


CORNERS = ((7, "bottom"), (-7, "top"), (16, "bottom"), (-16, "top"))


def _area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlap(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)
