-- Beats for worker $1 and answers which of its runs have mail. Puts a worker that was forgotten back on the list: its old
-- leases are fenced by their epochs, not by this.
WITH beaten AS (
    INSERT INTO tasks.worker (worker_id) VALUES ($1)
    ON CONFLICT (worker_id) DO UPDATE SET beat_time = clock_timestamp()
)
SELECT run_id FROM tasks.run WHERE worker_id = $1 AND mailbox_seq > mailbox_read
