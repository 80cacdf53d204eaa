"""One SQL for two engines: what is translated, and that nothing else is touched."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.db.dialect import for_postgresql, for_sqlite
from hs_core.db.tokens import pieces, split_statements

quoted = st.sampled_from(
    ["'it''s ?;'", '"a ? column;"', "-- what?;\n", "/* why?; */", "$$ body; ? $$", "$x$ ?; $$ $x$"]
)
code = st.sampled_from(["SELECT a", " FROM t ", " = 1 ", ", b", " + ", " 50 % 3 "])
sql = st.lists(quoted | code, min_size=1).map("".join)


@given(st.lists(quoted | code | st.just("?")))
@settings(max_examples=100, deadline=None)
def test_postgresql_numbers_every_parameter_and_changes_nothing_else(parts: list[str]) -> None:
    numbers = iter(range(1, len(parts) + 1))
    expected = " ".join(f"${next(numbers)}" if part == "?" else part for part in parts)
    assert for_postgresql(" ".join(parts)).decode() == expected


@given(sql)
@settings(max_examples=100, deadline=None)
def test_what_has_nothing_to_translate_stays_as_it_is(text: str) -> None:
    assert for_sqlite(text) == text


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_the_pieces_of_any_text_make_up_the_text(text: str) -> None:
    assert "".join(piece.text for piece in pieces(text)) == text


@given(st.lists(sql.filter(lambda text: any(p.is_code and p.text.strip() for p in pieces(text)))))
@settings(max_examples=100, deadline=None)
def test_a_script_splits_into_its_statements(statements: list[str]) -> None:
    assert split_statements(" ;\n".join(statements)) == [statement.strip() for statement in statements]


def test_a_trigger_with_a_body_is_one_statement() -> None:
    body = "BEGIN\n UPDATE a SET n = CASE WHEN n > 1 THEN 1 ELSE 2 END; DELETE FROM b;\nEND"
    trigger = f"CREATE TRIGGER t AFTER INSERT ON a {body}"
    assert split_statements(f"SELECT 1; {trigger}; SELECT 2;") == ["SELECT 1", trigger, "SELECT 2"]


def test_a_script_of_comments_has_no_statements() -> None:
    assert split_statements("-- nothing; to see\n;;/* here; */") == []


@pytest.mark.parametrize(
    ("written", "sqlite"),
    [
        ("SELECT a FROM t WHERE b = ? FOR UPDATE", "SELECT a FROM t WHERE b = ? "),
        ("SELECT a FROM t for no key update of t, u SKIP LOCKED", "SELECT a FROM t "),
        ("SELECT a FROM t FOR KEY SHARE NOWAIT", "SELECT a FROM t "),
        ("SELECT GREATEST(a, ?), least (b, 1)", "SELECT MAX(a, ?), MIN(b, 1)"),
        ("CREATE TABLE t (a bytea NOT NULL)", "CREATE TABLE t (a BLOB NOT NULL)"),
        (
            "CREATE TABLE t (a BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
            "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)",
        ),
        ('SELECT a FROM t ORDER BY a COLLATE "C", b', "SELECT a FROM t ORDER BY a , b"),
        ("""SELECT 'COLLATE "C"', "C" """, """SELECT 'COLLATE "C"', "C" """),
    ],
)
def test_sqlite_gets_its_own_words(written: str, sqlite: str) -> None:
    assert for_sqlite(written) == sqlite


def test_any_and_all_become_a_look_into_the_list() -> None:
    translated = for_sqlite("SELECT 1 WHERE 2 = ANY(?) AND 3 <> all ( ? ) AND 4 <= ANY(?)")
    assert translated.count("json_each(?)") == 2
    assert "2 IN (SELECT" in translated
    assert "3 NOT IN (SELECT" in translated
    assert "4 <= ANY(?)" in translated


def test_translated_sql_is_valid_sqlite() -> None:
    connection = sqlite3.connect(":memory:")
    connection.create_function("hs_unhex", 1, lambda array: bytes.fromhex(array[2:-2]), deterministic=True)
    statement = for_sqlite("SELECT 2 = ANY(?), 'b' = ANY(?), GREATEST(1, 2) FOR UPDATE")
    assert connection.execute(statement, ("[1, 2]", '["a"]')).fetchone() == (1, 0, 2)
