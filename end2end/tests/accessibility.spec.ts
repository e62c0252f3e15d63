import AxeBuilder from "@axe-core/playwright";
import type { Locator, Page } from "@playwright/test";
import { expect, test } from "../support/fixtures.ts";
import { group, groupFields, readKitCode } from "../support/kit.ts";
import { dialogOn, enterAs, newColleague, unique } from "../support/office.ts";
import { reach, STATES } from "../support/states.ts";
import {
  activate,
  alertOn,
  createOrganization,
  expectCheckMail,
  expectComplaint,
  expectDashboard,
  expectHeading,
  expectPasskeyStep,
  fillAccount,
  giveAccount,
  open,
  ready,
  receiveInvitation,
  signOut,
  switchOffAutofill,
  tabTo,
} from "../support/wizard.ts";

const WIDTHS = [320, 1280] as const;
const SCHEMES = ["light", "dark"] as const;

/** What axe complains about, short enough to read in a terminal. */
async function complaints(page: Page, scheme: (typeof SCHEMES)[number]): Promise<string[]> {
  const axe = new AxeBuilder({ page }).setLegacyMode(true);
  // Between light and dark nothing differs but the colours.
  const { violations } = await (scheme === "light" ? axe.options({ rules: { "target-size": { enabled: true } } }) : axe.withRules("color-contrast")).analyze();
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.target.join(" ")}: ${node.failureSummary ?? ""}`));
}

for (const state of STATES) {
  test(`${state.name}: axe finds nothing, narrow and wide, light and dark; nothing sticks out`, async ({ page: first, server, mail, office, staff, person, passkey, trouble, startServer, anotherBrowser }) => {
    await first.emulateMedia({ reducedMotion: "reduce" });
    const page = await reach(state, { page: first, server, mail, office, staff, person, passkey, trouble, startServer, anotherBrowser });

    await expect(page).toHaveTitle(/Countersign/);
    await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
    await expect(page.getByRole("main")).toHaveCount(1);
    await expect(page.locator("html")).toHaveAttribute("lang", "en");

    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme });
        expect(await complaints(page, colorScheme), `at ${width} px, ${colorScheme}`).toEqual([]);
      }
      const room = await page.evaluate(() => ({ needed: document.documentElement.scrollWidth, there: document.documentElement.clientWidth }));
      expect(room.needed, `scrolls sideways at ${width} px`).toBeLessThanOrEqual(room.there);
    }
  });
}

test.describe("with the keyboard alone", () => {
  /** Something shows where the focus is. */
  async function expectFocusVisible(page: Page): Promise<void> {
    const shown = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === null || element === document.body) return "nothing has the focus";
      const style = getComputedStyle(element);
      const outline = style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) > 0;
      return outline || style.boxShadow !== "none" ? "" : `no outline on ${element.outerHTML.slice(0, 120)}`;
    });
    expect(shown).toBe("");
  }

  test("the first stop leads past the header", async ({ page, office, passkey }) => {
    await enterAs(page, passkey, office.admin);
    for (const path of ["/", "/login", "/get-started", "/account", "/org/users", "/org/permissions/new", "/org/history"]) {
      await open(page, path);
      await page.keyboard.press("Tab");
      const skip = page.locator(":focus");
      await expect(skip).toHaveText(/skip/i);
      await expect(skip).toBeVisible();
      await page.keyboard.press("Enter");
      await expect(page).toHaveURL(/#\w+$/);
      // The next stop is inside of the main part.
      await page.keyboard.press("Tab");
      expect(await page.evaluate(() => document.activeElement?.closest("main") !== null)).toBe(true);
    }
  });

  test("account, mail and code", async ({ page, mail, person }) => {
    await open(page, "/get-started");
    for (const [label, text] of [
      ["Work email", person.email],
      ["Your name", person.name],
      ["Organization's name", person.organization],
    ] as const) {
      await tabTo(page, page.getByLabel(label));
      await expectFocusVisible(page);
      await page.keyboard.type(text);
    }
    await tabTo(page, page.getByRole("button", { name: "Continue" }));
    await expectFocusVisible(page);
    await page.keyboard.press("Enter");
    await expectCheckMail(page);
    await mail.next(person.email);

    await tabTo(page, page.getByRole("button", { name: "Send a new code" }));
    await expectFocusVisible(page);
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/sent=again/);
    await ready(page);
    const fresh = await receiveInvitation(mail, person, 2);
    await tabTo(page, page.getByRole("link", { name: "Enter the code" }));
    await expectFocusVisible(page);
    await page.keyboard.press("Enter");
    await expectHeading(page, "Enter the code");
    await tabTo(page, page.getByLabel("Code from the mail"));
    await expectFocusVisible(page);
    await page.keyboard.type(fresh.code);
    await page.keyboard.press("Enter");
    await expectPasskeyStep(page);
  });

  test("passkey, kit, and in again", async ({ page, mail, person, passkey }) => {
    await switchOffAutofill(page);
    await giveAccount(page, person);
    await activate(page, await receiveInvitation(mail, person));
    await ready(page);
    await tabTo(page, page.getByRole("button", { name: "Make a passkey" }));
    await expectFocusVisible(page);
    await passkey.approve(() => page.keyboard.press("Enter"));

    const code = await readKitCode(page);
    for (const { field, number } of await groupFields(page)) {
      await tabTo(page, field);
      await expectFocusVisible(page);
      await page.keyboard.type(group(code, number));
    }
    await tabTo(page, page.getByRole("button", { name: "Finish" }));
    await expectFocusVisible(page);
    await page.keyboard.press("Enter");
    await expectDashboard(page, person);

    await tabTo(page, page.getByRole("button", { name: "Sign out", exact: true }));
    await expectFocusVisible(page);
    await page.keyboard.press("Enter");
    await expectHeading(page, "Sign in");
    await ready(page);
    await tabTo(page, page.getByRole("button", { name: "Sign in with a passkey" }));
    await expectFocusVisible(page);
    await passkey.approve(() => page.keyboard.press("Enter"));
    await expectDashboard(page, person);
  });

  test("inviting somebody, from signing in to the receipt", async ({ page, mail, office, passkey }) => {
    await switchOffAutofill(page);
    await passkey.add(office.admin.passkey);
    const press = async (target: Locator): Promise<void> => {
      await tabTo(page, target);
      await expectFocusVisible(page);
      await page.keyboard.press("Enter");
    };
    await open(page, "/login");
    await passkey.approve(() => press(page.getByRole("button", { name: "Sign in with a passkey" })));
    await expectDashboard(page, office.admin.person);
    await press(page.getByRole("navigation", { name: "Organization" }).getByRole("link", { name: "Users" }));
    await expectHeading(page, "Users");
    await press(page.getByRole("link", { name: "New user" }));
    await expectHeading(page, "New user");
    await ready(page);
    const colleague = newColleague(office.admin.person);
    await tabTo(page, page.getByLabel("Work email"));
    await expectFocusVisible(page);
    await page.keyboard.type(colleague.email);

    await test.step("looked at, left, and back at the field", async () => {
      await page.keyboard.press("Enter");
      const dialog = dialogOn(page);
      await expect(dialog.getByRole("button", { name: "Create and sign" })).toBeVisible();
      await press(dialog.getByRole("button", { name: "Cancel" }));
      await expect(dialog).toBeHidden();
      await expect(page.getByLabel("Work email")).toBeFocused();
    });

    await press(page.getByRole("button", { name: "Review and sign" }));
    const dialog = dialogOn(page);
    await expect(dialog.getByRole("heading", { name: "Review and sign" })).toBeFocused();
    await expect(dialog.getByRole("button", { name: "Create and sign" })).toBeVisible();
    await passkey.approve(() => press(dialog.getByRole("button", { name: "Create and sign" })));
    await expect(dialog.getByRole("heading", { name: "Signed and done" })).toBeFocused();
    await press(dialog.getByRole("button", { name: "Close", exact: true }));
    await expectHeading(page, colleague.email);
    await mail.next(colleague.email);
  });

  test("a permission put together and a list searched", async ({ page, office, passkey }) => {
    await enterAs(page, passkey, office.admin);
    await open(page, "/org/permissions/new");
    await tabTo(page, page.getByLabel("Name"));
    await page.keyboard.type(unique("Keyboard players"));
    await tabTo(page, page.getByRole("checkbox", { name: "Auth:Users:Read" }));
    await expectFocusVisible(page);
    await page.keyboard.press("Space");
    await expect(page.getByRole("region", { name: "What this lets someone do" })).toContainText("1 operation");
    await tabTo(page, page.getByRole("button", { name: "Review and sign" }));
    await page.keyboard.press("Enter");
    await expect(dialogOn(page).locator(".sign-sentence")).toContainText("with 1 operation");
    await page.keyboard.press("Escape");
    await expect(page.getByRole("button", { name: "Review and sign" })).toBeFocused();

    await open(page, "/org/users");
    await tabTo(page, page.getByLabel("Search"));
    await expectFocusVisible(page);
    await page.keyboard.type("lovelace");
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/q=lovelace/);
    await tabTo(page, page.getByRole("link", { name: office.admin.person.email }));
    await expectFocusVisible(page);
  });
});

test.describe("the focus", () => {
  test("goes to the summary of what is wrong", async ({ page, person, trouble }) => {
    trouble.allow(422, "/rpc/create_organization");
    await open(page, "/get-started");
    await fillAccount(page, { ...person, email: "ada@localhost" });
    await page.getByRole("button", { name: "Continue" }).click();
    await expectComplaint(page.getByLabel("Work email"), /complete mail address/);
    await expect(alertOn(page)).toBeFocused();
  });

  test("is not lost where one step follows another", async ({ page, mail, person, passkey }) => {
    await createOrganization(page, mail, person, passkey);
    await signOut(page);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.tagName)).not.toBe("BODY");
  });
});

test("with forced colours everything is still there, and buttons still have a border", async ({ page, mail, person }) => {
  await page.emulateMedia({ forcedColors: "active" });
  await giveAccount(page, person);
  await open(page, (await receiveInvitation(mail, person)).link);
  await expect(page.getByLabel("Code from the mail")).toBeVisible();
  const edge = await page.getByRole("button", { name: "Continue" }).evaluate((button) => {
    const style = getComputedStyle(button);
    return style.borderTopStyle !== "none" && Number.parseFloat(style.borderTopWidth) > 0;
  });
  expect(edge).toBe(true);
});

test("with forced colours the signing dialog has its edge, its seal and its strokes", async ({ page, staff, passkey }) => {
  await page.emulateMedia({ forcedColors: "active" });
  await enterAs(page, passkey, staff.admin);
  await open(page, "/org/users/new");
  await page.getByLabel("Work email").fill("somebody@example.org");
  await page.getByRole("button", { name: "Review and sign" }).click();
  await expect(dialogOn(page).getByRole("button", { name: "Create and sign" })).toBeVisible();
  for (const element of [dialogOn(page), dialogOn(page).getByRole("button", { name: "Create and sign" })]) {
    expect(await element.evaluate((node) => Number.parseFloat(getComputedStyle(node).borderTopWidth))).toBeGreaterThan(0);
  }
});

test("with text twice as large nothing sticks out", async ({ page, staff, passkey }) => {
  await page.setViewportSize({ width: 640, height: 800 });
  await enterAs(page, passkey, staff.admin);
  const ofStaff = [staff.serviceAccount.path, staff.accessToken.path, staff.active.path, staff.invited.path, staff.permission.path, `${staff.permission.path}/edit`];
  for (const path of ["/", "/login", "/get-started", "/account", "/org", "/org/users", "/org/users/new", "/org/permissions", "/org/service-accounts", "/org/service-accounts/new", "/account/access-tokens", "/org/history", "/org/history/4", ...ofStaff]) {
    await open(page, path);
    // Page scripts may set styles by CSSOM; the policy is about markup.
    await page.evaluate(() => {
      document.documentElement.style.fontSize = "200%";
    });
    const room = await page.evaluate(() => ({ needed: document.documentElement.scrollWidth, there: document.documentElement.clientWidth }));
    expect(room.needed, path).toBeLessThanOrEqual(room.there);
  }
});
