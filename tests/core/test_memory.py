"""The memory of a process: one of its own, for that of the tests has had another life before."""

import subprocess
import sys

MIB = 1 << 20

SCRIPT = """
from hs_core.memory import give_back, resident_memory

before = resident_memory()
pieces = [bytes(10_000) for _ in range(10_000)]
kept = pieces[::100]
full = resident_memory()
del pieces
give_back()
print(before, full, resident_memory())
"""


def test_what_is_forgotten_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    before, full, after = map(int, done.stdout.split())

    assert full - before > 80 * MIB
    assert after - before < 40 * MIB
