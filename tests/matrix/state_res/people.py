"""Who is in the rooms of these tests, each on a server of their own."""

from hs_core.matrix.identifiers import UserId

ALICE = UserId("@alice:first.example")
BOB = UserId("@bob:second.example")
CAROL = UserId("@carol:third.example")
DAVE = UserId("@dave:fourth.example")
