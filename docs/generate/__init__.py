"""The parts of the documentation that are made from declarations, models and docstrings.

`python -m docs.generate` writes them. Whole pages are below `docs/reference`; in `docs/plugins` only what stands after
the mark is generated, and a plugin without a page gets one.
"""
