"""Deployments are started, measured and put beside each other."""

import pytest

from benchmarks.deployments.__main__ import main


def test_layouts_are_measured_in_turn_and_compared(capsys: pytest.CaptureFixture[str]) -> None:
    layouts = ["one", "half-the-rooms:8"]
    assert main([*layouts, "--only", "send-50-rooms,send-steadily", "--seconds", "0.3", "--rounds", "1"]) == 0

    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:2] == ["operation", "layout"]
    assert [line.split()[:2] for line in lines] == [
        [operation, layout] for operation in ("send-50-rooms", "send-steadily") for layout in layouts
    ]
    assert all("round trips" in line for line in lines)
    assert "rooms 0" in lines[1]


def test_a_layout_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["one", "many"])
    assert "twice-the-rooms" in capsys.readouterr().err
