"""Counts lines, modules and import arrows of training/ and convert/ in the current folder.

Run it in a checkout, of whatever age: ``python docs/structure.py``. It needs import-linter.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from pathlib import Path

import grimp

PACKAGES = ("training", "convert")
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def main() -> None:
    """Print the counts of each package."""
    sys.path[:0] = [".", "client"]
    for package in PACKAGES:
        files = sorted(Path(package).rglob("*.py"))
        graph = grimp.build_graph(package, cache_dir=None)
        modules = {module for module in graph.modules if module != package}
        arrows = {
            (module, other)
            for module in modules
            for other in graph.find_modules_directly_imported_by(module) & modules
        }
        parts = Counter(_part(module) for module in modules)
        between = {(_part(a), _part(b)) for a, b in arrows} - {(part, part) for part in parts}
        print(f"{package}: {sum(len(f.read_text().splitlines()) for f in files):,} lines, ", end="")
        print(f"{sum(map(_code_lines, files)):,} of code, {len(modules)} modules")
        print(f"  {len(arrows)} arrows between modules, {len(between)} between {len(parts)} parts")
        print(f"  arrows both ways: {sum((b, a) in between for a, b in between) // 2}")
        print("  modules: " + ", ".join(f"{part} {n}" for part, n in sorted(parts.items())))


def _part(module: str) -> str:
    """Return the folder of a module below its package, or the module itself."""
    return module.split(".")[1]


def _code_lines(file: Path) -> int:
    """Return the lines that hold more than a comment, a docstring or nothing."""
    text = file.read_text(encoding="utf-8")
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docstrings |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


if __name__ == "__main__":
    main()
