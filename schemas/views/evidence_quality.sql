-- How well the answers to each question stand in their documents, one row a question and field
-- question: Name of the question, which is the name of its table
-- field: Path of the field, with [] for the items of a list
-- found: Number of values that were given, without nulls
-- exact: Share of them that stand in the document word for word, 0 to 1
-- loose: Share of them that stand there in another form, 0 to 1
-- missing: Share of them that do not stand there, 0 to 1
SELECT
    question,
    regexp_replace(field, '\[\d+\]', '[]', 'g') AS field,
    count(*) AS found,
    round(avg((grade = 'exact')::INTEGER), 4) AS exact,
    round(avg((grade = 'loose')::INTEGER), 4) AS loose,
    round(avg((grade = 'missing')::INTEGER), 4) AS missing
FROM evidence
WHERE grade IS NOT NULL
GROUP BY ALL
ORDER BY ALL;
