"""Values and rows as they are printed in documents."""
