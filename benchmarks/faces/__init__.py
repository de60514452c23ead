"""Evaluation of face verification: data, conditions, statistics, report."""
