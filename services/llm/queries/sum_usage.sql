-- The sum over everything that the filters select. Sums of bigint are numeric, and are cut to what the contract can say.
SELECT
    count(*) AS generations,
    least(coalesce(sum(input_tokens), 0), 9223372036854775807)::bigint AS input_tokens,
    least(coalesce(sum(cache_read_tokens), 0), 9223372036854775807)::bigint AS cache_read_tokens,
    least(coalesce(sum(cache_write_tokens), 0), 9223372036854775807)::bigint AS cache_write_tokens,
    least(coalesce(sum(output_tokens), 0), 9223372036854775807)::bigint AS output_tokens,
    least(coalesce(sum(reasoning_tokens), 0), 9223372036854775807)::bigint AS reasoning_tokens,
    coalesce(bool_or(estimated), false) AS estimated,
    least(coalesce(sum(cost_nano_usd), 0), 9223372036854775807)::bigint AS cost_nano_usd,
    count(*) FILTER (WHERE cost_nano_usd IS NULL) AS unpriced_generations,
    least(coalesce(sum(cost_nano_usd) FILTER (WHERE estimated), 0), 9223372036854775807)::bigint
        AS estimated_cost_nano_usd,
    count(*) FILTER (WHERE estimated) AS estimated_generations
FROM llm.usage_entry
WHERE workspace_id = $1
    AND ($2 = '' OR run = $2)
    AND ($3 = '' OR task = $3)
