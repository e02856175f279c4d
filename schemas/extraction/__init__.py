"""The schemas that ship: one plain pydantic model a file; its docstring and field descriptions are the instruction."""
