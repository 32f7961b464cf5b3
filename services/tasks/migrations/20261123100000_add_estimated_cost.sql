-- Of a run's cost, what is estimated: calls whose provider did not come to say what was used.
ALTER TABLE tasks.run ADD COLUMN estimated_cost_nano_usd bigint NOT NULL DEFAULT 0;
GRANT SELECT (estimated_cost_nano_usd), UPDATE (estimated_cost_nano_usd) ON tasks.run TO mc_tasks_engine;
