-- Remembers a status that a webhook has from now on; part of the statement that moves it.
INSERT INTO webhook_states (webhook, since, status, reason) SELECT $webhook, $now, $status, $state_reason
