"""Accounts, devices and access tokens: registration, login, and proving who one is.

Client-server API, "Client Authentication" (the legacy API), "Device Management", "Guest Access".
"""
