"""SVG that stands in a page among others: named for screen readers, with ids of its own."""

from __future__ import annotations

import re
from xml.etree import ElementTree

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_PIXELS_A_POINT = 1.5
_REFERENCE = re.compile(r"url\(#([^)]*)\)")


def named_svg(svg: str, prefix: str, title: str, description: str = "") -> str:
    """``svg`` as an image with ``<title>`` and ``<desc>``, its ids and the references to them begun with ``prefix``.

    Figures drawn apart from each other have ids in common, and a page must not have an id twice.

    Args:
        svg: one ``<svg>`` element.
        prefix: of the ids, unique in the page.
        title: what a screen reader says first.
        description: what it says then; no ``<desc>`` where it is empty.
    """
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(svg)
    for name in ("metadata", "title", "desc"):  # who drew it, and names that the page's own take the place of
        for element in root.findall(f"{{{_SVG}}}{name}"):
            root.remove(element)
    for element in root.iter():
        _rename(element, prefix)
    labels = [_insert(root, 0, "title", f"{prefix}-title", title)]
    if description:
        labels.append(_insert(root, 1, "desc", f"{prefix}-desc", description))
    width = root.get("viewBox", "").split()[2:3]
    if width:  # its own size where the window has room, so that letters are as large in every figure
        root.set("style", f"width: min(100%, {_PIXELS_A_POINT * float(width[0]):.0f}px)")
    root.set("role", "img")
    root.set("aria-labelledby", " ".join(labels))
    return ElementTree.tostring(root, encoding="unicode")


def _rename(element: ElementTree.Element, prefix: str) -> None:
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, f"{prefix}-{value}")
        elif name in ("href", f"{{{_XLINK}}}href"):
            if value.startswith("#"):
                element.set(name, f"#{prefix}-{value[1:]}")
        elif "url(#" in value:
            element.set(name, _REFERENCE.sub(rf"url(#{prefix}-\1)", value))


def _insert(root: ElementTree.Element, place: int, tag: str, identity: str, text: str) -> str:
    element = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": identity})
    element.text = text
    root.insert(place, element)
    return identity
