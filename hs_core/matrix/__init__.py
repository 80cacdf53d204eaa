"""The Matrix protocol as values and pure functions: no I/O, no clock, no globals.

Every module answers one chapter of the specification and names it in its docstring. Errors caused by somebody's
input are `ProtocolError` (or its subclass `Rejected`, for the authorisation rules); nothing else is ever raised for it.
"""
