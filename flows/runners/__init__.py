"""Batches in, what came of them out, from workers in other processes or on other machines. `worker` leads there, `remote_workers` here.

job --chosen--> RemoteWorkers --Parcel--> pool (processes, Dask, Ray) --> worker: reads or asks --Delivery--> RemoteWorkers --> tables
"""
