-- What each document cost: the cost of a call is shared out evenly by the documents in it, so that all rows sum up to that of requests
-- document: SHA-256 of the document's bytes
-- path: Path below the inbox, the first of those that hold the document; null when no file holds it any more
-- requests: Calls in which it was
-- prompt_tokens: Its share of the tokens sent
-- reply_tokens: Its share of the tokens received
-- cost_usd: Its share of the cost in USD
WITH paths AS (SELECT document, min(path) AS path FROM documents GROUP BY document),
shares AS (
    SELECT
        unnest(CASE WHEN len(documents) > 0 THEN documents ELSE [NULL] END) AS document,
        1.0::DOUBLE / greatest(coalesce(len(documents), 0), 1) AS share,
        prompt_tokens, reply_tokens, cost_usd
    FROM requests
)
SELECT
    s.document,
    any_value(p.path) AS path,
    count(*) AS requests,
    round(sum(s.prompt_tokens * s.share), 1) AS prompt_tokens,
    round(sum(s.reply_tokens * s.share), 1) AS reply_tokens,
    coalesce(sum(s.cost_usd * s.share), 0) AS cost_usd
FROM shares s LEFT JOIN paths p ON p.document = s.document
GROUP BY s.document
ORDER BY cost_usd DESC, path, s.document;
