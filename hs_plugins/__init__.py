"""The built-in role plugins. Each folder is one plugin; start reading at its `plugin.py`."""
