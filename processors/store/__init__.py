"""Rows in, committed tables out (DuckDB and Parquet). `warehouse` leads."""
