"""Only Triton code: functions that the compiler reads, not Python. The functions that start them are one folder up.

In all of them, `member` is the leading dimension (the models of a pack), and the order of a sum never depends on the
number of members.
"""
