"""A job as a flow run of Prefect: steps and batches become task runs; progress, price and outcome become what its UI shows."""
