"""Word (docx) in; text by pages, with notes, numbering, fields, equations and what is embedded, out."""
