-- Whether a webhook is of the same epoch still, and may be sent to.
SELECT EXISTS (SELECT 1 FROM webhooks w WHERE w.id = $webhook AND w.epoch = $epoch AND {open})
