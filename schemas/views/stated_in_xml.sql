-- Answers that the electronic invoice inside their document gives too, exactly: without them each invoice counts once
-- document: SHA-256 of the document around the XML, such as a PDF
-- path: Its path below the inbox
-- question: Name of the question, which is the name of its table
-- xml_document: SHA-256 of the XML, whose answer has the same question
-- xml_path: Path of the XML
SELECT DISTINCT around.document, around.path, stated.question, xml.document AS xml_document, xml.path AS xml_path
FROM documents xml
JOIN documents around ON around.path = xml.container AND around.inbox = xml.inbox
JOIN evidence stated ON stated.document = xml.document
WHERE xml.media_type = 'application/einvoice+xml' AND stated.state IN ('given', 'corrected')
ORDER BY around.path, stated.question
