-- What a person should look at first: documents and values, the most doubtful first
-- document: SHA-256 of the document's bytes; null where the doubt is about a field of all
-- path: Path below the inbox, of an answer or value the first of those that hold the document
-- page: Page on which the value stands, from 1; null when it stands nowhere
-- question: Name of the question, which is the name of its table; null for a document that could not be read
-- field: Path of the field; null for a whole document
-- value: The value as text
-- reason: The reason of a reject or of a document's status; failed, incomplete, conflict, disagreed, contradicted, unbalanced, ambiguous, unproved, unclear, unsure, nothing_found, less_filled; differs, where an invoice and the XML in it say otherwise; or a flag of a document that was read with a doubt
-- detail: The sentence for a person
-- confidence: How likely the value is right, 0 to 1; 0 for what was not accepted at all
WITH paths AS (SELECT document, min(path) AS path FROM documents GROUP BY document),
doubts AS (
    SELECT document, path, NULL AS page, NULL AS question, NULL AS field, NULL AS value, reason, detail, 0.0 AS confidence
    FROM documents WHERE status = 'error'
    UNION ALL
    SELECT r.document, d.path, NULL, r.question, NULL, NULL, r.reason, r.detail, 0.0
    FROM rejects r JOIN paths d ON d.document = r.document WHERE r.reason NOT IN ('not_applicable', 'not_asked')
    UNION ALL
    SELECT e.document, d.path, e.page, e.question, e.field, e.value,
        CASE
            WHEN e.state = 'failed' THEN 'failed'
            WHEN e.state = 'missing' THEN 'incomplete'
            WHEN list_contains(e.notes, 'disagreed') THEN 'disagreed'
            WHEN list_contains(e.notes, 'conflict') THEN 'conflict'
            WHEN list_contains(e.notes, 'contradicted') THEN 'contradicted'
            WHEN list_contains(e.notes, 'unbalanced') THEN 'unbalanced'
            WHEN list_contains(e.notes, 'ambiguous') THEN 'ambiguous'
            WHEN e.grade = 'missing' THEN 'unproved'
            WHEN list_contains(e.notes, 'unclear') THEN 'unclear'
            ELSE 'unsure'
        END,
        e.detail, coalesce(e.confidence, 0.0)
    FROM evidence e JOIN paths d ON d.document = e.document
    WHERE e.state = 'failed' OR (e.state = 'missing' AND e.detail <> '')
        OR list_has_any(e.notes, ['disagreed', 'conflict', 'contradicted', 'unbalanced', 'ambiguous', 'unclear'])
        OR (e.confidence < 0.9 AND e.proved_by IS DISTINCT FROM 'meaning')
    UNION ALL
    SELECT r.document, d.path, NULL, r.question, NULL, NULL, 'nothing_found', r.detail, 0.0
    FROM rejects r JOIN paths d ON d.document = r.document
    WHERE r.reason = 'not_applicable' AND r.detail = 'The answer has no value in any field.'
    UNION ALL
    SELECT document, path, NULL, NULL, NULL, NULL, flag, detail, 0.5
    FROM (SELECT document, path, unnest(flags) AS flag, detail FROM documents WHERE status = 'ok')
    WHERE flag IN ('uncertain_encoding', 'formulas_without_values', 'garbled_text', 'ocr_unread', 'ocr_unsure')
    UNION ALL
    SELECT seen.document, pdf.path, seen.page, seen.question, seen.field, seen.value, 'differs',
        'Its XML, ' || xml.path || ', says ' || stated.value || '.', 0.1
    FROM documents xml
    JOIN documents pdf ON pdf.path = xml.container AND pdf.inbox = xml.inbox
    JOIN evidence stated ON stated.document = xml.document AND stated.state = 'given' AND NOT contains(stated.field, '[')
    JOIN evidence seen ON seen.document = pdf.document AND seen.question = stated.question AND seen.field = stated.field
    WHERE xml.media_type = 'application/einvoice+xml' AND seen.state = 'given'
        AND regexp_replace(lower(seen.value), '[\W_]', '', 'g') <> regexp_replace(lower(stated.value), '[\W_]', '', 'g')
        AND coalesce(try_cast(seen.value AS DECIMAL(18, 4)) <> try_cast(stated.value AS DECIMAL(18, 4)), true)
    UNION ALL
    SELECT NULL, NULL, NULL, doubt.question, doubt.field, NULL, 'less_filled', doubt.detail, 0.0
    FROM (SELECT unnest(doubts) AS doubt FROM (FROM runs WHERE len(fields) > 0 ORDER BY started_at DESC LIMIT 1))
)
SELECT path, page, question, field, value, reason, detail, confidence, document
FROM doubts
ORDER BY confidence, reason, path, question, field, page;
