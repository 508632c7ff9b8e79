# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A picture as SVG inside the page, drawn by matplotlib.

Text stays text, so that any script works and a reader can search it; its font is the page's. Colours are names that the
stylesheet knows, so that one picture serves light and dark. The same picture is the same bytes each time.
"""

from __future__ import annotations

import hashlib
import io
import re
import typing as t
import warnings
from xml.etree import ElementTree

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup

COLOURS = (
    *("ink", "soft", "rule", "bar", "bar-held", "bar-deep", "overridden", "failed", "reference", "inside"),
    *("s1", "s2", "s3", "s4", "s5", "s6", "q1", "q2", "q3", "q4", "q5"),
)

_SETTINGS: dict[t.Any, t.Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "virtscale.tuning",
    "font.size": 12,
    # A dollar is a dollar.
    "text.parse_math": False,
    "axes.linewidth": 1,
    "grid.linewidth": 1,
    "lines.solid_capstyle": "round",
}
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
# What matplotlib calls a colour, and what a browser is to make of it.
_COLOUR = re.compile("#0000([0-9a-f]{2})")
_POINTS_PER_INCH = 72


def colour(name: str) -> str:
    """Return how matplotlib is to be told a colour of the stylesheet."""
    # From 1 on: black is what a mark has anyway, so that matplotlib does not write it.
    return f"#0000{COLOURS.index(name) + 1:02x}"


class Canvas:
    """One picture while it is drawn, measured in the pixels of its page.

    :param margins_px: left, top, right and bottom of the plot.
    """

    def __init__(self, width_px: float, height_px: float, margins_px: tuple[float, float, float, float]) -> None:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        left, top, right, bottom = margins_px
        self.width_px, self.height_px = width_px, height_px
        self.plot_px = (width_px - left - right, height_px - top - bottom)
        self._titles: dict[str, list[str]] = {}
        size = (width_px / _POINTS_PER_INCH, height_px / _POINTS_PER_INCH)
        self.figure = Figure(figsize=size, dpi=_POINTS_PER_INCH)
        FigureCanvasSVG(self.figure)
        self.axes: t.Any = self.figure.add_axes(
            (left / width_px, bottom / height_px, self.plot_px[0] / width_px, self.plot_px[1] / height_px)
        )
        self.axes.spines[:].set_visible(False)
        self.axes.tick_params(length=0, labelcolor=colour("soft"), pad=6)
        self.axes.margins(0)
        self.axes.set_axisbelow(True)

    def write(self, x_px: float, y_px: float, text: str, anchor: str = "start", name: str = "soft") -> None:
        """Write a text whose baseline starts, has its middle or ends at a point, from the top left of the picture."""
        self.figure.text(
            x_px / self.width_px,
            1 - y_px / self.height_px,
            text,
            ha={"start": "left", "middle": "center", "end": "right"}[anchor],
            va="baseline",
            color=colour(name),
        )

    def explain(self, artist: t.Any, *texts: str) -> None:
        """Give a mark the text that a reader sees who points at it, or each point of a line its own."""
        identity = f"explained{len(self._titles)}"
        artist.set_gid(identity)
        self._titles[identity] = list(texts)

    def titles(self) -> t.Mapping[str, t.Sequence[str]]:
        """Return the texts of the marks that have some, by their names in the picture."""
        return self._titles


def picture(
    size_px: tuple[float, float],
    margins_px: tuple[float, float, float, float],
    label: str,
    paint: t.Callable[[Canvas], None],
) -> Markup:
    """Return what ``paint`` draws.

    :param label: what it shows in words, for who cannot see it.
    :raises TuningError: when matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise TuningError(
            f"The pictures of the report need the Python package matplotlib ({error}): install it beside Ansible, "
            "with 'pip install matplotlib'."
        ) from error
    buffer = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # The page's font has glyphs that the one which matplotlib measures with may lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        canvas = Canvas(*size_px, margins_px)
        paint(canvas)
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas.figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    return _for_the_page(buffer.getvalue(), canvas.titles(), label)


def _for_the_page(text: str, titles: t.Mapping[str, t.Sequence[str]], label: str) -> Markup:
    """Return matplotlib's SVG without what a page has already: fonts, colours, sizes, and names of its own."""
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(text)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", label)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    # Pictures share a page, and a name must be there once.
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    for parent in list(root.iter()):
        identity = parent.attrib.pop("id", "")
        if identity in used:
            parent.set("id", f"{mark}{identity}")
        _explain(parent, titles.get(identity, ()))
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}style" or _unseen(child):
                parent.remove(child)
        if parent.tag == f"{{{_SVG}}}text":
            parent.set("style", re.sub(r"font-(size|family): [^;]*;? ?", "", parent.get("style", "")))
            if " rotate(-0" in f" {parent.get('transform', '')}":
                del parent.attrib["transform"]
    drawn = ElementTree.tostring(root, encoding="unicode")
    drawn = re.sub(r'(url\(|href=")#', rf"\1#{mark}", drawn)
    drawn = _COLOUR.sub(lambda found: f"var(--{COLOURS[int(found[1], 16) - 1]})", drawn)
    return Markup(re.sub(r"\s*\n\s*", " ", drawn).replace("> <", "><"))


def _explain(element: ElementTree.Element, texts: t.Sequence[str]) -> None:
    points = [element] if len(texts) == 1 else list(element.iter(f"{{{_SVG}}}use"))
    for point, text in zip(points, texts):
        title = ElementTree.Element(f"{{{_SVG}}}title")
        title.text = text
        point.insert(0, title)


def _unseen(element: ElementTree.Element) -> bool:
    """Return whether an element is one of the empty backgrounds that matplotlib draws first."""
    paths = list(element)
    return len(paths) == 1 and paths[0].tag == f"{{{_SVG}}}path" and paths[0].get("style") == "fill: none"
