import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { expect, test } from "../support/fixtures.ts";
import { anySpelling, cornersAreWhite, findKitCode, group, groupFields, misread, readKitCode, readQr, renderPdf } from "../support/kit.ts";
import { Authenticator } from "../support/passkey.ts";
import { newPerson } from "../support/person.ts";
import { alertOn, comeToKit, expectComplaint, expectDashboard, expectKitStep, saidAbout, saveKit } from "../support/wizard.ts";

const finish = (page: Page) => page.getByRole("button", { name: "Finish" });

test.beforeEach(async ({ page, mail, person, passkey }) => {
  await page.addInitScript(() => {
    window.print = () => {
      Object.assign(globalThis, { printed: true });
    };
  });
  await comeToKit(page, mail, person, passkey);
});

async function expectNotFinished(page: Page): Promise<void> {
  if (await finish(page).isEnabled()) await finish(page).click();
  await expectKitStep(page);
  const dashboard = await page.request.get("/org", { maxRedirects: 0 });
  expect(dashboard.status(), "nobody is signed in yet").toBeGreaterThanOrEqual(300);
}

test("a group typed wrongly is named, and there is no finishing with it", async ({ page, person }) => {
  const code = await readKitCode(page);
  const [first, second] = await groupFields(page);
  await expectNotFinished(page);
  if (first === undefined || second === undefined) throw new Error("no fields");
  expect(first.number, "two different groups are asked for").not.toBe(second.number);

  await first.field.fill(misread(group(code, first.number)));
  await second.field.fill(group(code, second.number));
  await second.field.press("Tab");
  await expectComplaint(first.field, /not as in your kit/i);
  await expect(second.field).not.toHaveAttribute("aria-invalid", "true");
  await expectNotFinished(page);
  await expect(alertOn(page)).toContainText(`Group ${first.number} `);
  await expect(alertOn(page)).not.toContainText(`Group ${second.number} `);
  await expect(first.field, "what was typed stays").toHaveValue(misread(group(code, first.number)));

  // A group that is in the kit, but elsewhere in it, is wrong too.
  await first.field.fill(group(code, second.number));
  await expectComplaint(first.field, /not as in your kit/i);
  await expectNotFinished(page);

  await first.field.fill(group(code, first.number));
  await expect(first.field).not.toHaveAttribute("aria-invalid", "true");
  await finish(page).click();
  await expectDashboard(page, person);
});

test("groups are taken as people type and paste them", async ({ page, person }) => {
  const code = await readKitCode(page);
  const [first, second] = await groupFields(page);
  if (first === undefined || second === undefined) throw new Error("no fields");
  // Lower case, outer spaces, and the letters that Crockford's base32 takes for digits.
  await first.field.fill(` ${group(code, first.number).toLowerCase()} `);
  await second.field.fill(group(code, second.number).replaceAll("0", "o").replaceAll("1", "l"));
  await second.field.press("Tab");
  for (const { field } of [first, second]) await expect.poll(() => saidAbout(field)).toMatch(/right/i);
  await finish(page).click();
  await expectDashboard(page, person);
});

test("the code is 7 groups of 5 symbols, different for everybody", async ({ page, mail, anotherBrowser }) => {
  const code = await readKitCode(page);
  expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){6}$/);
  const other = await anotherBrowser();
  await comeToKit(other, mail, newPerson(), await Authenticator.in(other));
  expect(await readKitCode(other)).not.toBe(code);
});

test("the secret never leaves the browser", async ({ page, person }) => {
  const sent: string[] = [];
  page.on("request", (request) => sent.push(`${request.url()} ${request.postData() ?? ""}`));
  const code = await saveKit(page, person);
  expect(sent.some((one) => one.includes("/rpc/finish_registration"))).toBe(true);
  for (const one of sent) {
    expect(one).not.toContain(code);
    expect(one).not.toContain(code.replaceAll("-", ""));
    for (const part of code.split("-")) expect(one.toUpperCase().includes(`"${part}"`)).toBe(false);
  }
});

test("printed, it is one page, and its QR code reads back", async ({ page, browser, person, server }) => {
  const code = await readKitCode(page);
  for (const [format, colorScheme] of [
    ["A4", "light"],
    ["Letter", "light"],
    ["A4", "dark"],
  ] as const) {
    await test.step(`on ${format} from a ${colorScheme} screen`, async () => {
      await page.emulateMedia({ colorScheme });
      const pages = await renderPdf(browser, await page.pdf({ format, preferCSSPageSize: false, printBackground: colorScheme === "dark" }));
      expect(pages).toHaveLength(1);
      const [paper] = pages;
      if (paper === undefined) throw new Error("no page");
      await test.info().attach(`recovery-kit-${format}-${colorScheme}.png`, { body: paper.image, contentType: "image/png" });
      const words = paper.text.replace(/\s+/g, " ");
      const unbroken = paper.text.replace(/\s+/g, "");
      expect(words).toContain(person.organization);
      expect(unbroken).toContain(person.email);
      expect(unbroken, "where it is used").toContain(server.origin);
      expect(words, "when it was made").toMatch(/20\d\d/);
      expect(words, "the code in print").toMatch(anySpelling(code));
      expect(readQr(paper.image)?.replace(/[\s-]/g, ""), "the QR code").toBe(code.replaceAll("-", ""));
      expect(words, "buttons are not printed").not.toMatch(/\bFinish\b|\bDownload\b/);
      expect(cornersAreWhite(paper.image), "black on white").toBe(true);
    });
  }
});

test("on the screen, light or dark, the QR code reads back too", async ({ page }) => {
  const code = await readKitCode(page);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const image = await page.screenshot({ fullPage: true });
    expect(readQr(image)?.replace(/[\s-]/g, ""), colorScheme).toBe(code.replaceAll("-", ""));
  }
});

test("print, download and copy", async ({ page, context, person, server }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const code = await readKitCode(page);

  await test.step("Print opens the system's dialog", async () => {
    await page.getByRole("button", { name: "Print" }).click();
    await expect.poll(() => page.evaluate(() => (globalThis as { printed?: boolean }).printed)).toBe(true);
  });
  await test.step("Download saves the whole kit as a file", async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
    expect(download.suggestedFilename()).toMatch(/recovery/i);
    const saved = await readFile(await download.path(), "utf8");
    expect(findKitCode(saved)).toBe(code);
    expect(saved).toContain(person.organization);
    expect(saved).toContain(person.email);
    expect(saved, "where it is used").toContain(server.origin);
  });
  await test.step("Copy puts the code into the clipboard and says so", async () => {
    await page.getByRole("button", { name: "Copy" }).click();
    await expect.poll(async () => findKitCode(await page.evaluate(() => navigator.clipboard.readText()))).toBe(code);
    await expect(page.getByText(/copied/i).first()).toBeVisible();
  });
});
