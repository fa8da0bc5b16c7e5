"""Experimental designs: from factors or a sheet to samples in openBIS, with codes, and previews."""
