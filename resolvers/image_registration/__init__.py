"""Registering images of samples: from OMERO or from files, with key-values and a record."""
