"""SQL of what is wrong: failures become issues, others are seen by looking, and what is over is resolved.

Reading order: issue_rows, failures, conditions, late_rows, resolving.
"""
