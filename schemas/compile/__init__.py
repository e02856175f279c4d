"""A schema in, whoever wrote it; a question with fields, a schema that providers take, and the form of replies out."""
