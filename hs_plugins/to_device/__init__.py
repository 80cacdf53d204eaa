"""Messages from device to device, outside of rooms: how clients exchange keys.

Client-server API, "Send-to-Device messaging".
"""
