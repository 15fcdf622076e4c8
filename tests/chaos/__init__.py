"""The fault suite: real processes under load, one fault after the other, and one oracle after each.

`make chaos` lets every fault of `faults.FAULTS` strike once; `make chaos SECONDS=1200` draws from them for so long.
"""
