"""Durable registrations: workflows that write to openBIS, OMERO and the link store, or to none.

A request is accepted as an *operation* (a row in the link database: owner, key, claims, encrypted
sessions), which a walk of `execution.py` then takes to its end, whatever is killed or switched off
in between. DBOS keeps what each step returned (`engine.py`); everything else is here.

To define a further workflow, write a module with three things and name it in `registry.py`:

    KIND: Final = "TAG_PROJECT"

    async def tag_project(                      # 1. what resolvers call: check, then submit
        context: RequestContext, code: str, tag: str, *, key: str | None, dry_run: bool
    ) -> OperationRecord | None:
        asked = {"code": code, "tag": tag}      # JSON, checked and completed: `run.input`
        known = await context.operations().known(context, KIND, asked, key)
        if known is not None:
            return known                        # the same request again: the same operation
        await _check_rights(context, code)      # in every system, before the first write
        return None if dry_run else await context.operations().submit(context, KIND, asked, key)

    async def _tag(run: Run) -> Json:           # 2. the steps
        found = await _look_up(run)             # always look first: a killed step is begun again,
        if found is None:                       # and after `OutcomeUnknown` it is simply retried
            found = await run.context.services.omero.tag(...)
        return {"tagId": found}                 # JSON, kept: later steps read it as
                                                # run.results["tag"]["tagId"]

    async def _untag(run: Run) -> None:         # takes it back, if it was done; looks first, too
        ...

    TAG_PROJECT: Final = Workflow(              # 3. the definition
        KIND,
        (
            Step("tag", "Tag the project", _tag, _untag),
            Step("rows", "Write the rows", _write_rows, _delete_rows, parts=lambda run: 3),
        ),
        title=lambda asked: f"Tag {asked['code']}",
        claims=lambda asked: (f"project {asked['code']}",),   # nobody else may work on it meanwhile
        outcome=lambda run: {"project": asked_perm_id},       # `project`, `sample`, `samples`, … :
    )                                                         # see `api/types/operation.py`

Rules that the kill matrix (`tests/workflows`) checks for every workflow in the registry:

- A step raises the errors of the three trees and nothing else. What is away (`Unavailable`,
  `TimedOut`, `OutcomeUnknown`) is retried with pauses, an ended session waits as NEEDS_LOGIN,
  a refusal ends the operation: steps already done are undone, the last one first.
- A step that is refused has done nothing: it makes one write, or takes back its own first ones.
- A step with `parts` is kept part by part: 2,504 rows at 1,000 a transaction are three parts, and
  `run.part` says which. Its `undo` is called once for all parts.
- `final=True` marks the point from which the operation can neither be cancelled nor undone, such
  as a deletion.
- Within a long step, `await run.tell(done, total, "12 of 96 files")` says how far it is.
- Calls of the link store go through `run.stored("linkSample", ...)`, which lets its errors pass.
- `run.context` is made anew for each attempt; keep nothing outside `run.results`.
"""

from __future__ import annotations
