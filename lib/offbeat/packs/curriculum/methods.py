"""How each answer was found out, and what to be careful with: what stands under the fold."""

from __future__ import annotations

_METHODS = {
    "a": """
        A lesson is ranked in each cohort by accesses; a cohort that never opened it counts as its last rank.

        Cohorts with few accesses are left out, since their ranks say little.
    """,
    "b": """
        Expected is what the other cohorts' share of a lesson would make of this cohort's own total: size does not
        matter.

        The test allows for how far cohorts of the program differ anyway; the list is held to the stated share of false
        discoveries (Benjamini and Hochberg).
    """,
    "c": """
        Counted while the class ran, for classes of which the log holds at least half.

        Groups are compared by user with the test of Mann and Whitney; the effect is Cliff's delta, in the table
        group_access.
    """,
    "d": """
        An alarm rests on patterns that a person reading does not make; a note is a fact worth a look.

        The raw rows are in the table, by event_ids. Addresses seen once are notes in the table and not shown here.
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
        A typing error is within two letters of a path used at least twenty times as often; a probe is an address that
        no page of a curriculum has, or whose topic one user alone asked for.
    """,
    "h": """
        An outage is a stretch of hours without access where the weeks around had many.

        A user moves where a later access carries another cohort; see the table user_moves.
    """,
    "i": """
        In total, not per head and not per week: a cohort that the log holds whole has more.
    """,
    "j": """
        From days, lessons and rare addresses shared with a cohort's members; how much such evidence is worth is learnt
        from users whose cohort is known, each judged without their own rows.
    """,
    "k": """
        Bands of Bollinger, exponentially weighted ones, and season and trend (STL), all from earlier periods alone.

        The false discoveries are held across all entities of a period.
    """,
    "l": """
        A network learns which lesson follows which within a visit; a visit is flagged where one came that it held
        unlikely.

        Sequence and number are different questions: that the views agree on few is no fault.
    """,
}


def method_of(question: str) -> list[str]:
    """The paragraphs on how a question was answered."""
    return [" ".join(text.split()) for text in _METHODS[question].strip().split("\n\n")]
