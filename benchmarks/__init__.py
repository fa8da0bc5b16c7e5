"""Where the README's figures come from: each module prints one table of ratios from one run.

Timings on shared machines are noisy, so nothing here is asserted by tests and nothing is reported
in milliseconds alone: every figure stands beside its limit or its peer, measured in turns.
"""
