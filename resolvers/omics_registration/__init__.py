"""Registering omics data sets as metadata, with the lineage that makes results traceable."""
