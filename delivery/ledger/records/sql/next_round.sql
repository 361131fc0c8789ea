-- Owes a delivery that ended once more.
INSERT INTO deliveries (event, webhook, round, state, due_at, fence, attempts, lost)
VALUES ($event, $webhook, $round, $state, $due_at, 0, 0, 0)
