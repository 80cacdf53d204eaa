"""The memory of this very process."""

from hs_core.memory import give_back, resident_memory

MIB = 1 << 20


def test_what_is_forgotten_goes_back_to_the_system() -> None:
    before = resident_memory()
    pieces = [bytes(10_000) for _ in range(10_000)]
    kept = pieces[::100]
    full = resident_memory()
    del pieces
    give_back()
    after = resident_memory()

    assert kept
    assert before is not None
    assert full is not None
    assert after is not None
    assert full - before > 80 * MIB
    assert after - before < 40 * MIB
