import random
import re
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offbeat.errors import UsageError
from offbeat.packs.machine_logs.masks import Masker
from offbeat.packs.machine_logs.templates import UNSEEN, Templates, mine


def masked(lines, own=()):
    masker = Masker(own)
    return Counter(masker.tokens(line) for line in lines)


@pytest.mark.parametrize(
    "line, words",
    [
        ("Receiving block blk_-160899 src: /10.250.19.102:54106", "Receiving block <id> src: <ip>"),
        ("took 12.5 s, 3 of 4", "took <num> s, <num> of <num>"),
        ("deleted /mnt/hadoop/dfs/data/blk_7", "deleted <path>"),
        ("pages 1 2 3 4 done", "pages <num> done"),
        ("id 550e8400-e29b-41d4-a716-446655440000 at 0xFF03", "id <uuid> at <hex>"),
        ("get https://example.org/a?b=1 twice", "get <url> twice"),
        ("utf8 and v2 stay, x=-5 goes", "utf8 and v2 stay, x=<num> goes"),
        ("   ", ""),
    ],
)
def test_what_varies_is_masked(line, words):
    assert " ".join(Masker().tokens(line)) == words


def test_own_masks_go_first_and_wrong_ones_are_named():
    assert Masker([("user", r"user \w+")]).tokens("login of user bob") == ("login", "of", "<user>")
    with pytest.raises(UsageError, match=r"templates.masks: user is no regular expression"):
        Masker([("user", "(")])


def test_few_words_that_come_often_tell_events_apart_and_many_are_a_parameter():
    lines = [f"responder {n} for block blk_{n} {'closing' if n % 3 else 'interrupted'}" for n in range(60)]
    lines += [f"hello user{'abcdefghijklmnopqrstuvwxyz'[n % 26]}x again" for n in range(60)]
    found = mine(masked(lines))
    assert set(found.templates) == {
        ("responder", "<num>", "for", "block", "<id>", "closing"),
        ("responder", "<num>", "for", "block", "<id>", "interrupted"),
        ("hello", "<*>", "again"),
    }
    assert found.event("responder 7 for block blk_1 closing") == "responder <num> for block <id> closing"
    assert found.event("hello nobody again") == "hello <*> again"


def test_a_line_that_no_template_matches_is_unseen():
    found = mine(masked(["start", "stop", "stop"]))
    assert [found.event(line) for line in ("start", "stop", "crash", "start now", "")] == [
        "start", "stop", UNSEEN, UNSEEN, UNSEEN,
    ]  # fmt: skip
    assert Templates(()).event("anything") == UNSEEN


def test_the_template_with_the_fewest_wildcards_wins():
    found = Templates((("a", "<*>", "c"), ("<*>", "<*>", "c"), ("a", "b", "<*>"), ("<*>", "b", "c")))
    assert found.event("a b c") == "a <*> c" or found.event("a b c") == "a b <*>"
    assert found.event("x y c") == "<*> <*> c"
    assert found.event("x b c") == "<*> b c"


LINES = st.lists(
    st.lists(st.sampled_from(["go", "stop", "7", "blk_5", "ü", "<*>", "x"]), max_size=4).map(" ".join),
    min_size=1,
    max_size=30,
)


@given(LINES, st.randoms())
def test_every_line_that_was_mined_has_a_template_in_any_order(lines, shuffler: random.Random):
    counted = masked(lines)
    found = mine(counted)
    shuffled = list(counted.items())
    shuffler.shuffle(shuffled)
    assert mine(dict(shuffled)) == found
    again = Templates.from_json(found.to_json())
    assert UNSEEN not in {found.event(line) for line in lines}
    assert [again.event(line) for line in lines] == [found.event(line) for line in lines]


def test_hdfs_lines_are_parted_as_the_published_templates_part_them(data_dir):
    """The published templates have one event for two exceptions of writeBlock; all others are one to one."""
    published = [
        re.compile(".*?".join(map(re.escape, line.split("<*>"))))
        for line in (data_dir / "hdfs_ait_loghub/HDFS_templates.csv").read_text().splitlines()
    ]
    text = (data_dir / "hdfs_raw/HDFS_5k.log").read_text()
    lines = [line.split(": ", 1)[1] for line in text.splitlines()]
    found = mine(masked(lines))
    keys = defaultdict(set)
    for line in lines:
        key = next(number for number, pattern in enumerate(published, 1) if pattern.fullmatch(line))
        keys[found.event(line)].add(key)
    assert UNSEEN not in keys
    assert all(len(of_one) == 1 for of_one in keys.values())
    counts = Counter(next(iter(of_one)) for of_one in keys.values())
    assert {key for key, n in counts.items() if n > 1} == {7}
    assert len(counts) == 19
