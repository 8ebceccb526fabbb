"""What to publish in the DNS, and whether the world sees this server as it should.

`publish` makes the records of a domain. The other modules hold checks: each is a rule that
asks the DNS (`wire/asking.py`), or a function of facts gathered on this machine, and comes
to `Finding`s. `doctor` runs them all.
"""
