"""PDF in; text with its places, pictures, tables, and what is hidden or active in it out."""
