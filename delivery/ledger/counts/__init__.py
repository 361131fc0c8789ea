"""SQL of numbers: what is counted as it is recorded becomes minutes, hours and days.

Reading order: histograms, rollups, backlog_samples.
"""
