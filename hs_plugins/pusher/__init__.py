"""Push notifications: users' pushers, and telling push gateways what users are to be notified of.

Start at `plugin.py`.
"""
