"""How far users have read.

Client-server API, "Receipts" and "Read and unread markers".
"""
