"""The authorisation rules, by name, in every room version."""
