"""What the protocol library costs. Run with `python -m benchmarks.matrix`."""
