"""The statements of `lookups`, with $names for what `filled` puts in: literals and numbers come in, SQL goes out."""

from __future__ import annotations

from string import Template

DOCUMENTS = """
SELECT min(path) AS path, document, min_by(inbox, path) AS inbox, min_by(media_type, path) AS media_type,
       min_by(page_count, path) AS page_count, max(CASE WHEN path = $name OR document = $name THEN 2 ELSE 1 END) AS fit
FROM documents WHERE document IS NOT NULL AND ($condition)
GROUP BY document ORDER BY fit DESC, path LIMIT 20"""
FILES = "SELECT path, status, reason, page_count, document FROM documents WHERE $condition ORDER BY path"
LEVEL = """
WITH rests AS (SELECT *, substring(path, length($below) + 1) AS rest FROM documents WHERE starts_with(path, $below)),
below AS (SELECT *, split_part(rest, '/', 1) AS name, contains(rest, '/') AS is_folder FROM rests),
level AS (
    SELECT name, is_folder, count(*) AS files, any_value(path) AS path, any_value(status) AS status, any_value(reason) AS reason,
           any_value(page_count) AS page_count, any_value(document) AS document
    FROM below GROUP BY name, is_folder, CASE WHEN is_folder THEN '' ELSE inbox END)
SELECT *, count(*) OVER (PARTITION BY is_folder) AS of_kind FROM level
QUALIFY row_number() OVER (PARTITION BY is_folder ORDER BY name) <= $most ORDER BY name"""
PATHS = """
SELECT path, count(*) OVER () AS n FROM documents
WHERE contains(lower(path), lower($typed)) ORDER BY path LIMIT $most"""
TEXTS = """
WITH own AS (
    SELECT page, chars, image_width_px IS NOT NULL AS is_picture,
           substring(text, CASE WHEN page = $first THEN $begin ELSE 1 END, $more) AS text
    FROM pages WHERE document = $document AND page BETWEEN $first AND $last)
SELECT * FROM (SELECT *, sum(length(text)) OVER (ORDER BY page) - length(text) AS before FROM own)
WHERE before <= $most ORDER BY page"""
EVIDENCE = """
WITH paths AS (SELECT document, min(path) AS path FROM documents GROUP BY document)
SELECT path, document, question AS "table", field, state, value, grade, confidence, page, quote, count(*) OVER () AS n
FROM evidence JOIN paths USING (document) WHERE $condition
ORDER BY path, question, field, page LIMIT $most"""

# Names as people and models write them: without signs that nobody sees, with plain spaces, accents in one sign, in any case.
PLAIN = r"""nfc_normalize(lower(regexp_replace(regexp_replace($text, '[\p{Cc}\p{Cf}]', '', 'g'), '[\s\p{Zs}]+', ' ', 'g')))"""
MEANT = """
WITH wanted AS (SELECT name, $plain_name AS plain FROM (SELECT unnest([$names]) AS name)),
own AS (SELECT DISTINCT path, document, $plain_path AS plain FROM documents WHERE document IS NOT NULL),
fits AS (
    SELECT name, path, document, CASE WHEN path = name THEN 3 WHEN own.plain = wanted.plain THEN 2 ELSE 1 END AS fit
    FROM wanted JOIN own ON path = name OR own.plain = wanted.plain OR ends_with(own.plain, '/' || wanted.plain)
        OR (regexp_full_match(name, '[0-9a-f]{8,64}') AND starts_with(document, name)))
SELECT name, min(path) AS path FROM fits
WHERE fit = (SELECT max(fit) FROM fits AS others WHERE others.name = fits.name)
GROUP BY name HAVING count(DISTINCT document) = 1"""
PAGE_TEXTS = """
WITH wanted AS (SELECT unnest([$paths]) AS path, unnest([$numbers]) AS page)
SELECT wanted.path, wanted.page, text FROM wanted
JOIN (SELECT DISTINCT path, document FROM documents) AS own ON own.path = wanted.path
JOIN pages ON pages.document = own.document AND pages.page = wanted.page"""


def filled(statement: str, **words: str) -> str:
    """A statement with its words; what stands in them is not looked at again."""
    return Template(statement).substitute(words)
