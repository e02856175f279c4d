-- How much of each field is filled and proved, one row a question and field
-- question: Name of the question, which is the name of its table
-- field: Path of the field, with [] for the items of a list; a list itself is filled when it has an item
-- answers: Times it could be there: answered documents, and for a field of items the items
-- given: Times it has a value
-- failed: Times no value was accepted
-- filled: Share of answers with a value, 0 to 1
-- proved: Share of the values that stand in their document, exact or loose, 0 to 1; null without a value
WITH answered AS (SELECT question, count(DISTINCT document) AS answers FROM evidence GROUP BY question),
fields AS (
    SELECT
        question, document, split_part(field, '[', 1) AS top, regexp_replace(field, '\[\d+\]', '[]', 'g') AS field,
        (state = 'given' OR (state = 'corrected' AND value IS NOT NULL)) AS given, state = 'failed' AS failed, coalesce(grade IN ('exact', 'loose'), false) AS proved
    FROM evidence
),
by_document AS (
    SELECT question, top AS field, bool_or(given) AS given, bool_or(failed AND field = top) AS failed, bool_and(proved OR NOT given) AS proved
    FROM fields GROUP BY question, top, document
),
counted AS (
    SELECT b.question, b.field, any_value(a.answers) AS answers, count_if(given) AS given, count_if(failed) AS failed,
        count_if(given AND proved) AS proved
    FROM by_document b JOIN answered a ON a.question = b.question GROUP BY 1, 2
    UNION ALL
    SELECT question, field, count(*), count_if(given), count_if(failed), count_if(given AND proved)
    FROM fields WHERE contains(field, '[') GROUP BY 1, 2
)
SELECT
    question, field, answers::BIGINT AS answers, given::BIGINT AS given, failed::BIGINT AS failed,
    round(given / answers, 4) AS filled, round(proved / nullif(given, 0), 4) AS proved
FROM counted
ORDER BY question, field;
