import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "./support/fixtures.ts";
import { readKitCode, renderPdf } from "./support/kit.ts";
import { reach, STATES } from "./support/states.ts";
import { comeToKit, giveAccount } from "./support/wizard.ts";

// Not a test: takes every page in every state, on a phone and on a desktop, light and dark, for people to look at.
// `npm run screenshots`; the pictures are in screenshots/, named in the order of the way through the pages.

const FOLDER = join(import.meta.dirname, "screenshots");
const DEVICES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } } as const;

STATES.forEach((state, index) => {
  test(state.name, async ({ page: first, server, mail, office, staff, person, passkey, trouble, startServer, anotherBrowser }) => {
    await first.emulateMedia({ reducedMotion: "reduce" });
    const page = await reach(state, { page: first, server, mail, office, staff, person, passkey, trouble, startServer, anotherBrowser });
    const name = `${String(index + 1).padStart(2, "0")}-${state.name.replace(/[^a-z]+/g, "-")}`;
    for (const [device, size] of Object.entries(DEVICES)) {
      await page.setViewportSize(size);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: join(FOLDER, `${name}-${device}-${colorScheme}.png`), fullPage: true, animations: "disabled" });
      }
    }
  });
});

for (const format of ["A4", "Letter"] as const) {
  test(`recovery kit on ${format}`, async ({ page, browser, mail, person, passkey }) => {
    await comeToKit(page, mail, person, passkey);
    await readKitCode(page);
    const pages = await renderPdf(browser, await page.pdf({ format }));
    await mkdir(FOLDER, { recursive: true });
    for (const [number, paper] of pages.entries()) await writeFile(join(FOLDER, `printed-kit-${format}-${number + 1}.png`), paper.image);
  });
}

test("the mail", async ({ page, browser, mail, person }) => {
  await giveAccount(page, person);
  const letter = await mail.next(person.email);
  for (const [device, size] of Object.entries(DEVICES)) {
    for (const colorScheme of ["light", "dark"] as const) {
      const context = await browser.newContext({ viewport: size, colorScheme, javaScriptEnabled: false });
      const reader = await context.newPage();
      await reader.setContent(letter.html);
      await reader.screenshot({ path: join(FOLDER, `mail-${device}-${colorScheme}.png`), fullPage: true });
      await context.close();
    }
  }
});
