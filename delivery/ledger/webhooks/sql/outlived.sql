-- Takes the oldest statuses of a webhook away, beyond those that are kept; part of the statement that adds one.
DELETE FROM webhook_states WHERE webhook = $webhook AND place <= (
    SELECT place FROM webhook_states WHERE webhook = $webhook ORDER BY place DESC OFFSET {kept_states} - 1 LIMIT 1
)
