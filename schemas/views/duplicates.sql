-- Files that hold the same bytes as another: read and asked once, and one row in the table of answers
-- document: SHA-256 of the bytes
-- path: Path below the inbox, one row each
-- first_path: The first of these paths, which stands in the tables of answers
-- copies: How many paths hold these bytes
SELECT document, path, min(path) OVER same AS first_path, count(*) OVER same AS copies
FROM documents WHERE document IS NOT NULL
WINDOW same AS (PARTITION BY document)
QUALIFY copies > 1
ORDER BY first_path, path;
