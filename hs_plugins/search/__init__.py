"""Full text search in the messages, names and topics of rooms.

Client-server API, "Server Side Search".
"""
