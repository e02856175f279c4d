"""What things are: the nouns that flow, their errors, the job, and the tables they end in. Imports nothing above it."""
