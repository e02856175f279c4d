-- What was spent each day, for which question and at which model
-- day: Day on which it was sent, UTC
-- question: Name of the question, with what was asked again and in second passes
-- model: Model id
-- requests: Calls
-- prompt_tokens: Tokens sent
-- cached_tokens: Part of them that was billed as cached, where the provider said
-- reply_tokens: Tokens received
-- cost_usd: Cost in USD
SELECT
    make_timestamp(epoch_us(sent_at))::DATE AS day,
    split_part(question, '.', 1) AS question,
    model,
    count(*) AS requests,
    sum(prompt_tokens)::BIGINT AS prompt_tokens,
    sum(cached_tokens)::BIGINT AS cached_tokens,
    sum(reply_tokens)::BIGINT AS reply_tokens,
    coalesce(sum(cost_usd), 0) AS cost_usd
FROM requests
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;
