"""The contract and the wire: Strawberry and Starlette live here and nowhere else."""
