"""Sources and label sets that lie at an address (s3://, gs://, …), by fsspec.

The stages work on local files only: what is read is fetched into the cache first, what is written
is uploaded at the end. Where no address is given fsspec is not imported.
"""
