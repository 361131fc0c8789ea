"""SQL of what attempts came to, and of what follows from it.

Reading order: outcomes, health_counts, batch_members.
"""
