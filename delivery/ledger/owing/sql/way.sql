-- How what is sent to a webhook `w` begins, once it is not to collect any more.
CASE WHEN NOT ({sendable}) THEN 'park' WHEN w.endpoint_rate_limit > 0 THEN 'pace' ELSE 'send' END
