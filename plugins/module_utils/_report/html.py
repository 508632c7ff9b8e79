# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""HTML and SVG without a template engine: text is escaped unless a tag made it."""

from __future__ import annotations

import html
import typing as t

_VOID = frozenset(("meta", "br", "hr", "link", "rect", "line", "circle", "path", "col"))


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child = t.Union[str, int, float, None]


def tag(name: str, /, *children: Child, **attributes: t.Any) -> Markup:
    """Return an element.

    :param children: text, which is escaped, or Markup, which is not; None is left out.
    :param attributes: ``class_`` is ``class``, other underscores are dashes; None and False are left out.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items() if value not in (None, False))
    if name in _VOID and not children:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: t.Iterable[Child], separator: str = "") -> Markup:
    """Return the children one after the other, text escaped."""
    return Markup(separator.join(_escape(child) for child in children if child is not None))


def details(summary: Child, *content: Child, **attributes: t.Any) -> Markup:
    """Return something that is folded."""
    return tag("details", tag("summary", summary), *content, **attributes)


def _escape(child: Child) -> str:
    return child if isinstance(child, Markup) else html.escape(str(child), quote=True)


def _attribute(key: str, value: t.Any) -> str:
    name = key.rstrip("_").replace("_", "-") if key != "viewBox" else key
    if value is True:
        return f" {name}"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(text, quote=True)}"'
