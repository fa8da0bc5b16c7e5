"""Cohorts across both systems: predicates, the planner that answers them, and what is made of them.

A cohort is asked for by a predicate over subjects or samples; each part of it is answered by the
system that owns the data, and the ids meet here.
"""
