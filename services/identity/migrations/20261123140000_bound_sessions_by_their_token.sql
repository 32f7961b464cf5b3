-- When a session is over at the latest: when the API token that it goes back to expires. Its bearers are made to expire no later.
ALTER TABLE identity.session ADD COLUMN last_time timestamptz;
