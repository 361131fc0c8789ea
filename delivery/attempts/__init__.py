"""From what is due to what came of it: claim, send, judge, record.

Reading order: rounds (the door), claims, attempting, endings, recording.
"""
