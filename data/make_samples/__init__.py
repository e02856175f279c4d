"""Makes the documents of data/samples. In: the data and prose in this folder. Out: the files, gold.json and README.md; `__main__` leads.

Run `python -m data.make_samples` from the top of the checkout.
"""
