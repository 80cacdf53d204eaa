"""What clients have not heard of yet: `/sync`, its filters, and the older endpoints that it replaced.

Client-server API, "Syncing" and "Filtering".
"""
