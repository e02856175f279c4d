"""`octavo serve`: a Prefect server, its deployments and a worker, kept alive, and flow runs whose process died marked as crashed."""
