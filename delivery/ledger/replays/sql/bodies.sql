-- What some of a day's events say, so far as they were not erased.
SELECT key, body FROM {events} WHERE key = ANY($events::uuid[]) AND body IS NOT NULL
