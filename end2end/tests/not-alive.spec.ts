import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures.ts";
import { enterAs, review, sign } from "../support/office.ts";
import { withoutDialogs, withoutModules, withoutModuleScripts, withoutWebAssembly } from "../support/old.ts";
import { withoutWebAuthn } from "../support/passkey.ts";
import { alertOn, comeToPasskey, expectCheckMail, expectHeading, fillAccount, open, ready, receiveInvitation } from "../support/wizard.ts";

const CANNOT_RUN = "This browser can't run what makes the buttons on this page work";
const NOT_STARTED = "What makes the buttons on this page work didn't start";

/** What a person who can't see the page is told as soon as it is there. */
async function expectTold(page: Page, words: string): Promise<void> {
  await expect(alertOn(page)).toContainText(words);
  await expect(page.getByText(words)).toBeInViewport();
  await expect(page.getByRole("alert").filter({ visible: true })).toHaveCount(1);
}

/** Nothing can be pressed, or looks as if it could, but for forms that a browser sends by itself. */
async function expectNoDeadButtons(page: Page): Promise<void> {
  for (const button of await page.locator("leptos-island button:visible").all()) {
    const sends = await button.evaluate((node) => (node as HTMLButtonElement).form?.hasAttribute("action") === true);
    if (sends) continue;
    const what = `${page.url()}: ${await button.innerText()}`;
    await expect(button, what).toBeDisabled();
    await expect(button, what).toHaveCSS("opacity", "0.5");
  }
}

for (const [what, prepare] of [
  ["WebAssembly is switched off", (page) => page.addInitScript(withoutWebAssembly)],
  [
    "the browser knows no modules",
    async (page) => {
      await page.addInitScript(withoutModules);
      await page.route("**/*", async (route) => {
        if (route.request().resourceType() !== "document") return route.continue();
        const response = await route.fetch({ maxRedirects: 0 });
        await route.fulfill({ response, body: withoutModuleScripts(await response.text()) });
      });
    },
  ],
  ["the browser knows no dialogs", (page) => page.addInitScript(withoutDialogs)],
] as const satisfies readonly (readonly [string, (page: Page) => Promise<unknown>])[]) {
  test(`where ${what}, every page that needs a program says so and can be read`, async ({ page, staff, passkey, trouble }) => {
    trouble.allowAny(/WebAssembly|HTMLDialogElement|preload/);
    await enterAs(page, passkey, staff.admin);
    await prepare(page);
    for (const [path, heading, reads] of [
      ["/login", "Sign in", "Your passkey says who you are"],
      ["/get-started", "Create an organization", "Work email"],
      ["/add-passkey", "Add a passkey on this device", "Code from your other device"],
      ["/recover", "Recover your account", "kit"],
      ["/org/users/new", "New user", "Work email"],
      [staff.active.path, staff.active.person.email, staff.permission.name],
      [staff.permission.path, staff.permission.name, "Invite people"],
      [staff.serviceAccount.path, staff.serviceAccount.name, "4711"],
      ["/account", "Account", "Passkeys"],
      ["/account/recovery-kit", "New recovery kit", "Save this one first."],
    ] as const) {
      await page.goto(path);
      await expectHeading(page, heading);
      await expectTold(page, CANNOT_RUN);
      await expect(page.getByRole("main"), path).toContainText(reads);
      if (what !== "the browser knows no dialogs") await expectNoDeadButtons(page);
    }
    // Where there is nothing to press, nothing is said.
    for (const path of ["/docs", "/no/such/page"]) {
      if (path === "/no/such/page") trouble.allow(404, path);
      await page.goto(path);
      await expect(page.getByText(CANNOT_RUN)).not.toBeVisible();
    }
  });
}

test("with WebAssembly switched off, the forms on the way to a passkey still work", async ({ page, mail, person, trouble }) => {
  trouble.allowAny(/WebAssembly/);
  await page.addInitScript(withoutWebAssembly);
  await page.goto("/get-started");
  await fillAccount(page, person);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectCheckMail(page);
  const { link, code } = await receiveInvitation(mail, person);
  await page.goto(link);
  await page.getByLabel("Code from the mail").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
  await expectHeading(page, "Make a passkey");
  await expectTold(page, CANNOT_RUN);
  await expectNoDeadButtons(page);
});

for (const [what, files] of [
  ["WebAssembly", "**/*.wasm"],
  ["script", "**/pkg/*.js"],
] as const) {
  test(`a page whose ${what} doesn't load says so`, async ({ page, trouble }) => {
    // The browser's own words for a script that doesn't come are none.
    trouble.allowAny(/ERR_FAILED|Failed to fetch|preload|^$/);
    await page.route(files, (route) => route.abort());
    await page.goto("/login");
    await expectTold(page, NOT_STARTED);
    await expectNoDeadButtons(page);
    await expect(page.getByText(CANNOT_RUN)).not.toBeVisible();
    await page.unroute(files);
    await open(page, "/login");
    await expect(page.getByText(NOT_STARTED)).not.toBeVisible();
  });
}

test("a page that is slow to come alive says so after a while, until it is", async ({ page }) => {
  // Only the test moves the clock: what a busy machine needs would count otherwise.
  const now = Date.now();
  await page.clock.install({ time: now });
  await page.clock.pauseAt(now + 60_000);
  let arrive = (): void => undefined;
  const arrived = new Promise<void>((done) => (arrive = done));
  await page.route("**/*.wasm", async (route) => {
    await arrived;
    await route.continue();
  });
  await page.goto("/login", { waitUntil: "domcontentloaded" });
  await expectHeading(page, "Sign in");
  await page.clock.runFor(19_000);
  await expect(page.getByText(NOT_STARTED)).not.toBeVisible();
  await page.clock.runFor(2_000);
  await expectTold(page, NOT_STARTED);
  arrive();
  await page.clock.resume();
  await ready(page);
  await expect(page.getByText(NOT_STARTED)).not.toBeVisible();
  await expect(page.getByRole("button", { name: "Sign in with a passkey" })).toBeEnabled();
});

test("a browser that runs everything is told nothing, and no page that came alive", async ({ page, staff, passkey }) => {
  await enterAs(page, passkey, staff.admin);
  for (const path of ["/", "/login", "/org/users", "/account"]) {
    await open(page, path);
    for (const words of [CANNOT_RUN, NOT_STARTED]) await expect(page.getByText(words)).not.toBeVisible();
  }
});

test("a browser without passkeys is told so wherever one is asked for", async ({ page, anotherBrowser, mail, person, staff, passkey }) => {
  await enterAs(page, passkey, staff.admin);
  await page.addInitScript(withoutWebAuthn);
  const words = "This browser can't use passkeys. Update it, or use another browser or device.";
  await open(page, "/login");
  await expect(alertOn(page)).toContainText(words);
  await open(page, "/account");
  await page.getByRole("button", { name: "Add a passkey on this device" }).click();
  await expect(alertOn(page)).toContainText(words);
  await open(page, staff.active.path);
  const dialog = await review(page, () => page.getByRole("button", { name: "Deactivate" }).click());
  await dialog.getByRole("button", { name: "Deactivate and sign" }).click();
  await expect(dialog.getByRole("alert")).toContainText(words);

  const plain = await anotherBrowser();
  await plain.addInitScript(withoutWebAuthn);
  await comeToPasskey(plain, mail, person);
  await ready(plain);
  await expect(alertOn(plain)).toContainText(words);
});

test("where a dialog can't be put above the page, it opens within it, and signing works", async ({ page, office, passkey }) => {
  await enterAs(page, passkey, office.admin);
  await page.addInitScript(() => {
    Reflect.deleteProperty(HTMLDialogElement.prototype, "showModal");
  });
  await open(page, "/org/permissions/new");
  await page.getByLabel("Name").fill(`Within ${Date.now()}`);
  await page.getByRole("checkbox", { name: /Auth:Users:Read/ }).check();
  await review(page, () => page.getByRole("button", { name: "Review and sign" }).click());
  await expectTold(page, CANNOT_RUN);
  await sign(page, passkey, "Create and sign");
});

test("without its fonts a page reads as well, in its place", async ({ page, staff, passkey, trouble }) => {
  trouble.allowAny(/ERR_FAILED|preload/);
  await enterAs(page, passkey, staff.admin);
  const heights = async (): Promise<Record<string, number>> => {
    const found: Record<string, number> = {};
    for (const path of ["/login", "/get-started", "/org/users", "/account", "/org/history"]) {
      await open(page, path);
      await page.evaluate(() => document.fonts.ready);
      for (const width of [320, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        const { height, needed, there } = await page.evaluate(() => ({
          height: document.querySelector("main")?.getBoundingClientRect().height ?? 0,
          needed: document.documentElement.scrollWidth,
          there: document.documentElement.clientWidth,
        }));
        expect(needed, `${path} scrolls sideways at ${width} px`).toBeLessThanOrEqual(there);
        found[`${path} at ${width} px`] = height;
      }
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    }
    return found;
  };
  const withFonts = await heights();
  await page.route("**/fonts/**", (route) => route.abort());
  const without = await heights();
  expect(await page.evaluate(() => [...document.fonts].some(({ status }) => status === "loaded"))).toBe(false);
  // The fallback has the same measures, so that nothing jumps when the fonts come late either.
  for (const [where, height] of Object.entries(withFonts)) {
    const other = without[where] ?? 0;
    expect(Math.abs(other - height) / height, `${where}: ${height} px and ${other} px`).toBeLessThan(0.1);
  }
});
