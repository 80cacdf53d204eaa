"""The room engine: owner of the `events` stream.

Server-server API, "PDUs" and "Authorization rules"; client-server API, "Rooms".
"""
