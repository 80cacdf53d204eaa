"""Whose requests are kept together when they are passed on; `tests/core/cluster/test_calls.py` passes some on."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_core.http.forward import user_of_token


@given(st.text(min_size=1, max_size=255))
def test_a_token_names_its_user(localpart: str) -> None:
    encoded = base64.urlsafe_b64encode(localpart.encode()).decode().rstrip("=")

    assert user_of_token(f"Bearer hst_{encoded}_aRandomText_c0ffee") == localpart


@pytest.mark.parametrize(
    "token", ["", "Bearer", "Bearer hst_", "Bearer hst_YQ_x", "Bearer syt_YQ_x_y", "Bearer hst_Y_x_y"]
)
def test_what_is_no_token_of_ours_names_nobody(token: str) -> None:
    assert user_of_token(token) is None


@given(st.text())
def test_whatever_a_stranger_sends_is_no_failure(authorization: str) -> None:
    user_of_token(authorization)
