"""The benchmarks run; how fast is not a matter for tests."""

import pytest

import benchmarks.matrix
from benchmarks import harness
from benchmarks.matrix import events


def test_every_area_is_found_and_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(harness, "microseconds_of", lambda _: 1.0)
    harness.run(benchmarks.matrix)
    printed = capsys.readouterr().out
    assert "\nevents\n" in printed
    for measurement in events.measurements():
        assert printed.count(measurement.name) == 1


@pytest.mark.parametrize("measurement", events.measurements(), ids=lambda measurement: measurement.name)
def test_what_is_measured_works(measurement: harness.Measurement) -> None:
    measurement.operation()


def test_an_operation_over_its_target_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    harness.report(
        [harness.Measurement("slow", lambda: sum(range(1000)), 0.001), harness.Measurement("quick", int, 1e6)]
    )
    slow, quick = capsys.readouterr().out.splitlines()
    assert "OVER" in slow
    assert "ok" in quick
