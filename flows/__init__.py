"""In what order and when: the only floor that knows two rooms at once, and the only one that knows Prefect."""
