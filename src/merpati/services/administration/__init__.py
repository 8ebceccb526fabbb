"""What an administrator does, whoever asked: the commands, the API and its screens.

A change is a unit of work that is handed the `Actor` behind it, and writes what it changed
into the audit, in the same transaction.
"""
