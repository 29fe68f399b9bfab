"""Templates of log lines: mined with Drain on the lines of the training part, then frozen.

What is frozen is plain data (the words of each template and the masks), and matching is a look-up that no order of
lines and no partition can change: a line has a template, or it has none.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from offbeat.errors import UsageError
from offbeat.packs.machine_logs.masks import Masker, own_masks

UNSEEN = "<unseen template>"
"""Event of a line that no template matches."""
ANY = "<*>"
_EMPTY = "<empty>"
_FEW_WORDS = 8  # a place that has no more different words …
_LINES_PER_WORD = 10  # … and so many lines for each tells events apart: it is no parameter
_MOST_CHILDREN = 100

Words = tuple[str, ...]


@dataclass(frozen=True)
class Templates:
    """Frozen templates.

    Attributes:
        templates: words of each, `<*>` where any word may stand; ordered by falling number of lines.
        masks: name and regular expression of what was masked before.
    """

    templates: tuple[Words, ...]
    masks: tuple[tuple[str, str], ...] = field(default_factory=lambda: Masker().masks)

    @cached_property
    def _masker(self) -> Masker:
        return Masker(own_masks(self.masks))

    @cached_property
    def _roots(self) -> dict[int, _Node]:
        """Templates by number of words, as trees whose branches are words."""
        roots: dict[int, _Node] = defaultdict(_Node)
        for words in self.templates:
            roots[len(words)].add(words)
        return dict(roots)

    def event(self, line: str) -> str:
        """The template of a line as text, the one with the fewest `<*>`; `UNSEEN` where none matches."""
        words = self._masker.tokens(line)
        root = self._roots.get(len(words))
        found = root.find(words, 0) if root is not None else None
        return UNSEEN if found is None else named(found[1])

    def to_json(self) -> str:
        """The templates as text, the same for the same templates."""
        return json.dumps({"templates": self.templates, "masks": self.masks}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Templates:
        """Read what `to_json` gave."""
        read = json.loads(text)
        return cls(tuple(map(tuple, read["templates"])), tuple((name, mask) for name, mask in read["masks"]))


def named(words: Sequence[str]) -> str:
    """A template as the text of an event."""
    return " ".join(words) or _EMPTY


class _Node:
    """A word of templates, with the words that may follow it."""

    __slots__ = ("children", "words")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.words: Words | None = None

    def add(self, words: Words) -> None:
        node = self
        for word in words:
            node = node.children.setdefault(word, _Node())
        node.words = words

    def find(self, words: Words, at: int) -> tuple[int, Words] | None:
        """Number of `<*>` and words of the template that matches best; of equal ones the one whose words come first."""
        if at == len(words):
            return None if self.words is None else (0, self.words)
        exact = self.children.get(words[at])
        found = exact.find(words, at + 1) if exact is not None else None
        if found is not None and found[0] == 0:
            return found
        loose = self.children.get(ANY) if words[at] != ANY else None
        other = loose.find(words, at + 1) if loose is not None else None
        if other is None:
            return found
        return found if found is not None and found[0] <= other[0] + 1 else (other[0] + 1, other[1])


def mine(
    lines: Mapping[Words, int],
    *,
    similarity: float = 0.4,
    depth: int = 4,
    masks: tuple[tuple[str, str], ...] | None = None,
) -> Templates:
    """Mine templates with Drain from masked lines and how often each came.

    Drain alone makes one event of "… terminating" and "… interrupted", since all their other words agree. So a place
    that it takes for a parameter is looked at again: where few different words stand there, each in many lines, the
    word tells events apart and stays.

    Args:
        lines: masked lines as words; how often each came. Its order does not matter.
        similarity: share of words that must agree for a line to join a template.
        depth: of Drain's tree.
        masks: what the lines were masked with; the usual ones where not given.

    Raises:
        UsageError: drain3 is not installed.

    References: He et al., Drain, ICWS 2017; the implementation is drain3's. The second look is our own.
    """
    try:
        from drain3.drain import Drain
    except ImportError as error:
        raise UsageError("templates: the package drain3 is not installed; install offbeat[train]") from error
    drain = Drain(depth=depth, sim_th=similarity, max_children=_MOST_CHILDREN, param_str=ANY)
    ordered = sorted(lines, key=lambda words: (-lines[words], words))
    cluster_of = {words: drain.add_log_message(" ".join(words))[0].cluster_id for words in ordered}
    members: dict[int, list[Words]] = defaultdict(list)
    for words in ordered:
        members[cluster_of[words]].append(words)
    found: Counter[Words] = Counter()
    for group in members.values():
        for words, template in zip(group, _templates_of(group, lines), strict=True):
            found[template] += lines[words]
    ranked = sorted(found, key=lambda words: (-found[words], words))
    return Templates(tuple(ranked)) if masks is None else Templates(tuple(ranked), masks)


def _templates_of(group: Sequence[Words], lines: Mapping[Words, int]) -> Iterable[Words]:
    """Template of each line of a cluster: its own word where a place has few, `<*>` where it has many."""
    open_places = set()
    total = sum(lines[words] for words in group)
    for place, column in enumerate(zip(*group, strict=True)):
        different = set(column)
        tells_apart = len(different) <= _FEW_WORDS and total >= _LINES_PER_WORD * len(different)
        if len(different) > 1 and not tells_apart:
            open_places.add(place)
    return (tuple(ANY if at in open_places else word for at, word in enumerate(words)) for words in group)
