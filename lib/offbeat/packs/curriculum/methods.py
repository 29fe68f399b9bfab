"""How each answer was found out, and what to be careful with: what stands under the fold."""

from __future__ import annotations

_METHODS = {
    "a": """
        A lesson is ranked in each cohort by accesses; a cohort that never opened it counts as its last rank.

        Cohorts with few accesses are left out, since their ranks say little.
    """,
    "b": """
        Cohorts of students, without staff, and pages that their program has a part in: who opened another program's is
        a question of its own. Expected is what the other cohorts' share of a lesson would make of this cohort's own
        total: size does not matter.

        The test allows for how far cohorts of the program differ anyway; the list is held to the stated share of false
        discoveries (Benjamini and Hochberg).
    """,
    "c": """
        Counted while the class ran, for classes of which the log holds at least half; pictures and other static files
        do not count. A student who came only after the class is listed with none.

        Groups are compared by user with the test of Mann and Whitney; the effect is Cliff's delta: the chance that one
        of the first group has more than one of the second, minus the chance of less.
    """,
    "d": """
        An alarm rests on patterns that a person reading does not make; a note is a fact worth a look.

        Behind each alarm and note stand its first accesses; up to 500 of each reason are in the table, by event_ids.
        Addresses seen once are notes in the table and not shown here.
    """,
    "e": """
        The day is where two shares, before and after, explain the accesses best; the interval allows for days that vary
        more than chance.

        A topic belongs to the programs whose students use it about as much as those that use it most; what all share is
        no crossing.
    """,
    "f": """
        Accesses after the last day of the user's class. Classes that the log sees longer have more time to come back.
    """,
    "g": """
        A typing error is one letter, or two swapped, away from a path used at least twice as often, or has a part that
        is so near to a known one and as rare in all paths; a probe is an address that no page of a curriculum has, or
        whose topic one user alone asked for.
    """,
    "h": """
        An outage is a stretch of hours without access where the weeks around had many, and the days around as well:
        that none comes in the holidays is no outage.

        A user moves where a later access carries another cohort. Growth compares whole months: the one in which the log
        ends is left out.
    """,
    "i": """
        Cohorts of students, without staff, in total, not per head and not per week: a cohort that the log holds whole
        has more.
    """,
    "j": """
        From days, lessons and rare addresses shared with a cohort's members; how much such evidence is worth is learnt
        from users whose cohort is known, each judged without their own rows.
    """,
    "k": """
        Bands of Bollinger, exponentially weighted ones, and season and trend (STL), all from earlier periods alone.

        The false discoveries are held across all entities of one kind in a period, for each method.

        A value is seldom where few accesses have it, alone or in its group (P(value | group)); half an access is added
        to each, so that what came once is not taken for what never comes.
    """,
    "l": """
        A network learns which lesson follows which within a visit; a visit is flagged where one came that it held
        unlikely.

        LSTM and GRU learn from the same sessions, and each flags by its own threshold. All other pages are of the
        better one alone. Sequence and number are different questions: that the views agree on few is no fault.
    """,
}


def method_of(question: str) -> list[str]:
    """The paragraphs on how a question was answered."""
    return [" ".join(text.split()) for text in _METHODS[question].strip().split("\n\n")]
