"""All that lies beyond the wire: the openBIS and OMERO adapters and the embedded backends."""
