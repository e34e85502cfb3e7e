"""What does a planner's browser show, and what does it never do?"""

from __future__ import annotations

from datetime import date

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import expect

from browser.conftest import looking_at
from browser.on_show import HOSTILE, MARKUP, TODAY, a_shop, shown
from domain.events import MS_PER_DAY, ProductKey
from domain.lifecycle import FOR_EVER
from domain.orders import CLOSED, OpenOrder
from domain.product import Freeze, Override, product_label, reorder_id
from handlers.announcements import iso_day
from worker.dashboard.past_orders import PastOrder
from worker.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SERIOUS = ("serious", "critical")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


async def opened(page, name: str) -> None:
    """Opens the view of a product by its row, and waits for its charts."""
    await page.locator("#rows button.name", has_text=name).first.click()
    await page.wait_for_selector("#product [data-drawn]")


async def faults(page) -> list[str]:
    """What axe finds serious on the page as it is now."""
    # As the debugger evaluates it: the page's own policy would not let anybody add a script.
    await page.evaluate(AXE_FILE_PATH.read_text() + "; 0")
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found["violations"]
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


async def test_hostile_names_and_words_stay_text(chromium, shop):
    async with looking_at(chromium, shop.url) as looked:
        page = looked.page
        assert await page.locator("#rows").get_by_text(HOSTILE.product_id, exact=True).count() == 1
        await opened(page, "Candle")
        view = page.locator("#product")
        assert await view.get_by_text(f"Sales {MARKUP} doubled").count() == 1
        assert await view.get_by_text("javascript:alert(1)").count() == 1
        assert await page.locator("img, #product script, #rows script, td b").count() == 0
        assert await page.title() == "Restock"
        assert looked.said == []


async def test_the_console_stays_clean_and_no_request_leaves_the_host(chromium, shop):
    async with looking_at(chromium, shop.url) as looked:
        page = looked.page
        await opened(page, "Product")
        await page.keyboard.press("Escape")
        await page.locator("#tiles .tile").first.click()
        await page.fill("#search", "nothing is called that")
        await page.wait_for_selector("#empty:not([hidden])")
        assert looked.said == []
        assert looked.hosts == {"127.0.0.1"}


@pytest.mark.parametrize("how", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
async def test_axe_finds_no_serious_fault_on_the_list_or_in_a_view(chromium, shop, how):
    async with looking_at(chromium, shop.url, reduced_motion="reduce", **how) as looked:
        assert await faults(looked.page) == []
        await opened(looked.page, "Waiting lamp")
        await looked.page.locator("#product summary").first.click()
        assert await faults(looked.page) == []


async def test_the_charts_of_a_view_are_drawn_in_pixels(chromium, shop):
    inked = """canvas => {
        const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const colours = new Set();
        let inked = 0;
        for (let at = 0; at < data.length; at += 4) {
            if (data[at + 3] < 128) continue;
            inked += 1;
            colours.add(data.slice(at, at + 3).join());
        }
        return [inked, colours.size, [...colours]];
    }"""
    async with looking_at(chromium, shop.url) as looked:
        await opened(looked.page, "Product 002")
        panels = looked.page.locator("#product canvas")
        assert await panels.count() == 2
        for at, line in ((0, "53,56,205"), (1, "15,118,110")):
            pixels, colours, which = await panels.nth(at).evaluate(inked)
            assert pixels > 1_000
            assert colours > 3
            assert line in which  # the expected demand, and the projected stock


async def test_everything_can_be_done_by_keyboard_alone(chromium, shop):
    async with looking_at(chromium, shop.url) as looked:
        page = looked.page
        await page.keyboard.press("/")
        await page.keyboard.type("product 01")
        await expect(page.locator("#rows tr")).to_have_count(10)
        await page.locator("#search").press("Tab")
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        second = await page.locator("#rows tr").nth(1).get_attribute("data-product")
        assert await page.evaluate("document.activeElement.closest('tr').dataset.product") == second
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#product [data-drawn]")
        assert await page.evaluate("document.getElementById('product').contains(document.activeElement)")
        await page.keyboard.press("Escape")
        assert await page.evaluate("document.activeElement.closest('tr').dataset.product") == second
        assert await page.locator("#product").is_hidden()


async def test_a_phone_shows_all_of_it_without_scrolling_sideways(chromium, shop):
    async with looking_at(chromium, shop.url, **PHONE) as looked:
        page = looked.page
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(wide) == 0
        await opened(page, "Candle")
        assert await page.evaluate(wide) == 0
        assert await page.evaluate("(d => d.scrollWidth - d.clientWidth)(document.getElementById('product'))") == 0


async def test_what_is_decided_appears_without_a_reload(chromium, shop):
    async with looking_at(chromium, shop.url) as looked:
        page = looked.page
        await page.evaluate("globalThis.loadedOnce = true")
        shop.stock(ProductKey("Brand new lamp"), 0, a_day=80)
        state = shop.store.headers[ProductKey("Brand new lamp")]
        await shop.dashboard._filling.once()
        assert state.version == 1
        await page.wait_for_selector("#rows tr[data-product='Brand new lamp']", timeout=10_000)
        assert await page.evaluate("globalThis.loadedOnce")


async def test_tiles_add_up_and_show_their_products_alone(chromium, shop):
    async with looking_at(chromium, shop.url) as looked:
        page = looked.page
        counts = [int((await tile.inner_text()).replace(",", "")) for tile in await page.locator(".count").all()]
        assert sum(counts) == len(shop.store.headers)
        await page.locator(".tile[data-status=out]").click()
        await expect(page.locator("#found")).to_have_text(f"{counts[0]} of {sum(counts)} products")
        states = await page.locator("#rows td[data-column=status]").all_inner_texts()
        assert set(states) == {"Stocked out"}
        assert "show=out" in page.url


async def test_a_planner_approves_an_order_once_however_often_it_is_sent(chromium, shop):
    async with looking_at(chromium, shop.url) as looked:
        page = looked.page
        await opened(page, "Waiting lamp")
        await page.fill("#planner", "Ada")
        await page.locator("#product input[aria-label^='Units to approve']").fill("60")
        await page.get_by_role("button", name="Approve").dblclick()
        await page.get_by_text("Sent. The worker takes it from here.").wait_for()
        shop.stock(ProductKey("Waiting lamp"), 2)  # the view is drawn anew, and what was said stays
        await expect(page.locator("#product .facts")).to_contain_text("On hand2")
        assert await page.locator("#product #said").inner_text() != ""
        assert [(row["type"], row["reorder_id"], row["quantity"], row["by"]) for row in shop.sent] == [
            ("order_approved", "Waiting lamp:3", 60, "Ada")
        ]


async def test_a_planner_freezes_a_product_and_names_the_next_quantity(chromium, shop):
    async with looking_at(chromium, shop.url) as looked:
        page = looked.page
        await opened(page, "Candle")
        await page.fill("#freeze-until", "2030-01-31")
        await page.get_by_role("button", name="Freeze", exact=True).click()
        await page.fill("#override-quantity", "12")
        await page.get_by_role("button", name="Override").click()
        await expect(page.locator("#said")).to_contain_text("Sent.")
        await expect(page.get_by_role("button", name="Override")).to_be_enabled()
        frozen, overridden = shop.sent
        assert (frozen["type"], frozen["until_on"]) == ("product_frozen", "2030-01-31")
        assert (overridden["type"], overridden["quantity"]) == ("quantity_overridden", 12)
        assert {row["product_id"] for row in shop.sent} == {HOSTILE.product_id}
        assert product_label(HOSTILE) == product_label(ProductKey(frozen["product_id"], frozen["location_id"]))


async def test_a_view_opened_by_its_own_address_offers_planning_as_well(chromium, shop):
    async with looking_at(chromium, shop.url + "?product=Waiting%20lamp") as looked:
        await expect(looked.page.get_by_role("button", name="Approve")).to_be_visible()
        await expect(looked.page.get_by_role("button", name="Freeze", exact=True)).to_be_visible()


async def test_what_is_typed_stays_though_the_product_changes(chromium, shop):
    async with looking_at(chromium, shop.url) as looked:
        page = looked.page
        await opened(page, "Waiting lamp")
        await page.fill("#override-quantity", "12")
        await page.fill("#freeze-until", "2030-01-31")
        await page.locator("#product summary").first.click()  # the hand is elsewhere
        shop.stock(ProductKey("Waiting lamp"), 2)
        await shop.dashboard._filling.once()
        row = page.locator("#rows tr[data-product='Waiting lamp'] td[data-column=on_hand]")
        await expect(row).to_have_text("2", timeout=10_000)  # the list is new, and the view was to be
        assert await page.input_value("#override-quantity") == "12"
        assert await page.input_value("#freeze-until") == "2030-01-31"
        await page.fill("#override-quantity", "")
        await page.fill("#freeze-until", "")
        shop.stock(ProductKey("Waiting lamp"), 3)
        await shop.dashboard._filling.once()
        await expect(page.locator("#product .facts")).to_contain_text("On hand3", timeout=10_000)


async def test_enter_sends_a_form_and_a_field_that_is_wrong_sends_nothing(chromium, shop):
    async with looking_at(chromium, shop.url) as looked:
        page = looked.page
        await opened(page, "Candle")
        await page.locator("#override-quantity").press("Enter")
        await page.fill("#override-quantity", "0")
        await page.locator("#override-quantity").press("Enter")
        await page.fill("#freeze-until", iso_day(TODAY - 1))
        await page.get_by_role("button", name="Freeze", exact=True).click()
        assert shop.sent == []
        await page.fill("#override-quantity", "7")
        await page.locator("#override-quantity").press("Enter")
        await expect(page.locator("#said")).to_contain_text("Sent.")
        assert [(row["type"], row["quantity"]) for row in shop.sent] == [("quantity_overridden", 7)]


async def test_an_override_is_withdrawn_by_one_whose_day_is_over(chromium, shop):
    shop.stock(ProductKey("Overridden lamp"), 3, override=Override(1, 40, FOR_EVER, "Ada"))
    await shop.dashboard._filling.once()
    async with looking_at(chromium, shop.url + "?product=Overridden%20lamp") as looked:
        page = looked.page
        await expect(page.locator("#product")).to_contain_text("The next order will be for 40 units, by Ada.")
        await page.get_by_role("button", name="Withdraw the override").click()
        await expect(page.locator("#said")).to_contain_text("Sent.")
        (said,) = shop.sent
        assert (said["type"], said["until_on"]) == ("quantity_overridden", iso_day(TODAY - 1))
        shop.stock(ProductKey("Overridden lamp"), 3, override=Override(2, said["quantity"], TODAY - 1))
        await expect(page.get_by_role("button", name="Withdraw the override")).to_have_count(0, timeout=10_000)


async def test_what_is_out_is_said_to_be_and_what_comes_of_it_beside_it(chromium, shop):
    on_order = OpenOrder(cycle=2, quantity=900, received=0, due_on=TODAY + 9, requested_on=TODAY)
    shop.stock(ProductKey("Coming lamp"), 0, open_orders=(on_order,))
    shop.stock(ProductKey("Frozen lamp"), 900, freeze=Freeze(1, FOR_EVER, "Ada"))
    shop.stock(ProductKey("Undated lamp"), 0, open_orders=(on_order._replace(due_on=TODAY - 4),))
    await shop.dashboard._filling.once()
    async with looking_at(chromium, shop.url + "?search=lamp&sort=product&direction=up") as looked:
        due = date.fromisoformat(iso_day(TODAY + 9))
        said = [
            f"900 on order, due {due.day} {due:%b}",
            "Frozen. Enough on hand and on order",
            "900 overdue. 900 on order, nothing dated",
            "Waits for your approval",
        ]
        await expect(looked.page.locator("#rows td[data-column=reason]")).to_have_text(said)
        await expect(looked.page.locator("#rows td[data-column=out_on]").first).to_have_text("is out")


async def test_a_day_of_another_year_is_shown_with_it(chromium, shop):
    shop.stock(ProductKey("Slow lamp"), 900)  # at four a day
    await shop.dashboard._filling.once()
    async with looking_at(chromium, shop.url + "?search=slow") as looked:
        last = date.fromisoformat(iso_day(TODAY + 225))
        text = f"{last.day} {last:%b %Y}"
        await expect(looked.page.locator("#rows td[data-column=out_on]")).to_have_text(text)


async def test_an_order_that_was_given_up_says_what_came_of_it(chromium, shop):
    ended = OpenOrder(cycle=2, quantity=40, received=5, due_on=TODAY - 4, requested_on=TODAY - 11, ended=CLOSED)
    key = shop.stock(ProductKey("Given up lamp"), 9, closed_orders=(ended,)).key
    shop.past[key] = [PastOrder(reorder_id(key, 2), 2, 40, (TODAY - 11) * MS_PER_DAY, None, ended)]
    async with looking_at(chromium, shop.url + "?product=Given%20up%20lamp") as looked:
        await expect(looked.page.locator("#product .orders .badge")).to_have_text("Closed, 5 of 40 received")


async def test_a_phone_sorts_by_a_choice_and_its_tiles_stand_in_one_row(chromium, shop):
    async with looking_at(chromium, shop.url, **PHONE) as looked:
        page = looked.page
        await page.select_option("#sort", "product up")
        await expect(page.locator("#rows tr").first).to_have_attribute("data-product", product_label(HOSTILE))
        await page.select_option("#sort", "product down")
        await expect(page.locator("#rows tr").first).to_have_attribute("data-product", "Waiting lamp")
        boxes = [await tile.bounding_box() for tile in await page.locator(".tile").all()]
        assert len({box["y"] for box in boxes}) == 1
        assert max(box["height"] for box in boxes) < 100


async def test_what_is_said_outlives_the_view_it_was_said_in(chromium, shop):
    async with looking_at(chromium, shop.url) as looked:
        page = looked.page
        await opened(page, "Candle")
        for _ in range(2):
            await page.get_by_role("button", name="Freeze", exact=True).click()
            await expect(page.locator("#said")).to_contain_text("Sent.")
            await page.keyboard.press("Escape")
            await expect(page.locator("body > #said")).to_have_count(1)
            await opened(page, "Candle")
        assert looked.said == []


async def test_without_the_charts_the_figures_are_shown_as_a_table(chromium, shop):
    async with looking_at(chromium, shop.url) as looked:
        page = looked.page
        await page.route("**/page/uPlot.js", lambda route: route.fulfill(status=404))
        await page.locator("#rows button.name", has_text="Product 002").click()
        await expect(page.locator("#product .charts")).to_contain_text("Charts need the extra dashboard")
        days = page.locator("#product .charts tbody tr")
        await expect(days).to_have_count(69 + 28)


async def test_whoever_has_the_token_enters_and_nobody_else(chromium, monkeypatch):
    token = "a token of twenty-five chars"
    monkeypatch.setenv("RESTOCK_DASHBOARD_TOKEN", token)
    async with shown(a_shop(Settings(dashboard=True, dashboard_port=0), products=4)) as shop:
        page = await chromium.new_page()
        await page.goto(shop.url)
        assert "Product" not in await page.content()
        assert await faults(page) == []
        await page.get_by_label("Token").fill(token + "!")
        await page.keyboard.press("Enter")
        await page.get_by_text("That is not the token.").wait_for()
        await page.get_by_label("Token").fill(token)
        await page.keyboard.press("Enter")
        await page.wait_for_selector("html[data-ready]")
        await expect(page.locator("#rows")).to_contain_text("Product 000")
        assert token not in page.url
        await page.context.close()
