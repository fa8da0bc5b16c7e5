"""The page in a real browser: what a person does, and what that person sees."""

from __future__ import annotations

import csv
import io
import re

from playwright.sync_api import expect

from api.auth import Credentials, TokenBox
from api.explorer import FOLDER
from backends.demo.accounts import DEMO_PASSWORD
from tests.api.explorer.conftest import KEY, Explorer, numbers

AXE = FOLDER / "web" / "node_modules" / "axe-core" / "axe.min.js"
# A tab of GraphiQL's holds its own closing button; that is theirs to mend.
OF_GRAPHIQL = {("nested-interactive", "graphiql-tab")}
FIRST_LOAD = 1_500_000  # bytes, compressed


def sign_in(explorer: Explorer, user: str, password: str = DEMO_PASSWORD) -> None:
    page = explorer.page
    page.locator("[data-action=sign-in]").click()
    page.locator("input[name=both-user]").fill(user)
    page.locator("input[name=both-password]").fill(password)
    page.locator("dialog button[type=submit]").click()


def test_a_project_is_asked_for_in_one_click_and_seen(explorer: Explorer) -> None:
    explorer.open()
    explorer.ask("project")
    page = explorer.page
    cost = page.locator("[data-panel=cost]")
    expect(cost.locator("[data-source=openbis]")).to_have_attribute("data-state", "OK")
    expect(cost.locator("[data-source=omero]")).to_have_attribute("data-state", "OK")
    explorer.look("pictures")
    expect(page.locator(".pictures img").first).to_be_visible()
    expect(page.locator(".pictures li").first).to_contain_text("QCLIN002AE_CT.dcm")
    explorer.keep("project-pictures")
    explorer.look("design")
    expect(page.locator("svg.design .vertex.sample").first).to_be_visible()
    assert page.locator("svg.design .vertex.images").count() == 20
    explorer.keep("project-design")
    explorer.look("table")
    expect(page.locator(".panel tbody tr")).to_have_count(20)
    explorer.keep("project-table")


def test_the_editor_shows_just_the_answer_to_what_was_typed(explorer: Explorer) -> None:
    explorer.open()
    explorer.ask("project")
    expect(explorer.page.locator(".result-window")).to_contain_text('"QCLIN"')
    assert "omnibis" not in explorer.page.locator(".result-window").inner_text()


def test_the_table_is_downloaded_as_csv(explorer: Explorer) -> None:
    explorer.open()
    explorer.ask("project")
    explorer.look("table")
    with explorer.page.expect_download() as waiting:
        explorer.page.locator("[data-action=csv]").click()
    text = waiting.value.path().read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 20
    assert rows[0]["code"] == "QCLIN002AE"
    assert rows[0]["type.code"] == "Q_BIOLOGICAL_SAMPLE"


def test_signing_in_shows_what_it_grants_and_changes_what_is_seen(explorer: Explorer) -> None:
    explorer.open()
    sign_in(explorer, "genomics")
    page = explorer.page
    expect(page.locator("[data-action=sign-in]")).to_have_text("Signed in as genomics")
    explorer.ask("project")
    explorer.look("table")
    expect(page.locator(".panel")).to_contain_text("NOT_PERMITTED")
    page.locator("[data-action=sign-in]").click()
    expect(page.locator("dialog")).to_contain_text("openBIS (projects, samples, omics data)")
    explorer.keep("signed-in")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("dialog")).to_contain_text("With")


def test_a_wrong_password_is_told_and_keeps_nobody_signed_in(explorer: Explorer) -> None:
    explorer.open()
    sign_in(explorer, "oncology", "wrong")
    expect(explorer.page.locator("dialog [role=alert]")).not_to_be_empty()
    explorer.keep("wrong-password")
    assert explorer.page.context.cookies() == []
    explorer.page.get_by_role("button", name="Cancel").click()
    expect(explorer.page.locator("[data-action=sign-in]")).to_have_text("Sign in")


def test_an_expired_session_says_so(explorer: Explorer) -> None:
    explorer.open()
    sign_in(explorer, "oncology")
    expect(explorer.page.locator("[data-action=sign-in]")).to_have_text("Signed in as oncology")
    (cookie,) = explorer.page.context.cookies()
    expired = TokenBox((KEY,), hours=-1).issue_token(Credentials("oncology", None, None))
    explorer.page.context.add_cookies([{**cookie, "value": expired}])
    explorer.page.reload()
    expect(explorer.page.locator("[data-action=sign-in]")).to_have_text("Sign in")
    expect(explorer.page.locator(".sign-in output")).to_contain_text("session is over")


def test_no_script_can_read_the_token(explorer: Explorer) -> None:
    explorer.open()
    sign_in(explorer, "oncology")
    expect(explorer.page.locator("[data-action=sign-in]")).to_have_text("Signed in as oncology")
    (cookie,) = explorer.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    seen = explorer.page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert "oncology" in seen
    assert cookie["value"][:40] not in seen
    assert "password" not in seen


def test_with_omero_off_the_rest_answers_and_the_bar_says_what_degraded(explorer: Explorer) -> None:
    explorer.installation.faults["omero"].off = True
    explorer.open()
    explorer.ask("project")
    page = explorer.page
    expect(page.locator("[data-source=omero]")).to_have_attribute("data-state", "UNAVAILABLE")
    expect(page.locator("[data-source=omero]")).to_contain_text("not available")
    expect(page.locator(".panel .error")).to_have_count(1)
    expect(page.locator(".panel .error")).to_have_attribute("data-code", "BACKEND_UNAVAILABLE")
    explorer.look("table")
    expect(page.locator(".panel tbody tr")).to_have_count(20)
    explorer.keep("omero-off")


def test_390_samples_are_drawn_by_type(explorer: Explorer) -> None:
    explorer.open()
    explorer.ask("samples")
    explorer.look("design")
    boxes = explorer.page.locator("svg.design .vertex.sample")
    expect(boxes.first).to_be_visible()
    texts = " ".join(boxes.all_text_contents())
    assert 390 in numbers(texts)
    explorer.keep("390-samples")
    explorer.look("table")
    expect(explorer.page.locator(".panel")).to_contain_text("390 rows")


def test_a_cohorts_attrition_is_drawn_and_told_in_numbers(explorer: Explorer) -> None:
    explorer.open()
    explorer.ask("cohort")
    explorer.look("funnel")
    panel = explorer.page.locator(".panel")
    expect(panel.locator("figure svg").first).to_be_visible()
    panel.locator("summary").click()
    rows = panel.locator("tbody tr")
    expect(rows).to_have_count(5)
    assert [numbers(row)[-2] for row in rows.all_inner_texts()] == [159, 130, 43, 43, 43]
    explorer.keep("funnel")


def test_facets_are_drawn_and_told_in_numbers(explorer: Explorer) -> None:
    explorer.open()
    explorer.ask("availability")
    explorer.look("facets")
    figures = explorer.page.locator(".panel figure")
    expect(figures).to_have_count(4)
    modality = figures.filter(has_text="Modality")
    expect(modality.locator("svg").first).to_be_visible()
    modality.locator("summary").click()
    expect(modality.locator("tbody tr").first).to_have_text(re.compile(r"CT\s*16"))
    explorer.keep("facets")


def test_availability_is_a_matrix_coloured_by_reason(explorer: Explorer) -> None:
    explorer.open()
    explorer.ask("availability")
    explorer.look("availability")
    panel = explorer.page.locator(".panel")
    expect(panel.locator(".matrix tbody tr")).to_have_count(16)
    panel.get_by_label("sample by sample").check()
    expect(panel.locator("td[data-presence=NOT_LINKED]").first).to_be_visible()
    expect(panel.locator(".legend")).to_contain_text("no image dataset is linked")
    colours = {
        presence: panel.locator(f"td[data-presence={presence}]").first.evaluate(
            "cell => getComputedStyle(cell).backgroundColor"
        )
        for presence in ("AVAILABLE", "ABSENT", "NOT_LINKED")
    }
    assert len(set(colours.values())) == 3
    explorer.keep("availability")


def test_the_audit_is_drawn(explorer: Explorer) -> None:
    explorer.open()
    explorer.ask("audit")
    explorer.look("links")
    expect(explorer.page.locator(".panel")).to_contain_text("audit")
    explorer.keep("link-health")


def test_a_link_to_a_question_opens_it_and_holds_no_secret(explorer: Explorer) -> None:
    explorer.open()
    sign_in(explorer, "oncology")
    expect(explorer.page.locator("[data-action=sign-in]")).to_have_text("Signed in as oncology")
    explorer.ask("backwards")
    explorer.page.locator("[data-action=share]").click()
    expect(explorer.page.locator(".graphiql-logo output").first).to_contain_text("link")
    address = explorer.page.url
    assert "query=" in address
    (cookie,) = explorer.page.context.cookies()
    assert cookie["value"][:20] not in address
    fresh = explorer.page.context.new_page()
    fresh.goto(address)
    expect(fresh.locator(".graphiql-query-editor")).to_contain_text("ImageToPatient")


def test_a_narrow_window_shows_question_answer_and_panels(explorer: Explorer) -> None:
    explorer.page.set_viewport_size({"width": 480, "height": 900})
    explorer.open()
    explorer.ask("project")
    explorer.page.locator(".graphiql-sidebar button").nth(1).click()  # close the questions
    panel = explorer.page.locator(".panels")
    panel.scroll_into_view_if_needed()
    expect(panel).to_be_in_viewport()
    box = panel.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 480
    explorer.keep("narrow")


def test_it_is_dark_where_the_person_likes_it_dark(explorer: Explorer) -> None:
    explorer.page.emulate_media(color_scheme="dark")
    explorer.open()
    explorer.ask("project")
    explorer.look("design")
    background = explorer.page.evaluate(
        "getComputedStyle(document.querySelector('.graphiql-container')).backgroundColor"
    )
    assert max(numbers(background)[:3]) < 100
    explorer.keep("dark")


def test_the_keyboard_is_enough(explorer: Explorer) -> None:
    explorer.open()
    explorer.page.locator("[data-question=backwards]").focus()
    explorer.page.keyboard.press("Enter")
    explorer.page.locator("[data-panel=cost][role=status]").wait_for()
    explorer.page.locator("#tab-table").focus()
    explorer.page.keyboard.press("Enter")
    expect(explorer.page.locator("#panel")).to_have_attribute("data-panel", "table")


def test_no_serious_fault_of_accessibility(explorer: Explorer) -> None:
    explorer.open()
    source = AXE.read_text(encoding="utf-8")
    found = []
    for question, panel in (
        ("project", "pictures"),
        ("project", "design"),
        ("project", "table"),
        ("cohort", "funnel"),
        ("availability", "facets"),
        ("availability", "availability"),
        ("audit", "links"),
    ):
        explorer.ask(question)
        explorer.look(panel)
        explorer.page.evaluate(source)
        report = explorer.page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
        )
        found += [
            (panel, fault["id"], node["html"][:160], node["failureSummary"])
            for fault in report["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
            if (fault["id"], node["html"].split('class="')[-1][:12]) not in OF_GRAPHIQL
        ]
    assert found == [], "\n".join(map(str, found))


def test_the_first_load_is_small(explorer: Explorer) -> None:
    explorer.open()
    sizes = explorer.page.evaluate(
        "performance.getEntries().filter(one => 'encodedBodySize' in one)"
        ".map(one => [one.name, one.encodedBodySize, one.decodedBodySize])"
    )
    files = [(name, size) for name, size, _ in sizes if "/explorer/" in name or name.endswith("/")]
    assert any("monaco" in name or "editor" in name for name, _ in files)
    assert sum(size for _, size in files) <= FIRST_LOAD, files
