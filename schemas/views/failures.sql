-- What failed: files that could not be read, documents without an answer to a question, and fields without an accepted value
-- kind: file, answer or field
-- reason: Class of the trouble: documents.reason, rejects.reason, or not_accepted for a field
-- path: Path below the inbox, of an answer or field the first of those that hold the document
-- question: Name of the question, which is the name of its table; null for a file
-- field: Path of the field; null for a file or an answer
-- detail: The sentence for a person
-- document: SHA-256 of the document's bytes; null when they could not be read
WITH paths AS (SELECT document, min(path) AS path FROM documents GROUP BY document)
SELECT 'file' AS kind, reason, path, NULL::TEXT AS question, NULL::TEXT AS field, detail, document
FROM documents WHERE status = 'error'
UNION ALL
SELECT 'answer', r.reason, p.path, r.question, NULL, r.detail, r.document
FROM rejects r LEFT JOIN paths p ON p.document = r.document WHERE r.reason NOT IN ('not_applicable', 'not_asked')
UNION ALL
SELECT 'field', 'not_accepted', p.path, e.question, e.field, e.detail, e.document
FROM evidence e LEFT JOIN paths p ON p.document = e.document WHERE e.state = 'failed'
ORDER BY ALL;
