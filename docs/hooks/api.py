"""API pages: one per room of lib/offbeat, from docstrings."""

from __future__ import annotations

import ast
from pathlib import Path

_LIB = Path(__file__).parents[2] / "lib"


def pages(folder: str) -> dict[str, str]:
    """A page per package and one for the modules outside of packages: name of the page to its markdown."""
    package = _LIB / "offbeat"
    modules = sorted(path for path in package.rglob("*.py") if "__main__" not in path.name)
    rooms: dict[str, list[Path]] = {}
    for module in modules:
        rooms.setdefault(_room(module.relative_to(package)), []).append(module)
    made = {f"{folder}/{room}.md": _page(room, found) for room, found in rooms.items()}
    return {name: text for name, text in made.items() if text}


def _room(module: Path) -> str:
    """Packs have a page each; what lies in no package stands on one page."""
    *folders, _ = module.parts
    return ".".join(folders[:2] if folders[:1] == ["packs"] else folders[:1]) or "offbeat"


def _page(room: str, modules: list[Path]) -> str:
    parts = [f"# {'offbeat' if room == 'offbeat' else f'offbeat.{room}'}\n"]
    for module in modules:
        if _says_something(module):
            name = ".".join(module.relative_to(_LIB).with_suffix("").parts).removesuffix(".__init__")
            parts.append(f"::: {name}\n    options: {{show_submodules: false}}\n")
    return "\n".join(parts) if len(parts) > 1 else ""


def _says_something(module: Path) -> bool:
    """Whether a module has a docstring; one without has nothing for a page."""
    return ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) is not None
