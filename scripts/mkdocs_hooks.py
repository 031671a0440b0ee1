"""Hooks of the documentation: pages made of the code and of result files, and links to files of the checkout.

Such links become their paths, since the site holds pages only.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).resolve().parent))

from site_pages import command_line, python_api, results, supported_ops

_LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)#]+)(?:#[^)]*)?\)")
_RESULT = re.compile(r"benchmarks/results/(\w+)\.json")


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    made = {
        "reference/command-line.md": command_line.page(),
        "reference/python.md": python_api.page(),
        "reference/supported-ops.md": supported_ops.page(),
        **{f"results/{name}": text for name, text in results.pages()},
    }
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Links out of ``docs/``: of a result file to its page, of any other file to its path as code."""
    folder = posixpath.dirname(page.file.src_uri)

    def mended(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, match[2]))
        if target.startswith("docs/"):
            return match[0]
        result = _RESULT.fullmatch(target)
        if result:
            return f"[{match[1]}]({posixpath.relpath(f'results/{result[1]}.md', folder or '.')})"
        return f"`{target}`" if match[1].strip("`") in target else f"{match[1]} (`{target}`)"

    return _LINK.sub(mended, markdown)
