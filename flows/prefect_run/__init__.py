"""A job as a flow run of Prefect: batches of work become task runs; progress, price and outcome become what its UI shows."""
