"""Only Triton code: functions that the compiler reads, not Python. The functions that start them are one folder up.

In all of them, `member` is the leading dimension (the models of a pack), and no sum's order depends on how many
members there are.
"""
